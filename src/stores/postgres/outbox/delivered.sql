-- $1 id
update outbox set delivered_at = ledger_now(), dead_at = null, last_error = null
 where id = $1 and delivered_at is null
