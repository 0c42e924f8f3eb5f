-- Lease up to `at_most` events that are due, of each subject only the oldest that is pending. Those that another
-- process is claiming at this moment are passed over, not waited for.
--
-- An outbox is empty on most days and long on the bad ones, so what the planner knows of it is wrong when it
-- matters. Hence the settings, and two conditions written so that one index alone serves each query:
-- `outbox_due`, read in its order until there are enough, and `outbox_of_subject`, where a handful of events
-- stand side by side.
create function claim_events(at_most bigint, lease_ms bigint) returns setof outbox
language plpgsql set enable_seqscan = off set enable_sort = off as $$
declare
  moment    bigint := ledger_now();
  candidate record;
  claimed   bigint[] := '{}';
begin
  for candidate in
    select sequence, subject from outbox
     where delivered_at is null and dead_at is null and next_attempt_at <= moment
     order by next_attempt_at, sequence
       for update skip locked
  loop
    exit when cardinality(claimed) >= at_most;
    continue when exists (
      select from outbox earlier
       where earlier.subject = candidate.subject
         and earlier.sequence + 0 < candidate.sequence
         and coalesce(earlier.delivered_at, earlier.dead_at) is null
    );
    claimed := claimed || candidate.sequence;
  end loop;

  return query
    update outbox
       set attempts = attempts + 1, next_attempt_at = moment + lease_ms
     where sequence = any (claimed)
    returning *;
end
$$;
