-- Events are delivered in the order of their subject, and given up on at last.

DROP INDEX outbox_pending;
ALTER TABLE outbox RENAME TO earlier_outbox;

CREATE TABLE outbox (
  -- Order of writing: events of one subject are delivered in it.
  sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Made from what happened, not drawn: the same event has the same id however often it is told.
  id              TEXT NOT NULL UNIQUE,
  kind            TEXT NOT NULL,
  -- The session or user it is about.
  subject         TEXT NOT NULL,
  -- JSON, as text: it is sent as it stands here.
  payload         TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  attempts        INTEGER NOT NULL DEFAULT 0,
  -- Not before then; while somebody delivers it, the end of his lease.
  next_attempt_at INTEGER NOT NULL,
  last_error      TEXT,
  delivered_at    INTEGER,
  -- Given up on. It stays until somebody replays it.
  dead_at         INTEGER
) STRICT;

INSERT INTO outbox (id, kind, subject, payload, created_at, attempts, next_attempt_at, delivered_at)
  SELECT id, kind, payload ->> '$.session_id', payload, created_at, attempts, next_attempt_at, delivered_at
    FROM earlier_outbox ORDER BY created_at, id;
DROP TABLE earlier_outbox;

CREATE INDEX outbox_due ON outbox (next_attempt_at, sequence) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_pending_of_subject ON outbox (subject, sequence) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (created_at) WHERE delivered_at IS NOT NULL;
