-- Events of a settlement. They commit with it: one for every settlement, none without (invariant D). In
-- plpgsql, which plans a statement once per connection; a function in SQL plans it with each call.

-- A session completes at most once, so its id makes the event's id.
create function tell_completed(upload uploads) returns void language plpgsql as $$
begin
  insert into outbox (id, kind, subject, payload, created_at, next_attempt_at)
    values (
      'upload-completed-' || upload.session_id,
      'upload.completed',
      upload.session_id,
      json_build_object(
        'session_id', upload.session_id,
        'user_id', upload.user_id,
        'bytes', upload.bytes,
        'format', upload.format,
        'sha256', upload.sha256,
        'storage_key', upload.storage_key,
        'filename', upload.filename,
        -- As text: it goes back byte for byte as it came.
        'dashboard_context', upload.dashboard_context,
        'created_at', iso_time(upload.created_at),
        'completed_at', iso_time(upload.decided_at)
      )::text,
      upload.decided_at,
      upload.decided_at
    );
end
$$;

-- Told once per threshold and period: the id is made of both, and a limit that is raised and reached again
-- within the period makes no new one.
create function tell_thresholds(account accounts, limit_bytes bigint, period_ms bigint, moment bigint)
returns void language plpgsql as $$
begin
  insert into outbox (id, kind, subject, payload, created_at, next_attempt_at)
    select
      'quota-threshold-' || percent || '-' || account.user_id || '-' || account.period_start,
      'quota.threshold',
      account.user_id,
      json_build_object(
        'user_id', account.user_id,
        'threshold_percent', percent,
        'quota_used', account.used_bytes,
        'quota_limit', limit_bytes,
        'period_start', iso_time(account.period_start),
        'reset_date', iso_time(account.period_start + period_ms)
      )::text,
      moment,
      moment
    from unnest(array[80, 95, 100]) as percent
    where account.used_bytes * 100 >= limit_bytes * percent
    order by percent
    on conflict do nothing;
end
$$;
