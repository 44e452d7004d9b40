//! Everything else under `/api/`: passed on to the API with the session's access token.
//!
//! ```text
//!   path, body --> token of the session --> API --401--> a newer token, once, if the body can be sent again
//! ```

use gatepass_core::dpop::client::Target;
use gatepass_core::gateway::relay::{
    PathRefusal, asks_the_user, comes_back, for_the_browser_alone, goes_along,
    wants_more_than_a_token,
};
use gatepass_core::gateway::session::Need;
use gatepass_edge::possession::PROOF;
use gatepass_edge::proving::ProvingKey;
use gatepass_edge::relay::{self, Body, Lost, Outgoing};
use gatepass_edge::{EdgeError, http};
use worker::{Headers, Request, Response, ResponseBody};

use super::{not_signed_in, opens_websocket, provider_unavailable, set_cookies};
use crate::app::App;
use crate::problem::Problem;
use crate::provider::authorization;
use crate::session::{Access, Opened, Ticket};

/// A body up to so many bytes is held, so that it can be sent again with a newer token.
const HELD: u64 = 64 * 1024;

/// TRACE would have the token sent back, and CONNECT is for proxies (RFC 9110 §9.3).
const NOT_PASSED_ON: [&str; 3] = ["TRACE", "TRACK", "CONNECT"];

