-- Access tokens that were revoked one by one are counted by family: a client, a space and a grant. From a
-- number on, a row stands for what was issued to the family until then: its key is the family's name, which
-- no token has.
ALTER TABLE revoked_access_tokens ADD COLUMN family TEXT;
ALTER TABLE revoked_access_tokens ADD COLUMN issued_until INTEGER;

CREATE INDEX revoked_access_tokens_by_family ON revoked_access_tokens (family, expires_at) WHERE family IS NOT NULL;
