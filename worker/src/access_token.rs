//! Access tokens that come back: JWTs, and opaque ones.

use gatepass_core::client::Client;
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::id::ClientId;
use gatepass_core::jose::JwtError;
use gatepass_core::secret::SecretHash;
use gatepass_core::store::{AccessTokenStore, AuthorizeStore, GrantStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access;
use gatepass_core::token::opaque;
use gatepass_edge::EdgeError;

use crate::app::App;
use crate::keys;

/// Whoever asks, or the token's own client if nobody is named, and the token with its state; or why it is
/// none. One round trip to D1, none for what nobody asks about and is no token.
pub async fn look_up(
    token: &str,
    caller: Option<&ClientId>,
    app: &App,
    now: Timestamp,
) -> Result<(Option<Client>, Result<LookedUp, JwtError>), EdgeError> {
    if let Some(hash) = opaque::hash_of(token) {
        return look_up_opaque(hash, caller, app, now).await;
    }
    let jwt = match keys::verify::<access::AccessTokenClaims>(app, access::TYPE, token, now).await?
    {
        Ok(jwt) => jwt,
        Err(error) if caller.is_none() => return Ok((None, Err(error))),
        Err(error) => {
            let (client, _) = app.store.client_and_sign_in(caller, None).await?;
            return Ok((client, Err(error)));
        }
    };
    let caller = caller.unwrap_or(&jwt.payload.client_id);
    let loaded = app.store.access_token_state(Some(caller), &jwt);
    let (client, state) = loaded.await?;
    Ok((client, Ok(LookedUp { jwt, state })))
}

/// The same of a token of which only the hash is known.
pub async fn look_up_opaque(
    hash: SecretHash,
    caller: Option<&ClientId>,
    app: &App,
    now: Timestamp,
) -> Result<(Option<Client>, Result<LookedUp, JwtError>), EdgeError> {
    let (client, found) = app.store.access_token(caller, hash).await?;
    let found = found.ok_or(JwtError::Malformed).and_then(|found| {
        let is_live = found.jwt.expires_at > now;
        is_live.then_some(found).ok_or(JwtError::Expired)
    });
    Ok((client, found))
}
