//! Development data on D1.

use gatepass_edge::EdgeError;

use super::D1Store;

impl D1Store {
    /// Keeps the clients of the JSON text `data`, replacing ones of the same id, and its users, leaving those
    /// there are. `{site}` becomes `site`; the secret that a client names is looked up in the JSON object
    /// `hashes`.
    pub async fn upsert_development_data(
        &self,
        data: &str,
        site: &str,
        hashes: &str,
        now: i64,
    ) -> Result<(), EdgeError> {
        let upsert_clients = "INSERT INTO clients (client_id, name, auth_method, secret_hash, \
            redirect_uris, post_logout_redirect_uris, origins, scope, grant_types, is_first_party, \
            may_introspect, settings, created_at) \
            SELECT value ->> 'client_id', value ->> 'name', \
            iif(value ->> 'secret' IS NULL, 'none', 'client_secret_basic'), \
            ?1 ->> (value ->> 'secret'), coalesce(value ->> 'redirect_uris', ''), \
            coalesce(value ->> 'post_logout_redirect_uris', ''), coalesce(value ->> 'origins', ''), \
            coalesce(value ->> 'scope', ''), coalesce(value ->> 'grant_types', ''), 1, \
            coalesce(value ->> 'may_introspect', 0), coalesce(value -> 'settings', '{}'), ?2 \
            FROM json_each(replace(?3, '{site}', ?4), '$.clients') WHERE true \
            ON CONFLICT (client_id) DO UPDATE SET secret_hash = excluded.secret_hash, \
            grant_types = excluded.grant_types, redirect_uris = excluded.redirect_uris, \
            origins = excluded.origins, settings = json_patch(settings, excluded.settings), \
            post_logout_redirect_uris = excluded.post_logout_redirect_uris";
        let insert_users = "INSERT INTO users (user_id, username, password_hash, name, email, \
            email_verified, created_at) \
            SELECT value ->> 'user_id', value ->> 'username', value ->> 'password_hash', \
            value ->> 'name', value ->> 'email', 1, ? FROM json_each(?, '$.users') WHERE true \
            ON CONFLICT DO NOTHING";
        let statements = [
            self.db.statement(
                upsert_clients,
                &[hashes.into(), now.into(), data.into(), site.into()],
            )?,
            self.db
                .statement(insert_users, &[now.into(), data.into()])?,
        ];
        self.db.batch(statements).await.map(drop)
    }
}
