-- Who the engine knows: people and staff, how each proves who they are, and what was done by whom.
-- campus_owner owns these tables; campus_app is the engine while it runs.

create table people (
    id uuid primary key,
    -- The number on the card (学号 or 工号); people sign in with it.
    number text not null unique check (number ~ '^[0-9A-Za-z]{4,20}$'),
    name text not null check (length(name) between 1 and 100),
    kind text not null check (kind in ('student', 'teacher', 'temporary')),
    college text check (length(college) between 1 and 100),
    state text not null default 'active' check (state in ('active', 'suspended', 'left')),
    created_at timestamptz not null default now(),
    constraint people_have_a_college check (kind = 'temporary' or college is not null)
);

create table staff (
    id uuid primary key,
    -- What they sign in with.
    name text not null unique check (name ~ '^[a-z][a-z0-9._-]{1,39}$'),
    roles text[] not null check (
        roles <@ array['card_centre', 'finance', 'auditor', 'operator']),
    state text not null default 'active' check (state in ('active', 'disabled')),
    created_at timestamptz not null default now()
);

-- A password, a session and a one-time code belong to a person or to a member of staff. Both
-- columns are foreign keys, exactly one is filled, and owner_id is that one.

create table passwords (
    person_id uuid references people,
    staff_id uuid references staff,
    owner_id uuid generated always as (coalesce(person_id, staff_id)) stored primary key,
    -- Argon2id in the PHC string format. May be made anew, with other costs, of the same password.
    hash text not null check (hash like '$argon2id$%'),
    -- One more with each change of the password.
    version int not null default 1,
    changed_at timestamptz not null,
    check (num_nonnulls(person_id, staff_id) = 1)
);

create table sessions (
    -- The name of the session in lists; it opens nothing.
    id uuid primary key,
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash bytea not null unique check (octet_length(token_hash) = 32),
    person_id uuid references people,
    staff_id uuid references staff,
    owner_id uuid not null generated always as (coalesce(person_id, staff_id)) stored,
    created_at timestamptz not null,
    -- Moved on coarsely, not at every request.
    last_seen_at timestamptz not null,
    expires_at timestamptz not null,
    idle_max interval not null,
    ended_at timestamptz,
    -- Where it was opened: shown to the owner, and how a returning client is known again.
    address text not null check (length(address) <= 100),
    device_hash bytea check (octet_length(device_hash) = 32),
    agent text not null check (length(agent) <= 200),
    check (num_nonnulls(person_id, staff_id) = 1)
);

create index sessions_owner on sessions (owner_id);

-- The code with which an owner sets a first password or a new transaction PIN: one per purpose.
create table one_time_codes (
    person_id uuid references people,
    staff_id uuid references staff,
    owner_id uuid generated always as (coalesce(person_id, staff_id)) stored,
    purpose text not null check (purpose in ('set_password', 'set_pin')),
    code_hash bytea not null check (octet_length(code_hash) = 32),
    expires_at timestamptz not null,
    primary key (owner_id, purpose),
    check (num_nonnulls(person_id, staff_id) = 1)
);

-- The transaction PIN: Argon2id over an HMAC of the PIN under the server key named by key_id.
create table pins (
    person_id uuid primary key references people,
    hash text not null check (hash like '$argon2id$%'),
    key_id text not null,
    -- One more with each change of the PIN.
    version int not null default 1,
    changed_at timestamptz not null
);

-- Tries at a secret that have not been followed by a success. The key is a SHA-256 of what is
-- tried and from where, so that unknown names cost what known ones cost and nothing typed is kept.
create table tries (
    key bytea primary key check (octet_length(key) = 32),
    failures int not null check (failures > 0),
    -- Null: the next try need not wait.
    paused_until timestamptz,
    forget_at timestamptz not null
);

-- Take a try at `tried_key` before the secret is looked at, counted as a failure until its success
-- deletes the row. pauses[n] is the pause after failure n; its last item holds for all that follow.
-- Without a further try the count is forgotten after forget_after, which must not be shorter than
-- the longest pause. Returns the count with this try and the end of the pause it began, if any; or,
-- when a pause refused the try and nothing was counted, null and the end of that pause.
create function reserve_try(
    tried_key bytea, tried_at timestamptz, pauses interval[], forget_after interval)
returns table (failures int, paused_until timestamptz)
language plpgsql as $$
begin
    return query
        insert into tries as t (key, failures, paused_until, forget_at)
        values (tried_key, 1, tried_at + nullif(pauses[1], '0'), tried_at + forget_after)
        on conflict (key) do update
            set failures = case when t.forget_at <= tried_at then 1 else t.failures + 1 end,
                paused_until = tried_at + nullif(pauses[case when t.forget_at <= tried_at then 1
                    else least(t.failures + 1, cardinality(pauses)) end], '0'),
                forget_at = excluded.forget_at
            where t.paused_until is null or t.paused_until <= tried_at
        returning t.failures, t.paused_until;
    if not found then
        return query select null::int, t.paused_until from tries t where t.key = tried_key;
    end if;
end $$;

-- What was done by whom. Each event carries the hash of the one before it.
create table audit_events (
    seq bigint primary key check (seq > 0),
    at timestamptz not null,
    actor_kind text not null check (actor_kind in ('person', 'staff', 'system')),
    actor_id uuid,
    -- The actor's name at that time.
    actor_name text not null,
    action text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    subject_kind text not null check (subject_kind ~ '^[a-z_]+$'),
    subject_id uuid,
    details jsonb not null check (jsonb_typeof(details) = 'object'),
    prev_hash bytea not null check (octet_length(prev_hash) = 32),
    hash bytea not null check (octet_length(hash) = 32)
);

create index audit_events_subject on audit_events (subject_id, seq);

-- The newest event. Whoever adds one locks this row, so the chain has no forks.
create table audit_head (
    is_head boolean primary key default true check (is_head),
    seq bigint not null,
    hash bytea not null check (octet_length(hash) = 32)
);

insert into audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

grant select, insert, update (name, kind, college, state) on people to campus_app;
grant select, insert, update (roles, state) on staff to campus_app;
grant select, insert, update (hash, version, changed_at) on passwords to campus_app;
grant select, insert, delete, update (last_seen_at, ended_at) on sessions to campus_app;
grant select, insert, delete, update (code_hash, expires_at) on one_time_codes to campus_app;
grant select, insert, update (hash, key_id, version, changed_at) on pins to campus_app;
grant select, insert, delete, update (failures, paused_until, forget_at) on tries to campus_app;
grant select, insert on audit_events to campus_app;
grant select, update (seq, hash) on audit_head to campus_app;
