//! The client credentials grant (RFC 6749 §4.4): one round trip to D1.

use gatepass_core::client::ClientCredentials;
use gatepass_core::grant::client_credentials::{self, ClientCredentialsRequest};
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::access;

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
    issue::alone(client.client(), app, now, |jti, terms| {
        let allowed = client_credentials::decide(&client, is_a_user, request, resources)?;
        Ok(access::issue_to_client(allowed, jti, terms))
    })
    .await
}
