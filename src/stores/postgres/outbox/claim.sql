-- Lease the events that are due, of each subject only the oldest that is pending. Those that another process
-- is claiming at this moment are passed over, not waited for.
--
-- $1 how many at most, $2 length of the lease in ms
with due as (
  select sequence
    from outbox o
   where delivered_at is null
     and dead_at is null
     and next_attempt_at <= ledger_now()
     and not exists (
       select 1 from outbox earlier
        where earlier.subject = o.subject
          and earlier.sequence < o.sequence
          and earlier.delivered_at is null
          and earlier.dead_at is null
     )
   order by next_attempt_at, sequence
   limit $1::bigint
     for update skip locked
)
update outbox o
   set attempts = attempts + 1, next_attempt_at = ledger_now() + $2::bigint
  from due
 where o.sequence = due.sequence
returning o.*
