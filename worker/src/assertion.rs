//! Client assertions (RFC 7523): verified with the client's own key and used once, before anything else
//! is looked at. Two round trips to D1.

use gatepass_core::client::assertion::{self, AssertionClaims, JWT_TYPES};
use gatepass_core::client::{AuthenticationFailure, Client, ClientCredentials};
use gatepass_core::jose::ParsedJwt;
use gatepass_core::jose::method::OURS;
use gatepass_core::store::{AuthorizeStore, OnceStore};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::EdgeError;
use gatepass_edge::verify::VerificationKeys;

use crate::app::App;

/// The keys that a client has registered.
pub async fn keys_of(client: Option<&Client>) -> VerificationKeys {
    let keys = client.and_then(|client| client.settings.jwks.as_ref());
    VerificationKeys::import_for(&OURS, keys.map_or(&[], |keys| &keys.keys)).await
}

/// What a client says of itself, with its assertion verified if it presents one.
///
/// # Errors
///
/// The inner [`AuthenticationFailure`] if the assertion is at fault.
pub async fn prove(
    credentials: ClientCredentials,
    app: &App,
    now: Timestamp,
) -> Result<Result<ClientCredentials, AuthenticationFailure>, EdgeError> {
    app.caller.replace(Some(credentials.client_id().clone()));
    let Some(assertion) = credentials.assertion() else {
        return Ok(Ok(credentials));
    };
    let Ok(jwt) = ParsedJwt::parse_any(&JWT_TYPES, assertion.jwt()) else {
        return Ok(Err(AuthenticationFailure::Assertion(
            "is not a JWT for this",
        )));
    };
    let client_id = Some(credentials.client_id());
    let (client, _) = app.store.client_and_sign_in(client_id, None).await?;
    let keys = keys_of(client.as_ref()).await;
    // A client without keys, an unknown one, a key that cannot verify and a wrong signature are not told apart.
    let Ok(Ok(verified)) = keys
        .verify_parsed::<AssertionClaims>(&jwt, now, Lifetime::NONE)
        .await
    else {
        return Ok(Err(AuthenticationFailure::Refused));
    };
    let checked = match assertion::check(&verified, &credentials, &app.config.issuer, now) {
        Ok(checked) => checked,
        Err(failure) => return Ok(Err(failure)),
    };
    if !app.store.use_once(checked.id, checked.expires_at).await? {
        return Ok(Err(AuthenticationFailure::Assertion(
            "was used before: its jti must be new",
        )));
    }
    Ok(Ok(credentials.proven(&checked)))
}
