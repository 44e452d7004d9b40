//! The two ends of an authorization: the request at the provider and the answer at the client.

use gatepass_core::authorize::{Refusal, requesting_client, validate};
use gatepass_core::form::Form;
use gatepass_core::rp::authorization;

use super::text;
use crate::fixture;

/// An authorization request: whatever it says, nothing goes anywhere but to a registered address, and
/// never more scope than the client may have.
pub(super) fn request(data: &[u8]) {
    let Some(query) = text(data) else { return };
    let Ok(form) = Form::parse(query) else { return };
    let client = fixture::demo();
    let _ = requesting_client(&form);
    match validate(&form, Some(&client), &fixture::resources()) {
        Ok(request) => {
            assert!(client.redirect_uris.contains(request.redirect.uri()));
            assert!(request.asks_for().is_subset_of(&client.scope));
        }
        Err(Refusal::Redirect(refusal)) => {
            assert!(client.redirect_uris.contains(refusal.to.redirect.uri()));
        }
        Err(Refusal::Local(_)) => {}
    }
    assert!(validate(&form, None, &fixture::resources()).is_err());
}

/// The answer at the client's redirect URI: read or refused.
pub(super) fn callback(data: &[u8]) {
    let Some(query) = text(data) else { return };
    if let Ok(form) = Form::parse(query) {
        let _ = authorization::parse(&form);
    }
}
