-- name: list_settings
-- Return name, value of each setting in $1 as this session has it.
select name, setting as value
from pg_settings
where name = any($1::text[]);
