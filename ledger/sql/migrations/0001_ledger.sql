-- The ledger: accounts, transfers, holds, and the batches that prove them.
-- Two roles: campus_owner owns these tables; campus_app is the engine while it runs.

-- An account is four running sums. The sums are the truth about money; memory elsewhere is a guess
-- that every write verifies by `version`. There is no secondary index, so that an update of the
-- sums stays inside its page (HOT): fillfactor leaves the room for it.
create table accounts (
    id uuid primary key,
    kind text not null check (length(kind) between 1 and 40),
    unit text not null check (length(unit) between 1 and 10),
    rule text not null check (rule in (
        'none', 'debits_must_not_exceed_credits', 'credits_must_not_exceed_debits')),
    is_closed boolean not null default false,
    debits_pending bigint not null default 0 check (debits_pending >= 0),
    debits_posted bigint not null default 0 check (debits_posted >= 0),
    credits_pending bigint not null default 0 check (credits_pending >= 0),
    credits_posted bigint not null default 0 check (credits_posted >= 0),
    -- One more for every transfer that touches the account.
    version bigint not null default 0,
    -- The newest transfer that touched an account with a rule: the head of its statement chain.
    last_transfer uuid,
    created_at timestamptz not null default now(),
    constraint accounts_keep_their_rule check (
        case rule
            when 'debits_must_not_exceed_credits'
                then debits_posted + debits_pending <= credits_posted
            when 'credits_must_not_exceed_debits'
                then credits_posted + credits_pending <= debits_posted
            else true
        end)
) with (fillfactor = 50);

-- Everything that was ever asked of the ledger, one row each, refused requests included: so the
-- unique index on the caller's id makes every answer final. Rows are never changed. The order of
-- the columns is the canonical encoding that the proofs hash (docs/proofs.md).
create table transfers (
    kind text not null check (length(kind) between 1 and 40),
    phase text not null check (phase in ('single', 'pending', 'post', 'void', 'expire')),
    -- Why it was refused; null when it was posted.
    refusal text,
    -- The caller's UUIDv7; the time inside it chooses the partition.
    id uuid not null,
    -- Batch number shifted left by 14 bits, plus the position in the batch: our order of writing.
    seq bigint not null,
    -- The id of the first transfer of the entry.
    entry_id uuid not null,
    debit_account uuid,
    credit_account uuid,
    amount_fen bigint not null,
    event_at timestamptz not null,
    posted_at timestamptz not null,
    -- Of an account with a rule: its version and posted balance after this transfer, and the
    -- transfer that touched it before. A refusal for lack of funds keeps here what was available.
    debit_version bigint,
    debit_balance_fen bigint,
    debit_previous uuid,
    credit_version bigint,
    credit_balance_fen bigint,
    credit_previous uuid,
    -- The hold that a post, void or expire ends.
    hold_id uuid,
    -- When a hold that this starts is released by itself.
    expires_at timestamptz,
    -- What it is about, in the caller's world.
    about uuid,
    check (refusal is not null
        or (amount_fen > 0 and debit_account is not null and credit_account is not null))
) partition by range (id);

create unique index transfers_id on transfers (id);
-- Accounts with a rule are read along their chain; these serve the others (merchants, clearing).
create index transfers_debit on transfers (debit_account, seq)
    where debit_version is null and refusal is null;
create index transfers_credit on transfers (credit_account, seq)
    where credit_version is null and refusal is null;
-- Rows of a batch lie together, so a block index finds a batch at almost no cost per row.
create index transfers_seq on transfers using brin (seq) 
    with (pages_per_range = 32, autosummarize = on);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is never changed: correct it with a new transfer', tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger transfers_never_change before update or delete on transfers
    for each row execute function refuse_change();

-- Ids whose time lies outside all monthly partitions have their place here.
create table transfers_default partition of transfers default;

-- Make the partition of one month (any moment in it, UTC), and move there what the default
-- partition already holds of that month. Does nothing when the partition exists.
create function make_transfers_month(moment timestamptz) returns boolean
language plpgsql security definer set search_path from current as $$
declare
    first_day timestamp := date_trunc('month', moment at time zone 'UTC');
    name text := 'transfers_' || to_char(first_day, 'YYYYMM');
    low uuid := month_bound(first_day);
    high uuid := month_bound(first_day + interval '1 month');
begin
    if to_regclass(quote_ident(current_schema) || '.' || name) is not null then
        return false;
    end if;
    execute format(
        'create table %I (like transfers including defaults including constraints)', name);
    alter table transfers_default disable trigger transfers_never_change;
    execute format('insert into %I table transfers_default', name);
    execute format('delete from %I where not (id >= %L and id < %L)', name, low, high);
    execute format('delete from transfers_default where id >= %L and id < %L', low, high);
    alter table transfers_default enable trigger transfers_never_change;
    execute format('alter table transfers attach partition %I for values from (%L) to (%L)',
        name, low, high);
    return true;
end $$;

-- The smallest UUIDv7 of a moment in UTC, to the millisecond.
create function month_bound(moment timestamp) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0')
        || '00000000000000000000')::uuid
$$;

-- A pending transfer and how it ended. The transfers tell the story; this row is its summary.
create table holds (
    id uuid primary key,
    debit_account uuid not null,
    credit_account uuid not null,
    amount_fen bigint not null check (amount_fen > 0),
    state text not null check (state in ('pending', 'posted', 'voided', 'expired')),
    expires_at timestamptz,
    ended_by uuid
);
create index holds_to_expire on holds (expires_at) where state = 'pending';

-- One row for each group commit. The sealer fills position and chain_hash, once.
create sequence batch_numbers;
create table batches (
    number bigint primary key,
    transfers integer not null check (transfers > 0),
    root bytea not null check (length(root) = 32),
    -- The first four bytes of each leaf hash, to name the transfer that was altered.
    leaf_marks bytea not null,
    committed_at timestamptz not null,
    position bigint unique,
    chain_hash bytea check (length(chain_hash) = 32),
    check ((position is null) = (chain_hash is null))
);
create index batches_to_seal on batches (number) where position is null;
create index batches_by_time on batches (committed_at);

grant select, insert on accounts, transfers, batches, holds to campus_app;
grant update (is_closed, debits_pending, debits_posted, credits_pending, credits_posted, version,
    last_transfer) on accounts to campus_app;
grant update (state, ended_by) on holds to campus_app;
grant update (position, chain_hash) on batches to campus_app;
grant usage on sequence batch_numbers to campus_app;
