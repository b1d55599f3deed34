-- name: find_by_number
-- The person with number $1.
select id, number, name, kind, college, state, created_at
from people
where number = $1;

-- name: find_by_id
-- The person with id $1.
select id, number, name, kind, college, state, created_at
from people
where id = $1;

-- name: list_people
-- People in order of their numbers, after number $1 ('' for the first page): whose number starts
-- with $2 or whose name contains it (null: any), of kind $3 (null: any), in state $4 (null: any);
-- at most $5.
select id, number, name, kind, college, state, created_at
from people
where number > $1
    and ($2::text is null or starts_with(number, $2) or position($2 in name) > 0)
    and ($3::text is null or kind = $3)
    and ($4::text is null or state = $4)
order by number
limit $5;

-- name: add_person
-- Add a person: $1 id, $2 number, $3 name, $4 kind, $5 college. Returns the person, or nothing when
-- the number is taken.
insert into people (id, number, name, kind, college)
values ($1, $2, $3, $4, $5)
on conflict (number) do nothing
returning id, number, name, kind, college, state, created_at;

-- name: lock_person
-- The person with id $1, locked until the transaction ends.
select id, number, name, kind, college, state, created_at
from people
where id = $1
for no key update;

-- name: change_state
-- Put person $1 into state $2.
update people
set state = $2
where id = $1;
