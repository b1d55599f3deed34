-- Two sessions that make the same month at once: the second one waits, and finds it made.

create or replace function make_transfers_month(moment timestamptz) returns boolean
language plpgsql security definer set search_path from current as $$
declare
    first_day timestamp := date_trunc('month', moment at time zone 'UTC');
    name text := 'transfers_' || to_char(first_day, 'YYYYMM');
    low uuid := month_bound(first_day);
    high uuid := month_bound(first_day + interval '1 month');
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema || ' make month', 0));
    if to_regclass(quote_ident(current_schema) || '.' || name) is not null then
        return false;
    end if;
    execute format(
        'create table %I (like transfers including defaults including constraints)', name);
    alter table transfers_default disable trigger transfers_never_change;
    execute format('insert into %I table transfers_default', name);
    execute format('delete from %I where not (id >= %L and id < %L)', name, low, high);
    execute format('delete from transfers_default where id >= %L and id < %L', low, high);
    alter table transfers_default enable trigger transfers_never_change;
    execute format('alter table transfers attach partition %I for values from (%L) to (%L)',
        name, low, high);
    return true;
end $$;
