-- Two sessions that make the same month at once: the second one waits, and finds it made.

alter function make_transfers_month(timestamptz) rename to make_transfers_month_alone;

-- Make the partition of a month, as `make_transfers_month_alone` does, one session at a time.
create function make_transfers_month(moment timestamptz) returns boolean
language plpgsql set search_path from current as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(current_schema || ' make month', 0));
    return make_transfers_month_alone(moment);
end $$;
