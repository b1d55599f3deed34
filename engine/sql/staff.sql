-- name: create_staff
-- Add a member of staff: $1 id, $2 name, $3 roles. Returns them, or nothing when the name is taken.
insert into staff (id, name, roles)
values ($1, $2, $3)
on conflict (name) do nothing
returning id, name, roles, state, created_at;

-- name: find_by_name
-- The member of staff with name $1.
select id, name, roles, state, created_at
from staff
where name = $1;

-- name: find_by_id
-- The member of staff with id $1.
select id, name, roles, state, created_at
from staff
where id = $1;

-- name: lock_staff
-- The member of staff with id $1, locked until the transaction ends.
select id, name, roles, state, created_at
from staff
where id = $1
for no key update;

-- name: list_staff
-- All members of staff, by name.
select id, name, roles, state, created_at
from staff
order by name;

-- name: change_roles
-- Give member of staff $1 the roles $2.
update staff
set roles = $2
where id = $1;

-- name: change_state
-- Put member of staff $1 into state $2.
update staff
set state = $2
where id = $1;
