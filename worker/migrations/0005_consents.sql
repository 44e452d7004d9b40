-- What users have answered about clients: {"read": true, "write": false}. What was declined is
-- remembered too, so that nobody is asked the same twice.
CREATE TABLE consents (
  user_id TEXT NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
  client_id TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, client_id)
) WITHOUT ROWID;

-- A client is deleted with what was answered about it.
CREATE INDEX consents_by_client ON consents (client_id);

-- A user's grants of one client are found too, at the price of one index.
DROP INDEX grants_by_client;
CREATE INDEX grants_by_client ON grants (client_id, user_id);
