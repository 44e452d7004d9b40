//! The Gatepass gateway on Cloudflare Workers: a backend for frontends.
//!
//! It signs users in, keeps their tokens in a Durable Object each and attaches them to the calls that it passes
//! on, so that no browser ever holds one. It also serves the demo site, and tells it where its provider and API
//! are.
//!
//! ```text
//!   app        which path is which endpoint
//!   endpoint/  one file each: login, callback, session, relay, logout, back_channel
//!   session/   the Durable Objects: a session, and which sessions a user has
//!   provider   what a provider publishes, and requests to it
//!   sign_in    a sign-in under way, in a cookie
//!   seal       what is encrypted
//! ```

mod app;
mod endpoint;
mod page;
mod problem;
mod provider;
mod seal;
mod session;
mod settings;
mod sign_in;
mod site;

use std::collections::BTreeMap;
use std::rc::Rc;

use gatepass_edge::config::Conduct;
use gatepass_edge::exchange::Exchange;
use gatepass_edge::health::Health;
use gatepass_edge::{EdgeError, http};
use worker::{Context, Env, Method, Request, Response, event};

use crate::app::App;
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
        Ok(config) => answer(request, &env, config, &exchange.request_id).await,
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

async fn answer(
    request: Request,
    env: &Env,
    config: &Rc<Config>,
    request_id: &str,
) -> Result<Response, EdgeError> {
    match request.path().as_str() {
        HEALTH => for_reading(&request, || health(true)),
        "/config.json" => for_reading(&request, || describe(config)),
        _ => {
            let app = App {
                env,
                config,
                request_id,
            };
            app::answer(request, &app).await
        }
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
