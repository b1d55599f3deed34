-- name: find_limits
-- The own limits of person $1; null where they follow the campus's.
select no_pin_limit_fen, day_limit_fen
from spenders
where person_id = $1;

-- name: change_limits
-- Set the own limits of person $1: $2 no_pin_limit_fen, $3 day_limit_fen, null for the campus's.
update spenders
set no_pin_limit_fen = $2, day_limit_fen = $3, version = version + 1
where person_id = $1;
