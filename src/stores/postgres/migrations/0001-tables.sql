-- Sizes are bytes, times milliseconds since the epoch: the same columns as the embedded ledger's.

create table accounts (
  user_id      uuid primary key,
  -- Null follows the configured default, so a change of it reaches every user without a limit of his own.
  limit_bytes  bigint check (limit_bytes >= 0),
  -- Start of the current period, and the anchor of those to come: see 0003-accounts.sql.
  period_start bigint not null,
  used_bytes   bigint not null check (used_bytes >= 0),
  version      bigint not null
) with (fillfactor = 70); -- room beside each row for its next version: every settlement writes one

-- One row per session that was decided on, for good: settled (counted, with its file) or voided (refused).
create table uploads (
  session_id        uuid primary key,
  user_id           uuid not null,
  state             text not null check (state in ('settled', 'voided')),
  decided_at        bigint not null,
  bytes             bigint check (bytes >= 0),
  format            text,
  sha256            text,
  storage_key       text,
  filename          text,
  dashboard_context text,
  created_at        bigint,
  -- The period that counted it, and the account's version right after that.
  period_start      bigint,
  account_version   bigint,
  check (
    state = 'voided'
    or (
      bytes is not null and sha256 is not null and storage_key is not null and dashboard_context is not null
      and created_at is not null and period_start is not null and account_version is not null
    )
  )
);

create index uploads_of_user on uploads (user_id, decided_at) where state = 'settled';

create table outbox (
  -- Order of writing. Events of one subject are written one after the other, so it is their order too.
  sequence        bigint generated always as identity primary key,
  -- Made from what happened, not drawn: the same event has the same id however often it is told.
  id              text not null unique,
  kind            text not null,
  -- The session or user it is about: its events are delivered in their order.
  subject         uuid not null,
  -- JSON, as text: it is sent as it stands here.
  payload         text not null,
  created_at      bigint not null,
  attempts        integer not null default 0,
  -- Not before then; while somebody delivers it, the end of his lease.
  next_attempt_at bigint not null,
  last_error      text,
  delivered_at    bigint,
  -- Given up on. It stays until somebody replays it.
  dead_at         bigint
);

create index outbox_due on outbox (next_attempt_at, sequence) where delivered_at is null and dead_at is null;
create index outbox_of_subject on outbox (subject);
create index outbox_delivered on outbox (created_at) where delivered_at is not null;
create index outbox_dead on outbox (sequence) where dead_at is not null;
