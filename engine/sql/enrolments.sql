-- name: lock_device
-- The state of terminal $1, locked until the transaction ends.
select state
from devices
where id = $1
for no key update;

-- name: put_code
-- Give terminal $1 the code with SHA-256 $2, good until $3, in place of an earlier one.
update devices
set code_hash = $2, code_expires_at = $3
where id = $1;

-- name: lock_by_code
-- The terminal whose code has SHA-256 $1 and lasts at $2, locked until the transaction ends.
select id, public_key
from devices
where code_hash = $1 and code_expires_at > $2
for no key update;

-- name: put_key
-- Enrol terminal $1 with public key $2 at $3.
update devices
set state = 'enrolled', public_key = $2, enrolled_at = $3
where id = $1;
