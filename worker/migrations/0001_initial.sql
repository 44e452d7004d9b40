-- Times are seconds since the epoch. Lists are separated by single spaces.
-- Nothing here opens anything by itself: secrets and codes are SHA-256, passwords Argon2id,
-- private keys AES-256-GCM under a key that the database does not hold.
--
-- A column REFERENCES another table only if it is indexed, or if no row there is ever deleted: before
-- SQLite deletes a row, it looks for those that refer to it, and without an index looks through all.

CREATE TABLE clients (
  client_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  auth_method TEXT NOT NULL CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
  secret_hash TEXT,
  previous_secret_hash TEXT,
  previous_secret_expires_at INTEGER,
  redirect_uris TEXT NOT NULL DEFAULT '',
  post_logout_redirect_uris TEXT NOT NULL DEFAULT '',
  origins TEXT NOT NULL DEFAULT '',
  scope TEXT NOT NULL DEFAULT '',
  grant_types TEXT NOT NULL DEFAULT '',
  refresh_behaviour TEXT NOT NULL DEFAULT 'rotate' CHECK (refresh_behaviour IN ('rotate', 'persistent')),
  is_first_party INTEGER NOT NULL DEFAULT 0,
  may_introspect INTEGER NOT NULL DEFAULT 0,
  settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
  registration_token_hash TEXT,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((auth_method IN ('none', 'private_key_jwt')) = (secret_hash IS NULL)),
  CHECK ((previous_secret_hash IS NULL) = (previous_secret_expires_at IS NULL))
) WITHOUT ROWID;

CREATE TABLE users (
  user_id TEXT PRIMARY KEY,
  username TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  name TEXT,
  email TEXT,
  email_verified INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- A browser that is signed in at the provider; the key is the hash of its cookie.
CREATE TABLE sign_ins (
  sign_in_id TEXT PRIMARY KEY,
  browser_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  auth_time INTEGER NOT NULL,
  amr TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX sign_ins_by_browser ON sign_ins (browser_id);

CREATE TABLE codes (
  code_hash TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  browser_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  auth_time INTEGER NOT NULL,
  details TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details)),
  scope TEXT NOT NULL,
  audience TEXT NOT NULL,
  nonce TEXT,
  challenge TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  redeemed_at INTEGER,
  grant_id TEXT,
  CHECK ((redeemed_at IS NULL) = (grant_id IS NULL))
) WITHOUT ROWID;

CREATE INDEX codes_by_user ON codes (user_id, browser_id);

CREATE TABLE grants (
  grant_id TEXT PRIMARY KEY,
  browser_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (client_id),
  scope TEXT NOT NULL,
  audience TEXT NOT NULL,
  auth_time INTEGER NOT NULL,
  details TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(details)),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'ended')),
  end_reason TEXT,
  ended_at INTEGER,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  CHECK ((status = 'ended') = (end_reason IS NOT NULL AND ended_at IS NOT NULL))
) WITHOUT ROWID;

CREATE INDEX grants_by_browser ON grants (browser_id);
CREATE INDEX grants_by_client ON grants (client_id);

-- One generation of tokens. No secondary index: a refresh writes two rows. `last_expires_at` is when the
-- last refresh token expires of this and all earlier generations.
CREATE TABLE sessions (
  refresh_jti TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL,
  access_jti TEXT NOT NULL,
  generation INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'refreshed')),
  issued_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  last_expires_at INTEGER NOT NULL,
  refreshed_at INTEGER,
  successor TEXT,
  CHECK ((status = 'refreshed') = (refreshed_at IS NOT NULL AND successor IS NOT NULL))
) WITHOUT ROWID;

-- Access tokens that were revoked while their grant stands; worthless once expired.
CREATE TABLE revoked_access_tokens (
  access_jti TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What was used and may not be used again before it expires: client assertions.
CREATE TABLE used_once (
  id_hash TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE signing_keys (
  key_id TEXT PRIMARY KEY,
  algorithm TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('current', 'retired')),
  public_jwk TEXT NOT NULL,
  private_key TEXT NOT NULL,
  nonce TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Two isolates that both find no key cannot both make one.
CREATE UNIQUE INDEX one_current_signing_key ON signing_keys (algorithm) WHERE status = 'current';
