-- name: chain_page
-- A page of the statement of an account with a rule, newest first: $1 account, $2 the transfer
-- after which to go on (null: from the newest), $3 how many lines. Follows the account's chain, so
-- its cost depends on the lines shown and not on history. Holds and releases are walked past.
with recursive chain as (
    select t.id, t.entry_id, t.kind, t.phase, t.amount_fen, t.event_at, t.posted_at, t.about,
        t.debit_account, t.credit_account, t.debit_balance_fen, t.credit_balance_fen,
        t.debit_previous, t.credit_previous,
        (t.phase in ('single', 'post'))::int as found
    from (
        select a.last_transfer as id
        from accounts a
        where a.id = $1 and $2::uuid is null
        union all
        select case when t.debit_account = $1 then t.debit_previous else t.credit_previous end
        from transfers t
        where t.id = $2 and (t.debit_account = $1 or t.credit_account = $1)
    ) as start
    join transfers t on t.id = start.id
    union all
    select t.id, t.entry_id, t.kind, t.phase, t.amount_fen, t.event_at, t.posted_at, t.about,
        t.debit_account, t.credit_account, t.debit_balance_fen, t.credit_balance_fen,
        t.debit_previous, t.credit_previous,
        chain.found + (t.phase in ('single', 'post'))::int
    from chain
    join transfers t on t.id = case
        when chain.debit_account = $1 then chain.debit_previous else chain.credit_previous end
    where chain.found < $3
)
select id, entry_id, kind, amount_fen, event_at, posted_at, about, debit_account, credit_account,
    case when debit_account = $1 then debit_balance_fen else credit_balance_fen end as balance_fen
from chain
where phase in ('single', 'post');

-- name: side_page
-- A page of the statement of an account without a rule, newest first: $1 account, $2 the transfer
-- after which to go on (null: from the newest), $3 how many lines. With each line comes the
-- account's balance (credits less debits) at the moment of reading.
with place as (
    select coalesce((select seq from transfers where id = $2), 9223372036854775807) as seq
), lines as (
    select t.id, t.seq, t.entry_id, t.kind, t.amount_fen, t.event_at, t.posted_at, t.about,
        t.debit_account, t.credit_account
    from place, lateral (
        (select id, seq, entry_id, kind, amount_fen, event_at, posted_at, about, debit_account,
            credit_account
        from transfers
        where debit_account = $1 and debit_version is null and refusal is null
            and phase in ('single', 'post') and transfers.seq < place.seq
        order by transfers.seq desc
        limit $3)
        union all
        (select id, seq, entry_id, kind, amount_fen, event_at, posted_at, about, debit_account,
            credit_account
        from transfers
        where credit_account = $1 and credit_version is null and refusal is null
            and phase in ('single', 'post') and transfers.seq < place.seq
        order by transfers.seq desc
        limit $3)
    ) as t
    order by t.seq desc
    limit $3
)
select id, entry_id, kind, amount_fen, event_at, posted_at, about, debit_account, credit_account,
    (select credits_posted - debits_posted from accounts where accounts.id = $1) as balance_fen
from lines
order by seq desc;

-- name: chain_balance
-- The posted balance of an account with a rule ($1) at a moment ($2): that after its newest
-- transfer until then. Returns nothing when there was none.
with recursive chain as (
    select t.id, t.posted_at, t.debit_account, t.debit_balance_fen, t.debit_previous,
        t.credit_balance_fen, t.credit_previous
    from accounts a
    join transfers t on t.id = a.last_transfer
    where a.id = $1
    union all
    select t.id, t.posted_at, t.debit_account, t.debit_balance_fen, t.debit_previous,
        t.credit_balance_fen, t.credit_previous
    from chain
    join transfers t on t.id = case
        when chain.debit_account = $1 then chain.debit_previous else chain.credit_previous end
    where chain.posted_at > $2
)
select case when debit_account = $1 then debit_balance_fen else credit_balance_fen end
from chain
where posted_at <= $2;

-- name: untouched_balances
-- The posted balances of accounts with a rule that nothing has touched since a moment: arrays of
-- one item for each, $1 account, $2 moment. The others are missing from the answer.
select d.account, d.moment,
    case a.rule when 'credits_must_not_exceed_debits' then a.debits_posted - a.credits_posted
        else a.credits_posted - a.debits_posted end as balance_fen
from unnest($1::uuid[], $2::timestamptz[]) as d (account, moment)
join accounts a on a.id = d.account
left join transfers t on t.id = a.last_transfer
where a.rule <> 'none' and (a.last_transfer is null or t.posted_at <= d.moment);

-- name: side_balance
-- The balance (credits less debits) of an account without a rule ($1) at a moment ($2): what it
-- is now less what was posted since. Batches of the minute before are looked at as well, because
-- two batches may take their number and their time in different order.
with place as (
    select coalesce(max(number), 0) << 14 as seq
    from batches
    where committed_at <= $2 - interval '1 minute'
)
select a.credits_posted - a.debits_posted
    - coalesce((
        select sum(t.amount_fen)
        from transfers t, place
        where t.credit_account = $1 and t.credit_version is null and t.refusal is null
            and t.phase in ('single', 'post') and t.seq >= place.seq and t.posted_at > $2), 0)
    + coalesce((
        select sum(t.amount_fen)
        from transfers t, place
        where t.debit_account = $1 and t.debit_version is null and t.refusal is null
            and t.phase in ('single', 'post') and t.seq >= place.seq and t.posted_at > $2), 0)
from accounts a
where a.id = $1;

-- name: trial_balance
-- The sums of all accounts by kind, in one snapshot.
select kind, unit, count(*) as accounts, sum(debits_posted)::bigint as debits_posted,
    sum(credits_posted)::bigint as credits_posted, sum(debits_pending)::bigint as debits_pending,
    sum(credits_pending)::bigint as credits_pending
from accounts
group by kind, unit
order by kind, unit;
