//! The client credentials grant (RFC 6749 §4.4): one round trip to D1.

use gatepass_core::client::ClientCredentials;
use gatepass_core::grant::Terms;
use gatepass_core::grant::client_credentials::{self, ClientCredentialsRequest};
use gatepass_core::id::JwtId;
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::access;
use gatepass_edge::random;

use super::Answer;
use crate::app::App;
use crate::issue;

pub(super) async fn issue(
    credentials: &ClientCredentials,
    request: &ClientCredentialsRequest,
    app: &App,
    now: Timestamp,
) -> Answer {
    let loaded = app.store.client_and_namesake(credentials.client_id());
    let (client, is_a_user) = loaded.await?;
    let client = match credentials.authenticate(client, now) {
        Ok(client) => client,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let resources = &app.config.resources;
    let allowed = match client_credentials::decide(&client, is_a_user, request, resources) {
        Ok(allowed) => allowed,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let settings = &client.client().settings;
    let lifetimes = settings.lifetimes(&app.config.lifetimes);
    let terms = Terms {
        issuer: &app.config.issuer,
        lifetimes: &lifetimes,
        now,
    };
    let jti = JwtId::from_random(random::bytes()?);
    let jwt = access::issue_to_client(allowed, jti, terms);
    let algorithms = settings.algorithms(app.config.keys.algorithm);
    let keys = app.keys_for(algorithms).await?;
    let response = issue::access_token(&jwt, algorithms.access_token, &keys, app, now);
    response.await.map(Ok)
}
