//! The sign-in page on the way to one of the provider's own pages, with a page token in the place of a
//! state token.

use gatepass_core::authorize::page_token::{self, Page};
use gatepass_core::authorize::state_token::StateTokenError;
use gatepass_core::discovery::path;
use gatepass_core::form::Form;
use gatepass_core::secret::{SignInCookie, StateToken};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, http};
use worker::{Method, Request, Response};

use super::sign_in::Typed;
use super::walk::binding_or_new;
use super::{BINDING, binding, login, signed_in_as};
use crate::app::App;
use crate::page::{self, LoginForPage};

/// Sends the browser to the sign-in page, and from there to `page`.
pub(super) fn visit(
    page: Page,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let binding = binding_or_new(request, app)?;
    let token = page_token::seal(page, &binding, &app.config.page_token_key, now)?;
    let response = http::see_other(&format!("{}?page_token={}", path::LOGIN, token.expose()))?;
    let cookie = BINDING.set(binding.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}

/// `GET, POST /login` with a page token.
pub(super) async fn answer(
    token: &StateToken,
    form: &Form,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Response, EdgeError> {
    let opened = match page_token::open(token, &app.config.page_token_key, now) {
        Ok(opened) => opened,
        Err(error) => return login::refuse(error.into(), app),
    };
    let binding = binding(request, app);
    let Some(browser) = opened.browser(binding.as_ref()) else {
        return match binding {
            // Another tab began at the same moment: the page begins again by itself.
            Some(_) => http::see_other(&opened.page.path),
            None => login::refuse(StateTokenError::OtherBrowser, app),
        };
    };
    let typed = Typed::of(form, request, app);
    let shown = LoginForPage {
        name: &opened.page.name,
        page_token: token.expose(),
        username: typed.username,
        error: "",
    };
    if request.method() != Method::Post {
        return page::login_for_page(&shown);
    }
    let earlier = signed_in_as(request, app).as_ref().map(SignInCookie::id);
    match typed.sign_in(&browser, earlier.as_ref(), app, now).await? {
        Ok(signed_in) => {
            let response = http::see_other(&opened.page.path)?;
            signed_in.set_cookies(&response)?;
            Ok(response)
        }
        Err(refusal) => {
            let error = &refusal.to_string();
            refusal.on(page::login_for_page(&LoginForPage { error, ..shown })?)
        }
    }
}
