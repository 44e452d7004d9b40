-- Devices without a browser (RFC 8628). A device code is stored as its SHA-256. A user code is short
-- enough to be guessed from that, so its hash takes a key that the database does not hold.
CREATE TABLE device_codes (
  device_code_hash TEXT PRIMARY KEY,
  user_code_hash TEXT NOT NULL UNIQUE,
  client_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  audience TEXT NOT NULL,
  poll_interval INTEGER NOT NULL,
  polled_at INTEGER,
  expires_at INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'denied', 'allowed', 'redeemed')),
  user_id TEXT,
  auth_time INTEGER,
  details TEXT CHECK (json_valid(details)),
  redeemed_at INTEGER,
  grant_id TEXT,
  refresh_jti TEXT,
  CHECK ((status IN ('allowed', 'redeemed')) = (user_id IS NOT NULL AND auth_time IS NOT NULL AND details IS NOT NULL)),
  CHECK ((status = 'redeemed') = (redeemed_at IS NOT NULL AND grant_id IS NOT NULL AND refresh_jti IS NOT NULL))
) WITHOUT ROWID;

-- How many codes that no device shows were typed under this sign-in.
ALTER TABLE sign_ins ADD COLUMN wrong_user_codes INTEGER NOT NULL DEFAULT 0;

INSERT INTO clean_up_windows (table_name) VALUES ('device_codes');