pub(crate) async fn answer(mut request: Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let address = match app.config.upstreams.address(&request.path()) {
        Ok(address) => address,
        Err(refusal) => return refuse_path(refusal),
    };
    let Some(mut session) = Opened::of(&request, app.config).await else {
        return not_signed_in(None);
    };
    let query = http::query(&request);
    let url = if query.is_empty() {
        address.url
    } else {
        format!("{}?{query}", address.url)
    };
    let method = http::method(&request);
    if NOT_PASSED_ON.contains(&&*method) {
        return http::method_not_allowed("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    let Ok(body) = relay::body(&mut request, HELD, app.config.relay.largest_body).await? else {
        return too_large();
    };
    if matches!(&*method, "GET" | "HEAD") && !body.is_empty() {
        return unexpected_body();
    }
    let mut call = Call {
        method,
        headers: headers(&request, app)?,
        body,
        url,
        takes_proofs: address.takes_proofs,
    };
    let cookies = Headers::new();
    let access = session
        .access(Need::Token, app.env, app.config, &cookies)
        .await?;
    let response = match access {
        Access::Token(ticket) => call.make(&mut session, ticket, &cookies, app).await?,
        other => refuse(&other)?,
    };
    set_cookies(&cookies, &response)?;
    Ok(response)
}

/// A request on its way to the API.
struct Call {
    url: String,
    takes_proofs: bool,
    method: String,
    headers: Headers,
    body: Body,
}

impl Call {
    async fn make(
        &mut self,
        session: &mut Opened,
        ticket: Ticket,
        cookies: &Headers,
        app: &App<'_>,
    ) -> Result<Response, EdgeError> {
        let first = match self.send(&ticket, app).await? {
            Ok(response) => response,
            Err(lost) => return unreachable(lost),
        };
        if first.status_code() != 401 || is_about_something_else(&first)? {
            return back(first, app);
        }
        let need = Need::NewerThan(ticket.generation);
        match session.access(need, app.env, app.config, cookies).await? {
            Access::Token(newer) if self.body.is_repeatable() => {
                match self.send(&newer, app).await? {
                    Ok(response) => back(response, app),
                    Err(lost) => unreachable(lost),
                }
            }
            // The body has flowed: the page sends the request again, and then it has the newer token.
            Access::Token(_) | Access::HandOn | Access::Unavailable(_) => back(first, app),
            Access::Over(ending) => not_signed_in(ending.as_ref()),
        }
    }

    /// With a proof for just this request, if the token is bound to a key (RFC 9449 §7); once more with another, if
    /// the API wants one with a nonce of its own.
    async fn send(
        &self,
        ticket: &Ticket,
        app: &App<'_>,
    ) -> Result<Result<Response, Lost>, EdgeError> {
        let key = match ticket.key.as_deref().filter(|_| self.takes_proofs) {
            Some(text) => Some(ProvingKey::read(text).await?),
            None => None,
        };
        let access_token = ticket.access_token.as_str();
        let authorization = authorization(access_token, key.is_some());
        self.headers.set("Authorization", &authorization)?;
        let Some(key) = key else {
            // The token before this one may have had one.
            self.headers.delete(PROOF)?;
            return self.pass_on(app).await;
        };
        let target = Target {
            method: &self.method,
            url: &self.url,
            access_token: Some(access_token),
        };
        let (answer, is_again) = self.pass_on_with(&key, &target, app).await?;
        if !is_again || !self.body.is_repeatable() {
            return Ok(answer);
        }
        let (answer, _) = self.pass_on_with(&key, &target, app).await?;
        Ok(answer)
    }

    async fn pass_on_with(
        &self,
        key: &ProvingKey,
        target: &Target<'_>,
        app: &App<'_>,
    ) -> Result<(Result<Response, Lost>, bool), EdgeError> {
        let proof = key.prove(target).await?;
        self.headers.set(PROOF, &proof.text)?;
        let answer = self.pass_on(app).await?;
        let is_again = match &answer {
            Ok(response) => proof.learn_from(response)?,
            Err(_) => false,
        };
        Ok((answer, is_again))
    }

    async fn pass_on(&self, app: &App<'_>) -> Result<Result<Response, Lost>, EdgeError> {
        let outgoing = Outgoing {
            url: &self.url,
            method: &self.method,
            headers: &self.headers,
            body: &self.body,
            patience: app.config.relay.patience,
        };
        relay::send(&outgoing).await
    }
}

/// The headers that go to the API, and those that say who asks and how they came here.
fn headers(request: &Request, app: &App<'_>) -> Result<Headers, EdgeError> {
    let connection = http::header(request, "Connection").unwrap_or_default();
    let headers = Headers::new();
    for (name, value) in request.headers() {
        if goes_along(&name, &connection) {
            headers.append(&name, &value)?;
        }
    }
    let (scheme, host) = app.config.origin.split_once("://").unwrap_or_default();
    headers.set("X-Forwarded-Proto", scheme)?;
    headers.set("X-Forwarded-Host", host)?;
    if let Some(address) = http::header(request, "CF-Connecting-IP") {
        headers.set("X-Forwarded-For", &address)?;
    }
    headers.set("X-Request-Id", app.request_id)?;
    if opens_websocket(request) {
        headers.set("Upgrade", "websocket")?;
    }
    Ok(headers)
}

/// The API's answer, without what it may not say in the gateway's name.
fn back(response: Response, app: &App<'_>) -> Result<Response, EdgeError> {
    let given = response.headers();
    let connection = given.get("Connection")?.unwrap_or_default();
    let headers = Headers::new();
    for (name, value) in given {
        let is_question = name.eq_ignore_ascii_case("www-authenticate") && asks_the_user(&value);
        if comes_back(&name, &connection) && !is_question {
            headers.append(&name, &value)?;
        }
    }
    let location = given.get("Location")?;
    let upstreams = &app.config.upstreams;
    if let Some(path) = location.as_deref().and_then(|it| upstreams.path_of(it)) {
        headers.set("Location", path)?;
    }
    let kept = match given.get("Cache-Control")? {
        Some(said) => &*for_the_browser_alone(&said),
        None => "no-store",
    };
    headers.set("Cache-Control", kept)?;
    headers.append("Vary", "Cookie")?;
    // Whatever an API answers is no page of this origin: it runs nothing here.
    headers.set(
        "Content-Security-Policy",
        "default-src 'none'; sandbox; frame-ancestors 'none'",
    )?;
    Ok(response.with_headers(headers))
}

/// Whether an API refuses for a reason that another token of the same sign-in would not mend.
fn is_about_something_else(response: &Response) -> Result<bool, EdgeError> {
    let challenge = response.headers().get("WWW-Authenticate")?;
    Ok(challenge.is_some_and(|challenge| wants_more_than_a_token(&challenge)))
}

fn refuse(access: &Access) -> Result<Response, EdgeError> {
    match access {
        Access::Over(ending) => not_signed_in(ending.as_ref()),
        Access::Unavailable(seconds) => provider_unavailable(*seconds),
        Access::Token(_) | Access::HandOn => Ok(Response::from_body(ResponseBody::Empty)?),
    }
}

fn refuse_path(refusal: PathRefusal) -> Result<Response, EdgeError> {
    let (status, code) = match refusal {
        PathRefusal::Ambiguous => (400, "ambiguous_path"),
        PathRefusal::Unknown => (404, "no_such_api"),
    };
    let problem = Problem {
        status,
        code,
        title: &refusal.to_string(),
    };
    problem.response(&[])
}

fn unexpected_body() -> Result<Response, EdgeError> {
    let problem = Problem {
        status: 400,
        code: "unexpected_body",
        title: "A request with GET or HEAD has no body here",
    };
    problem.response(&[])
}

fn too_large() -> Result<Response, EdgeError> {
    let problem = Problem {
        status: 413,
        code: "body_too_large",
        title: "The body is larger than this gateway passes on",
    };
    problem.response(&[])
}

fn unreachable(lost: Lost) -> Result<Response, EdgeError> {
    let problem = match lost {
        Lost::TimedOut => Problem {
            status: 504,
            code: "api_timeout",
            title: "The API does not answer in time",
        },
        Lost::TooLarge => return too_large(),
        Lost::Unreachable => Problem {
            status: 502,
            code: "api_unreachable",
            title: "The API cannot be reached",
        },
    };
    problem.response(&[])
}
