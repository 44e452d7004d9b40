//! `GET /api/session`: who is signed in. `POST /api/session/refresh`: the same, with the token renewed if it has
//! expired.

use gatepass_core::gateway::session::{Ending, Need};
use gatepass_edge::{EdgeError, http};
use serde_json::{Map, Value};
use worker::{Headers, Request, Response};

use super::{not_signed_in, provider_unavailable, set_cookies};
use crate::app::App;
use crate::session::{Access, Description, Opened};

/// Who is signed in. Asking does not keep the session alive.
pub(crate) async fn describe(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let cookies = Headers::new();
    let found = match Opened::of(request, app.config).await {
        Some(mut session) => session.describe(app.env, app.config, &cookies).await?,
        None => None,
    };
    let response = http::json(&described(found, app))?;
    set_cookies(&cookies, &response)?;
    Ok(response)
}

/// Keeps the session alive, and its token good.
pub(crate) async fn refresh(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let Some(mut session) = Opened::of(request, app.config).await else {
        return not_signed_in(None);
    };
    let cookies = Headers::new();
    let access = session
        .access(Need::Token, app.env, app.config, &cookies)
        .await?;
    let response = match access {
        Access::Token(_) | Access::HandOn => {
            let found = session.describe(app.env, app.config, &cookies).await?;
            // The provider may have ended it since.
            match found.as_ref().and_then(|found| found.ending.clone()) {
                Some(ending) => not_signed_in(Some(&ending))?,
                None => http::json(&described(found, app))?,
            }
        }
        Access::Unavailable(seconds) => provider_unavailable(seconds)?,
        Access::Over(ending) => not_signed_in(ending.as_ref())?,
    };
    set_cookies(&cookies, &response)?;
    Ok(response)
}

fn described(found: Option<Description>, app: &App<'_>) -> Map<String, Value> {
    let ending = found.as_ref().and_then(|found| found.ending.clone());
    let ending = ending.as_ref().map(Ending::as_str);
    let live = found.filter(|_| ending.is_none());
    let mut body = Map::new();
    let mut say = |name: &str, value: Option<Value>| {
        body.insert(name.to_owned(), value.unwrap_or(Value::Null));
    };
    let label = live.as_ref().and_then(|live| {
        let registration = app.config.registration(&live.registration)?;
        Some(registration.label.as_str().into())
    });
    say(
        "provider",
        live.as_ref().map(|live| live.registration.as_str().into()),
    );
    say("provider_label", label);
    say(
        "expires_at",
        live.as_ref().map(|live| live.expires_at.seconds().into()),
    );
    say("user", live.map(|live| live.user.into()));
    say("ended", ending.map(Value::from));
    body
}
