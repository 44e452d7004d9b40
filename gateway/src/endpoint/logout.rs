//! `POST /logout`: ends the session here, gives its refresh token back, and says where to sign out at the provider.
//! `GET /logout/provider`: leads there.
//!
//! The provider wants the ID token to know who asks (OpenID Connect RP-Initiated Logout §2), and no script may see
//! that: the address waits in a sealed cookie, and the browser is led there by a redirect.

use std::rc::Rc;

use gatepass_core::gateway::cookie::{self, SameSite};
use gatepass_core::gateway::session::Ending;
use gatepass_core::rp::sign_out::build_end_session_url;
use gatepass_edge::{EdgeError, background, http};
use serde_json::{Map, Value};
use worker::{Env, Headers, Request, Response};

use super::set_cookies;
use crate::app::App;
use crate::provider::{self, Provider};
use crate::session::{self, Ended, Entry, Opened, SessionSecret, clear_cookie, in_cookies};
use crate::settings::Config;

const PURPOSE: &str = "gatepass sign-out";
const COOKIE: &str = "gatepass_sign_out";
/// How long the browser may take to go on.
const SECONDS: i64 = 120;
/// The longest cookie that every browser keeps, less its name and attributes.
const LONGEST_COOKIE: usize = 3_900;

/// Where the answer to a sign-out leads.
pub(crate) const PROVIDER_PATH: &str = "/logout/provider";

/// Ends the session.
pub(crate) async fn answer(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let cookies = Headers::new();
    in_cookies::clear(request, &cookies)?;
    let ended = match Opened::of(request, app.config).await {
        Some(Opened::Object(secret)) => {
            end(app.env, app.config, &secret, Ending::SignedOut, |_| true).await?
        }
        Some(Opened::Cookies(mut session)) if !session.is_over(app.config) => {
            cookies.append("Set-Cookie", &in_cookies::signed_out(app.config))?;
            let mut ended = session.end(Ending::SignedOut);
            give_back(&mut ended, app)?;
            Some(ended)
        }
        Some(Opened::Cookies(_)) | None => None,
    };
    let onward = match &ended {
        Some(ended) => end_session_address(ended, app).await,
        None => None,
    };
    let mut body = Map::new();
    let destination = onward.as_ref().map_or("/", |_| PROVIDER_PATH);
    body.insert("redirect".to_owned(), Value::from(destination));
    let response = http::json(&body)?;
    let headers = response.headers();
    headers.append("Set-Cookie", &clear_cookie())?;
    set_cookies(&cookies, &response)?;
    if let Some(address) = onward {
        let sealed = app.config.sealer.seal(PURPOSE, "", &address).await?;
        let cookie = cookie::set(COOKIE, &sealed, SECONDS, SameSite::Strict);
        headers.append("Set-Cookie", &cookie)?;
    }
    Ok(response)
}

/// Leads on to the provider.
pub(crate) async fn onward(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let cookies = http::header(request, "Cookie").unwrap_or_default();
    let address = match cookie::read(&cookies, COOKIE) {
        Some(sealed) => app.config.sealer.open(PURPOSE, "", sealed).await,
        None => None,
    };
    let response = http::see_other(address.as_deref().unwrap_or("/"))?;
    let clear = cookie::clear(COOKIE);
    response.headers().append("Set-Cookie", &clear)?;
    Ok(response)
}

/// Ends a session, and in the background gives its refresh token back, if `gives_back` says so, and strikes it out of
/// the index; `None` if there was none.
pub(crate) async fn end(
    env: &Env,
    config: &Rc<Config>,
    secret: &SessionSecret,
    ending: Ending,
    gives_back: impl FnOnce(&Ended) -> bool,
) -> Result<Option<Ended>, EdgeError> {
    let Some(mut ended) = session::end(env, secret, ending).await? else {
        return Ok(None);
    };
    let (env, config, name) = (env.clone(), Rc::clone(config), secret.name());
    let (registration, subject) = (ended.registration.clone(), ended.subject.clone());
    let gives_back = gives_back(&ended);
    let refresh_token = ended.refresh_token.take().filter(|_| gives_back);
    let sid = ended.sid.clone();
    background::begin(async move {
        if let (Some(registration), Some(token)) =
            (config.registration(&registration), refresh_token)
        {
            provider::revoke(registration, &token).await;
        }
        let entry = Entry {
            registration: &registration,
            subject: subject.as_str(),
            sid: sid.as_deref(),
            session: &name,
        };
        drop(session::remove(&env, &entry).await);
    })?;
    Ok(Some(ended))
}

/// Gives the refresh token of a session back that was in cookies alone.
fn give_back(ended: &mut Ended, app: &App<'_>) -> Result<(), EdgeError> {
    let Some(token) = ended.refresh_token.take() else {
        return Ok(());
    };
    let (config, name) = (Rc::clone(app.config), ended.registration.clone());
    background::begin(async move {
        if let Some(registration) = config.registration(&name) {
            provider::revoke(registration, &token).await;
        }
    })
}

/// Where to sign out at the provider, if it has such a place.
async fn end_session_address(ended: &Ended, app: &App<'_>) -> Option<String> {
    let registration = app.config.registration(&ended.registration)?;
    let metadata = Provider::of(&registration.issuer).metadata().await.ok()?;
    let endpoint = metadata.metadata().ok()?.end_session_endpoint?;
    let back = format!("{}/", app.config.origin);
    let address = |hint| build_end_session_url(endpoint, &registration.client_id, &back, hint);
    let whole = address(ended.id_token.as_deref());
    // Sealed, it grows by a third. Without the hint the provider asks the user.
    let fits = whole.len() / 3 * 4 < LONGEST_COOKIE;
    Some(if fits { whole } else { address(None) })
}
