//! Where the provider's endpoints are (RFC 8414), cached for the isolate.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::id::Issuer;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::{EdgeError, fetch};
use serde::Deserialize;

const CACHED_FOR: Lifetime = Lifetime::from_minutes(10);

/// What the guard needs of the provider's metadata.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) introspection_endpoint: String,
    pub(super) jwks_uri: String,
}

thread_local! {
    static METADATA: RefCell<Option<(Timestamp, Rc<Metadata>)>> = const { RefCell::new(None) };
}

/// The metadata of `issuer`.
pub(super) async fn metadata(issuer: &Issuer, now: Timestamp) -> Result<Rc<Metadata>, EdgeError> {
    let cached = METADATA.with_borrow(Clone::clone);
    let fresh = cached.filter(|(read_at, metadata)| {
        read_at.is_within(CACHED_FOR, now) && metadata.issuer == issuer.as_str()
    });
    if let Some((_, metadata)) = fresh {
        return Ok(metadata);
    }
    let url = format!("{issuer}/.well-known/oauth-authorization-server");
    let metadata: Metadata = fetch::json(&url).await?;
    if metadata.issuer != issuer.as_str() {
        // RFC 8414 §3.3
        return Err(EdgeError::Upstream(format!("{url}: names another issuer")));
    }
    let metadata = Rc::new(metadata);
    METADATA.set(Some((now, Rc::clone(&metadata))));
    Ok(metadata)
}
