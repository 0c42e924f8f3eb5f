-- Sizes are bytes, times milliseconds since the epoch.

CREATE TABLE accounts (
  user_id      TEXT PRIMARY KEY,
  -- Null follows the configured default, so a change of it reaches every user without a limit of his own.
  limit_bytes  INTEGER CHECK (limit_bytes >= 0),
  -- Start of the current period, and the anchor of those to come: see ledger-accounts.ts.
  period_start INTEGER NOT NULL,
  used_bytes   INTEGER NOT NULL CHECK (used_bytes >= 0),
  version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per session that was decided on, for good: settled (counted, with its file) or voided (refused).
CREATE TABLE uploads (
  session_id        TEXT PRIMARY KEY,
  user_id           TEXT NOT NULL,
  state             TEXT NOT NULL CHECK (state IN ('settled', 'voided')),
  decided_at        INTEGER NOT NULL,
  bytes             INTEGER CHECK (bytes >= 0),
  format            TEXT,
  sha256            TEXT,
  storage_key       TEXT,
  filename          TEXT,
  dashboard_context TEXT,
  created_at        INTEGER,
  -- The period that counted it, and the account's version right after that.
  period_start      INTEGER,
  account_version   INTEGER,
  CHECK (
    state = 'voided'
    OR (
      bytes IS NOT NULL AND sha256 IS NOT NULL AND storage_key IS NOT NULL AND dashboard_context IS NOT NULL
      AND created_at IS NOT NULL AND period_start IS NOT NULL AND account_version IS NOT NULL
    )
  )
) STRICT;

CREATE INDEX uploads_of_user ON uploads (user_id, decided_at) WHERE state = 'settled';

CREATE TABLE outbox (
  -- Made from what happened, not drawn: the same event has the same id however often it is told.
  id              TEXT PRIMARY KEY,
  kind            TEXT NOT NULL,
  payload         TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL,
  delivered_at    INTEGER
) STRICT;

CREATE INDEX outbox_pending ON outbox (next_attempt_at) WHERE delivered_at IS NULL;
