-- name: make_owner
-- The role that owns campuses and runs migrations.
create role campus_owner login;

-- name: make_app
-- The role of the running engine; it has the rights that migrations grant, and no others.
create role campus_app login;

-- name: make_database
-- The one database of the cluster; a campus is a schema in it.
create database campus owner campus_owner;

-- name: close_database
-- Nobody gets in, or makes temporary tables, unless named.
revoke all on database campus from public;

-- name: open_database
-- The engine gets in.
grant connect on database campus to campus_app;
