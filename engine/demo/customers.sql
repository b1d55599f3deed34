-- name: current_cards
-- Everybody who has a card that pays or may pay again: number and id of the person, number of the
-- card; in order of the first.
select p.number, p.id, c.number as card
from cards c
join people p on p.id = c.person_id
where c.state in ('issued', 'active', 'lost')
order by p.number;

-- name: newer_cards
-- The same of the cards that were issued after $1, without the id.
select p.number, c.number as card
from cards c
join people p on p.id = c.person_id
where c.state in ('issued', 'active', 'lost') and c.issued_at > $1
order by c.issued_at;

-- name: to_try
-- For the person with number $1: id of the newest card, and id of the first cash payment.
select
    (select c.id from cards c where c.person_id = p.id order by c.issued_at desc limit 1)
        as card_id,
    (select y.id from cash_payments y where y.person_id = p.id order by y.paid_at limit 1)
        as payment_id
from people p
where p.number = $1;
