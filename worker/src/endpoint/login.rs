//! `GET, POST /login`: the sign-in page.

use gatepass_core::authorize::SignIn;
use gatepass_core::authorize::state_token::{self, Opened, StateTokenError};
use gatepass_core::discovery::path;
use gatepass_core::form::Form;
use gatepass_core::secret::{BrowserBinding, SignInCookie, StateToken};
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Method, Request, Response};

use super::{BINDING, parameters, read_cookie, sign_in_cookie, signed_in_as};
use crate::app::App;
use crate::page::{self, Login, Problem};
use crate::password;

/// The same words for a wrong password and for an unknown user.
const WRONG: &str = "User name and password do not match.";

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form.unwrap_or_default(),
        Err(refusal) => return page::refuse_body(refusal, app),
    };
    let token = StateToken::new(form.optional("state_token").unwrap_or_default());
    let opened = match open(&token, &request, app, now) {
        Ok(opened) => opened,
        Err(error) => return begin_again(error, &token, &request, app, now),
    };
    if request.method() == Method::Post {
        let earlier = signed_in_as(&request, app);
        sign_in(&form, (&token, &opened), earlier, app, now).await
    } else {
        show(&token, &opened, ("", ""), app).await
    }
}

pub(super) fn open(
    token: &StateToken,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Opened, StateTokenError> {
    let binding = read_cookie(BINDING, request, app).map(BrowserBinding::new);
    state_token::open(token, binding.as_ref(), &app.config.state_token_key, now)
}

async fn sign_in(
    form: &Form,
    (token, opened): (&StateToken, &Opened),
    earlier: Option<SignInCookie>,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let username = form.optional("username").unwrap_or_default();
    let password = form.optional("password").unwrap_or_default();
    if username.is_empty() || password.is_empty() {
        let error = "Enter your user name and your password.";
        return show(token, opened, (username, error), app).await;
    }
    let user = app.store.user_by_name(username).await?;
    let hash = user.as_ref().map(|(_, hash)| hash.as_str());
    let is_right = password::verify(&app.env, password, hash).await?;
    let Some((user, _)) = user.filter(|_| is_right) else {
        return show(token, opened, (username, WRONG), app).await;
    };
    // A new cookie at each sign-in: one planted before is worth nothing.
    let cookie = SignInCookie::from_random(random::bytes()?);
    let lifetime = app.config.sign_in_lifetime;
    let expires_at = now.plus(lifetime);
    let sign_in = SignIn {
        id: cookie.id(),
        browser: opened.browser.clone(),
        subject: user.subject,
        auth_time: now,
        expires_at,
    };
    let earlier = earlier.as_ref().map(SignInCookie::id);
    app.store.insert_sign_in(&sign_in, earlier.as_ref()).await?;
    let location = format!("{}?state_token={}", path::CALLBACK, token.expose());
    let response = http::see_other(&location)?;
    let cookie = sign_in_cookie(app).set(cookie.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}

async fn show(
    token: &StateToken,
    opened: &Opened,
    (username, error): (&str, &str),
    app: &App,
) -> Result<Response, EdgeError> {
    let (client, _) = app
        .store
        .client_and_sign_in(Some(&opened.client_id), None)
        .await?;
    let Some(client) = client else {
        return refuse(StateTokenError::Unregistered, app);
    };
    page::login(&Login {
        client_name: &client.name,
        redirect_uri: &opened.redirect_uri,
        state_token: token.expose(),
        username,
        error,
    })
}

/// A state token that does not open. Another binding may have been set since, by a sign-in begun in
/// another tab at the same moment: then this one begins again by itself. Without any binding it would
/// begin again for ever.
pub(super) fn begin_again(
    error: StateTokenError,
    token: &StateToken,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let is_bound = read_cookie(BINDING, request, app).is_some();
    let query = match error {
        StateTokenError::OtherBrowser if is_bound => {
            state_token::restart(token, &app.config.state_token_key, now)
        }
        _ => None,
    };
    match query {
        Some(query) => http::see_other(&format!("{}?{query}", path::AUTHORIZE)),
        None => refuse(error, app),
    }
}

/// Says why a state token does not open: too old, another browser's, or none at all.
pub(super) fn refuse(error: StateTokenError, app: &App) -> Result<Response, EdgeError> {
    let message = format!("The sign-in cannot go on: {error}.");
    let problem = Problem {
        title: "Please begin again",
        message: &message,
        help: "Go back to the app and choose Sign in once more. Nothing is lost.",
        code: "invalid_state_token",
        status: 400,
    };
    page::error(&problem, &app.request_id)
}
