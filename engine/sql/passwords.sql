-- name: find_password
-- The password of owner $1.
select hash, version
from passwords
where owner_id = $1;

-- name: change_password
-- Give owner $1 the hash $3 at $4 in place of the password of version $2. Returns the owner, or
-- nothing when the present password is another.
update passwords
set hash = $3, version = version + 1, changed_at = $4
where owner_id = $1 and version = $2
returning owner_id;

-- name: put_passwords
-- Give owners a password, whether or not they have one. Arrays of one item for each owner:
-- $1 person_id or null, $2 staff_id or null, $3 hash; and $4 changed_at. Returns the versions.
insert into passwords (person_id, staff_id, hash, changed_at)
select person_id, staff_id, hash, $4
from unnest($1::uuid[], $2::uuid[], $3::text[]) as given (person_id, staff_id, hash)
on conflict (owner_id) do update
    set hash = excluded.hash, version = passwords.version + 1, changed_at = excluded.changed_at
returning version;
