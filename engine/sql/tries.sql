-- name: reserve_try
-- Take a try at key $1 at time $2 with pauses $3 and forget_after $4: see the function.
select failures, paused_until
from reserve_try($1, $2, $3, $4);

-- name: clear_tries
-- A try succeeded: forget the failures under the keys $1.
delete from tries
where key = any($1);

-- name: forget_tries
-- Delete what was to be forgotten by $1.
delete from tries
where forget_at <= $1;
