-- name: find_person
-- The person with number $1, if they have a password; and whether a session that was opened after
-- $4 came from address $2, or from the device with SHA-256 $3.
select people.id, people.state = 'active' as is_active, passwords.hash, passwords.version,
    exists (
        select from sessions
        where owner_id = people.id and created_at > $4 and address = $2
    ) as knows_address,
    exists (
        select from sessions
        where owner_id = people.id and created_at > $4 and device_hash = $3
    ) as knows_device
from people
join passwords on passwords.owner_id = people.id
where people.number = $1;

-- name: find_staff
-- The same for the member of staff with name $1.
select staff.id, staff.state = 'active' as is_active, passwords.hash, passwords.version,
    exists (
        select from sessions
        where owner_id = staff.id and created_at > $4 and address = $2
    ) as knows_address,
    exists (
        select from sessions
        where owner_id = staff.id and created_at > $4 and device_hash = $3
    ) as knows_device
from staff
join passwords on passwords.owner_id = staff.id
where staff.name = $1;

-- name: upgrade_hash
-- Put $3 in place of the hash of owner $1's password, if it is still that of version $2.
update passwords
set hash = $3
where owner_id = $1 and version = $2;
