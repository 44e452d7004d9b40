//! `GET, POST /oauth/authorize` (OAuth 2.1 §4.1.1): two round trips to D1 with a live sign-in.

use gatepass_core::authorize::{
    self, AuthorizationRequest, LocalRefusal, Next, Refusal, decide, refusal_location,
    requesting_client, state_token, validate,
};
use gatepass_core::discovery::path;
use gatepass_core::secret::{BrowserBinding, SignInCookie};
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Method, Request, Response};

use super::{BINDING, Unreadable, binding, is_from_our_page, parameters, send_code, signed_in_as};
use crate::app::App;
use crate::page::{self, Problem};

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(Unreadable::Form(error)) => return refuse_locally(&error.into(), app),
        Err(unreadable) => return unreadable.page(app),
    };
    if request.method() == Method::Post && !is_from_our_page(&request) {
        // SameSite=Lax withholds the cookies from a POST of another site, but not from a GET.
        return http::see_other(&format!("{}?{}", path::AUTHORIZE, form.encode()));
    }
    let client_id = match requesting_client(&form) {
        Ok(client_id) => client_id,
        Err(refusal) => return refuse_locally(&refusal, app),
    };
    let sign_in = signed_in_as(&request, app).as_ref().map(SignInCookie::id);
    let (client, sign_in) = app
        .store
        .client_and_sign_in(Some(&client_id), sign_in.as_ref())
        .await?;
    let authorization = match validate(&form, client.as_ref(), &app.config.resources) {
        Ok(authorization) => authorization,
        Err(Refusal::Local(refusal)) => return refuse_locally(&refusal, app),
        Err(Refusal::Redirect(refusal)) => return refuse(&refusal, app),
    };
    let Some(client) = client else {
        return refuse_locally(&LocalRefusal::UnknownClient, app);
    };
    match decide(&authorization, &client, sign_in, now) {
        Next::Issue(sign_in) => match send_code(&authorization, &sign_in, app, now).await? {
            Some(response) => Ok(response),
            None => show_login(&authorization, &request, app, now),
        },
        Next::Refuse(refusal) => refuse(&refusal, app),
        Next::SignIn => show_login(&authorization, &request, app, now),
    }
}

/// Sends the browser to the sign-in page with a state token that only this browser can use.
fn show_login(
    authorization: &AuthorizationRequest,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    // A browser keeps its binding, so that sign-ins begun in two tabs both come to their end.
    let binding = match binding(request, app) {
        Some(binding) => binding,
        None => BrowserBinding::from_random(random::bytes()?),
    };
    let token = state_token::seal(authorization, &binding, &app.config.state_token_key, now)?;
    let response = http::see_other(&format!("{}?state_token={}", path::LOGIN, token.expose()))?;
    let cookie = BINDING.set(binding.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}

/// Shows what is wrong; the request names nobody who could be told.
fn refuse_locally(refusal: &LocalRefusal, app: &App) -> Result<Response, EdgeError> {
    let message = format!("The app that sent you here made a mistake: {refusal}.");
    let problem = Problem {
        title: "This sign-in cannot begin",
        message: &message,
        help: "Go back to the app and try again. If it stays like this, tell whoever runs the app.",
        code: "invalid_request",
        status: 400,
    };
    page::error(&problem, &app.request_id)
}

/// Tells the client what is wrong.
pub(super) fn refuse(
    refusal: &authorize::RedirectRefusal,
    app: &App,
) -> Result<Response, EdgeError> {
    http::see_other(&refusal_location(refusal, &app.config.issuer))
}
