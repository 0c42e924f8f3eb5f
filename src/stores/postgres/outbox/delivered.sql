-- $1 ids, as a JSON array
update outbox set delivered_at = ledger_now(), dead_at = null, last_error = null
 where id = any (array(select jsonb_array_elements_text($1::text::jsonb))) and delivered_at is null
