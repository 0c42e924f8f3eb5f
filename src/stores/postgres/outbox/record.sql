-- $1 id, $2 kind, $3 subject, $4 payload
insert into outbox (id, kind, subject, payload, created_at, next_attempt_at)
  select $1, $2, $3::uuid, $4, moment, moment from ledger_now() as moment
  on conflict do nothing
