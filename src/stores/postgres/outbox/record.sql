-- $1 text: a JSON list of objects with id, kind, subject, payload
insert into outbox (id, kind, subject, payload, created_at, next_attempt_at)
  select event.id, event.kind, event.subject, event.payload, moment, moment
    from json_to_recordset($1::text::json) as event (id text, kind text, subject uuid, payload text),
      ledger_now() as moment
  on conflict do nothing
