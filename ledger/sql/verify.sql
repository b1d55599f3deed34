-- name: make_room
-- Let the sorting of a window happen in memory, until the transaction ends.
select set_config('work_mem', '64MB', true);

-- name: count_recorded
-- How many transfers the batches say there are.
select coalesce(sum(transfers), 0)::bigint from batches;

-- name: sealed_batches
-- The chain in its order: position, number, transfers, root, chain_hash.
select position, number, transfers, root, chain_hash
from batches
where position is not null
order by position;

-- name: batches
-- All batches by number: number, transfers, root, leaf_marks.
select number, transfers, root, leaf_marks from batches order by number;

-- name: count_unsealed
-- How many batches are not in the chain yet.
select count(*) from batches where position is null;

-- name: find_position
-- How far the sealers say the chain has come.
select position from seal_state;

-- name: heads
-- Every signed head that the database keeps.
select campus, position, chain_hash, transfers_total, signed_at, key_id, signature
from heads
order by position, signed_at;

-- name: count_rows
-- How many transfers there are, counted without the help of an index that might hide one.
select count(*) from transfers;

-- name: distrust_indexes
-- Read tables from end to end from here on, until the transaction ends.
select set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true);

-- name: find_lost
-- Ids that transfers name as predecessors, though there is no such transfer: id, in the order of
-- the first transfer that names it.
select named.id
from (
    select debit_previous as id, seq from transfers where debit_previous is not null
    union all
    select credit_previous, seq from transfers where credit_previous is not null
) named
where not exists (select from transfers t where t.id = named.id)
group by named.id
order by min(named.seq)
limit 1000;
