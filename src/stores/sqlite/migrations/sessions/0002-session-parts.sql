-- Pieces of uploads to object stores, as those acknowledged them. They go where their session goes.

CREATE TABLE session_parts (
  session_id TEXT NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
  part_index INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  etag       TEXT NOT NULL,
  PRIMARY KEY (session_id, part_index)
) STRICT, WITHOUT ROWID;
