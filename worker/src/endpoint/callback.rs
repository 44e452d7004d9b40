//! `GET /oauth/callback`: the pages return here with the state token.

use gatepass_core::authorize::state_token::StateTokenError;
use gatepass_core::form::Form;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::store::ConsentStore;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::walk::{self, Walk};
use super::{login, signed_in_as};
use crate::app::App;

pub async fn answer(request: &Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = Form::parse(&http::query(request)).unwrap_or_default();
    let token = StateToken::new(form.optional("state_token").unwrap_or_default());
    let opened = match login::open(&token, request, app, now) {
        Ok(opened) => opened,
        Err(error) => return login::begin_again(error, &token, request, app, now),
    };
    let cookie = signed_in_as(request, app);
    let sign_in = cookie.as_ref().map(SignInCookie::id);
    let (client, visitor) = app
        .store
        .client_and_visitor(&opened.client_id, sign_in.as_ref())
        .await?;
    let authorization = match opened.request(client.as_ref()) {
        Ok(authorization) => authorization,
        Err(error) => return login::refuse(error, app),
    };
    let Some(client) = client else {
        return login::refuse(StateTokenError::Unregistered, app);
    };
    let walk = Walk {
        authorization,
        client,
        visitor,
    };
    walk::go_on(walk, request, app, now).await
}
