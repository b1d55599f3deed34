-- name: add_payment
-- Record cash paid in: $1 id, $2 person_id, $3 amount_fen, $4 staff_id, $5 paid_at. Returns the id,
-- or nothing when it is recorded already or the person has no wallets.
insert into cash_payments (id, person_id, amount_fen, staff_id, paid_at)
select $1, $2, $3, $4, $5
where exists (select from spenders where person_id = $2)
on conflict (id) do nothing
returning id;
