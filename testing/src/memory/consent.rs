//! What users let clients do, in memory.

use std::convert::Infallible;

use gatepass_core::authorize::{Consent, Visitor};
use gatepass_core::client::Client;
use gatepass_core::grant::code::{CodeRecord, CodeStatus};
use gatepass_core::grant::{EndReason, Grant};
use gatepass_core::id::{ClientId, SignInId, Subject};
use gatepass_core::store::{AuthorizeStore, ConsentStore};
use gatepass_core::time::Timestamp;

use super::MemoryStore;

impl ConsentStore for MemoryStore {
    type Error = Infallible;

    async fn client_and_visitor(
        &self,
        client: &ClientId,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>), Infallible> {
        let tables = self.0.borrow();
        let visitor = sign_in
            .and_then(|id| tables.sign_ins.get(id))
            .and_then(|sign_in| {
                let (user, _) = tables.users.get(&sign_in.subject)?;
                let key = (sign_in.subject.clone(), client.clone());
                Some(Visitor {
                    sign_in: sign_in.clone(),
                    username: user.username.clone(),
                    consent: tables.consents.get(&key).cloned(),
                })
            });
        Ok((tables.client(client), visitor))
    }

    async fn insert_code_and_consent(
        &self,
        code: &CodeRecord,
        answer: &Consent,
        _at: Timestamp,
    ) -> Result<bool, Infallible> {
        let inserted = self.insert_code(code).await?;
        if inserted {
            let key = (code.subject.clone(), code.client_id.clone());
            let mut tables = self.0.borrow_mut();
            let consent = tables.consents.entry(key).or_default();
            *consent = consent.then(answer);
        }
        Ok(inserted)
    }

    async fn withdraw_consent(
        &self,
        user: &Subject,
        client: &ClientId,
        at: Timestamp,
    ) -> Result<(), Infallible> {
        let mut tables = self.0.borrow_mut();
        tables.consents.remove(&(user.clone(), client.clone()));
        tables.codes.retain(|_, code| {
            let theirs = code.subject == *user && code.client_id == *client;
            !theirs || code.status != CodeStatus::Unused
        });
        let theirs = |grant: &Grant| grant.subject == *user && grant.client_id == *client;
        tables.end_where(theirs, EndReason::ConsentWithdrawn, at);
        Ok(())
    }
}
