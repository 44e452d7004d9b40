//! `GET /api/session`: who is signed in. `POST /api/session/refresh`: the same, with the token renewed if it has
//! expired.

use gatepass_core::gateway::session::{Ending, Need};
use gatepass_edge::{EdgeError, http};
use serde_json::{Map, Value};
use worker::{Request, Response};

use super::{not_signed_in, provider_unavailable};
use crate::app::App;
use crate::session::{self, Access, Description, SessionSecret};

/// Who is signed in. Asking does not keep the session alive.
pub(crate) async fn describe(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let found = match SessionSecret::of(request, app.config) {
        Some(secret) => session::describe(app.env, &secret).await?,
        None => None,
    };
    http::json(&described(found, app))
}

/// Keeps the session alive, and its token good.
pub(crate) async fn refresh(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let Some(secret) = SessionSecret::of(request, app.config) else {
        return not_signed_in(None);
    };
    match session::access(app.env, &secret, Need::Token).await? {
        Access::Token(_) | Access::HandOn => {
            let found = session::describe(app.env, &secret).await?;
            http::json(&described(found, app))
        }
        Access::Unavailable(seconds) => provider_unavailable(seconds),
        Access::Over(ending) => not_signed_in(ending.as_ref()),
    }
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
