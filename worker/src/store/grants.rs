//! Codes, grants and sessions on D1.

use gatepass_core::client::Client;
use gatepass_core::dpop::{ProofUse, ProofVerdict, Thumbprint};
use gatepass_core::grant::code::{CodeRecord, Redemption};
use gatepass_core::grant::refresh::{Found, LONGEST_CHAIN, Presented, Rotation};
use gatepass_core::grant::{EndReason, Grant, Session};
use gatepass_core::id::{ClientId, GrantId, JwtId};
use gatepass_core::introspect::TokenState;
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::{ALONE, StatusIndex};
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::{AccessTokenClaims, Basis};
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Rows, Statement, Value, exactly};

use super::D1Store;
use super::row::{self, CLIENT, GRANT, SESSION};

impl GrantStore for D1Store {
    type Error = EdgeError;

    async fn client_and_code(
        &self,
        client: &ClientId,
        code: SecretHash,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<CodeRecord>, ProofVerdict), EdgeError> {
        let codes = "SELECT * FROM codes WHERE code_hash = ?";
        let hash = code.to_base64url();
        let statements = vec![
            self.client(Some(client))?,
            self.db.statement(codes, &[hash.as_str().into()])?,
        ];
        let (rows, verdict) = self.batch_with_proof(statements, proof).await?;
        let [clients, codes] = exactly(rows)?;
        Ok((
            clients.first(row::client)?,
            codes.first(row::code)?,
            verdict,
        ))
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Option<StatusIndex>, EdgeError> {
        let grant = &redemption.grant;
        let hash = redemption.code.to_base64url();
        let (code, id) = (Value::Text(&hash), Value::Text(grant.id.as_str()));
        let at = Value::Integer(redemption.at.seconds());
        let consume = "UPDATE codes SET redeemed_at = ?, grant_id = ? \
                       WHERE code_hash = ? AND redeemed_at IS NULL AND expires_at > ?";
        let create_grant = format!(
            "INSERT INTO grants ({NEW_GRANT}) \
             SELECT {NEXT_STATUS_INDEX}, grant_id, browser_id, user_id, client_id, scope, audience, \
             auth_time, ?, redeemed_at, ? FROM codes \
             WHERE code_hash = ? AND grant_id = ? ON CONFLICT (grant_id) DO NOTHING \
             RETURNING status_index"
        );
        let details = serde_json::to_string(&grant.details)?;
        let values = [
            details.as_str().into(),
            grant.expires_at.seconds().into(),
            code,
            id,
        ];
        let batch = vec![
            self.db.statement(consume, &[at, id, code, at])?,
            self.db.statement(&create_grant, &values)?,
        ];
        self.begin(batch, redemption).await
    }

    async fn begin_grant(
        &self,
        grant: &Grant,
        session: &Session,
    ) -> Result<Option<StatusIndex>, EdgeError> {
        let sql = format!(
            "INSERT INTO grants ({NEW_GRANT}) \
             SELECT {NEXT_STATUS_INDEX}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? RETURNING status_index"
        );
        let (scope, details) = (
            grant.scope.to_string(),
            serde_json::to_string(&grant.details)?,
        );
        let values = [
            grant.id.as_str().into(),
            grant.browser.as_str().into(),
            grant.subject.as_str().into(),
            grant.client_id.as_str().into(),
            scope.as_str().into(),
            grant.audience.as_str().into(),
            grant.auth_time.seconds().into(),
            details.as_str().into(),
            grant.created_at.seconds().into(),
            grant.expires_at.seconds().into(),
        ];
        let statements = [
            self.db.statement(&sql, &values)?,
            self.first_session(session)?,
        ];
        let [created, _] = self.db.batch(statements).await?;
        created.first(row::status_index)
    }

    async fn rotate(&self, rotation: &Rotation<'_>) -> Result<Found, EdgeError> {
        let presented = Value::Text(rotation.presented.as_str());
        let grants = format!(
            "SELECT {GRANT} FROM sessions s JOIN grants g ON g.grant_id = s.grant_id \
             WHERE s.refresh_jti = ?"
        );
        let mut batch = vec![
            self.mark_refreshed(rotation)?,
            self.insert_next(rotation)?,
            self.client(Some(rotation.credentials.client_id()))?,
            self.db.statement(&grants, &[presented])?,
            self.db.statement(&generations("?"), &[presented])?,
        ];
        let read = batch.len();
        if let Some(offer) = &rotation.next.access_token {
            batch.push(self.access_token_of(&rotation.next.refresh_jti, offer)?);
        }
        // A transaction: it is as if the proof had been used before anything else.
        let (mut rows, proof) = self
            .batch_with_proof(batch, rotation.proof.as_ref())
            .await?;
        rows.truncate(read);
        let [_, _, clients, grants, sessions] = exactly(rows)?;
        Ok(Found {
            client: clients.first(row::client)?,
            presented: read_presented(&grants, &sessions)?,
            proof,
        })
    }

    async fn end_grant(
        &self,
        grant: &GrantId,
        reason: EndReason,
        at: Timestamp,
    ) -> Result<bool, EdgeError> {
        let sql = "UPDATE grants SET status = 'ended', end_reason = ?, ended_at = ? \
                   WHERE grant_id = ? AND status = 'active' RETURNING grant_id";
        let values = [
            reason.as_str().into(),
            at.seconds().into(),
            grant.as_str().into(),
        ];
        let [ended] = self.db.batch([self.db.statement(sql, &values)?]).await?;
        Ok(!ended.is_empty())
    }

    async fn client_and_namesake(
        &self,
        client: &ClientId,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, bool, ProofVerdict), EdgeError> {
        let namesakes = "SELECT 1 FROM users WHERE user_id = ?";
        let statements = vec![
            self.client(Some(client))?,
            self.db.statement(namesakes, &[client.as_str().into()])?,
        ];
        let (rows, verdict) = self.batch_with_proof(statements, proof).await?;
        let [clients, namesakes] = exactly(rows)?;
        let client = clients.first(row::client)?;
        Ok((client, !namesakes.is_empty(), verdict))
    }

    async fn access_token_state(
        &self,
        caller: Option<&ClientId>,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(Option<Client>, TokenState), EdgeError> {
        let claims = &token.payload;
        let (grant, client) = match claims.basis() {
            Basis::Grant(id) => (Some(id.as_str()), None),
            Basis::Client(id) => (None, Some(id)),
        };
        let grants = format!("SELECT {GRANT} FROM grants g WHERE g.grant_id = ?");
        let users = "SELECT u.* FROM grants g JOIN users u ON u.user_id = g.user_id \
                     WHERE g.grant_id = ?";
        let revoked = "SELECT 1 FROM revoked_access_tokens WHERE access_jti IN \
                       (?1, ?2 || ' ' || coalesce(?3, ''), ?2 || ' *') \
                       AND coalesce(issued_until >= ?4, true) UNION ALL SELECT 1 WHERE NOT EXISTS \
                       (SELECT 1 FROM clients WHERE client_id = ?2 AND ended_at IS NULL)";
        let revoked_as = [
            claims.jti.as_str().into(),
            claims.client_id.as_str().into(),
            grant.into(),
            token.issued_at.seconds().into(),
        ];
        let [callers, grants, users, clients, revoked] = self
            .db
            .batch([
                self.client(caller)?,
                self.db.statement(&grants, &[grant.into()])?,
                self.db.statement(users, &[grant.into()])?,
                self.client(client)?,
                self.db.statement(revoked, &revoked_as)?,
            ])
            .await?;
        let state = TokenState {
            client: clients.first(row::client)?,
            access_token_revoked: !revoked.is_empty(),
            ..token_state(&grants, &users)?
        };
        Ok((callers.first(row::client)?, state))
    }

    async fn refresh_token_state(
        &self,
        caller: &ClientId,
        refresh_jti: &JwtId,
    ) -> Result<(Option<Client>, Option<Session>, TokenState), EdgeError> {
        let jti = Value::Text(refresh_jti.as_str());
        let sessions = format!("SELECT {SESSION} FROM sessions s WHERE s.refresh_jti = ?");
        let grants = format!(
            "SELECT {GRANT} FROM sessions s JOIN grants g ON g.grant_id = s.grant_id \
             WHERE s.refresh_jti = ?"
        );
        let users = "SELECT u.* FROM sessions s JOIN grants g ON g.grant_id = s.grant_id \
                     JOIN users u ON u.user_id = g.user_id WHERE s.refresh_jti = ?";
        let [clients, sessions, grants, users] = self
            .db
            .batch([
                self.client(Some(caller))?,
                self.db.statement(&sessions, &[jti])?,
                self.db.statement(&grants, &[jti])?,
                self.db.statement(users, &[jti])?,
            ])
            .await?;
        Ok((
            clients.first(row::client)?,
            sessions.first(row::session)?,
            token_state(&grants, &users)?,
        ))
    }

    async fn revoke_access_token(
        &self,
        token: &Jwt<AccessTokenClaims>,
        at: Timestamp,
    ) -> Result<(), EdgeError> {
        let sql = format!(
            "WITH f AS (SELECT ?2 || ' ' || coalesce(?3, '') AS family) \
             INSERT INTO revoked_access_tokens (access_jti, family, issued_until, expires_at) \
             SELECT iif(alone, ?1, n.family), iif(alone, n.family, NULL), iif(alone, NULL, ?4), ?5 \
             FROM (SELECT f.family, (SELECT count(*) FROM revoked_access_tokens r \
             WHERE r.family = f.family AND expires_at > ?6 AND access_jti <> ?1) < {ALONE} AS alone FROM f) n \
             WHERE true ON CONFLICT (access_jti) DO UPDATE SET \
             issued_until = max(issued_until, excluded.issued_until), \
             expires_at = max(expires_at, excluded.expires_at) \
             WHERE excluded.issued_until > issued_until OR excluded.expires_at > expires_at"
        );
        let claims = &token.payload;
        let values = [
            claims.jti.as_str().into(),
            claims.client_id.as_str().into(),
            claims.grant_id.as_ref().map(GrantId::as_str).into(),
            token.issued_at.seconds().into(),
            token.expires_at.seconds().into(),
            at.seconds().into(),
        ];
        self.db
            .batch([self.db.statement(&sql, &values)?])
            .await
            .map(drop)
    }
}

/// The columns of a new grant, and what the first of them is: given in the transaction that makes the
/// grant, and so nobody else's.
pub(super) const NEW_GRANT: &str = "status_index, grant_id, browser_id, user_id, client_id, scope, \
     audience, auth_time, details, created_at, expires_at";
pub(super) const NEXT_STATUS_INDEX: &str =
    "(SELECT coalesce(max(status_index), 0) + 1 FROM grants)";

impl D1Store {
    pub(super) fn client(&self, id: Option<&ClientId>) -> Result<Statement, EdgeError> {
        let sql =
            format!("SELECT {CLIENT} FROM clients c WHERE c.client_id = ? AND c.ended_at IS NULL");
        self.db.statement(&sql, &[id.map(ClientId::as_str).into()])
    }

    /// Runs what consumes a code and what creates the grant, and creates the first generation if that did.
    pub(super) async fn begin(
        &self,
        mut batch: Vec<Statement>,
        redemption: &Redemption,
    ) -> Result<Option<StatusIndex>, EdgeError> {
        let session = &redemption.session;
        batch.push(self.first_session(session)?);
        if let Some(offer) = &redemption.access_token {
            batch.push(self.access_token_of(&session.refresh_jti, offer)?);
        }
        let rows = self.db.batch_of(batch).await?;
        let created = rows.get(1).map(|created| created.first(row::status_index));
        Ok(created.transpose()?.flatten())
    }

    /// Creates the first generation of a grant, if that was created.
    fn first_session(&self, session: &Session) -> Result<Statement, EdgeError> {
        let sql = "INSERT INTO sessions (refresh_jti, grant_id, access_jti, generation, \
                   issued_at, expires_at, last_expires_at) \
                   SELECT ?, grant_id, ?, 1, created_at, ?, ? \
                   FROM grants WHERE grant_id = ? ON CONFLICT DO NOTHING";
        let values = [
            session.refresh_jti.as_str().into(),
            session.access_jti.as_str().into(),
            session.expires_at.seconds().into(),
            session.expires_at.seconds().into(),
            session.grant_id.as_str().into(),
        ];
        self.db.statement(sql, &values)
    }

    /// Spends the presented generation, only if everything about the request is as it must be. The
    /// secret is compared by its SHA-256, so the time this takes says nothing about the secret.
    fn mark_refreshed(&self, rotation: &Rotation<'_>) -> Result<Statement, EdgeError> {
        let sql = "UPDATE sessions SET status = 'refreshed', refreshed_at = ?, successor = ? \
                   WHERE refresh_jti = ? AND status = 'active' AND expires_at > ? AND EXISTS \
                   (SELECT 1 FROM grants g JOIN clients c ON c.client_id = g.client_id \
                   WHERE g.grant_id = sessions.grant_id AND g.status = 'active' \
                   AND g.expires_at > ? AND c.client_id = ? AND c.auth_method = ? \
                   AND (c.secret_hash IS ? OR (c.previous_secret_hash = ? \
                   AND c.previous_secret_expires_at > ?)) \
                   AND ' ' || c.grant_types || ' ' LIKE '% refresh_token %' \
                   AND (c.refresh_behaviour = 'rotate' OR (c.auth_method = 'none' \
                   AND g.details ->> 'jkt' IS NULL)) \
                   AND CASE WHEN g.details ->> 'jkt' IS NOT NULL THEN g.details ->> 'jkt' = ? \
                   WHEN ? IS NULL THEN c.settings ->> 'dpop_bound_access_tokens' IS NOT 1 \
                   ELSE c.auth_method <> 'none' END) \
                   AND NOT EXISTS (SELECT 1 FROM used_once WHERE id_hash = ? \
                   AND NOT (purpose <> '' AND purpose = ? AND used_at >= ?))";
        let used = rotation.proof.as_ref();
        let jkt = rotation.key().map(Thumbprint::as_str).into();
        let proof = used.map(|used| used.proof.id.to_base64url());
        let since = used.map_or(Value::Null, |used| used.again_since.seconds().into());
        let at = Value::Integer(rotation.at.seconds());
        let secret = rotation
            .credentials
            .secret_hash()
            .map(SecretHash::to_base64url);
        self.db.statement(
            sql,
            &[
                at,
                rotation.next.refresh_jti.as_str().into(),
                rotation.presented.as_str().into(),
                at,
                at,
                rotation.credentials.client_id().as_str().into(),
                rotation.credentials.method().into(),
                secret.as_deref().into(),
                secret.as_deref().into(),
                at,
                jkt,
                jkt,
                proof.as_deref().into(),
                used.map(|used| used.purpose.as_str()).into(),
                since,
            ],
        )
    }

    /// Creates the next generation, only if [`Self::mark_refreshed`] named it as successor.
    fn insert_next(&self, rotation: &Rotation<'_>) -> Result<Statement, EdgeError> {
        let sql = "INSERT INTO sessions (refresh_jti, grant_id, access_jti, generation, issued_at, \
                   expires_at, last_expires_at) SELECT n.refresh_jti, n.grant_id, ?, n.generation, ?, \
                   n.expires_at, max(n.expires_at, n.last_expires_at) FROM \
                   (SELECT s.successor AS refresh_jti, s.grant_id, s.generation + 1 AS generation, \
                   min(g.expires_at, coalesce(? + (c.settings ->> 'refresh_token_lifetime'), ?)) \
                   AS expires_at, s.last_expires_at FROM sessions s \
                   JOIN grants g ON g.grant_id = s.grant_id \
                   JOIN clients c ON c.client_id = g.client_id \
                   WHERE s.refresh_jti = ? AND s.successor = ?) n WHERE true ON CONFLICT DO NOTHING";
        let (next, at) = (&rotation.next, Value::Integer(rotation.at.seconds()));
        self.db.statement(
            sql,
            &[
                next.access_jti.as_str().into(),
                at,
                at,
                next.expires_at.seconds().into(),
                rotation.presented.as_str().into(),
                next.refresh_jti.as_str().into(),
            ],
        )
    }
}

/// The generation of which `first` selects the `refresh_jti`, and those that came after it.
pub(super) fn generations(first: &str) -> String {
    format!(
        "WITH RECURSIVE chain (hop, jti) AS (SELECT 0, {first} UNION ALL \
         SELECT hop + 1, p.successor FROM chain JOIN sessions p ON p.refresh_jti = chain.jti \
         WHERE p.successor IS NOT NULL AND hop < {LONGEST_CHAIN}) \
         SELECT {SESSION} FROM chain JOIN sessions s ON s.refresh_jti = chain.jti ORDER BY hop"
    )
}

pub(super) fn read_presented(
    grants: &Rows,
    sessions: &Rows,
) -> Result<Option<Presented>, EdgeError> {
    let mut sessions = sessions.all(row::session)?.into_iter();
    let (Some(grant), Some(session)) = (grants.first(row::grant)?, sessions.next()) else {
        return Ok(None);
    };
    Ok(Some(Presented {
        grant,
        session,
        successors: sessions.collect(),
    }))
}

pub(super) fn token_state(grants: &Rows, users: &Rows) -> Result<TokenState, EdgeError> {
    Ok(TokenState {
        grant: grants.first(row::grant)?,
        user: users.first(row::user)?,
        ..TokenState::default()
    })
}
