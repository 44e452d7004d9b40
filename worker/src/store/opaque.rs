//! Opaque access tokens on D1. What one allows is kept as the claims of a JWT, so whoever looks one up goes
//! on as with a JWT.

use gatepass_core::client::Client;
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::id::{ClientId, JwtId};
use gatepass_core::introspect::TokenState;
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::store::AccessTokenStore;
use gatepass_core::token::access::AccessTokenClaims;
use gatepass_core::token::opaque::Offer;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Row, Statement, Value};

use super::D1Store;
use super::grants::token_state;
use super::row::{self, CLIENT, GRANT};

impl AccessTokenStore for D1Store {
    type Error = EdgeError;

    async fn insert_access_token(
        &self,
        hash: SecretHash,
        token: &Jwt<AccessTokenClaims>,
    ) -> Result<(), EdgeError> {
        let sql = "INSERT INTO opaque_access_tokens (token_hash, claims, issued_at, expires_at) \
                   VALUES (?, ?, ?, ?)";
        let claims = serde_json::to_string(&token.by_name()?.payload)?;
        let values = [
            Value::Text(&hash.to_base64url()),
            Value::Text(&claims),
            token.issued_at.seconds().into(),
            token.expires_at.seconds().into(),
        ];
        let statement = self.db.statement(sql, &values)?;
        self.db.batch([statement]).await.map(drop)
    }

    async fn access_token(
        &self,
        caller: Option<&ClientId>,
        hash: SecretHash,
    ) -> Result<(Option<Client>, Option<LookedUp>), EdgeError> {
        let hash = hash.to_base64url();
        let hash = Value::Text(&hash);
        let found = "FROM opaque_access_tokens t";
        let tokens = format!(
            "SELECT t.* {found} JOIN clients c ON c.client_id = t.claims ->> 'client_id' \
             WHERE t.token_hash = ? AND c.ended_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM revoked_access_tokens r WHERE r.access_jti = c.client_id || ' *' \
             AND r.issued_until >= t.issued_at)"
        );
        let callers = format!(
            "SELECT {CLIENT} FROM clients c WHERE c.ended_at IS NULL AND c.client_id = \
             coalesce(?, (SELECT t.claims ->> 'client_id' {found} WHERE t.token_hash = ?))"
        );
        let grants = format!(
            "SELECT {GRANT} {found} JOIN grants g ON g.grant_id = t.claims ->> 'grant_id' \
             WHERE t.token_hash = ?"
        );
        let users = format!(
            "SELECT u.* {found} JOIN grants g ON g.grant_id = t.claims ->> 'grant_id' \
             JOIN users u ON u.user_id = g.user_id WHERE t.token_hash = ?"
        );
        let clients = format!(
            "SELECT {CLIENT} {found} JOIN clients c ON c.client_id = t.claims ->> 'client_id' \
             WHERE t.token_hash = ? AND t.claims ->> 'grant_id' IS NULL AND c.ended_at IS NULL"
        );
        let [callers, tokens, grants, users, clients] = self
            .db
            .batch([
                self.db
                    .statement(&callers, &[caller.map(ClientId::as_str).into(), hash])?,
                self.db.statement(&tokens, &[hash])?,
                self.db.statement(&grants, &[hash])?,
                self.db.statement(&users, &[hash])?,
                self.db.statement(&clients, &[hash])?,
            ])
            .await?;
        let state = TokenState {
            client: clients.first(row::client)?,
            ..token_state(&grants, &users)?
        };
        let found = tokens.first(token)?.map(|jwt| LookedUp { jwt, state });
        Ok((callers.first(row::client)?, found))
    }

    async fn delete_access_token(&self, hash: SecretHash) -> Result<(), EdgeError> {
        let sql = "DELETE FROM opaque_access_tokens WHERE token_hash = ?";
        let hash = hash.to_base64url();
        let statement = self.db.statement(sql, &[hash.as_str().into()])?;
        self.db.batch([statement]).await.map(drop)
    }
}

impl D1Store {
    /// Keeps the access token of a generation, only if that was created and its client has such tokens.
    pub(super) fn access_token_of(
        &self,
        generation: &JwtId,
        offer: &Offer,
    ) -> Result<Statement, EdgeError> {
        let sql = "INSERT INTO opaque_access_tokens (token_hash, claims, issued_at, expires_at) \
                   SELECT n.token_hash, n.claims, n.issued_at, n.expires_at FROM \
                   (SELECT ? AS token_hash, json_patch(json_patch(json_object('sub', g.user_id, \
                   'aud', g.audience, 'client_id', g.client_id, 'scope', g.scope, \
                   'auth_time', g.auth_time, 'grant_id', g.grant_id), \
                   iif(g.details -> 'authorization_details' IS NULL, '{}', json_object( \
                   'authorization_details', json(g.details -> 'authorization_details')))), ?) \
                   AS claims, \
                   ? AS issued_at, min(g.expires_at, \
                   coalesce(? + (c.settings ->> 'access_token_lifetime'), ?)) AS expires_at \
                   FROM sessions s JOIN grants g ON g.grant_id = s.grant_id \
                   JOIN clients c ON c.client_id = g.client_id WHERE s.refresh_jti = ? \
                   AND c.settings ->> 'access_token_format' = 'opaque') n \
                   WHERE true ON CONFLICT DO NOTHING";
        let own = serde_json::to_string(&offer.own)?;
        let at = Value::Integer(offer.issued_at.seconds());
        self.db.statement(
            sql,
            &[
                offer.hash.to_base64url().as_str().into(),
                own.as_str().into(),
                at,
                at,
                offer.expires_at.seconds().into(),
                generation.as_str().into(),
            ],
        )
    }
}

fn token(row: &Row) -> Result<Jwt<AccessTokenClaims>, EdgeError> {
    Ok(Jwt {
        payload: row.json("opaque_access_tokens.claims")?,
        issued_at: row.time("opaque_access_tokens.issued_at")?,
        expires_at: row.time("opaque_access_tokens.expires_at")?,
    })
}
