//! Clients that register by themselves, on D1.

use gatepass_core::client::registration::Registration;
use gatepass_core::client::{Client, ClientAuthentication, GrantType};
use gatepass_core::grant::EndReason;
use gatepass_core::id::ClientId;
use gatepass_core::redirect::RedirectUri;
use gatepass_core::secret::SecretHash;
use gatepass_core::store::RegistrationStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;

use super::D1Store;
use super::row::{self, CLIENT};

impl RegistrationStore for D1Store {
    type Error = EdgeError;

    async fn insert_registration(&self, registration: &Registration) -> Result<(), EdgeError> {
        let client = &registration.client;
        let secret = match client.authentication {
            ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt => None,
            ClientAuthentication::SecretBasic(secrets)
            | ClientAuthentication::SecretPost(secrets) => Some(secrets.current.to_base64url()),
        };
        let insert = "INSERT INTO clients (client_id, name, auth_method, secret_hash, redirect_uris, \
                      post_logout_redirect_uris, origins, scope, grant_types, refresh_behaviour, \
                      settings, registration_token_hash, created_at) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let lists = Lists::of(client)?;
        let token = registration.token.to_base64url();
        let values = [
            client.id.as_str().into(),
            client.name.as_str().into(),
            client.authentication.method().into(),
            secret.as_deref().into(),
            lists.redirect_uris.as_str().into(),
            lists.post_logout_redirect_uris.as_str().into(),
            lists.origins.as_str().into(),
            lists.scope.as_str().into(),
            lists.grant_types.as_str().into(),
            client.refresh_behaviour.as_str().into(),
            lists.settings.as_str().into(),
            token.as_str().into(),
            registration.issued_at.seconds().into(),
        ];
        let statement = self.db.statement(insert, &values)?;
        self.db.batch([statement]).await.map(drop)
    }

    async fn registration(&self, client: &ClientId) -> Result<Option<Registration>, EdgeError> {
        let sql = format!(
            "SELECT {CLIENT}, c.registration_token_hash, c.created_at FROM clients c \
             WHERE c.client_id = ? AND c.ended_at IS NULL AND c.registration_token_hash IS NOT NULL"
        );
        let statement = self.db.statement(&sql, &[client.as_str().into()])?;
        let [rows] = self.db.batch([statement]).await?;
        rows.first(row::registration)
    }

    async fn update_registration(&self, client: &Client) -> Result<(), EdgeError> {
        let update = "UPDATE clients SET name = ?, redirect_uris = ?, post_logout_redirect_uris = ?, \
                      origins = ?, scope = ?, grant_types = ?, settings = ? \
                      WHERE client_id = ? AND ended_at IS NULL";
        let lists = Lists::of(client)?;
        let values = [
            client.name.as_str().into(),
            lists.redirect_uris.as_str().into(),
            lists.post_logout_redirect_uris.as_str().into(),
            lists.origins.as_str().into(),
            lists.scope.as_str().into(),
            lists.grant_types.as_str().into(),
            lists.settings.as_str().into(),
            client.id.as_str().into(),
        ];
        let statement = self.db.statement(update, &values)?;
        self.db.batch([statement]).await.map(drop)
    }

    async fn rotate_secret(
        &self,
        client: &ClientId,
        secret: SecretHash,
        until: Timestamp,
        retried: Timestamp,
    ) -> Result<(), EdgeError> {
        let sql = "UPDATE clients SET previous_secret_hash = \
                   iif(previous_secret_expires_at > ?, previous_secret_hash, secret_hash), \
                   previous_secret_expires_at = ?, secret_hash = ? \
                   WHERE client_id = ? AND ended_at IS NULL AND secret_hash IS NOT NULL";
        let secret = secret.to_base64url();
        let values = [
            retried.seconds().into(),
            until.seconds().into(),
            secret.as_str().into(),
            client.as_str().into(),
        ];
        let statement = self.db.statement(sql, &values)?;
        self.db.batch([statement]).await.map(drop)
    }

    async fn end_registration(&self, client: &ClientId, at: Timestamp) -> Result<(), EdgeError> {
        let id = client.as_str().into();
        let end_client = "UPDATE clients SET ended_at = ? WHERE client_id = ? AND ended_at IS NULL";
        let end_grants = "UPDATE grants SET status = 'ended', end_reason = ?, ended_at = ? \
                          WHERE client_id = ? AND status = 'active'";
        let at = at.seconds().into();
        let reason = EndReason::ClientRemoved.as_str().into();
        let statements = [
            self.db.statement(end_client, &[at, id])?,
            self.db.statement(end_grants, &[reason, at, id])?,
        ];
        self.db.batch(statements).await.map(drop)
    }
}

/// What the table holds as text.
struct Lists {
    redirect_uris: String,
    post_logout_redirect_uris: String,
    origins: String,
    scope: String,
    grant_types: String,
    settings: String,
}

impl Lists {
    fn of(client: &Client) -> Result<Self, EdgeError> {
        let uris = |uris: &[RedirectUri]| {
            let texts: Vec<_> = uris.iter().map(RedirectUri::as_str).collect();
            texts.join(" ")
        };
        let grant_types: Vec<_> = client
            .grant_types
            .iter()
            .copied()
            .map(GrantType::as_str)
            .collect();
        Ok(Self {
            redirect_uris: uris(&client.redirect_uris),
            post_logout_redirect_uris: uris(&client.post_logout_redirect_uris),
            origins: client.origins.join(" "),
            scope: client.scope.to_string(),
            grant_types: grant_types.join(" "),
            settings: serde_json::to_string(&client.settings)?,
        })
    }
}
