-- name: has_unsealed
-- Tell whether there are committed batches that are not in the chain yet.
select exists (select from batches where position is null);

-- name: lock_end
-- How far the chain has come, locked until the transaction ends: position, transfers_total.
select position, transfers_total from seal_state for update;

-- name: find_end
-- How far the chain has come, as last committed: position, transfers_total, chain_hash (null at
-- the start, and when somebody took the batch away).
select s.position, s.transfers_total, b.chain_hash
from seal_state s
left join batches b on b.position = s.position;

-- name: find_position
-- The last position in the chain, as last committed.
select position from seal_state;

-- name: find_links
-- The links at positions ($1 bigint[]), oldest first: position, chain_hash.
select position, chain_hash from batches where position = any($1) order by position;

-- name: find_unsealed
-- The next $1 committed batches that are not in the chain yet, by number: number, transfers, root.
select number, transfers, root from batches where position is null order by number limit $1;

-- name: seal
-- Give batches their places: arrays $1 number, $2 position, $3 chain_hash.
update batches b
set position = d.position, chain_hash = d.chain_hash
from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as d (number, position, chain_hash)
where b.number = d.number;

-- name: move_end
-- Note how far the chain has come: $1 position, $2 transfers_total.
update seal_state set position = $1, transfers_total = $2;

-- name: add_head
-- Keep a signed head: $1 position, $2 signed_at, $3 key_id, $4 campus, $5 chain_hash,
-- $6 transfers_total, $7 signature. The same head again changes nothing.
insert into heads (
    position, signed_at, key_id, campus, chain_hash, transfers_total, signature)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing;
