-- name: find_places
-- Where the tills among $1 (uuid[]) stand: id, merchant, place.
select d.id, m.name as merchant, d.place
from devices d
join merchants m on m.id = d.merchant_id
where d.id = any($1);

-- name: find_titles
-- The titles of the subsidy batches among $1 (uuid[]): id, title.
select id, title
from subsidy_batches
where id = any($1);
