//! What was revoked lately, on D1: found by when it ended, so a list costs as much as there is in it.

use gatepass_core::id::{ClientId, JwtId};
use gatepass_core::status_list::{Family, ListNumber, Revoked, StatusQuery};
use gatepass_core::store::StatusStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::Row;

use super::D1Store;
use super::row;

impl StatusStore for D1Store {
    type Error = EdgeError;

    async fn revoked(&self, query: &StatusQuery) -> Result<Revoked, EdgeError> {
        let (first, end) = (query.list.first(), query.list.end());
        let since = query.since.seconds().into();
        let highest = "SELECT coalesce(max(status_index), 0) AS status_index FROM grants";
        // By the other index it would look at every grant of the list.
        let grants = "SELECT status_index FROM grants INDEXED BY grants_by_end \
                      WHERE status = 'ended' AND ended_at > ? \
                      AND status_index >= ? AND status_index < ?";
        let tokens =
            "SELECT access_jti, issued_until FROM revoked_access_tokens WHERE expires_at > ?";
        let clients = "SELECT client_id FROM clients WHERE ended_at IS NOT NULL AND ended_at > ?";
        let (from, to) = (first.number().into(), end.number().into());
        let [highest, grants, tokens, clients] = self
            .db
            .batch([
                self.db.statement(highest, &[])?,
                self.db.statement(grants, &[since, from, to])?,
                self.db.statement(tokens, &[query.at.seconds().into()])?,
                self.db.statement(clients, &[since])?,
            ])
            .await?;
        let (mut alone, mut families) = (Vec::new(), Vec::new());
        for (name, until) in tokens.all(named)? {
            match (JwtId::parse(&name), until) {
                (_, Some(until)) => families.push((Family::named(&name), until)),
                (Ok(jti), None) => alone.push(jti),
                (Err(_), None) => return Err(EdgeError::Corrupt(NAMED)),
            }
        }
        Ok(Revoked {
            last: ListNumber::last(highest.first(row::status_index)?.unwrap_or_default()),
            grants: grants.all(row::status_index)?,
            tokens: alone,
            families,
            clients: clients.all(|row| row.parse("clients.client_id", ClientId::parse))?,
        })
    }
}

const NAMED: &str = "revoked_access_tokens.access_jti";

/// A token by its `jti`; or a family, and until when what was issued to it is revoked.
fn named(row: &Row) -> Result<(String, Option<Timestamp>), EdgeError> {
    let until = row.optional_time("revoked_access_tokens.issued_until")?;
    Ok((row.text(NAMED)?.to_owned(), until))
}
