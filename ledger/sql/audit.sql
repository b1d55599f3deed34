-- name: debits_equal_credits
-- Units whose debits and credits differ, pending or posted.
select unit, sum(debits_posted) as debits_posted, sum(credits_posted) as credits_posted,
    sum(debits_pending) as debits_pending, sum(credits_pending) as credits_pending
from accounts
group by unit
having sum(debits_posted) <> sum(credits_posted) or sum(debits_pending) <> sum(credits_pending);

-- name: rules_hold
-- Accounts that break their own rule.
select id, rule, debits_posted, debits_pending, credits_posted, credits_pending
from accounts
where (rule = 'debits_must_not_exceed_credits' and debits_posted + debits_pending > credits_posted)
    or (rule = 'credits_must_not_exceed_debits'
        and credits_posted + credits_pending > debits_posted);

-- name: pending_is_held
-- Accounts whose pending sums are not those of the holds that are still pending.
select a.id, a.debits_pending, a.credits_pending, d.held as debits_held, c.held as credits_held
from accounts a
left join (
    select debit_account, sum(amount_fen) as held
    from holds
    where state = 'pending'
    group by debit_account) as d on d.debit_account = a.id
left join (
    select credit_account, sum(amount_fen) as held
    from holds
    where state = 'pending'
    group by credit_account) as c on c.credit_account = a.id
where a.debits_pending <> coalesce(d.held, 0) or a.credits_pending <> coalesce(c.held, 0);

-- name: sums_follow_transfers
-- Accounts whose posted sums are not those of their transfers. Reads all transfers.
select a.id, a.debits_posted, a.credits_posted, t.debits, t.credits
from accounts a
full join (
    select account, sum(debit) as debits, sum(credit) as credits
    from (
        select debit_account as account, amount_fen as debit, 0 as credit
        from transfers
        where refusal is null and phase in ('single', 'post')
        union all
        select credit_account, 0, amount_fen
        from transfers
        where refusal is null and phase in ('single', 'post')
    ) as sides
    group by account
) as t on t.account = a.id
where a.id is null
    or a.debits_posted <> coalesce(t.debits, 0) or a.credits_posted <> coalesce(t.credits, 0);

-- name: versions_have_no_gap
-- Accounts with a rule whose transfers do not count from 1 up to their version. Reads all.
select a.id, a.version, v.transfers, v.lowest, v.highest
from accounts a
left join (
    select account, count(*) as transfers, count(distinct version) as distinct_versions,
        min(version) as lowest, max(version) as highest
    from (
        select debit_account as account, debit_version as version
        from transfers
        where debit_version is not null
        union all
        select credit_account, credit_version
        from transfers
        where credit_version is not null
    ) as sides
    group by account
) as v on v.account = a.id
where a.rule <> 'none'
    and (a.version <> coalesce(v.transfers, 0) or a.version <> coalesce(v.highest, 0)
        or a.version <> coalesce(v.distinct_versions, 0));

-- name: entries_are_whole
-- Entries of which one part is posted and another refused. Reads all transfers.
select entry_id
from transfers
group by entry_id
having bool_or(refusal is null) and bool_or(refusal is not null);

-- name: holds_end_once
-- Holds that ended without the transfer that says so, or the other way round. Reads all.
select h.id, h.state, t.id as ended_by
from holds h
full join (
    select id, hold_id, phase
    from transfers
    where hold_id is not null and refusal is null
) as t on t.hold_id = h.id
where h.id is null
    or (h.state = 'pending') <> (t.id is null)
    or h.ended_by is distinct from t.id;
