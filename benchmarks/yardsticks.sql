-- name: make_tables
-- The tables of the plain way: accounts with a balance, transfers with an index on the id.
create table plain_accounts (
    id uuid primary key,
    balance_fen bigint not null check (balance_fen >= 0)
) with (fillfactor = 50);
create table plain_transfers (
    id uuid primary key,
    debit_account uuid not null,
    credit_account uuid not null,
    amount_fen bigint not null,
    created_at timestamptz not null default now()
);

-- name: copy_accounts
-- Give it the accounts of the campus, all with money.
insert into plain_accounts (id, balance_fen)
select id, 1000000000000
from accounts;

-- name: gather_statistics
-- Let the planner know the new table.
analyze plain_accounts;

-- name: lock_accounts
-- Lock two accounts ($1) in id order.
select id, balance_fen
from plain_accounts
where id = any($1)
order by id
for update;

-- name: debit_account
-- Take $2 fen from account $1; the check refuses an overdraft.
update plain_accounts
set balance_fen = balance_fen - $2
where id = $1;

-- name: credit_account
-- Give $2 fen to account $1.
update plain_accounts
set balance_fen = balance_fen + $2
where id = $1;

-- name: insert_transfer
-- Record a transfer: $1 id, $2 debit account, $3 credit account, $4 amount.
insert into plain_transfers (id, debit_account, credit_account, amount_fen)
values ($1, $2, $3, $4);

-- name: drop_tables
-- Leave nothing behind.
drop table plain_accounts, plain_transfers;
