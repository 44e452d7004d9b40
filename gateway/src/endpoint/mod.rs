//! The gateway's endpoints, one file each.

pub(crate) mod back_channel;
pub(crate) mod callback;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod relay;
pub(crate) mod session;

use gatepass_core::gateway::forgery::{self, Forgery, Provenance};
use gatepass_core::gateway::session::Ending;
use gatepass_edge::{EdgeError, http};
use serde_json::Value;
use worker::{Headers, Method, Request, Response};

use crate::problem::Problem;
use crate::settings::Config;

/// Demands that a request comes from the gateway's own pages.
pub(crate) fn check_provenance(request: &Request, config: &Config) -> Result<(), Forgery> {
    let header = |name| http::header(request, name);
    let (proof, origin) = (header("X-Gatepass-CSRF"), header("Origin"));
    let fetch_site = header("Sec-Fetch-Site");
    let provenance = Provenance {
        is_safe: matches!(&*http::method(request), "GET" | "HEAD" | "OPTIONS"),
        opens_websocket: opens_websocket(request),
        opens_events: http::method(request) == "GET"
            && header("Accept").is_some_and(|accept| accept == "text/event-stream"),
        proof: proof.as_deref(),
        origin: origin.as_deref(),
        fetch_site: fetch_site.as_deref(),
    };
    forgery::check(&provenance, &config.origin)
}

fn opens_websocket(request: &Request) -> bool {
    let upgrade = http::header(request, "Upgrade").unwrap_or_default();
    request.method() == Method::Get && upgrade.eq_ignore_ascii_case("websocket")
}

/// The answer to a request that seems forged.
pub(crate) fn forged(forgery: Forgery) -> Result<Response, EdgeError> {
    let problem = Problem {
        status: 403,
        code: "forged",
        title: &forgery.to_string(),
    };
    problem.response(&[])
}

/// The answer to whoever is not signed in, with why the session ended if it did.
fn not_signed_in(ending: Option<&Ending>) -> Result<Response, EdgeError> {
    let problem = Problem {
        status: 401,
        code: "not_signed_in",
        title: "Nobody is signed in here, or not any more",
    };
    let ended = ending.map_or(Value::Null, |ending| ending.as_str().into());
    problem.response(&[("ended", ended), ("login", "/login".into())])
}

/// The answer when the token has expired and the provider gives no other: nobody is signed out by this.
fn provider_unavailable(seconds: i64) -> Result<Response, EdgeError> {
    let problem = Problem {
        status: 503,
        code: "provider_unavailable",
        title: "The provider does not answer; you are still signed in",
    };
    let response = problem.response(&[])?;
    let wait = seconds.max(1).to_string();
    response.headers().set("Retry-After", &wait)?;
    Ok(response)
}

/// Adds cookies to a response.
fn set_cookies(cookies: &Headers, response: &Response) -> Result<(), EdgeError> {
    for cookie in cookies.get_all("Set-Cookie")? {
        response.headers().append("Set-Cookie", &cookie)?;
    }
    Ok(())
}
