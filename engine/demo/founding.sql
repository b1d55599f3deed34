-- name: find_people
-- Ids and numbers of all people, in order of the numbers.
select id, number
from people
order by number;

-- name: has_people
-- Whether the campus has people.
select exists (select from people);

-- name: has_pins
-- Whether anybody has a PIN.
select exists (select from pins);

-- name: hand_out_cards
-- Give people cards that pay at once: arrays of one item for each, $1 id, $2 number, $3 person_id;
-- and for all of them $4 expires_on.
insert into cards (id, number, person_id, state, expires_on)
select id, number, person_id, 'active', $4
from unnest($1::uuid[], $2::text[], $3::uuid[]) as d (id, number, person_id);

-- name: add_payments
-- Write down cash that was paid in: arrays of one item for each, $1 id, $2 person_id,
-- $3 amount_fen; and for all of them $4 when.
insert into cash_payments (id, person_id, amount_fen, paid_at)
select id, person_id, amount_fen, $4
from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as d (id, person_id, amount_fen);
