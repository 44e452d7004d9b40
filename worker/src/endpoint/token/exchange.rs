//! Token exchange (RFC 8693): one round trip to D1, one more with an actor token, and with a DPoP proof.

use gatepass_core::dpop::check_key;
use gatepass_core::grant::token_exchange::{self, Offered, TokenExchangeRequest};
use gatepass_core::store::OnceStore;
use gatepass_core::token::TokenResponse;

use super::{Answer, Asking};
use crate::app::App;
use crate::{access_token, issue};

pub(super) async fn exchange(
    asking: Asking<'_>,
    request: &TokenExchangeRequest,
    app: &App,
) -> Answer {
    let Asking {
        credentials, now, ..
    } = asking;
    let caller = Some(credentials.client_id());
    let offered = request.subject_token.expose();
    let (client, subject) = access_token::look_up(offered, caller, app, now).await?;
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
        Some(token) => access_token::look_up(token.expose(), None, app, now)
            .await?
            .1
            .ok(),
        None => None,
    };
    let offered = Offered {
        subject: subject.ok(),
        actor,
    };
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
