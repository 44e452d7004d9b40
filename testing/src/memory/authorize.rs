//! Signing in and out, and codes, in memory.

use std::convert::Infallible;

use gatepass_core::authorize::SignIn;
use gatepass_core::client::Client;
use gatepass_core::dpop::{ProofUse, ProofVerdict};
use gatepass_core::grant::code::{CodeRecord, CodeStatus};
use gatepass_core::grant::{EndReason, GrantStatus};
use gatepass_core::id::{BrowserId, ClientId, SignInId, Subject};
use gatepass_core::logout::back_channel::Departure;
use gatepass_core::secret::PasswordHash;
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_core::userinfo::{Account, User};

use super::{MemoryStore, Tables};

impl AuthorizeStore for MemoryStore {
    type Error = Infallible;

    async fn client_and_sign_in(
        &self,
        client: Option<&ClientId>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<SignIn>), Infallible> {
        let tables = self.0.borrow();
        let sign_in = sign_in.and_then(|id| tables.sign_ins.get(id)).cloned();
        Ok((client.and_then(|id| tables.client(id)), sign_in))
    }

    async fn client_and_account(
        &self,
        client: &ClientId,
        username: &str,
        proof: Option<&ProofUse<'_>>,
    ) -> Result<(Option<Client>, Option<Account>, ProofVerdict), Infallible> {
        let account = self.user_by_name(username).await?;
        let mut tables = self.0.borrow_mut();
        let verdict = tables.use_proof(proof);
        Ok((tables.client(client), account, verdict))
    }

    async fn insert_code(&self, code: &CodeRecord) -> Result<bool, Infallible> {
        let mut tables = self.0.borrow_mut();
        let mut sign_ins = tables.sign_ins.values();
        let signed_in = sign_ins.any(|found| found.browser == code.browser);
        if signed_in {
            let key = code.hash.to_base64url();
            tables.codes.insert(key, code.clone());
        }
        Ok(signed_in)
    }

    async fn user_by_name(&self, username: &str) -> Result<Option<Account>, Infallible> {
        let tables = self.0.borrow();
        let mut users = tables.users.values();
        let found = users.find(|(user, _)| user.username == username);
        Ok(found.map(|(user, password_hash)| Account {
            user: user.clone(),
            password_hash: PasswordHash::new(password_hash),
        }))
    }

    async fn user(&self, subject: &Subject) -> Result<Option<User>, Infallible> {
        let tables = self.0.borrow();
        Ok(tables.users.get(subject).map(|(user, _)| user.clone()))
    }

    async fn insert_sign_in(
        &self,
        sign_in: &SignIn,
        earlier: Option<&SignInId>,
    ) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        let mut sign_in = sign_in.clone();
        if let Some(earlier) = earlier.and_then(|id| tables.sign_ins.get_mut(id)) {
            sign_in.browser = earlier.browser.clone();
            earlier.expires_at = earlier.expires_at.min(sign_in.auth_time);
        }
        tables.sign_ins.insert(sign_in.id.clone(), sign_in);
        Ok(())
    }

    async fn sign_out(
        &self,
        browser: &BrowserId,
        at: Timestamp,
    ) -> Result<Vec<Departure>, Infallible> {
        let tables = &mut *self.0.borrow_mut();
        let departures = departures(tables, browser);
        tables
            .sign_ins
            .retain(|_, sign_in| sign_in.browser != *browser);
        let spent = |code: &CodeRecord| code.status != CodeStatus::Unused;
        tables
            .codes
            .retain(|_, code| code.browser != *browser || spent(code));
        tables.end_where(|grant| grant.browser == *browser, EndReason::SignedOut, at);
        Ok(departures)
    }
}

fn departures(tables: &Tables, browser: &BrowserId) -> Vec<Departure> {
    let mut departures = Vec::new();
    for grant in tables.grants.values() {
        let signed_out = GrantStatus::Ended(EndReason::SignedOut);
        if grant.browser != *browser || grant.status == signed_out {
            continue;
        }
        let Some(client) = tables.clients.get(&grant.client_id) else {
            continue;
        };
        let departure = client.settings.departure(&grant.client_id, &grant.subject);
        departures.extend(departure.filter(|departure| !departures.contains(departure)));
    }
    departures
}
