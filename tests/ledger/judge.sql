-- name: wrong_sums
-- Accounts whose sums, version or newest transfer are not what the transfers add up to. $1: only
-- these accounts; null for all.
with moved as (
    select t.id, t.seq, t.debit_account, t.credit_account,
        case t.phase
            when 'single' then 0
            when 'pending' then t.amount_fen
            else -held.amount_fen
        end as pending,
        case when t.phase in ('single', 'post') then t.amount_fen else 0 end as posted
    from transfers t
    left join transfers held on held.id = t.hold_id
    where t.refusal is null
        and ($1::uuid[] is null or t.debit_account = any($1) or t.credit_account = any($1))
), sides as (
    select debit_account as account, id, seq, pending as debits_pending, posted as debits_posted,
        0 as credits_pending, 0 as credits_posted
    from moved
    union all
    select credit_account, id, seq, 0, 0, pending, posted
    from moved
), sums as (
    select account, sum(debits_pending) as debits_pending, sum(debits_posted) as debits_posted,
        sum(credits_pending) as credits_pending, sum(credits_posted) as credits_posted,
        count(*) as transfers, (array_agg(id order by seq desc))[1] as newest
    from sides
    group by account
)
select a.id
from accounts a
left join sums s on s.account = a.id
where ($1 is null or a.id = any($1))
    and ((a.debits_pending, a.debits_posted, a.credits_pending, a.credits_posted, a.version)
        is distinct from
        (coalesce(s.debits_pending, 0), coalesce(s.debits_posted, 0),
            coalesce(s.credits_pending, 0), coalesce(s.credits_posted, 0),
            coalesce(s.transfers, 0))
    or (a.rule <> 'none' and a.last_transfer is distinct from s.newest));

-- name: broken_chains
-- Transfers that do not fit the statement of an account: each one of an account with a rule must
-- have the next version, name the one before it, and carry the balance that comes of it; those of
-- other accounts say nothing. $1: only these accounts; null for all.
with sides as (
    select debit_account as account, id, seq, debit_version as version,
        debit_previous as previous, debit_balance_fen as balance_fen,
        case when phase in ('single', 'post') then -amount_fen else 0 end as change_fen
    from transfers
    where refusal is null
    union all
    select credit_account, id, seq, credit_version, credit_previous, credit_balance_fen,
        case when phase in ('single', 'post') then amount_fen else 0 end
    from transfers
    where refusal is null
), chains as (
    select s.account, s.id, s.version, s.previous, s.balance_fen, a.rule,
        row_number() over chain as place, lag(s.id) over chain as before,
        sum(s.change_fen) over chain
            * case when a.rule = 'credits_must_not_exceed_debits' then -1 else 1 end as adds_up_to
    from sides s
    join accounts a on a.id = s.account
    where $1::uuid[] is null or s.account = any($1)
    window chain as (partition by s.account order by s.seq)
)
select account, id
from chains
where case rule
    when 'none' then version is not null or previous is not null or balance_fen is not null
    else version is distinct from place or previous is distinct from before
        or balance_fen is distinct from adds_up_to
    end;

-- name: unbalanced
-- Units whose debits and credits differ over all accounts, posted or pending.
select unit
from accounts
group by unit
having sum(debits_posted) <> sum(credits_posted) or sum(debits_pending) <> sum(credits_pending);

-- name: broken_rules
-- Accounts that break their rule. $1: only these accounts; null for all.
select id
from accounts
where ($1::uuid[] is null or id = any($1))
    and case rule
        when 'debits_must_not_exceed_credits' then debits_posted + debits_pending > credits_posted
        when 'credits_must_not_exceed_debits' then credits_posted + credits_pending > debits_posted
        else false
    end;

-- name: wrong_holds
-- Holds that do not tell what their transfers tell, and pending transfers without a hold. $1: only
-- those that debit these accounts; null for all.
select coalesce(h.id, t.id) as id
from holds h
full join (
    select id, debit_account, credit_account, amount_fen
    from transfers
    where phase = 'pending' and refusal is null
) t on t.id = h.id
left join transfers e on e.hold_id = h.id and e.refusal is null
where ($1::uuid[] is null or coalesce(h.debit_account, t.debit_account) = any($1))
    and ((h.debit_account, h.credit_account, h.amount_fen, h.ended_by)
        is distinct from (t.debit_account, t.credit_account, t.amount_fen, e.id)
    or h.state is distinct from case e.phase
        when 'post' then 'posted'
        when 'void' then 'voided'
        when 'expire' then 'expired'
        else 'pending'
    end);

-- name: torn_entries
-- Entries of which a part is posted and a part refused. $1: only those that debit these accounts;
-- null for all.
select entry_id
from transfers
where $1::uuid[] is null or debit_account = any($1)
group by entry_id
having bool_or(refusal is null) and bool_or(refusal is not null);

-- name: wrong_batches
-- Batches whose count is not that of their transfers, and transfers without a batch.
select coalesce(b.number, t.number) as number
from batches b
full join (
    select seq >> 14 as number, count(*) as transfers, count(distinct seq) as places,
        max(seq & 16383) + 1 as last, count(distinct posted_at) as times
    from transfers
    group by 1
) t on t.number = b.number
where (b.transfers, b.transfers, b.transfers, 1)
    is distinct from (t.transfers, t.places, t.last, t.times);
