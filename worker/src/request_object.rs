//! Requests that their client has signed (RFC 9101): what the object says takes the place of everything
//! beside it.

use gatepass_core::authorize::object::{self, JWT_TYPES, NOT_ONE, NOT_SIGNED, ObjectProblem};
use gatepass_core::client::Client;
use gatepass_core::form::Form;
use gatepass_core::jose::ParsedJwt;
use gatepass_core::time::Timestamp;
use gatepass_edge::EdgeError;

use crate::app::App;
use crate::assertion;

/// The request in the object `text`, if it is `client`'s.
///
/// # Errors
///
/// The inner [`ObjectProblem`] if the object is at fault.
pub async fn read(
    text: &str,
    client: &Client,
    app: &App,
    now: Timestamp,
) -> Result<Result<Form, ObjectProblem>, EdgeError> {
    let Ok(jwt) = ParsedJwt::parse_any(&JWT_TYPES, text) else {
        return Ok(Err(NOT_ONE));
    };
    if !object::may_be_signed_so(&jwt, client) {
        return Ok(Err(NOT_SIGNED));
    }
    let keys = assertion::keys_of(Some(client)).await;
    // A key that cannot verify has signed nothing.
    let is_signed = keys.have_signed(&jwt).await.unwrap_or(false);
    Ok(match jwt.verified_claims(is_signed) {
        Ok(claims) => object::read(&claims, client, &app.config.issuer, now),
        Err(_) => Err(NOT_SIGNED),
    })
}
