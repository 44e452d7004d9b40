-- Keys that rotate. SQLite cannot change a CHECK, so the table is made anew.

CREATE TABLE rotating_keys (
  key_id TEXT PRIMARY KEY,
  algorithm TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('next', 'current', 'previous', 'retired', 'revoked')),
  -- The same key under another name would bring a revoked one back.
  public_jwk TEXT NOT NULL UNIQUE,
  private_key TEXT,
  nonce TEXT,
  -- Under which key encryption key; empty for those of before, which did not say.
  kek_id TEXT NOT NULL DEFAULT '',
  token_lifetime INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  since INTEGER NOT NULL DEFAULT 0,
  -- Only what signs, or will, has a private half.
  CHECK ((private_key IS NOT NULL) = (status IN ('next', 'current'))),
  CHECK ((private_key IS NULL) = (nonce IS NULL))
) WITHOUT ROWID;

-- How long the tokens of the old keys live is not known: a day is longer than most.
INSERT INTO rotating_keys (key_id, algorithm, status, public_jwk, private_key, nonce, token_lifetime, created_at, since)
  SELECT key_id, algorithm, status, public_jwk, private_key, nonce, 86400, created_at, created_at
  FROM signing_keys WHERE status = 'current';

INSERT INTO rotating_keys (key_id, algorithm, status, public_jwk, token_lifetime, created_at, since)
  SELECT key_id, algorithm, 'previous', public_jwk, 86400, created_at, unixepoch()
  FROM signing_keys WHERE status = 'retired';

DROP TABLE signing_keys;

ALTER TABLE rotating_keys RENAME TO signing_keys;

-- However many isolates find that a key is missing, one makes it.
CREATE UNIQUE INDEX one_signing_key ON signing_keys (algorithm, status) WHERE status IN ('next', 'current');
