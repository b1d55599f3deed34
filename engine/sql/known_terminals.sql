-- name: find_revoked
-- The terminals that were ever revoked.
select id
from devices
where state = 'revoked';
