//! `GET, POST /login`: the sign-in page.

use gatepass_core::authorize::SignIn;
use gatepass_core::authorize::state_token::{self, Opened, StateTokenError};
use gatepass_core::discovery::path;
use gatepass_core::grant::AuthenticationMethod;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Method, Request, Response};

use super::{binding, parameters, sign_in_cookie, signed_in_as};
use crate::app::App;
use crate::page::{self, Login, Problem};
use crate::password;

/// The same words for a wrong password and for an unknown user.
const WRONG: &str = "User name and password do not match.";

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.page(app),
    };
    let token = StateToken::new(form.optional("state_token").unwrap_or_default());
    let opened = match open(&token, &request, app, now) {
        Ok(opened) => opened,
        Err(error) => return begin_again(error, &token, &request, app, now),
    };
    if request.method() == Method::Post {
        let earlier = signed_in_as(&request, app);
        let attempt = Attempt {
            token: &token,
            opened: &opened,
            username: form.optional("username").unwrap_or_default(),
            password: form.optional("password").unwrap_or_default(),
        };
        sign_in(&attempt, earlier, app, now).await
    } else {
        let empty = Attempt {
            token: &token,
            opened: &opened,
            username: "",
            password: "",
        };
        show(&empty, "", app).await
    }
}

pub(super) fn open(
    token: &StateToken,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Opened, StateTokenError> {
    let binding = binding(request, app);
    state_token::open(token, binding.as_ref(), &app.config.state_token_key, now)
}

/// What somebody typed, and the request that they would go on with.
struct Attempt<'a> {
    token: &'a StateToken,
    opened: &'a Opened,
    username: &'a str,
    password: &'a str,
}

async fn sign_in(
    attempt: &Attempt<'_>,
    earlier: Option<SignInCookie>,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    if attempt.username.is_empty() || attempt.password.is_empty() {
        return show(attempt, "Enter your user name and your password.", app).await;
    }
    let account = app.store.user_by_name(attempt.username).await?;
    let hash = account.as_ref().map(|account| &account.password_hash);
    let is_right = password::verify(&app.env, attempt.password, hash).await?;
    let Some(account) = account.filter(|_| is_right) else {
        return show(attempt, WRONG, app).await;
    };
    // A new cookie at each sign-in: one planted before is worth nothing.
    let cookie = SignInCookie::from_random(random::bytes()?);
    let lifetime = app.config.sign_in_lifetime;
    let expires_at = now.plus(lifetime);
    let sign_in = SignIn {
        id: cookie.id(),
        browser: attempt.opened.browser.clone(),
        subject: account.user.subject,
        auth_time: now,
        amr: vec![AuthenticationMethod::Password],
        expires_at,
    };
    let earlier = earlier.as_ref().map(SignInCookie::id);
    app.store.insert_sign_in(&sign_in, earlier.as_ref()).await?;
    let location = format!("{}?state_token={}", path::CALLBACK, attempt.token.expose());
    let response = http::see_other(&location)?;
    let cookie = sign_in_cookie(app).set(cookie.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}

async fn show(attempt: &Attempt<'_>, error: &str, app: &App) -> Result<Response, EdgeError> {
    let (client, _) = app
        .store
        .client_and_sign_in(Some(&attempt.opened.client_id), None)
        .await?;
    let Some(client) = client else {
        return refuse(StateTokenError::Unregistered, app);
    };
    page::login(&Login {
        client_name: &client.name,
        redirect_uri: &attempt.opened.redirect_uri,
        state_token: attempt.token.expose(),
        username: attempt.username,
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
    let is_bound = binding(request, app).is_some();
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
