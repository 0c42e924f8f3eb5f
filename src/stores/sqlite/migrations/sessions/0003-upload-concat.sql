-- tus "concatenation": the header of partial and final uploads as sent; null for all others.

ALTER TABLE sessions ADD COLUMN upload_concat TEXT;
-- The final upload that a partial one has become a part of.
ALTER TABLE sessions ADD COLUMN merged_into TEXT;
