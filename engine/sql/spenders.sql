-- name: find_spenders
-- The spenders behind card numbers ($1 text[]), as they stand in one snapshot; a number that no
-- card has is missing. Of each limit the lower of the person's own and the campus's.
select c.number, c.state as card_state, c.expires_on, s.person_id, s.version, s.cash_account,
    s.subsidy_account, s.day, s.spent_fen, p.name, p.state as person_state,
    least(s.no_pin_limit_fen, g.no_pin_limit_fen) as no_pin_limit_fen,
    least(s.day_limit_fen, g.day_limit_fen) as day_limit_fen
from unnest($1::text[]) as wanted (number)
join cards c on c.number = wanted.number
join spenders s on s.person_id = c.person_id
join people p on p.id = c.person_id
cross join campus_settings g;

-- name: spend
-- Effect of a purchase. Arrays of one item for each: $1 person_id, $2 the version it was decided
-- on, $3 business day, $4 amount_fen, $5 whether the PIN was given, $6 device_id. All purchases of
-- a person hold or none. Tills and merchants stay locked against a change until the purchases are
-- committed, and so do the spenders, in order. Returns how many purchases hold.
with open_tills as (
    select d.id
    from (select distinct id from unnest($6::uuid[]) as named (id)) as named
    join devices d on d.id = named.id
    join merchants m on m.id = d.merchant_id
    where d.state = 'enrolled' and m.state = 'open'
    for share of d, m
), closed as (
    select array(select unnest($6::uuid[]) except select id from open_tills) as ids
), asked as (
    select person_id, min(version) as oldest, max(version) as newest, max(day) as day,
        sum(amount_fen) as amount_fen,
        coalesce(max(amount_fen) filter (where not has_pin), 0) as without_pin_fen,
        count(*) as purchases
    from closed, unnest($1::uuid[], $2::bigint[], $3::date[], $4::bigint[], $5::boolean[],
        $6::uuid[]) as d (person_id, version, day, amount_fen, has_pin, device_id)
    where device_id <> all (closed.ids)
    group by person_id
    order by person_id
), spent as (
    update spenders s
    set day = greatest(s.day, asked.day),
        spent_fen = asked.amount_fen + case when s.day < asked.day then 0 else s.spent_fen end
    from asked, campus_settings g
    where s.person_id = asked.person_id
        and s.version = asked.oldest and s.version = asked.newest
        and asked.without_pin_fen <= least(s.no_pin_limit_fen, g.no_pin_limit_fen)
        and asked.amount_fen + case when s.day < asked.day then 0 else s.spent_fen end
            <= least(s.day_limit_fen, g.day_limit_fen)
    returning asked.purchases
)
select coalesce(sum(purchases), 0)::bigint
from spent;

-- name: give_back
-- Effect of a refund. Arrays of one item for each: $1 person_id, $2 business day of the purchase,
-- $3 amount_fen. It always holds: when the day is over there is no limit left to give back to.
-- Returns how many refunds were handed in.
with asked as (
    select person_id, day, sum(amount_fen) as amount_fen
    from unnest($1::uuid[], $2::date[], $3::bigint[]) as d (person_id, day, amount_fen)
    group by person_id, day
    order by person_id
), given as (
    update spenders s
    set spent_fen = greatest(0, s.spent_fen - asked.amount_fen)
    from asked
    where s.person_id = asked.person_id and s.day = asked.day
)
select cardinality($1::uuid[])::bigint;
