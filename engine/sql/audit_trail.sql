-- name: lock_head
-- Lock the head of the trail until the transaction ends. Returns seq and hash of the newest event,
-- 0 and zeros before the first.
select seq, hash
from audit_head
for no key update;

-- name: add_event
-- Add the next event and move the head to it: $1 seq, $2 at, $3 actor_kind, $4 actor_id,
-- $5 actor_name, $6 action, $7 subject_kind, $8 subject_id, $9 details as JSON text, $10 prev_hash,
-- $11 hash.
with added as (
    insert into audit_events (
        seq, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, details,
        prev_hash, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11)
    returning seq, hash
)
update audit_head
set seq = added.seq, hash = added.hash
from added;

-- name: find_head
-- Seq and hash of the newest event.
select seq, hash
from audit_head;

-- name: list_events
-- Events, newest first: before $1 seq (null: from the newest), about subject $2 (null: any), by
-- actor $3 (null: any), at most $4.
select seq, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id,
    details::text as details, prev_hash, hash
from audit_events
where ($1::bigint is null or seq < $1)
    and ($2::uuid is null or subject_id = $2)
    and ($3::uuid is null or actor_id = $3)
order by seq desc
limit $4;

-- name: walk_events
-- The whole trail in order.
select seq, at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id,
    details::text as details, prev_hash, hash
from audit_events
order by seq;
