-- name: find_people
-- People with wallets who have not left, by number ($1 text[]): id, number.
select p.id, p.number
from people p
join spenders s on s.person_id = p.id
where p.number = any($1) and p.state <> 'left';

-- name: add_batch
-- Add a prepared batch: $1 id, $2 title, $3 content_hash, $4 people, $5 total_fen, $6 prepared_by,
-- $7 prepared_at. Returns the id, or nothing when it is there already.
insert into subsidy_batches (
    id, title, state, content_hash, people, total_fen, prepared_by, prepared_at)
values ($1, $2, 'prepared', $3, $4, $5, $6, $7)
on conflict (id) do nothing
returning id;

-- name: add_items
-- Add what people get in batch $1: arrays $2 person_id, $3 amount_fen.
insert into subsidy_items (batch_id, person_id, amount_fen)
select $1, person_id, amount_fen
from unnest($2::uuid[], $3::bigint[]) as d (person_id, amount_fen);

-- name: find_hash
-- The content hash of batch $1.
select content_hash
from subsidy_batches
where id = $1;

-- name: lock_batch
-- The batch with id $1, locked until the transaction ends.
select id, title, state, people, total_fen, prepared_by, prepared_at, approved_by, posted_at,
    undone_at
from subsidy_batches
where id = $1
for no key update;

-- name: find_batch
-- The batch with id $1.
select id, title, state, people, total_fen, prepared_by, prepared_at, approved_by, posted_at,
    undone_at
from subsidy_batches
where id = $1;

-- name: list_batches
-- The newest batches, at most $1.
select id, title, state, people, total_fen, prepared_by, prepared_at, approved_by, posted_at,
    undone_at
from subsidy_batches
order by prepared_at desc, id desc
limit $1;

-- name: find_items
-- Who gets what in batch $1, by person.
select i.person_id, p.number, i.amount_fen
from subsidy_items i
join people p on p.id = i.person_id
where i.batch_id = $1
order by i.person_id;

-- name: approve
-- Mark batch $1 as handed out: $2 approved_by, $3 posted_at.
update subsidy_batches
set state = 'posted', approved_by = $2, posted_at = $3
where id = $1;

-- name: cancel
-- Mark batch $1 as given up.
update subsidy_batches
set state = 'cancelled'
where id = $1;

-- name: undo
-- Mark batch $1 as taken back at $2.
update subsidy_batches
set state = 'undone', undone_at = $2
where id = $1;
