-- name: put_people
-- Bring people to what a table says of them, found by number: arrays of one item for each person,
-- $1 id if new, $2 number, $3 name, $4 kind, $5 college. Rows that stand as they should are left
-- alone. Returns how many were added and how many changed.
with listed as (
    select id, number, name, kind, college
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        as listed (id, number, name, kind, college)
), changed as (
    update people
    set name = listed.name, kind = listed.kind, college = listed.college
    from listed
    where people.number = listed.number
        and (people.name, people.kind, people.college)
            is distinct from (listed.name, listed.kind, listed.college)
    returning 1
), added as (
    insert into people (id, number, name, kind, college)
    select id, number, name, kind, college
    from listed
    on conflict (number) do nothing
    returning 1
)
select (select count(*) from added) as added, (select count(*) from changed) as changed;
