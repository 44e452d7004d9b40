//! Which path is which endpoint.

use std::rc::Rc;

use gatepass_core::gateway::relay::API;
use gatepass_edge::EdgeError;
use worker::{Env, Method, Request, Response};

use crate::endpoint::{back_channel, callback, forged, login, logout, relay, session};
use crate::settings::Config;
use crate::{endpoint, for_reading, page, site};

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct App<'a> {
    pub(crate) env: &'a Env,
    pub(crate) config: &'a Rc<Config>,
    pub(crate) request_id: &'a str,
}

const CALLBACK: &str = "/login/oauth2/code/";
const BACK_CHANNEL: &str = "/logout/connect/back-channel/";

/// Answers a request.
///
/// # Errors
///
/// None that a client could cause.
pub(crate) async fn answer(request: Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let path = request.path();
    if let Some(name) = path.strip_prefix(BACK_CHANNEL) {
        return match request.method() {
            Method::Post => back_channel::answer(request, name, app).await,
            _ => not_allowed("POST"),
        };
    }
    let is_ours_alone = path.starts_with(API) || path == "/logout";
    let provenance = endpoint::check_provenance(&request, app.config);
    if let (true, Err(forgery)) = (is_ours_alone, provenance) {
        return forged(forgery);
    }
    match (path.as_str(), request.method()) {
        ("/logout", Method::Post) => logout::answer(&request, app).await,
        ("/api/session", Method::Get | Method::Head) => session::describe(&request, app).await,
        ("/api/session", _) => not_allowed("GET, HEAD"),
        ("/api/session/refresh", Method::Post) => session::refresh(&request, app).await,
        ("/logout" | "/api/session/refresh", _) => not_allowed("POST"),
        (path, _) if path.starts_with(API) => relay::answer(request, app).await,
        ("/login", Method::Get) => login::answer(&request, app).await,
        (logout::PROVIDER_PATH, Method::Get) => logout::onward(&request, app).await,
        (page::STYLE_PATH, _) => for_reading(&request, page::stylesheet),
        (path, Method::Get) if path.starts_with(CALLBACK) => {
            let name = path.strip_prefix(CALLBACK).unwrap_or_default();
            callback::answer(&request, name, app).await
        }
        ("/login" | logout::PROVIDER_PATH, _) => not_allowed("GET"),
        (path, _) if path.starts_with(CALLBACK) => not_allowed("GET"),
        (path, _) => site::file(path, request, app.env, app.config).await,
    }
}

fn not_allowed(allowed: &str) -> Result<Response, EdgeError> {
    gatepass_edge::http::method_not_allowed(allowed)
}
