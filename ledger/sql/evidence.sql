-- name: copy_rows
-- The transfers with a seq from $1 up to and including $2 in the order of seq, in the columns and
-- their order that the proofs hash.
select kind, phase, refusal, id, seq, entry_id, debit_account, credit_account, amount_fen,
    event_at, posted_at, debit_version, debit_balance_fen, debit_previous, credit_version,
    credit_balance_fen, credit_previous, hold_id, expires_at, about
from transfers
where seq between $1 and $2
order by seq;

-- name: first_head
-- The first head at or after a position ($1).
select campus, position, chain_hash, transfers_total, signed_at, key_id, signature
from heads
where position >= $1
order by position, signed_at
limit 1;

-- name: newest_head
-- The newest head, with the same columns.
select campus, position, chain_hash, transfers_total, signed_at, key_id, signature
from heads
order by position desc, signed_at desc
limit 1;
