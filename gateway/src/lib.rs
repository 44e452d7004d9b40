//! The Gatepass gateway on Cloudflare Workers.
//!
//! Today it serves the demo site and tells it where its provider and API are.

mod settings;
mod site;

use std::collections::BTreeMap;

use gatepass_edge::config::{self, Environment};
use gatepass_edge::exchange::Exchange;
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
    let (response, failure) = match answer(request, &env).await {
        Ok(response) => (response, None),
        Err(error) => {
            let told = format!("Something failed on our side ({}).", exchange.request_id);
            (Response::error(told, 500)?, Some(error))
        }
    };
    let environment = config::environment(&env).unwrap_or(Environment::Production);
    let ended = exchange.end(&response, environment, failure.as_ref());
    ended.map_err(|error| error.to_string())?;
    Ok(response)
}

async fn answer(request: Request, env: &Env) -> Result<Response, EdgeError> {
    let config = Config::read(env)?;
    match request.path().as_str() {
        "/health" => for_reading(&request, health),
        "/config.json" => for_reading(&request, || describe(&config)),
        path => site::file(path, request, env, &config).await,
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

fn health() -> Result<Response, EdgeError> {
    let version = env!("CARGO_PKG_VERSION");
    http::json(&BTreeMap::from([("status", "ok"), ("version", version)]))
}

/// What the demo site needs to sign in.
fn describe(config: &Config) -> Result<Response, EdgeError> {
    http::json(&BTreeMap::from([
        ("issuer", config.issuer.as_str()),
        ("api", config.api.as_str()),
        ("clientId", "gatepass-demo"),
    ]))
}
