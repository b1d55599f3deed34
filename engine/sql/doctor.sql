-- name: version
-- Return version: that of the server, in words.
select current_setting('server_version') as version;

-- name: time_now
-- Return now: the server's clock.
select clock_timestamp() as now;

-- name: rights
-- Return may_do_all: whether the role of this session passes by every right that is checked.
select rolsuper or rolbypassrls as may_do_all
from pg_roles
where rolname = current_user;

-- name: count_migrations
-- Return how many migrations were applied to the campus in the search path.
select count(*) from schema_migrations;

-- name: list_pin_keys
-- Return key_id of each key that some PIN was hashed under.
select distinct key_id from pins;
