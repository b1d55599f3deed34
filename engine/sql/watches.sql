-- name: probe
-- Return 1, if there is a server that answers.
select 1;

-- name: proof
-- Return how far the ledger is proven: sealed (batches in the chain), transfers (in these batches),
-- unsealed (batches that are not in it yet), unsealed_since, and of the newest head head_position
-- and signed_at, null before the first.
select
    seal_state.position as sealed,
    seal_state.transfers_total as transfers,
    unsealed.count as unsealed,
    unsealed.since as unsealed_since,
    head.position as head_position,
    head.signed_at
from seal_state
cross join (
    select count(*) as count, min(committed_at) as since from batches where position is null
) as unsealed
left join lateral (
    select position, signed_at from heads order by position desc, signed_at desc limit 1
) as head on true;
