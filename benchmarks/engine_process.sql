-- name: find_customers
-- Everybody with a card that pays: person_id, and the number of the card.
select person_id, number
from cards
where state = 'active';
