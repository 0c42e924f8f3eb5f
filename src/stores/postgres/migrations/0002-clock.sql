-- The only clock of the ledger: the server's, however far those of the instances have drifted apart. Not
-- now(), which stands still while a transaction waits for a lock.
create function ledger_now() returns bigint language sql volatile as $$
  select floor(extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

-- RFC 3339 in UTC with milliseconds, whatever the time zone of the session.
create function iso_time(moment bigint) returns text language sql immutable as $$
  select to_char(to_timestamp(moment / 1000.0) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
