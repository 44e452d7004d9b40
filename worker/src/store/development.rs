//! Development data on D1.

use gatepass_edge::EdgeError;

use super::D1Store;

impl D1Store {
    /// Keeps clients, replacing ones of the same id, and users, leaving those there are. Both are JSON
    /// arrays of objects with the columns' names.
    pub async fn upsert_development_data(
        &self,
        clients: &str,
        users: &str,
        now: i64,
    ) -> Result<(), EdgeError> {
        let upsert_clients = "INSERT INTO clients (client_id, name, auth_method, secret_hash, \
            redirect_uris, post_logout_redirect_uris, origins, scope, grant_types, is_first_party, \
            may_introspect, created_at) \
            SELECT value ->> 'client_id', value ->> 'name', value ->> 'auth_method', \
            value ->> 'secret_hash', value ->> 'redirect_uris', \
            value ->> 'post_logout_redirect_uris', value ->> 'origins', value ->> 'scope', \
            value ->> 'grant_types', 1, value ->> 'may_introspect', ? FROM json_each(?) WHERE true \
            ON CONFLICT (client_id) DO UPDATE SET secret_hash = excluded.secret_hash, \
            grant_types = excluded.grant_types, redirect_uris = excluded.redirect_uris, \
            origins = excluded.origins, \
            post_logout_redirect_uris = excluded.post_logout_redirect_uris";
        let insert_users = "INSERT INTO users (user_id, username, password_hash, name, email, \
            email_verified, created_at) \
            SELECT value ->> 'user_id', value ->> 'username', value ->> 'password_hash', \
            value ->> 'name', value ->> 'email', 1, ? FROM json_each(?) WHERE true \
            ON CONFLICT DO NOTHING";
        let statements = [
            self.db
                .statement(upsert_clients, &[now.into(), clients.into()])?,
            self.db
                .statement(insert_users, &[now.into(), users.into()])?,
        ];
        self.db.batch(statements).await.map(drop)
    }
}
