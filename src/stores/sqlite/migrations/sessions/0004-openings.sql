-- In place of wall time: how often the file had been opened by then, which no clock can turn back.

ALTER TABLE cached_accounts DROP COLUMN seen_at;
ALTER TABLE cached_accounts ADD COLUMN seen_in INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cached_accounts ADD COLUMN loaded_in INTEGER NOT NULL DEFAULT 0;
