-- name: add_refund
-- Effect of a refund or reversal. Arrays of one item for each: $1 its id, $2 purchase_id, $3 what
-- was paid, $4 what had been given back when it was decided, $5 amount_fen, $6 device_id or null,
-- $7 staff_id or null. It holds when that still stands, it is the only one for its purchase here,
-- and its terminal is not revoked. Returns how many hold.
with open_devices as (
    select id
    from devices
    where id = any($6::uuid[]) and state = 'enrolled'
    for share
), asked as (
    select d.id, d.purchase_id, d.paid_fen, d.before_fen, d.amount_fen, d.device_id, d.staff_id
    from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[],
        $7::uuid[]) as d (id, purchase_id, paid_fen, before_fen, amount_fen, device_id, staff_id)
    where d.device_id is null or d.device_id in (select id from open_devices)
), sole as (
    select purchase_id
    from asked
    group by purchase_id
    having count(*) = 1
), first as (
    insert into refund_totals (purchase_id, paid_fen, refunded_fen)
    select purchase_id, paid_fen, amount_fen
    from asked
    where before_fen = 0 and purchase_id in (select purchase_id from sole)
    order by purchase_id
    on conflict (purchase_id) do nothing
    returning purchase_id
), further as (
    update refund_totals t
    set refunded_fen = t.refunded_fen + asked.amount_fen
    from asked
    where t.purchase_id = asked.purchase_id and t.refunded_fen = asked.before_fen
        and asked.purchase_id in (select purchase_id from sole)
    returning t.purchase_id
), added as (
    insert into refunds (id, purchase_id, amount_fen, total_fen, device_id, staff_id)
    select id, purchase_id, amount_fen, before_fen + amount_fen, device_id, staff_id
    from asked
    where purchase_id in (select purchase_id from first union all select purchase_id from further)
    returning id
)
select count(*)
from added;

-- name: find_refund
-- What is recorded of the refund with id $1.
select purchase_id, amount_fen, total_fen, device_id, staff_id
from refunds
where id = $1;
