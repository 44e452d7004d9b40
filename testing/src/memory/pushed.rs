//! Pushed authorization requests in memory.

use std::convert::Infallible;

use gatepass_core::authorize::Visitor;
use gatepass_core::authorize::pushed::{Claim, PushedRequest};
use gatepass_core::client::Client;
use gatepass_core::id::{BrowserId, SignInId};
use gatepass_core::store::{ConsentStore, PushedRequestStore};
use gatepass_core::time::Timestamp;

use super::MemoryStore;

/// A request, and the browser that claimed it.
#[derive(Debug)]
pub(super) struct Pushed {
    request: PushedRequest,
    browser: Option<BrowserId>,
}

impl Pushed {
    pub(super) fn has_expired(&self, at: Timestamp) -> bool {
        self.request.expires_at <= at
    }

    fn is_for(&self, claim: Claim<'_>) -> bool {
        let browser = self.browser.as_ref();
        self.request.client_id == *claim.client
            && self.request.expires_at > claim.at
            && (browser.is_none() || browser == claim.browser)
    }
}

impl PushedRequestStore for MemoryStore {
    type Error = Infallible;

    async fn insert_pushed_request(&self, request: &PushedRequest) -> Result<(), Infallible> {
        let pushed = Pushed {
            request: request.clone(),
            browser: None,
        };
        let key = request.reference.to_base64url();
        self.0.borrow_mut().pushed.insert(key, pushed);
        Ok(())
    }

    async fn claim_pushed_request(
        &self,
        claim: Claim<'_>,
        sign_in: Option<&SignInId>,
    ) -> Result<(Option<Client>, Option<Visitor>, Option<PushedRequest>), Infallible> {
        let claimed = {
            let mut tables = self.0.borrow_mut();
            let found = tables.pushed.get_mut(&claim.reference.to_base64url());
            found.filter(|pushed| pushed.is_for(claim)).map(|pushed| {
                pushed.browser = claim.browser.cloned();
                pushed.request.clone()
            })
        };
        let (client, visitor) = self.client_and_visitor(claim.client, sign_in).await?;
        Ok((client, visitor, claimed))
    }
}
