//! `GET, POST /device`: the page on which a user allows a device (RFC 8628 §3.3).
//!
//! Nothing is looked up without a sign-in, and wrong codes are counted against it. A link from elsewhere
//! fills in the code and no more. Who answers has been asked: the confirmation in the form says so.

use gatepass_core::audit::Event;
use gatepass_core::authorize::page_token::Page;
use gatepass_core::discovery::path;
use gatepass_core::form::{self, Form};
use gatepass_core::grant::device::{
    self, Confirmation, Decision, LookupRefusal, Settled, UserCode,
};
use gatepass_core::secret::{PresentedToken, SignInCookie};
use gatepass_core::store::{AuthorizeStore, DeviceStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock};
use worker::{Method, Request, Response};

use super::{is_from_nowhere_else, is_from_our_page, login_for_page, parameters, signed_in_as};
use crate::app::App;
use crate::audit::Entry;
use crate::page::device as page;

/// The confirmation is too old, or of another sign-in.
const TOO_OLD: &str = "This page was open for too long. Type the code once more.";

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.page(app),
    };
    let is_ours = request.method() == Method::Post && is_from_our_page(&request);
    if is_ours && let Some(confirmation) = form.optional("confirmation") {
        let confirmation = PresentedToken::new(confirmation);
        return decide(&confirmation, &form, &request, app, now).await;
    }
    if is_ours && form.optional("again").is_some() {
        return login_for_page::visit(here(None), &request, app, now);
    }
    match form.optional("user_code") {
        Some(typed) if is_from_nowhere_else(&request) => look_up(typed, &request, app, now).await,
        typed => page::enter(typed.unwrap_or_default(), ""),
    }
}

/// This page, with a code if there is one.
fn here(user_code: Option<&UserCode>) -> Page {
    let query = user_code.map(|code| {
        let code = code.to_string();
        format!("?{}", form::encode([("user_code", code.as_str())]))
    });
    Page {
        path: format!("{}{}", path::DEVICE, query.unwrap_or_default()),
        name: "connect a device".to_owned(),
    }
}

async fn look_up(
    typed: &str,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let Ok(code) = UserCode::parse(typed) else {
        return page::enter(typed, page::WRONG);
    };
    let Some(cookie) = signed_in_as(request, app) else {
        return login_for_page::visit(here(Some(&code)), request, app, now);
    };
    let hash = code.hash(&app.config.device_keys.user_code);
    let found = app.store.look_up_user_code(hash, &cookie.id(), now).await?;
    let asked = match device::ask(found, now) {
        Ok(asked) => asked,
        Err(LookupRefusal::SignInFirst) => {
            return login_for_page::visit(here(Some(&code)), request, app, now);
        }
        Err(LookupRefusal::TooMany) => return page::too_many(),
        Err(LookupRefusal::Unknown) => return page::enter(typed, page::WRONG),
    };
    let confirmation = Confirmation {
        user_code: asked.record.user_code,
        sign_in: asked.sign_in.id,
    };
    page::confirm(&page::Confirm {
        client_name: &asked.client.name,
        user_code: &code.to_string(),
        username: &asked.username,
        confirmation: &confirmation.seal(&app.config.device_keys.confirmation, now)?,
        scope: &asked.record.scope,
    })
}

async fn decide(
    confirmation: &PresentedToken,
    form: &Form,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let sign_in = signed_in_as(request, app).as_ref().map(SignInCookie::id);
    let (_, sign_in) = app.store.client_and_sign_in(None, sign_in.as_ref()).await?;
    let Some(sign_in) = sign_in.filter(|sign_in| sign_in.expires_at > now) else {
        return page::enter("", TOO_OLD);
    };
    let key = &app.config.device_keys.confirmation;
    let opened = Confirmation::open(confirmation, &sign_in.id, key, now);
    let (Ok(confirmation), Some(decision)) = (opened, Decision::parse(form)) else {
        return page::enter("", TOO_OLD);
    };
    let answer = device::answer(confirmation, decision, &sign_in, now);
    app.note_if_done(&Entry {
        user: Some(&sign_in.subject),
        ..Entry::of(match decision {
            Decision::Allow => Event::DeviceAllowed,
            Decision::Deny => Event::DeviceDenied,
        })
    });
    let status = app.store.answer_device(&answer).await?;
    page::settled(Settled::of(status.as_ref(), &sign_in.subject))
}
