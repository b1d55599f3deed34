-- name: add_spenders
-- Make people spenders who are not yet: arrays of one item for each, $1 person_id, $2 cash_account,
-- $3 subsidy_account.
insert into spenders (person_id, cash_account, subsidy_account)
select person_id, cash_account, subsidy_account
from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as d (person_id, cash_account, subsidy_account)
on conflict (person_id) do nothing;

-- name: find_people_without
-- Ids of people who are no spenders, by id.
select id
from people
where not exists (select from spenders where person_id = people.id)
order by id;

-- name: lock_spender
-- Lock the spender's row of person $1 until the transaction ends. Returns the person, or nothing.
select person_id
from spenders
where person_id = $1
for no key update;
