-- name: make_notes
-- A table for the effects of a torture run; without a key, so that a doubled effect shows.
create table if not exists torture_notes (entry_id uuid not null);

-- name: grant_notes
-- Let the engine's role write and read the notes.
grant select, insert on torture_notes to campus_app;

-- name: add_notes
-- Note entries as posted: arrays $1 entry, $2 whether it may be. Returns how many were noted.
with noted as (
    insert into torture_notes (entry_id)
    select entry_id
    from unnest($1::uuid[], $2::boolean[]) as d (entry_id, may_be)
    where may_be
    returning 1
)
select count(*) from noted;

-- name: count_notes
-- How often each entry is noted: entry_id, count.
select entry_id, count(*) from torture_notes group by entry_id;

-- name: all_ids
-- The ids of everything on record in the order of writing; one that is there twice is read twice.
select id from transfers order by seq;

-- name: find_writers
-- Process ids of the engine's backends, those in a transaction first, then those busy last.
select pid
from pg_stat_activity
where backend_type = 'client backend' and usename = 'campus_app' and datname = current_database()
order by xact_start is null, state_change desc;

-- name: is_posted_since
-- Whether a batch was committed whose time is after $1.
select exists (select from batches where committed_at > $1);

-- name: end_backend
-- End a backend ($1 process id) as an administrator does.
select pg_terminate_backend($1);
