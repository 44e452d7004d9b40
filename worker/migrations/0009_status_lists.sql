-- Token Status List: every grant has an index, which its access tokens carry. The highest is found by the
-- index, so the next one is given in the statement that makes the grant.
ALTER TABLE grants ADD COLUMN status_index INTEGER NOT NULL DEFAULT 0;

UPDATE grants SET status_index = n.number
FROM (SELECT grant_id, row_number() OVER (ORDER BY created_at, grant_id) AS number FROM grants) n
WHERE n.grant_id = grants.grant_id;

CREATE UNIQUE INDEX grants_by_status_index ON grants (status_index);

-- What a list is made of: only what has ended lately is looked at.
CREATE INDEX grants_by_end ON grants (ended_at, status_index) WHERE status = 'ended';
CREATE INDEX clients_by_end ON clients (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX revoked_access_tokens_by_expiry ON revoked_access_tokens (expires_at);
