//! Token exchange (RFC 8693): one round trip to D1, one more with an actor token, and with a DPoP proof.

use gatepass_core::client::Client;
use gatepass_core::dpop::check_key;
use gatepass_core::grant::token_exchange::{self, LookedUp, Offered, TokenExchangeRequest};
use gatepass_core::id::ClientId;
use gatepass_core::secret::PresentedToken;
use gatepass_core::store::{AuthorizeStore, GrantStore, OnceStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::{TokenResponse, access};
use gatepass_edge::EdgeError;

use super::{Answer, Asking};
use crate::app::App;
use crate::{issue, keys};

pub(super) async fn exchange(
    asking: Asking<'_>,
    request: &TokenExchangeRequest,
    app: &App,
) -> Answer {
    let Asking {
        credentials, now, ..
    } = asking;
    let caller = Some(credentials.client_id());
    let (client, subject) = look_up(&request.subject_token, caller, app, now).await?;
    let client = match credentials.authenticate(client, now) {
        Ok(client) => client,
        Err(failure) => return Ok(Err(failure.into())),
    };
    if let Some(used) = asking.proof_once()
        && let Err(refusal) = app.store.use_proof(&used).await?.check()
    {
        return Ok(Err(refusal.into()));
    }
    if let Err(refusal) = check_key(None, client.client(), asking.key()) {
        return Ok(Err(refusal.into()));
    }
    let actor = match &request.actor_token {
        Some(token) => look_up(token, None, app, now).await?.1,
        None => None,
    };
    let offered = Offered { subject, actor };
    let resources = &app.config.resources;
    let key = asking.key();
    let issued = issue::alone(client.client(), key, app, now, |jti, terms| {
        let fresh = (jti, terms);
        Ok(token_exchange::decide(
            &client, request, offered, resources, fresh,
        )?)
    });
    let issued_token_type = Some(request.issued_token_type);
    Ok(issued.await?.map(|response| TokenResponse {
        issued_token_type,
        ..response
    }))
}

/// What the store knows of a token, if it is an access token of this provider; and who asks.
async fn look_up(
    token: &PresentedToken,
    caller: Option<&ClientId>,
    app: &App,
    now: Timestamp,
) -> Result<(Option<Client>, Option<LookedUp>), EdgeError> {
    let Ok(jwt) = keys::verify(app, access::TYPE, token.expose(), now).await? else {
        let (client, _) = app.store.client_and_sign_in(caller, None).await?;
        return Ok((client, None));
    };
    let claims: &access::AccessTokenClaims = &jwt.payload;
    let loaded = app
        .store
        .access_token_state(caller, claims.basis(), &claims.jti);
    let (client, state) = loaded.await?;
    Ok((client, Some(LookedUp { jwt, state })))
}
