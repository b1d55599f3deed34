-- name: find_seq
-- The place of a transfer ($1 id) in the order of posting; no row when there is none.
select seq from transfers where id = $1;

-- name: find_position
-- The position of a batch ($1 number) in the chain; null while it is not sealed.
select position from batches where number = $1;

-- name: find_links
-- What the chain has at positions ($1 bigint[]): position, number, transfers, root, chain_hash.
select position, number, transfers, root, chain_hash from batches where position = any($1);
