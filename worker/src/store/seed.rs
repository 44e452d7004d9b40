//! Clients and users as the store contract puts them: with every column. Only with the feature
//! `contract`.

use gatepass_core::client::{Client, ClientAuthentication, GrantType};
use gatepass_core::redirect::RedirectUri;
use gatepass_core::userinfo::User;
use gatepass_edge::EdgeError;
use gatepass_testing::contract::Seed;
use serde_json::json;

use super::D1Store;

#[expect(
    clippy::expect_used,
    reason = "only tests seed, and a test fails by panicking"
)]
impl Seed for D1Store {
    async fn put_client(&self, client: &Client) {
        let put = self.upsert_client(client).await;
        put.expect("the client is put");
    }

    async fn put_user(&self, user: &User, password_hash: &str) {
        let put = self.upsert_user(user, password_hash).await;
        put.expect("the user is put");
    }
}

impl D1Store {
    async fn upsert_client(&self, client: &Client) -> Result<(), EdgeError> {
        let sql = "INSERT INTO clients (client_id, name, auth_method, secret_hash, redirect_uris, \
                   post_logout_redirect_uris, origins, scope, grant_types, refresh_behaviour, \
                   is_first_party, may_introspect, settings, created_at) \
                   SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                   value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, \
                   value ->> 11, value -> 12, 0 FROM json_each(?) WHERE true \
                   ON CONFLICT (client_id) DO UPDATE SET name = excluded.name, \
                   auth_method = excluded.auth_method, secret_hash = excluded.secret_hash, \
                   redirect_uris = excluded.redirect_uris, origins = excluded.origins, \
                   post_logout_redirect_uris = excluded.post_logout_redirect_uris, \
                   scope = excluded.scope, grant_types = excluded.grant_types, \
                   refresh_behaviour = excluded.refresh_behaviour, \
                   is_first_party = excluded.is_first_party, \
                   may_introspect = excluded.may_introspect, settings = excluded.settings";
        let row = json!([[
            client.id.as_str(),
            client.name,
            client.authentication.method(),
            secret_hash(client),
            uris(&client.redirect_uris),
            uris(&client.post_logout_redirect_uris),
            client.origins.join(" "),
            client.scope.to_string(),
            list(client.grant_types.iter().copied().map(GrantType::as_str)),
            client.refresh_behaviour.as_str(),
            client.is_first_party,
            client.may_introspect,
            client.settings,
        ]]);
        self.put(sql, &row.to_string()).await
    }

    async fn upsert_user(&self, user: &User, password_hash: &str) -> Result<(), EdgeError> {
        let sql = "INSERT INTO users (user_id, username, password_hash, name, email, \
                   email_verified, created_at) \
                   SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, \
                   value ->> 5, 0 FROM json_each(?) WHERE true \
                   ON CONFLICT (user_id) DO UPDATE SET username = excluded.username, \
                   password_hash = excluded.password_hash, name = excluded.name, \
                   email = excluded.email, email_verified = excluded.email_verified";
        let row = json!([[
            user.subject.as_str(),
            user.username,
            password_hash,
            user.name,
            user.email,
            user.email_verified,
        ]]);
        self.put(sql, &row.to_string()).await
    }

    async fn put(&self, sql: &str, row: &str) -> Result<(), EdgeError> {
        let statement = self.db.statement(sql, &[row.into()])?;
        self.db.batch([statement]).await.map(drop)
    }
}

fn secret_hash(client: &Client) -> Option<String> {
    match client.authentication {
        ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt => None,
        ClientAuthentication::SecretBasic(secrets) | ClientAuthentication::SecretPost(secrets) => {
            Some(secrets.current.to_base64url())
        }
    }
}

fn uris(uris: &[RedirectUri]) -> String {
    list(uris.iter().map(RedirectUri::as_str))
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(" ")
}
