-- What people pay with and where: wallets, cards, merchants, terminals, refunds, subsidies.
-- campus_owner owns these tables; campus_app is the engine while it runs.

create table campus_settings (
    is_only boolean primary key default true check (is_only),
    -- The most that one purchase may cost without the transaction PIN.
    no_pin_limit_fen bigint not null default 5000 check (no_pin_limit_fen >= 0),
    -- The most that one person may spend in a business day.
    day_limit_fen bigint not null default 30000 check (day_limit_fen >= 0),
    -- For so long after a purchase its terminal may reverse it.
    reversal_window interval not null default '3 days' check (reversal_window > '0')
);
insert into campus_settings default values;

-- A person as one who pays. Every purchase updates its row, and names the version that it was
-- decided on: so nothing passes that was decided before a change (docs/adr/0008). No column that
-- changes is indexed, so that an update stays inside its page (HOT): fillfactor leaves the room.
create table spenders (
    person_id uuid primary key references people,
    cash_account uuid not null unique references accounts,
    subsidy_account uuid not null unique references accounts,
    -- One more with each change of what the person may do: of a card, the person's state, a limit.
    version bigint not null default 0,
    -- What was spent on the newest business day with a purchase.
    day date not null default '2000-01-01',
    spent_fen bigint not null default 0 check (spent_fen >= 0),
    -- The person's own limits; null for the campus's. The lower of the two holds.
    no_pin_limit_fen bigint check (no_pin_limit_fen >= 0),
    day_limit_fen bigint check (day_limit_fen >= 0)
) with (fillfactor = 50);

create table cards (
    id uuid primary key,
    -- 16 digits, the last of them a check digit.
    number text not null unique check (number ~ '^[0-9]{16}$'),
    person_id uuid not null references spenders,
    state text not null check (
        state in ('issued', 'active', 'lost', 'replaced', 'closed', 'expired')),
    -- The last day on which it pays.
    expires_on date not null,
    issued_at timestamptz not null default clock_timestamp(),
    -- When it came into its present state, with the spender's row locked: later than all that was
    -- posted before.
    changed_at timestamptz not null default clock_timestamp()
);

create index cards_person on cards (person_id);
-- A person has one card at most that pays now or may again without another being made.
create unique index cards_one_current on cards (person_id)
    where state in ('issued', 'active', 'lost');

-- Whoever changes the state of a card or a person, by whatever way, changes what the person may do.
create function move_spender_version() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'people' then
        update spenders set version = version + 1 where person_id = new.id;
    else
        update spenders set version = version + 1 where person_id = new.person_id;
    end if;
    return null;
end $$;

create trigger cards_move_spender after update of state on cards
    for each row when (old.state is distinct from new.state)
    execute function move_spender_version();
create trigger people_move_spender after update of state on people
    for each row when (old.state is distinct from new.state)
    execute function move_spender_version();

create table merchants (
    id uuid primary key,
    name text not null unique check (length(name) between 1 and 64),
    -- What we owe the merchant.
    payable uuid not null unique references accounts,
    state text not null default 'open' check (state in ('open', 'closed')),
    created_at timestamptz not null default now()
);

-- Terminals as the engine knows them. One stands at a till of a merchant or at a door.
create table devices (
    id uuid primary key,
    kind text not null check (kind in ('till', 'door')),
    -- Where it stands, as people call it.
    place text not null check (length(place) between 1 and 64),
    merchant_id uuid references merchants,
    state text not null default 'awaiting' check (state in ('awaiting', 'enrolled', 'revoked')),
    -- SHA-256 of the code that enrols it, and until when.
    code_hash bytea unique check (octet_length(code_hash) = 32),
    code_expires_at timestamptz,
    -- Ed25519 (RFC 8032); the private key never leaves the terminal.
    public_key bytea unique check (octet_length(public_key) = 32),
    created_at timestamptz not null default now(),
    enrolled_at timestamptz,
    revoked_at timestamptz,
    check ((kind = 'till') = (merchant_id is not null)),
    check ((code_hash is null) = (code_expires_at is null)),
    check ((public_key is null) = (enrolled_at is null)),
    check (state <> 'enrolled' or public_key is not null),
    check ((state = 'revoked') = (revoked_at is not null))
);

create index devices_merchant on devices (merchant_id);

-- How much of a purchase was given back, by refunds and its reversal together. Made with the first.
create table refund_totals (
    purchase_id uuid primary key,
    paid_fen bigint not null check (paid_fen > 0),
    refunded_fen bigint not null check (refunded_fen > 0),
    constraint refunds_stay_within_the_purchase check (refunded_fen <= paid_fen)
) with (fillfactor = 50);

-- Each refund and reversal: its first transfer, and at which terminal or by whom it was asked.
create table refunds (
    id uuid primary key,
    purchase_id uuid not null references refund_totals,
    amount_fen bigint not null check (amount_fen > 0),
    -- What was given back of the purchase up to and with this.
    total_fen bigint not null check (total_fen >= amount_fen),
    device_id uuid references devices,
    staff_id uuid references staff,
    check (num_nonnulls(device_id, staff_id) = 1)
);

create index refunds_purchase on refunds (purchase_id);

-- Cash paid in at the desk: the id is that of the transfer.
create table cash_payments (
    id uuid primary key,
    person_id uuid not null references spenders,
    amount_fen bigint not null check (amount_fen > 0),
    -- Null when the program itself did it.
    staff_id uuid references staff,
    paid_at timestamptz not null
);

create index cash_payments_time on cash_payments (paid_at);

-- A hand-out of subsidies: prepared by one member of staff, approved by another.
create table subsidy_batches (
    id uuid primary key,
    title text not null check (length(title) between 1 and 64),
    state text not null check (state in ('prepared', 'cancelled', 'posted', 'undone')),
    -- SHA-256 of people and amounts, so that the same id with other content is noticed.
    content_hash bytea not null check (octet_length(content_hash) = 32),
    people integer not null check (people > 0),
    total_fen bigint not null check (total_fen > 0),
    prepared_by uuid not null references staff,
    prepared_at timestamptz not null,
    approved_by uuid references staff,
    posted_at timestamptz,
    undone_at timestamptz,
    constraint subsidies_need_two check (approved_by <> prepared_by),
    check ((approved_by is null) = (posted_at is null)),
    check ((state in ('posted', 'undone')) = (posted_at is not null)),
    check ((state = 'undone') = (undone_at is not null))
);

create table subsidy_items (
    batch_id uuid not null references subsidy_batches,
    person_id uuid not null references spenders,
    amount_fen bigint not null check (amount_fen > 0),
    primary key (batch_id, person_id)
);

grant select, update (no_pin_limit_fen, day_limit_fen, reversal_window) on campus_settings
    to campus_app;
grant select, insert, update (version, day, spent_fen, no_pin_limit_fen, day_limit_fen) on spenders
    to campus_app;
grant select, insert, update (state, changed_at) on cards to campus_app;
grant select, insert, update (name, state) on merchants to campus_app;
grant select, insert, update (place, state, code_hash, code_expires_at, public_key, enrolled_at,
    revoked_at) on devices to campus_app;
grant select, insert, update (refunded_fen) on refund_totals to campus_app;
grant select, insert on refunds, cash_payments, subsidy_items to campus_app;
grant select, insert, update (state, approved_by, posted_at, undone_at) on subsidy_batches
    to campus_app;
