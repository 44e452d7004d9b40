-- Access tokens end with what their client got them with, also those for users whose grant stands (RFC 8693).
-- A row whose key is a client's name, a space and * stands for all that was issued to it until then.

-- A secret that counted and counts no more; but not the one that its client asked to have replaced again, for it
-- never heard of it. A key, a grant type or a permission that is not there any more.
CREATE TRIGGER tokens_of_a_client_that_lost_something
AFTER UPDATE OF secret_hash, previous_secret_hash, grant_types, settings ON clients
WHEN (
  OLD.secret_hash IS NOT NULL AND OLD.secret_hash IS NOT NEW.secret_hash
  AND OLD.secret_hash IS NOT NEW.previous_secret_hash
  AND NOT (NEW.previous_secret_hash IS OLD.previous_secret_hash
    AND coalesce(NEW.previous_secret_expires_at > unixepoch(), false))
) OR (
  OLD.previous_secret_expires_at > unixepoch() AND OLD.previous_secret_hash IS NOT NEW.previous_secret_hash
  AND OLD.previous_secret_hash IS NOT NEW.secret_hash
) OR EXISTS (
  SELECT 1 FROM json_each('["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"]') g
  WHERE instr(' ' || OLD.grant_types || ' ', ' ' || g.value || ' ') > 0
  AND instr(' ' || NEW.grant_types || ' ', ' ' || g.value || ' ') = 0
) OR (
  OLD.settings ->> 'may_impersonate' IS 1 AND NEW.settings ->> 'may_impersonate' IS NOT 1
) OR EXISTS (
  SELECT 1 FROM json_each(OLD.settings, '$.exchanges_tokens_of') o WHERE NOT EXISTS
  (SELECT 1 FROM json_each(NEW.settings, '$.exchanges_tokens_of') n WHERE n.value = o.value)
) OR EXISTS (
  SELECT 1 FROM json_each(OLD.settings, '$.jwks.keys') o WHERE NOT EXISTS
  (SELECT 1 FROM json_each(NEW.settings, '$.jwks.keys') n WHERE n.value = o.value)
)
BEGIN
  INSERT INTO revoked_access_tokens (access_jti, issued_until, expires_at)
  VALUES (NEW.client_id || ' *', unixepoch(), min(253402300799, unixepoch() + max(86400,
    coalesce(OLD.settings ->> 'access_token_lifetime', 0),
    coalesce((SELECT max(token_lifetime) FROM signing_keys), 0))))
  ON CONFLICT (access_jti) DO UPDATE SET
    issued_until = excluded.issued_until, expires_at = max(expires_at, excluded.expires_at);
END;

-- One that ended before is in the status lists by its name.
CREATE TRIGGER tokens_of_a_deleted_client AFTER DELETE ON clients WHEN OLD.ended_at IS NULL
BEGIN
  INSERT INTO revoked_access_tokens (access_jti, issued_until, expires_at)
  VALUES (OLD.client_id || ' *', unixepoch(), min(253402300799, unixepoch() + max(86400,
    coalesce(OLD.settings ->> 'access_token_lifetime', 0),
    coalesce((SELECT max(token_lifetime) FROM signing_keys), 0))))
  ON CONFLICT (access_jti) DO UPDATE SET
    issued_until = excluded.issued_until, expires_at = max(expires_at, excluded.expires_at);
END;
