-- name: make_table
-- Make the record of migrations, in the first schema of the search path.
create table if not exists schema_migrations (
    component text not null,
    number integer not null check (number > 0),
    name text not null,
    checksum bytea not null check (length(checksum) = 32),
    applied_at timestamptz not null default now(),
    primary key (component, number)
);

-- name: set_session
-- For this transaction: schema $1 is the search path, a lock is waited for $2 milliseconds.
select
    set_config('search_path', quote_ident($1::text), true),
    set_config('lock_timeout', $2::text, true);

-- name: lock_table
-- Let no other migrator in until the transaction ends; readers may go on.
lock table schema_migrations in share row exclusive mode;

-- name: list_applied
-- Return component, number, name, checksum of all that was applied, in order.
select component, number, name, checksum
from schema_migrations
order by component, number;

-- name: record
-- Record that migration $2 of component $1, with name $3 and checksum $4, was applied.
insert into schema_migrations (component, number, name, checksum)
values ($1, $2, $3, $4);
