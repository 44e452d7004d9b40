//! The client credentials grant (RFC 6749 §4.4): one round trip to D1.

use gatepass_core::grant::client_credentials::{self, ClientCredentialsRequest};
use gatepass_core::store::GrantStore;
use gatepass_core::token::access;

use super::{Answer, Asking};
use crate::app::App;
use crate::issue;

pub(super) async fn issue(
    asking: Asking<'_>,
    request: &ClientCredentialsRequest,
    app: &App,
) -> Answer {
    let (proof, client_id) = (asking.proof_once(), asking.credentials.client_id());
    let loaded = app.store.client_and_namesake(client_id, proof.as_ref());
    let (client, is_a_user, verdict) = loaded.await?;
    let client = match asking.authenticate(client, verdict) {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let resources = &app.config.resources;
    let key = asking.key();
    issue::alone(client.client(), key, app, asking.now, |jti, terms| {
        let allowed = client_credentials::decide(&client, is_a_user, request, resources, key)?;
        Ok(access::issue_to_client(allowed, jti, terms))
    })
    .await
}
