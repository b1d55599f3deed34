-- name: get_settings
-- The settings of the campus.
select no_pin_limit_fen, day_limit_fen, reversal_window
from campus_settings;

-- name: change_settings
-- Set $1 no_pin_limit_fen, $2 day_limit_fen, $3 reversal_window.
update campus_settings
set no_pin_limit_fen = $1, day_limit_fen = $2, reversal_window = $3;
