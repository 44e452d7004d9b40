//! What users let clients do, on D1.

use gatepass_core::authorize::{Consent, Visitor};
use gatepass_core::client::Client;
use gatepass_core::grant::EndReason;
use gatepass_core::grant::code::CodeRecord;
use gatepass_core::id::{ClientId, SignInId, Subject};
use gatepass_core::store::ConsentStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;
use gatepass_edge::d1::Statement;
use serde_json::Map;

use super::D1Store;
use super::row::{self, DETAILS};

impl ConsentStore for D1Store {
    type Error = EdgeError;

    async fn client_and_visitor(
        &self,
        client: &ClientId,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>), EdgeError> {
        let statements = [self.client(Some(client))?, self.visitor(client, sign_in)?];
        let [clients, visitors] = self.db.batch(statements).await?;
        Ok((clients.first(row::client)?, visitors.first(row::visitor)?))
    }

    async fn insert_code_and_consent(
        &self,
        code: &CodeRecord,
        answer: &Consent,
        at: Timestamp,
    ) -> Result<bool, EdgeError> {
        let upsert = "INSERT INTO consents (user_id, client_id, scopes, created_at, updated_at) \
                      SELECT ?, ?, ?, ?, ? \
                      WHERE EXISTS (SELECT 1 FROM sign_ins WHERE browser_id = ?) \
                      ON CONFLICT (user_id, client_id) DO UPDATE SET \
                      scopes = json_patch(scopes, excluded.scopes), updated_at = excluded.updated_at";
        let (scopes, at) = (scopes(answer)?, at.seconds().into());
        let values = [
            code.subject.as_str().into(),
            code.client_id.as_str().into(),
            scopes.as_str().into(),
            at,
            at,
            code.browser.as_str().into(),
        ];
        let statements = [
            self.insert_code_statement(code)?,
            self.db.statement(upsert, &values)?,
        ];
        let [inserted, _] = self.db.batch(statements).await?;
        Ok(!inserted.is_empty())
    }

    async fn withdraw_consent(
        &self,
        user: &Subject,
        client: &ClientId,
        at: Timestamp,
    ) -> Result<(), EdgeError> {
        let forget = "DELETE FROM consents WHERE user_id = ? AND client_id = ?";
        let forget_codes = "DELETE FROM codes WHERE user_id = ? AND client_id = ? \
                            AND redeemed_at IS NULL";
        let end_grants = "UPDATE grants SET status = 'ended', end_reason = ?, ended_at = ? \
                          WHERE user_id = ? AND client_id = ? AND status = 'active'";
        let (user, client) = (user.as_str().into(), client.as_str().into());
        let reason = EndReason::ConsentWithdrawn.as_str().into();
        let ended = [reason, at.seconds().into(), user, client];
        let statements = [
            self.db.statement(forget, &[user, client])?,
            self.db.statement(forget_codes, &[user, client])?,
            self.db.statement(end_grants, &ended)?,
        ];
        self.db.batch(statements).await.map(drop)
    }
}

/// An answer as the table has it: each scope, and whether it is allowed; and the details, all of which
/// are.
fn scopes(answer: &Consent) -> Result<String, EdgeError> {
    let allowed = answer.allowed.iter().map(|token| (token, true));
    let declined = answer.declined.iter().map(|token| (token, false));
    let mut scopes = Map::new();
    for (token, answer) in allowed.chain(declined) {
        scopes.insert(token.to_owned(), answer.into());
    }
    if !answer.details.is_empty() {
        scopes.insert(DETAILS.to_owned(), serde_json::to_value(&answer.details)?);
    }
    Ok(serde_json::to_string(&scopes)?)
}

impl D1Store {
    /// Who is signed in with a cookie, and what they have answered about the client.
    pub(super) fn visitor(
        &self,
        client: &ClientId,
        sign_in: Option<&SignInId>,
    ) -> Result<Statement, EdgeError> {
        let sql = "SELECT s.sign_in_id, s.browser_id, s.user_id, s.auth_time, s.amr, \
                   s.expires_at, u.username, a.scopes FROM sign_ins s \
                   JOIN users u ON u.user_id = s.user_id \
                   LEFT JOIN consents a ON a.user_id = s.user_id AND a.client_id = ? \
                   WHERE s.sign_in_id = ?";
        let values = [client.as_str().into(), sign_in.map(SignInId::as_str).into()];
        self.db.statement(sql, &values)
    }
}
