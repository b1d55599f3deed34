-- name: find_card
-- The card with id $1.
select id, number, person_id, state, expires_on, issued_at, changed_at
from cards
where id = $1;

-- name: find_by_number
-- The card with number $1.
select id, number, person_id, state, expires_on, issued_at, changed_at
from cards
where number = $1;

-- name: find_current
-- The card of person $1 that pays or may pay again, of which there is one at most.
select id, number, person_id, state, expires_on, issued_at, changed_at
from cards
where person_id = $1 and state in ('issued', 'active', 'lost');

-- name: list_cards
-- All cards of person $1, the newest first.
select id, number, person_id, state, expires_on, issued_at, changed_at
from cards
where person_id = $1
order by issued_at desc, id desc;

-- name: add_card
-- Add a card: $1 id, $2 number, $3 person_id, $4 state, $5 expires_on. Returns it, or nothing when
-- the person has a card that pays or may pay again.
insert into cards (id, number, person_id, state, expires_on)
values ($1, $2, $3, $4, $5)
on conflict (person_id) where state in ('issued', 'active', 'lost') do nothing
returning id, number, person_id, state, expires_on, issued_at, changed_at;

-- name: move_card
-- Put card $1 into state $2. Returns it.
update cards
set state = $2, changed_at = clock_timestamp()
where id = $1
returning id, number, person_id, state, expires_on, issued_at, changed_at;

-- name: expire_cards
-- Expire the cards whose last day was before $1. The spenders are locked in the order in which
-- purchases lock them. Returns the ids of the cards.
update cards
set state = 'expired', changed_at = clock_timestamp()
where id in (
    select c.id
    from cards c
    join spenders s on s.person_id = c.person_id
    where c.state in ('issued', 'active', 'lost') and c.expires_on < $1
    order by s.person_id
    for no key update of s)
    and state in ('issued', 'active', 'lost')
returning id;
