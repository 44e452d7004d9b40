//! `GET /oauth/callback`: the sign-in page returns here with the state token.

use gatepass_core::authorize::state_token::StateTokenError;
use gatepass_core::authorize::{Next, decide};
use gatepass_core::discovery::path;
use gatepass_core::form::Form;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::store::AuthorizeStore;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::authorize::refuse;
use super::{login, send_code, signed_in_as};
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
    let (client, sign_in) = app
        .store
        .client_and_sign_in(Some(&opened.client_id), sign_in.as_ref())
        .await?;
    let sign_in = sign_in.filter(|found| opened.is_answered_by(found));
    let authorization = match opened.request(client.as_ref()) {
        Ok(authorization) => authorization,
        Err(error) => return login::refuse(error, app),
    };
    let Some(client) = client else {
        return login::refuse(StateTokenError::Unregistered, app);
    };
    let sent = match decide(&authorization, &client, sign_in, now) {
        Next::Issue(sign_in) => send_code(&authorization, &sign_in, app, now).await?,
        Next::Refuse(refusal) => return refuse(&refusal, app),
        Next::SignIn => None,
    };
    let login = format!("{}?state_token={}", path::LOGIN, token.expose());
    sent.map_or_else(|| http::see_other(&login), Ok)
}
