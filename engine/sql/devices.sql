-- name: add_device
-- Add a terminal that awaits enrolment: $1 id, $2 kind, $3 place, $4 merchant_id (null at a door).
-- Returns its id, or nothing when there is no such merchant.
insert into devices (id, kind, place, merchant_id)
select $1, $2, $3, $4
where $4::uuid is null or exists (select from merchants where id = $4)
returning id;

-- name: lock_device
-- The state of terminal $1, locked until the transaction ends.
select state
from devices
where id = $1
for no key update;

-- name: revoke_device
-- Revoke terminal $1 at $2; its code, if it had one, is worthless.
update devices
set state = 'revoked', revoked_at = $2, code_hash = null, code_expires_at = null
where id = $1;

-- name: find_device
-- The terminal with id $1 and its merchant.
select d.id, d.kind, d.place, d.state, d.public_key, d.created_at, d.merchant_id,
    m.name as merchant_name, m.state as merchant_state, m.payable
from devices d
left join merchants m on m.id = d.merchant_id
where d.id = $1;

-- name: list_devices
-- All terminals in order of merchant and place, doors last.
select d.id, d.kind, d.place, d.state, d.public_key, d.created_at, d.merchant_id,
    m.name as merchant_name, m.state as merchant_state, m.payable
from devices d
left join merchants m on m.id = d.merchant_id
order by m.name nulls last, d.place, d.id;
