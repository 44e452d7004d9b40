//! Clients, users and sign-ins on D1.

use gatepass_core::authorize::SignIn;
use gatepass_core::client::Client;
use gatepass_core::dpop::{ProofUse, ProofVerdict};
use gatepass_core::grant::EndReason;
use gatepass_core::grant::code::CodeRecord;
use gatepass_core::id::{BrowserId, ClientId, Nonce, SignInId, Subject};
use gatepass_core::logout::back_channel::Departure;
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_core::userinfo::{Account, User};
use gatepass_edge::EdgeError;
use gatepass_edge::d1::{Statement, exactly};

use super::D1Store;
use super::row::{self, CLIENT, SIGN_IN};

impl AuthorizeStore for D1Store {
    type Error = EdgeError;

    async fn client_and_sign_in(
        &self,
        client: Option<&ClientId>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<SignIn>), EdgeError> {
        let clients =
            format!("SELECT {CLIENT} FROM clients c WHERE c.client_id = ? AND c.ended_at IS NULL");
        let sign_ins = format!("SELECT {SIGN_IN} FROM sign_ins WHERE sign_in_id = ?");
        let [clients, sign_ins] = self
            .db
            .batch([
                self.db
                    .statement(&clients, &[client.map(ClientId::as_str).into()])?,
                self.db
                    .statement(&sign_ins, &[sign_in.map(SignInId::as_str).into()])?,
            ])
            .await?;
        Ok((clients.first(row::client)?, sign_ins.first(row::sign_in)?))
    }

    async fn client_and_account(
        &self,
        client: &ClientId,
        username: &str,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<Account>, ProofVerdict), EdgeError> {
        let statements = vec![self.client(Some(client))?, self.account(username)?];
        let (rows, verdict) = self.batch_with_proof(statements, proof).await?;
        let [clients, accounts] = exactly(rows)?;
        Ok((
            clients.first(row::client)?,
            accounts.first(row::account)?,
            verdict,
        ))
    }

    async fn insert_code(&self, code: &CodeRecord) -> Result<bool, EdgeError> {
        let statement = self.insert_code_statement(code)?;
        let [inserted] = self.db.batch([statement]).await?;
        Ok(!inserted.is_empty())
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<Account>, EdgeError> {
        let [rows] = self.db.batch([self.account(username)?]).await?;
        rows.first(row::account)
    }

    async fn user(&self, subject: &Subject) -> Result<Option<User>, EdgeError> {
        let sql =
            "SELECT user_id, username, name, email, email_verified FROM users WHERE user_id = ?";
        let statement = self.db.statement(sql, &[subject.as_str().into()])?;
        let [rows] = self.db.batch([statement]).await?;
        rows.first(row::user)
    }

    async fn insert_sign_in(
        &self,
        sign_in: &SignIn,
        earlier: Option<&SignInId>,
    ) -> Result<(), EdgeError> {
        let insert = "INSERT INTO sign_ins (sign_in_id, browser_id, user_id, auth_time, amr, expires_at) \
                      SELECT ?, coalesce((SELECT browser_id FROM sign_ins WHERE sign_in_id = ?), ?), \
                      ?, ?, ?, ?";
        let end_earlier =
            "UPDATE sign_ins SET expires_at = min(expires_at, ?) WHERE sign_in_id = ?";
        let amr = sign_in.amr.iter().map(|method| method.as_str());
        let amr = amr.collect::<Vec<_>>().join(" ");
        let earlier = earlier.map(SignInId::as_str).into();
        let since = sign_in.auth_time.seconds().into();
        let values = [
            sign_in.id.as_str().into(),
            earlier,
            sign_in.browser.as_str().into(),
            sign_in.subject.as_str().into(),
            since,
            amr.as_str().into(),
            sign_in.expires_at.seconds().into(),
        ];
        let statements = [
            self.db.statement(insert, &values)?,
            self.db.statement(end_earlier, &[since, earlier])?,
        ];
        self.db.batch(statements).await.map(drop)
    }

    async fn sign_out(
        &self,
        browser: &BrowserId,
        at: Timestamp,
    ) -> Result<Vec<Departure>, EdgeError> {
        let told = "SELECT g.client_id, g.user_id, c.settings FROM grants g \
                    JOIN clients c ON c.client_id = g.client_id \
                    WHERE g.browser_id = ? AND (g.status = 'active' OR g.end_reason <> ?) \
                    AND c.settings ->> 'backchannel_logout_uri' IS NOT NULL AND c.ended_at IS NULL";
        let end_grants = "UPDATE grants SET status = 'ended', end_reason = ?, ended_at = ? \
                          WHERE browser_id = ? AND status = 'active'";
        let forget_codes = "DELETE FROM codes WHERE user_id IN \
                            (SELECT user_id FROM sign_ins WHERE browser_id = ?) \
                            AND browser_id = ? AND redeemed_at IS NULL";
        let forget_sign_ins = "DELETE FROM sign_ins WHERE browser_id = ?";
        let browser = browser.as_str().into();
        let reason = EndReason::SignedOut.as_str().into();
        let ended = [reason, at.seconds().into(), browser];
        let statements = [
            self.db.statement(told, &[browser, reason])?,
            self.db.statement(end_grants, &ended)?,
            self.db.statement(forget_codes, &[browser, browser])?,
            self.db.statement(forget_sign_ins, &[browser])?,
        ];
        let [told, _, _, _] = self.db.batch(statements).await?;
        let mut departures = Vec::new();
        for departure in told.all(row::departure)?.into_iter().flatten() {
            if !departures.contains(&departure) {
                departures.push(departure);
            }
        }
        Ok(departures)
    }
}

impl D1Store {
    fn account(&self, username: &str) -> Result<Statement, EdgeError> {
        let sql = "SELECT user_id, username, password_hash, name, email, email_verified \
                   FROM users WHERE username = ?";
        self.db.statement(sql, &[username.into()])
    }

    /// Keeps a code, only for a browser that is signed in.
    pub(super) fn insert_code_statement(&self, code: &CodeRecord) -> Result<Statement, EdgeError> {
        let sql = "INSERT INTO codes (code_hash, client_id, redirect_uri, browser_id, user_id, \
                   auth_time, details, scope, audience, nonce, challenge, expires_at) \
                   SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
                   WHERE EXISTS (SELECT 1 FROM sign_ins WHERE browser_id = ?) RETURNING code_hash";
        let browser = code.browser.as_str().into();
        self.db.statement(
            sql,
            &[
                code.hash.to_base64url().as_str().into(),
                code.client_id.as_str().into(),
                code.redirect_uri.as_str().into(),
                browser,
                code.subject.as_str().into(),
                code.auth_time.seconds().into(),
                serde_json::to_string(&code.details)?.as_str().into(),
                code.scope.to_string().as_str().into(),
                code.audience.as_str().into(),
                code.nonce.as_ref().map(Nonce::as_str).into(),
                code.challenge.to_base64url().as_str().into(),
                code.expires_at.seconds().into(),
                browser,
            ],
        )
    }
}
