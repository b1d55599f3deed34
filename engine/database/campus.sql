-- name: lock_name
-- Let no other transaction make campus $1 until this one ends.
select pg_advisory_xact_lock(hashtextextended('campus ' || $1::text, 0));

-- name: schema_definition
-- Compose the statement that makes schema $1. Returns: definition.
select format('create schema if not exists %I', $1::text) as definition;

-- name: schema_grant
-- Compose the statement that lets role $2 use schema $1. Returns: definition.
select format('grant usage on schema %I to %I', $1::text, $2::text) as definition;

-- name: list_campuses
-- Return name of each schema that is a campus: it has a record of migrations.
select schemaname as name
from pg_tables
where tablename = 'schema_migrations'
order by schemaname;
