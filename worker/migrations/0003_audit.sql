-- Who did what, when and from where: rows are added, and deleted when they are old enough. The key begins
-- with the time, so that they are read and deleted in its order without another index. No column refers
-- to another table: what happened stays true when whom it was about is gone.
CREATE TABLE audit_log (
  event_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  user_id TEXT,
  client_id TEXT,
  grant_id TEXT,
  request_id TEXT NOT NULL,
  country TEXT,
  network TEXT
) WITHOUT ROWID;
