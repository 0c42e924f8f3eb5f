-- $1 ids, as a JSON array
update outbox
   set attempts = 0, next_attempt_at = ledger_now(), delivered_at = null, dead_at = null, last_error = null
 where id = any (array(select jsonb_array_elements_text($1::text::jsonb)))
returning id
