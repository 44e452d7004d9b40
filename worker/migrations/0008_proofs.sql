-- DPoP proofs are used once too (RFC 9449), except that the same request may arrive twice: for what one
-- was used, and when. Both are empty for what is never used again.
ALTER TABLE used_once ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
ALTER TABLE used_once ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
