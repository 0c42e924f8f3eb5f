-- Two processes can decide about the same session at once: the primary key of `uploads` lets one of them win,
-- and both answer with the row that did. Each statement of a function sees what was committed before it
-- began, so the loser, who waited for the winner's commit in `on conflict`, finds his row.

-- Count an upload, once per session, in the period that is current now; with it, in the same transaction, the
-- events that tell of it.
create function settle_upload(
  new_session       uuid,
  for_user          uuid,
  new_bytes         bigint,
  new_format        text,
  new_sha256        text,
  new_storage_key   text,
  new_filename      text,
  new_context       text,
  session_created   bigint,
  default_limit     bigint,
  period_ms         bigint
) returns uploads language plpgsql as $$
declare
  upload  uploads;
  account accounts;
  moment  bigint;
begin
  -- A repeat costs one read and no lock.
  select * into upload from uploads where session_id = new_session;
  if found then
    return upload;
  end if;

  account := current_account(for_user, period_ms);
  moment := ledger_now();
  insert into uploads (session_id, user_id, state, decided_at, bytes, format, sha256, storage_key, filename,
      dashboard_context, created_at, period_start, account_version)
    values (new_session, for_user, 'settled', moment, new_bytes, new_format, new_sha256, new_storage_key,
      new_filename, new_context, session_created, account.period_start, account.version + 1)
    on conflict do nothing
    returning * into upload;
  if not found then
    select * into upload from uploads where session_id = new_session;
    return upload;
  end if;

  update accounts set used_bytes = used_bytes + new_bytes, version = version + 1
    where user_id = for_user
    returning * into account;
  perform tell_completed(upload);
  perform tell_thresholds(account, coalesce(account.limit_bytes, default_limit), period_ms, moment);
  return upload;
end
$$;

-- Refuse a session for good, unless it was decided on before: then that row comes back.
create function void_upload(old_session uuid, for_user uuid) returns uploads language plpgsql as $$
declare
  upload uploads;
begin
  insert into uploads (session_id, user_id, state, decided_at)
    values (old_session, for_user, 'voided', ledger_now())
    on conflict do nothing
    returning * into upload;
  if not found then
    select * into upload from uploads where session_id = old_session;
  end if;
  return upload;
end
$$;
