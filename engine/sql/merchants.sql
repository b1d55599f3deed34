-- name: add_merchant
-- Add a merchant: $1 id, $2 name, $3 payable. Returns it, or nothing when the name is taken.
insert into merchants (id, name, payable)
values ($1, $2, $3)
on conflict (name) do nothing
returning id, name, payable, state, created_at;

-- name: lock_merchant
-- The merchant with id $1, locked until the transaction ends.
select id, name, payable, state, created_at
from merchants
where id = $1
for no key update;

-- name: move_merchant
-- Put merchant $1 into state $2. Returns it.
update merchants
set state = $2
where id = $1
returning id, name, payable, state, created_at;

-- name: list_merchants
-- All merchants in order of their names.
select id, name, payable, state, created_at
from merchants
order by name;
