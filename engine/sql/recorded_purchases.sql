-- name: find_facts
-- What the books do not say of a posted purchase: $1 its id, $2 a wallet that paid, $3 the id of
-- its reversal.
select s.person_id, s.cash_account, s.subsidy_account,
    coalesce((select refunded_fen from refund_totals where purchase_id = $1), 0) as refunded_fen,
    exists (select from refunds where id = $3) as is_reversed
from spenders s
where s.cash_account = $2 or s.subsidy_account = $2;
