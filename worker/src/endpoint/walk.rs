//! The walk of an authorization request from page to page (OIDC Core §3.1.2): what was decided about it
//! is done here, wherever it comes from.

use gatepass_core::audit::Event;
use gatepass_core::authorize::{
    AuthorizationRequest, Consent, Next, Permission, RedirectRefusal, Reply, SignIn, Visitor,
    decide, refusal_reply, state_token, success_reply, token_reply,
};
use gatepass_core::client::Client;
use gatepass_core::discovery::path;
use gatepass_core::grant::code;
use gatepass_core::secret::{AuthorizationCode, BrowserBinding};
use gatepass_core::store::{AuthorizeStore, ConsentStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, http, random};
use worker::{Request, Response};

use super::token::redeem_at_once;
use super::{BINDING, binding};
use crate::app::App;
use crate::audit::Entry;
use crate::page;

/// A request, and who asks whom.
pub(super) struct Walk {
    pub(super) authorization: AuthorizationRequest,
    pub(super) client: Client,
    pub(super) visitor: Option<Visitor>,
}

/// Goes on with a request: to the sign-in page, to the consent page, or back to the client.
pub(super) async fn go_on(
    walk: Walk,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let authorization = &walk.authorization;
    match decide(authorization, &walk.client, walk.visitor, now) {
        Next::AskConsent(sign_in) => show_consent(authorization, &sign_in, request, app, now),
        Next::Issue(permission) => {
            let asked = (authorization, &walk.client);
            let sent = send_answer(asked, &permission, None, app, now).await?;
            sent.map_or_else(|| show_login(authorization, request, app, now), Ok)
        }
        Next::Refuse(refusal) => refuse(&refusal, app),
        Next::SignIn => show_login(authorization, request, app, now),
    }
}

/// Issues a code, keeps the answer that allowed it, if there was one, and sends the browser to the client
/// with it, or with what it buys at once; `None` if the browser has just been signed out.
pub(super) async fn send_answer(
    (authorization, client): (&AuthorizationRequest, &Client),
    permission: &Permission,
    answer: Option<&Consent>,
    app: &App,
    now: Timestamp,
) -> Result<Option<Response>, EdgeError> {
    let code = AuthorizationCode::from_random(random::bytes()?);
    let record = code::issue(authorization, permission, &code, &app.config.lifetimes, now);
    let kept = match answer {
        Some(answer) => {
            app.note_if_done(&Entry {
                user: Some(&record.subject),
                client: Some(&record.client_id),
                ..Entry::of(Event::ConsentGiven)
            });
            app.store
                .insert_code_and_consent(&record, answer, now)
                .await?
        }
        None => app.store.insert_code(&record).await?,
    };
    if !kept {
        return Ok(None);
    }
    let issuer = &app.config.issuer;
    if authorization.challenge.is_some() {
        return send(&success_reply(authorization, &code, issuer)).map(Some);
    }
    match redeem_at_once(record, client, app, now)?.await? {
        Some(tokens) => send(&token_reply(authorization, &tokens, issuer)).map(Some),
        None => Ok(None),
    }
}

/// Tells the client what is wrong.
pub(super) fn refuse(refusal: &RedirectRefusal, app: &App) -> Result<Response, EdgeError> {
    send(&refusal_reply(refusal, &app.config.issuer))
}

/// Sends the browser to the client, or shows it the form that takes the answer there.
fn send(reply: &Reply) -> Result<Response, EdgeError> {
    match reply.form() {
        Some((uri, fields)) => page::form_post(uri, fields),
        None => http::see_other(&reply.location()),
    }
}

/// Sends the browser to the sign-in page with a state token that only this browser can use.
pub(super) fn show_login(
    authorization: &AuthorizationRequest,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let binding = binding_or_new(request, app)?;
    let token = state_token::seal(authorization, &binding, &app.config.state_token_key, now)?;
    show(path::LOGIN, token.expose(), &binding, app)
}

/// Sends the browser to the consent page with a state token that only this sign-in can use.
fn show_consent(
    authorization: &AuthorizationRequest,
    sign_in: &SignIn,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let (binding, key) = (binding_or_new(request, app)?, &app.config.state_token_key);
    let token = state_token::seal_for(sign_in, authorization, &binding, key, now)?;
    show(path::CONSENT, token.expose(), &binding, app)
}

/// A browser keeps its binding, so that sign-ins begun in two tabs both come to their end.
pub(super) fn binding_or_new(request: &Request, app: &App) -> Result<BrowserBinding, EdgeError> {
    match binding(request, app) {
        Some(binding) => Ok(binding),
        None => Ok(BrowserBinding::from_random(random::bytes()?)),
    }
}

fn show(
    page: &str,
    token: &str,
    binding: &BrowserBinding,
    app: &App,
) -> Result<Response, EdgeError> {
    let response = http::see_other(&format!("{page}?state_token={token}"))?;
    let cookie = BINDING.set(binding.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}
