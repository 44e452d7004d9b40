-- Access tokens that say nothing by themselves: their SHA-256, and what they allow, as the claims of a JWT.
CREATE TABLE opaque_access_tokens (
  token_hash TEXT PRIMARY KEY,
  claims TEXT NOT NULL CHECK (json_valid(claims)),
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO clean_up_windows (table_name) VALUES ('opaque_access_tokens');
