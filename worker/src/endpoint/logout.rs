//! `GET, POST /oauth/logout` (OIDC RP-Initiated Logout).
//!
//! A link anywhere on the web may lead here, so the user is asked, unless an ID token that this
//! provider issued to the client for the user who is signed in says who asks. Only our own page answers
//! the question: a POST from any other is taken for the request itself, and sent back as a GET so that
//! the browser adds the sign-in cookie (SameSite=Lax withholds it from such a POST).

use gatepass_core::audit::Event;
use gatepass_core::client::Client;
use gatepass_core::discovery::path;
use gatepass_core::form::Form;
use gatepass_core::logout::LogoutRequest;
use gatepass_core::secret::{BrowserBinding, SignInCookie};
use gatepass_core::store::AuthorizeStore;
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Method, Request, Response};

use super::{BINDING, id_token_hint, is_from_our_page, parameters, sign_in_cookie, signed_in_as};
use crate::app::App;
use crate::audit::Entry;
use crate::{back_channel, page};

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let form = match parameters(&mut request).await? {
        Ok(form) => form,
        Err(unreadable) => return unreadable.page(app),
    };
    let hint = match form.optional("id_token_hint") {
        Some(hint) => id_token_hint(hint, app).await?,
        None => None,
    };
    let logout = LogoutRequest::parse(&form);
    let client_id = logout
        .client_id
        .clone()
        .or_else(|| Some(hint.as_ref()?.aud.clone()));
    let cookie = signed_in_as(&request, app);
    let sign_in = cookie.as_ref().map(SignInCookie::id);
    let (client, sign_in) = app
        .store
        .client_and_sign_in(client_id.as_ref(), sign_in.as_ref())
        .await?;
    let hinted = hint.is_some_and(|hint| {
        let for_this_user = sign_in
            .as_ref()
            .is_none_or(|found| found.subject == hint.sub);
        for_this_user && Some(&hint.aud) == client_id.as_ref()
    });
    let answered = request.method() == Method::Post && is_from_our_page(&request);
    if request.method() == Method::Post && !answered {
        return http::see_other(&format!("{}?{}", path::LOGOUT, form.encode()));
    }
    if let Some(sign_in) = &sign_in {
        if !hinted && !answered {
            return ask(&logout, client.as_ref(), &form);
        }
        app.note_if_done(&Entry {
            user: Some(&sign_in.subject),
            client: client_id.as_ref(),
            ..Entry::of(Event::SignedOut)
        });
        let browser = &sign_in.browser;
        let departures = app.store.sign_out(browser, clock::now()).await?;
        back_channel::tell(departures, browser, app);
    }
    let response = match logout.destination(client.as_ref()) {
        Some(location) => http::see_other(&location)?,
        None => page::signed_out()?,
    };
    if cookie.is_some() {
        let clear = sign_in_cookie(app).clear(app.config.issuer.as_str());
        response.headers().append("Set-Cookie", &clear)?;
        // Whoever signs in next does so in another session: no client takes it for the one that ended.
        let next = BINDING.set(
            BrowserBinding::from_random(random::bytes()?).expose(),
            app.config.issuer.as_str(),
        );
        response.headers().append("Set-Cookie", &next)?;
    }
    Ok(response)
}

fn ask(
    logout: &LogoutRequest,
    client: Option<&Client>,
    form: &Form,
) -> Result<Response, EdgeError> {
    let question = match client {
        Some(client) => format!("{} asks to end your session in this browser.", client.name),
        None => "This ends your session in this browser.".to_owned(),
    };
    let destination = logout
        .destination(client)
        .and(form.optional("post_logout_redirect_uri"));
    let fields = [
        ("client_id", client.map_or("", |client| client.id.as_str())),
        ("return_uri", destination.unwrap_or_default()),
        ("state", form.optional("state").unwrap_or_default()),
    ];
    page::sign_out(&question, fields)
}
