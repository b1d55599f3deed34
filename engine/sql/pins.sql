-- name: reserve_try
-- Take a try at person $1's PIN, counted under key $2 at time $3 with pauses $4 and forget_after
-- $5. Returns the PIN on record with the answer of the function; nothing when there is no PIN.
select pins.hash, pins.key_id, pins.version, tried.failures, tried.paused_until
from pins
left join lateral reserve_try($2, $3, $4, $5) as tried on true
where pins.person_id = $1;

-- name: upgrade_hash
-- Put hash $3 under server key $4 in place of the hash of person $1's PIN, if it is still that of
-- version $2.
update pins
set hash = $3, key_id = $4
where person_id = $1 and version = $2;

-- name: set_first
-- Give person $1 hash $2 under server key $3 at $4, if they have no PIN. Returns the person, or
-- nothing.
insert into pins (person_id, hash, key_id, changed_at)
values ($1, $2, $3, $4)
on conflict (person_id) do nothing
returning person_id;

-- name: change_pin
-- Give person $1 hash $3 under server key $4 at $5 in place of the PIN of version $2. Returns the
-- person, or nothing when the present PIN is another.
update pins
set hash = $3, key_id = $4, version = version + 1, changed_at = $5
where person_id = $1 and version = $2
returning person_id;

-- name: put_pins
-- Give people a PIN, whether or not they have one. Arrays of one item for each person:
-- $1 person_id, $2 hash; and $3 server key, $4 changed_at.
insert into pins (person_id, hash, key_id, changed_at)
select person_id, hash, $3, $4
from unnest($1::uuid[], $2::text[]) as given (person_id, hash)
on conflict (person_id) do update
    set hash = excluded.hash, key_id = excluded.key_id, version = pins.version + 1,
        changed_at = excluded.changed_at;
