//! The Gatepass gateway on Cloudflare Workers.
//!
//! Today it serves the demo site and tells it where its provider and API are.

mod settings;
mod site;

use std::collections::BTreeMap;

use gatepass_edge::config::Conduct;
use gatepass_edge::exchange::Exchange;
use gatepass_edge::health::Health;
use gatepass_edge::{EdgeError, http};
use worker::{Context, Env, Method, Request, Response, event};

use crate::settings::Config;

/// Answers a request.
///
/// # Errors
///
/// None that a client could cause: what fails on the way is logged and answered with 500.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    let exchange = Exchange::begin(&request);
    let config = Config::of(&env);
    let answered = match &config {
        Ok(config) => answer(request, &env, config).await,
        Err(_) if request.path() == HEALTH => for_reading(&request, || health(false)),
        Err(error) => Err(error.clone()),
    };
    let conduct = config
        .as_ref()
        .map_or(Conduct::CAREFUL, |known| known.conduct);
    let (response, failure) = match answered {
        Ok(response) => (response, config.err()),
        Err(error) => {
            let told = format!("Something failed on our side ({}).", exchange.request_id);
            (Response::error(told, 500)?, Some(error))
        }
    };
    let ended = exchange.end(&response, conduct, failure.as_ref());
    ended.map_err(|error| error.to_string())?;
    Ok(response)
}

const HEALTH: &str = "/health";

async fn answer(request: Request, env: &Env, config: &Config) -> Result<Response, EdgeError> {
    match request.path().as_str() {
        HEALTH => for_reading(&request, || health(true)),
        "/config.json" => for_reading(&request, || describe(config)),
        path => site::file(path, request, env, config).await,
    }
}

fn for_reading(
    request: &Request,
    respond: impl FnOnce() -> Result<Response, EdgeError>,
) -> Result<Response, EdgeError> {
    match request.method() {
        Method::Get | Method::Head => respond(),
        _ => http::method_not_allowed("GET, HEAD"),
    }
}

fn health(is_configured: bool) -> Result<Response, EdgeError> {
    let health = Health {
        version: env!("CARGO_PKG_VERSION"),
        is_configured,
        dependencies: &[],
    };
    health.response()
}

/// What the demo site needs to sign in.
fn describe(config: &Config) -> Result<Response, EdgeError> {
    http::json(&BTreeMap::from([
        ("issuer", config.issuer.as_str()),
        ("api", config.api.as_str()),
        ("clientId", "gatepass-demo"),
    ]))
}
