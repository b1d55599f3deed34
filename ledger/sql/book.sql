-- name: find_accounts
-- Accounts by id ($1 uuid[]); those that do not exist are missing from the answer.
select a.id, a.kind, a.unit, a.rule, a.is_closed, a.debits_pending, a.debits_posted,
    a.credits_pending, a.credits_posted, a.version, a.last_transfer
from unnest($1::uuid[]) as wanted (id)
join accounts a on a.id = wanted.id;

-- name: lock_accounts
-- The same, locked until the transaction ends, in id order, so that two writers never deadlock.
select id, kind, unit, rule, is_closed, debits_pending, debits_posted, credits_pending,
    credits_posted, version, last_transfer
from accounts
where id = any($1)
order by id
for no key update;

-- name: find_holds
-- Holds by id ($1 uuid[]).
select id, debit_account, credit_account, amount_fen, state, expires_at, ended_by
from holds
where id = any($1);

-- name: find_lines
-- Transfers by id ($1 uuid[]), each found in the one partition that its id names.
select t.kind, t.phase, t.refusal, t.id, t.entry_id, t.debit_account, t.credit_account,
    t.amount_fen, t.event_at, t.debit_version, t.debit_balance_fen, t.debit_previous,
    t.credit_version,
    t.credit_balance_fen, t.credit_previous, t.hold_id, t.expires_at, t.about, t.posted_at
from unnest($1::uuid[]) as wanted (id)
join transfers t on t.id = wanted.id;

-- name: find_entries
-- All lines of the entries that transfers ($1 uuid[]) are part of, in the order in which they were
-- written. The lines of an entry were written in one batch, so its block is read, not the history.
with found as (
    select t.seq, t.entry_id
    from unnest($1::uuid[]) as wanted (id)
    join transfers t on t.id = wanted.id
), batches as (
    select distinct seq >> 14 as number
    from found
)
select t.kind, t.phase, t.refusal, t.id, t.entry_id, t.debit_account, t.credit_account,
    t.amount_fen, t.event_at, t.debit_version, t.debit_balance_fen, t.debit_previous,
    t.credit_version, t.credit_balance_fen, t.credit_previous, t.hold_id, t.expires_at, t.about,
    t.posted_at
from batches b
join transfers t on t.seq >= b.number << 14 and t.seq < (b.number + 1) << 14
where t.entry_id in (select entry_id from found)
order by t.seq;

-- name: move_accounts
-- Add what a batch moved to the sums of its accounts, each only if it still stands at the version
-- that was decided on. Arrays of one item for each account: $1 id, $2 to $5 what is added to
-- debits_pending, debits_posted, credits_pending, credits_posted, $6 the version decided on (null:
-- the account has no rule, any will do), $7 what is added to the version, $8 the newest transfer.
-- $2 and $4 are empty when no hold began or ended.
-- Then $9 ids, $10 versions of accounts that were only read, and $11 whether they were closed. The
-- rows are locked in the order of $1, which is sorted. Returns how many accounts moved and how many
-- still stood as read, and only then, with the locks held, the number and time of the batch: so
-- numbers rise along every account's own history.
with moved as (
    update accounts a
    set debits_pending = a.debits_pending + coalesce(d.debits_pending, 0),
        debits_posted = a.debits_posted + d.debits_posted,
        credits_pending = a.credits_pending + coalesce(d.credits_pending, 0),
        credits_posted = a.credits_posted + d.credits_posted,
        version = a.version + d.transfers,
        last_transfer = d.last_transfer
    from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::uuid[]) as d (id, debits_pending, debits_posted, credits_pending,
        credits_posted, version, transfers, last_transfer)
    where a.id = d.id
        and (d.version is null or a.version = d.version)
        and not a.is_closed
    returning 1
), counted as (
    select count(*) as moved from moved
), stood as (
    select count(*) as stood
    from unnest($9::uuid[], $10::bigint[], $11::boolean[]) as d (id, version, is_closed)
    join accounts a on a.id = d.id and a.version = d.version and a.is_closed = d.is_closed
)
select counted.moved, stood.stood, nextval('batch_numbers') as number,
    clock_timestamp() as posted_at
from counted, stood;

-- name: add_batch
-- Record a batch. $values stands for the values, which are written out, because the statement
-- travels with the commit.
insert into batches (number, transfers, root, leaf_marks, committed_at)
values ($values);

-- name: begin
-- Begin a transaction.
begin;

-- name: commit
-- Commit it.
commit;

-- name: commit_and_begin
-- Commit, and begin the next transaction in the same breath.
commit;
begin;

-- name: roll_back
-- End it without a trace.
rollback;

-- name: add_holds
-- Record new holds: arrays $1 id, $2 debit account, $3 credit account, $4 amount, $5 expiry,
-- $6 state, $7 the transfer that ended it: a hold may end in the batch that made it.
insert into holds (id, debit_account, credit_account, amount_fen, expires_at, state, ended_by)
select id, debit_account, credit_account, amount_fen, expires_at, state, ended_by
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
    $7::uuid[])
    as d (id, debit_account, credit_account, amount_fen, expires_at, state, ended_by);

-- name: end_holds
-- End holds that are still pending: arrays $1 id, $2 state, $3 the transfer that ended it.
update holds h
set state = d.state, ended_by = d.ended_by
from unnest($1::uuid[], $2::text[], $3::uuid[]) as d (id, state, ended_by)
where h.id = d.id and h.state = 'pending';

-- name: due_holds
-- Pending holds whose time is over at $1, at most $2, the oldest first.
select id, debit_account, credit_account, amount_fen, state, expires_at, ended_by
from holds
where state = 'pending' and expires_at <= $1
order by expires_at
limit $2;

-- name: open_accounts
-- Create accounts that do not exist yet, in id order: arrays $1 id, $2 kind, $3 unit, $4 rule.
insert into accounts (id, kind, unit, rule)
select id, kind, unit, rule
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as d (id, kind, unit, rule)
order by id
on conflict (id) do nothing;

-- name: close_account
-- Close an account ($1 id) on which nothing is held. Returns its id if it was open and free.
update accounts
set is_closed = true
where id = $1 and not is_closed and debits_pending = 0 and credits_pending = 0
returning id;

-- name: make_month
-- Make the partition of the month of $1, unless it exists.
select make_transfers_month($1);

-- name: plan_in_order
-- Settings of a writer's session: accounts are updated in the order of their ids, and two writers
-- never deadlock, only while the plan is a nested loop over the sorted ids. In a small table the
-- planner would rather read all rows as they lie.
set enable_hashjoin = off;
set enable_mergejoin = off;
set enable_seqscan = off;
