//! `GET, POST /login`: the sign-in page.

use gatepass_core::authorize::state_token::{self, Opened, StateTokenError};
use gatepass_core::discovery::path;
use gatepass_core::id::SignInId;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::store::ConsentStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http};
use worker::{Method, Request, Response};

use super::sign_in::Typed;
use super::{asked, binding, is_from_our_page, login_for_page, parameters, signed_in_as};
use crate::app::App;
use crate::page::{self, Login, Problem};

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.page(app),
    };
    if let Some(token) = form.optional("page_token") {
        return login_for_page::answer(&StateToken::new(token), &form, &request, app, now).await;
    }
    let token = StateToken::new(form.optional("state_token").unwrap_or_default());
    let opened = match open(&token, &request, app, now) {
        Ok(opened) => opened,
        Err(error) => return begin_again(error, &token, &request, app, now),
    };
    let earlier = signed_in_as(&request, app).as_ref().map(SignInCookie::id);
    let attempt = Attempt {
        token: &token,
        opened,
        earlier,
        typed: Typed::of(&form, &request, app),
    };
    if request.method() != Method::Post {
        return show(&attempt, "", app, now).await;
    }
    if form.optional("continue").is_some() && is_from_our_page(&request) {
        return go_on(attempt, app, now).await;
    }
    sign_in(attempt, app, now).await
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
    opened: Opened,
    /// Whose cookie the browser has.
    earlier: Option<SignInId>,
    typed: Typed<'a>,
}

/// Goes on with the sign-in that there is, where the user only has to choose who they are.
async fn go_on(attempt: Attempt<'_>, app: &App, now: Timestamp) -> Result<Response, EdgeError> {
    let opened = attempt.opened;
    let (_, visitor) = app
        .store
        .client_and_visitor(&opened.client_id, attempt.earlier.as_ref())
        .await?;
    let chosen = visitor.filter(|visitor| opened.may_be_answered_by(&visitor.sign_in, now));
    match chosen {
        Some(visitor) => answered(opened, &visitor.sign_in.id, app, now),
        None => http::see_other(&at(path::LOGIN, attempt.token)),
    }
}

/// Sends the browser on with the sign-in that answers the request.
fn answered(
    opened: Opened,
    sign_in: &SignInId,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let token = opened.seal_for(sign_in, &app.config.state_token_key, now)?;
    http::see_other(&at(path::CALLBACK, &token))
}

fn at(path: &str, token: &StateToken) -> String {
    format!("{path}?state_token={}", token.expose())
}

async fn sign_in(attempt: Attempt<'_>, app: &App, now: Timestamp) -> Result<Response, EdgeError> {
    let (browser, earlier) = (&attempt.opened.browser, attempt.earlier.as_ref());
    let signed_in = match attempt.typed.sign_in(browser, earlier, app, now).await? {
        Ok(signed_in) => signed_in,
        Err(refusal) => {
            let page = show(&attempt, &refusal.to_string(), app, now).await?;
            return refusal.on(page);
        }
    };
    let response = answered(attempt.opened, &signed_in.id, app, now)?;
    signed_in.set_cookies(&response)?;
    Ok(response)
}

async fn show(
    attempt: &Attempt<'_>,
    error: &str,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let opened = &attempt.opened;
    let (client, visitor) = app
        .store
        .client_and_visitor(&opened.client_id, attempt.earlier.as_ref())
        .await?;
    let Some(client) = client else {
        return refuse(StateTokenError::Unregistered, app);
    };
    let may_go_on = visitor.filter(|visitor| opened.may_be_answered_by(&visitor.sign_in, now));
    let typed = Some(attempt.typed.username).filter(|typed| !typed.is_empty());
    page::login(&Login {
        client_name: &client.name,
        redirect_uri: &opened.redirect_uri,
        state_token: attempt.token.expose(),
        username: typed.or(opened.login_hint()).unwrap_or_default(),
        signed_in_as: may_go_on.as_ref().map_or("", |visitor| &visitor.username),
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
    let can_begin = match error {
        StateTokenError::OtherBrowser if is_bound => {
            state_token::restart(token, &app.config.state_token_key, now).is_some()
        }
        _ => false,
    };
    if can_begin {
        asked::begin_again(token)
    } else {
        refuse(error, app)
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
