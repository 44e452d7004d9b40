//! Cross-origin requests: the headers that let a web page of another origin read an answer.

use worker::{Headers, Response};

use crate::EdgeError;

/// What a web page of another origin may do at an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// `Access-Control-Allow-Methods`.
    pub methods: &'static str,
    /// `Access-Control-Allow-Headers`.
    pub headers: &'static str,
}

/// The response headers that a page may read: why it was refused, with which nonce it may try again
/// (RFC 9449 §8), and when to come back.
const EXPOSED: &str =
    "WWW-Authenticate, DPoP-Nonce, ETag, Link, Retry-After, Date, Server-Timing, X-Request-Id";

/// Lets `origin` read the response. Never with credentials: cookies are of no use to these
/// endpoints.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the origin is not a header value.
pub fn allow(headers: &Headers, origin: &str) -> Result<(), EdgeError> {
    headers.set("Access-Control-Allow-Origin", origin)?;
    headers.append("Vary", "Origin")?;
    headers.set("Access-Control-Expose-Headers", EXPOSED)?;
    Ok(())
}

/// Answers `OPTIONS`: which methods there are, and to a page that may read the answers also what it
/// may send.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn preflight(policy: Policy, may_read: bool) -> Result<Response, EdgeError> {
    let response = Response::empty()?
        .with_status(204)
        .with_headers(Headers::new());
    let headers = response.headers();
    headers.set("Allow", policy.methods)?;
    if may_read {
        headers.set("Access-Control-Allow-Methods", policy.methods)?;
        headers.set("Access-Control-Allow-Headers", policy.headers)?;
        headers.set("Access-Control-Max-Age", "7200")?;
    }
    Ok(response)
}
