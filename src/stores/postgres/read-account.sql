-- The account and, of the sessions in $3, those that its used bytes count. One statement sees one moment of
-- the database, and a settlement changes both in one transaction, so they always agree. No lock is taken.
--
-- $1 user, $2 length of a period in ms, $3 sessions
-- One row per counted session, or one without a session. `over`: the period has ended and has to be rolled over.
select a.limit_bytes, a.period_start, a.used_bytes, a.version,
       ledger_now() >= a.period_start + $2::bigint as over,
       u.session_id, u.bytes
  from accounts a
  left join uploads u
    on u.session_id = any ($3::uuid[])
   and u.user_id = a.user_id
   and u.state = 'settled'
   and u.period_start = a.period_start
 where a.user_id = $1::uuid
