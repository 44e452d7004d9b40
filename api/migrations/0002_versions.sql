-- How often a profile was saved: its ETag, so that nobody overwrites what they have not seen.
ALTER TABLE profiles ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
