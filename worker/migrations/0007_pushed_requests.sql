-- Authorization requests that clients have pushed (RFC 9126), under the hash of their reference. The
-- browser is the first one that came with it. A row may outlive its client for the minutes that it has.
CREATE TABLE pushed_requests (
  reference_hash TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  parameters TEXT NOT NULL,
  browser_id TEXT,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO clean_up_windows (table_name) VALUES ('pushed_requests');
