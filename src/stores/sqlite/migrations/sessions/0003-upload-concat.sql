-- tus "concatenation": the header of partial and final uploads as sent; null for all others.

ALTER TABLE sessions ADD COLUMN upload_concat TEXT;
