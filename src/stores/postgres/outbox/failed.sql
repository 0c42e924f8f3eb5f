-- Only for the attempt that failed: who claimed the event since has a later number.
--
-- $1 id, $2 attempts, $3 reason, $4 due again in so many ms, or null: dead
update outbox
   set last_error = $3,
       next_attempt_at = coalesce(ledger_now() + $4::bigint, next_attempt_at),
       dead_at = case when $4::bigint is null then ledger_now() end
 where id = $1
   and attempts = $2::bigint
   and delivered_at is null
   and dead_at is null
