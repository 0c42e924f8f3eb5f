-- Sizes are bytes, times milliseconds since the epoch.

CREATE TABLE sessions (
  session_id         TEXT PRIMARY KEY,
  user_id            TEXT NOT NULL,
  -- As it was last decided: an active session whose time is over reads as expired before anything is written.
  status             TEXT NOT NULL CHECK (status IN ('active', 'completed', 'failed', 'cancelled', 'expired')),
  created_at         INTEGER NOT NULL,
  expires_at         INTEGER NOT NULL,
  ttl_ms             INTEGER NOT NULL,
  max_lifetime_ms    INTEGER NOT NULL,
  max_file_size      INTEGER NOT NULL,

  -- The reservation belongs to this row and to nothing else: what a user has reserved is the sum over his
  -- rows whose reserved_until is still to come, so it cannot be given back twice, or be forgotten.
  reserved_bytes     INTEGER NOT NULL CHECK (reserved_bytes >= 0),
  reserved_until     INTEGER,

  upload_offset      INTEGER NOT NULL,
  upload_length      INTEGER,
  epoch              INTEGER NOT NULL,
  writer             TEXT,
  sealed             INTEGER NOT NULL CHECK (sealed IN (0, 1)),
  storage            TEXT,
  detected_format    TEXT,
  content_sha256     TEXT,
  completed_at       INTEGER,
  failure            TEXT,
  -- When it was ended by a call; null for those that only ran out of time.
  ended_at           INTEGER,

  dashboard_context  TEXT NOT NULL,
  expected_file_size INTEGER,
  file_format        TEXT,
  filename           TEXT,
  sha256             TEXT,
  upload_metadata    TEXT,

  -- When the sweeper has to look at it; null once it has been there, or need not come.
  due_at             INTEGER,
  -- When the row goes away. Every row has one of the two: none stays for ever.
  purge_at           INTEGER,
  CHECK (due_at IS NOT NULL OR purge_at IS NOT NULL),
  CHECK (reserved_until IS NOT NULL OR reserved_bytes = 0)
) STRICT;

-- Covers everything that admission asks about a user's reservations.
CREATE INDEX sessions_reserving ON sessions (user_id, reserved_until, reserved_bytes, status, sealed, session_id)
  WHERE reserved_until IS NOT NULL;
CREATE INDEX sessions_due ON sessions (due_at, session_id) WHERE due_at IS NOT NULL;
CREATE INDEX sessions_purge ON sessions (purge_at) WHERE purge_at IS NOT NULL;

CREATE TABLE idempotency_keys (
  user_id     TEXT NOT NULL,
  key         TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  expires_at  INTEGER NOT NULL,
  PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- The ledger's accounts as they were last loaded. All of it can be loaded again.
CREATE TABLE cached_accounts (
  user_id      TEXT PRIMARY KEY,
  -- Newest version of the account that was seen here, in a load or in a settlement.
  seen_version INTEGER NOT NULL,
  seen_at      INTEGER NOT NULL,
  stale        INTEGER NOT NULL CHECK (stale IN (0, 1)),
  -- Null where a settlement was seen but nothing has been loaded yet.
  limit_bytes  INTEGER,
  used_bytes   INTEGER,
  period_start INTEGER,
  period_end   INTEGER,
  loaded_at    INTEGER,
  purge_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX cached_accounts_purge ON cached_accounts (purge_at);
