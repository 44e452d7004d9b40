//! Forgetting, on D1: a round is one batch. It moves a window over each table, by its key, and deletes
//! in it what is over. No index is needed for that, so no other request writes one.

use gatepass_core::clean_up::{Forgotten, Over, ROWS};
use gatepass_core::store::CleanUpStore;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::Statement;

use super::D1Store;

/// A table, and its key.
struct Table {
    name: &'static str,
    key: &'static str,
}

const CLIENTS: Table = Table::new("clients", "client_id");
const CODES: Table = Table::new("codes", "code_hash");
const DEVICE_CODES: Table = Table::new("device_codes", "device_code_hash");
const GRANTS: Table = Table::new("grants", "grant_id");
const OPAQUE_ACCESS_TOKENS: Table = Table::new("opaque_access_tokens", "token_hash");
const PUSHED_REQUESTS: Table = Table::new("pushed_requests", "reference_hash");
const REVOKED_ACCESS_TOKENS: Table = Table::new("revoked_access_tokens", "access_jti");
const SESSIONS: Table = Table::new("sessions", "refresh_jti");
const SIGN_INS: Table = Table::new("sign_ins", "sign_in_id");
const USED_ONCE: Table = Table::new("used_once", "id_hash");

impl CleanUpStore for D1Store {
    type Error = EdgeError;

    async fn clean_up(&self, over: &Over) -> Result<Forgotten, EdgeError> {
        let expired = over.expired.seconds().into();
        let access_token = over.access_token.seconds().into();
        let delete = |sql: String| self.db.statement(&sql, &[expired]);
        let abandoned = self
            .db
            .statement(&abandoned_grants(), &[access_token, expired])?;
        let batch = [
            self.move_window(&CLIENTS)?,
            self.move_window(&CODES)?,
            self.move_window(&DEVICE_CODES)?,
            self.move_window(&GRANTS)?,
            self.move_window(&OPAQUE_ACCESS_TOKENS)?,
            self.move_window(&PUSHED_REQUESTS)?,
            self.move_window(&REVOKED_ACCESS_TOKENS)?,
            self.move_window(&SESSIONS)?,
            self.move_window(&SIGN_INS)?,
            self.move_window(&USED_ONCE)?,
            // What goes with a grant comes after it.
            abandoned,
            delete(GRANTS.delete_where(EXPIRED))?,
            delete(SESSIONS.delete_where(SESSION_IS_OVER))?,
            delete(CODES.delete_where(CODE_IS_OVER))?,
            delete(DEVICE_CODES.delete_where(EXPIRED))?,
            delete(CLIENTS.delete_where(CLIENT_IS_OVER))?,
            delete(SIGN_INS.delete_where(EXPIRED))?,
            delete(REVOKED_ACCESS_TOKENS.delete_where(EXPIRED))?,
            delete(USED_ONCE.delete_where(EXPIRED))?,
            delete(PUSHED_REQUESTS.delete_where(EXPIRED))?,
            delete(OPAQUE_ACCESS_TOKENS.delete_where(EXPIRED))?,
        ];
        let [
            ..,
            abandoned,
            expired,
            sessions,
            codes,
            devices,
            clients,
            sign_ins,
            revoked,
            used,
            pushed,
            opaque,
        ] = self.db.batch(batch).await?;
        Ok(Forgotten {
            // Rows that came back: a client's consents go with it, and D1 counts those changes, too.
            clients: clients.count(),
            codes: codes.changes(),
            device_codes: devices.changes(),
            grants: abandoned.changes() + expired.changes(),
            opaque_access_tokens: opaque.changes(),
            pushed_requests: pushed.changes(),
            revoked_access_tokens: revoked.changes(),
            sessions: sessions.changes(),
            sign_ins: sign_ins.changes(),
            used_once: used.changes(),
        })
    }
}

impl D1Store {
    fn move_window(&self, table: &Table) -> Result<Statement, EdgeError> {
        let Table { name, key } = table;
        let last = ROWS - 1;
        let sql = format!(
            "UPDATE clean_up_windows SET after = coalesce(upto, ''), \
             upto = (SELECT {key} FROM {name} WHERE {key} > coalesce(clean_up_windows.upto, '') \
             ORDER BY {key} LIMIT 1 OFFSET {last}) WHERE table_name = '{name}'"
        );
        self.db.statement(&sql, &[])
    }
}

impl Table {
    const fn new(name: &'static str, key: &'static str) -> Self {
        Self { name, key }
    }

    fn delete_where(&self, is_over: &str) -> String {
        format!(
            "DELETE FROM {} WHERE {} AND {is_over}",
            self.name,
            self.window()
        )
    }

    /// Whether a row is in the window. A BLOB sorts after every text.
    fn window(&self) -> String {
        let Self { name, key } = self;
        format!(
            "{name}.{key} > (SELECT after FROM clean_up_windows WHERE table_name = '{name}') \
             AND {name}.{key} <= (SELECT coalesce(upto, x'') FROM clean_up_windows \
             WHERE table_name = '{name}')"
        )
    }
}

/// Deletes the grants whose newest generation is in the window, if no token of theirs lives any more.
fn abandoned_grants() -> String {
    let window = SESSIONS.window();
    format!(
        "DELETE FROM grants WHERE grant_id IN (SELECT sessions.grant_id FROM sessions \
         CROSS JOIN grants g ON g.grant_id = sessions.grant_id \
         CROSS JOIN clients c ON c.client_id = g.client_id \
         WHERE {window} AND sessions.status = 'active' AND sessions.last_expires_at \
         + coalesce(c.settings ->> 'access_token_lifetime', ?) <= ?)"
    )
}

const EXPIRED: &str = "expires_at <= ?";

const SESSION_IS_OVER: &str = "expires_at <= ? AND (status = 'refreshed' OR NOT EXISTS \
     (SELECT 1 FROM grants g WHERE g.grant_id = sessions.grant_id))";

const CODE_IS_OVER: &str = "CASE WHEN redeemed_at IS NULL THEN expires_at <= ? ELSE NOT EXISTS \
     (SELECT 1 FROM grants g WHERE g.grant_id = codes.grant_id) END";

const CLIENT_IS_OVER: &str = "ended_at <= ? AND NOT EXISTS \
     (SELECT 1 FROM grants g WHERE g.client_id = clients.client_id) RETURNING client_id";
