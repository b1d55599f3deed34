-- The sealer's own tables: how far the chain of batches has come, and its signed heads.

-- One row, which every sealer locks before it links batches: so the chain never forks.
create table seal_state (
    is_only boolean primary key default true check (is_only),
    -- Batches in the chain, and the transfers in them.
    position bigint not null default 0 check (position >= 0),
    transfers_total bigint not null default 0 check (transfers_total >= 0)
);
insert into seal_state default values;

-- Signed heads, for readers to fetch and keep. Whoever may change this table gains nothing by it:
-- a head counts by its signature, and the same heads stand in a file outside the database.
create table heads (
    position bigint not null check (position >= 0),
    signed_at timestamptz not null,
    key_id text not null,
    campus text not null,
    chain_hash bytea not null check (length(chain_hash) = 32),
    transfers_total bigint not null check (transfers_total >= 0),
    signature bytea not null check (length(signature) = 64),
    primary key (position, signed_at, key_id)
);

create trigger heads_never_change before update or delete on heads
    for each row execute function refuse_change();

grant select, update (position, transfers_total) on seal_state to campus_app;
grant select, insert on heads to campus_app;
