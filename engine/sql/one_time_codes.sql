-- name: put_code
-- Give an owner a code for a purpose, in place of an earlier one: $1 person_id or null, $2 staff_id
-- or null, $3 purpose, $4 SHA-256 of the code, $5 expires_at.
insert into one_time_codes (person_id, staff_id, purpose, code_hash, expires_at)
values ($1, $2, $3, $4, $5)
on conflict (owner_id, purpose) do update
    set code_hash = excluded.code_hash, expires_at = excluded.expires_at;

-- name: find_code
-- Whether owner $1 has for purpose $2 the code with SHA-256 $3, not expired at $4.
select exists (
    select from one_time_codes
    where owner_id = $1 and purpose = $2 and code_hash = $3 and expires_at > $4);

-- name: use_code
-- The same, and delete it. Returns its owner, or nothing.
delete from one_time_codes
where owner_id = $1 and purpose = $2 and code_hash = $3 and expires_at > $4
returning owner_id;
