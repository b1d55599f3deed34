-- name: open_person_session
-- Open a session of person $1, if still active and if their password is still that of version $2;
-- the locks make a suspension or a change of password either see the session or prevent it.
-- $3 session id, $4 SHA-256 of the token, $5 now, $6 expires_at, $7 idle_max, $8 address,
-- $9 SHA-256 of the device's token or null, $10 agent. Returns one row, or none.
insert into sessions (
    id, token_hash, person_id, created_at, last_seen_at, expires_at, idle_max, address,
    device_hash, agent)
select $3, $4, people.id, $5, $5, $6, $7, $8, $9, $10
from people
join passwords on passwords.owner_id = people.id
where people.id = $1 and people.state = 'active' and passwords.version = $2
for share of people, passwords
returning id;

-- name: open_staff_session
-- The same for a member of staff.
insert into sessions (
    id, token_hash, staff_id, created_at, last_seen_at, expires_at, idle_max, address,
    device_hash, agent)
select $3, $4, staff.id, $5, $5, $6, $7, $8, $9, $10
from staff
join passwords on passwords.owner_id = staff.id
where staff.id = $1 and staff.state = 'active' and passwords.version = $2
for share of staff, passwords
returning id;

-- name: find_session
-- The live session whose token has SHA-256 $1 at time $2, and who owns it.
select sessions.id, sessions.last_seen_at, sessions.person_id, sessions.staff_id,
    people.number, coalesce(people.name, staff.name) as name, staff.roles
from sessions
left join people on people.id = sessions.person_id
left join staff on staff.id = sessions.staff_id
where sessions.token_hash = $1
    and sessions.ended_at is null
    and sessions.expires_at > $2
    and sessions.last_seen_at + sessions.idle_max > $2;

-- name: touch_session
-- Session $1 was seen at $2; never moves backwards.
update sessions
set last_seen_at = $2
where id = $1 and last_seen_at < $2 and ended_at is null;

-- name: list_sessions
-- The live sessions of owner $1 at time $2, the latest seen first.
select id, created_at, last_seen_at, address, agent
from sessions
where owner_id = $1
    and ended_at is null
    and expires_at > $2
    and last_seen_at + idle_max > $2
order by last_seen_at desc, id;

-- name: end_session
-- End session $1 of owner $2 at time $3. Returns its id, or nothing when there is no live one.
update sessions
set ended_at = $3
where id = $1 and owner_id = $2 and ended_at is null
returning id;

-- name: end_sessions
-- End all sessions of owner $1 at time $2, but for the session $3 (null: end that too).
update sessions
set ended_at = $2
where owner_id = $1 and ended_at is null and id is distinct from $3;

-- name: forget_sessions
-- Delete the sessions that were opened before $1 and are over at time $2. Returns nothing.
delete from sessions
where created_at < $1
    and (ended_at is not null or expires_at <= $2 or last_seen_at + idle_max <= $2);
