//! `POST /auth/login`, `/auth/refresh`, `/auth/logout`: sign-in for the pages and apps of whoever runs the
//! provider, in JSON. What they do is what the token and revocation endpoints do, with the same rules.
//!
//! A page of the provider's own origin may leave the refresh token to a cookie that no script reads. Then
//! only such a page may ask: the browser says where a request comes from, and no page of another origin
//! can send the header.

use gatepass_core::client::GrantType;
use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::form::Form;
use gatepass_core::grant::EndReason;
use gatepass_core::json;
use gatepass_core::revoke::RevocationRequest;
use gatepass_core::token::TokenResponse;
use gatepass_edge::cookie::Cookie;
use gatepass_edge::{EdgeError, http};
use serde_json::Value;
use worker::{Request, Response};

use super::{Posted, is_from_our_page, read_cookie, revoke, token};
use crate::app::App;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    Login,
    Refresh,
    Logout,
}

/// Holds the refresh token of a page that leaves it to the browser.
const REFRESH: &str = "gatepass_refresh";

/// Says that a page of this origin asks.
const CSRF: &str = "X-Gatepass-CSRF";

pub async fn answer(call: Call, mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let body = match http::body(&mut request, http::JSON).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    let Some(form) = parameters(&body) else {
        let problem = "the body must be a JSON object of texts, without grant_type";
        return refuse(ErrorCode::InvalidRequest, problem);
    };
    let by_cookie = match call {
        Call::Login => form.optional("cookie") == Some("true"),
        Call::Refresh | Call::Logout => form.optional("refresh_token").is_none(),
    };
    if by_cookie && !is_ours(&request, app) {
        let problem = "with the cookie only pages of this origin may ask, with X-Gatepass-CSRF: 1";
        return Ok(refuse(ErrorCode::AccessDenied, problem)?.with_status(403));
    }
    let kept = read_cookie(cookie(app), &request, app).filter(|_| by_cookie);
    let form = match kept {
        Some(token) if call != Call::Login => form.with("refresh_token", &token),
        _ => form,
    };
    let posted = Posted {
        authorization: http::header(&request, "Authorization"),
        form,
    };
    let response = match call {
        Call::Login => tokens(&posted, GrantType::Password, by_cookie, &request, app).await,
        Call::Refresh => tokens(&posted, GrantType::RefreshToken, by_cookie, &request, app).await,
        Call::Logout => logout(posted, app).await,
    }?;
    if by_cookie && call == Call::Logout && response.status_code() == 200 {
        forget(&response, app)?;
    }
    Ok(response)
}

/// The members of a JSON object as parameters: texts and flags. What kind of grant it is about, the path
/// says.
fn parameters(body: &str) -> Option<Form> {
    let members = json::object(body.as_bytes()).ok()?;
    let mut form = Form::default();
    for (name, value) in &members {
        form = match value {
            Value::String(text) if name != "grant_type" => form.with(name, text),
            Value::Bool(flag) => form.with(name, if *flag { "true" } else { "false" }),
            _ => return None,
        };
    }
    Some(form)
}

/// Whether a page of this origin asks. What is no browser sends no `Origin`, and has no cookie to be tricked
/// out of.
fn is_ours(request: &Request, app: &App) -> bool {
    let origin = http::header(request, "Origin");
    let is_our_origin = origin.is_none_or(|origin| origin == app.config.issuer.as_str());
    let says_so = http::header(request, CSRF).as_deref() == Some("1");
    is_our_origin && says_so && is_from_our_page(request)
}

async fn tokens(
    posted: &Posted,
    implied: GrantType,
    by_cookie: bool,
    request: &Request,
    app: &App,
) -> Result<Response, EdgeError> {
    let outcome = token::tokens(posted, (Some(implied), true), request, app).await?;
    let tokens = match outcome {
        Ok(tokens) => tokens,
        // The cookie stays: the refusal may come late, and the cookie be that of a newer sign-in. One that
        // is worth nothing opens nothing.
        Err(refusal) => return token::refuse(&refusal),
    };
    let (kept, told) = match tokens {
        TokenResponse {
            refresh_token: Some(token),
            ..
        } if by_cookie => {
            let told = TokenResponse {
                refresh_token: None,
                ..tokens
            };
            (Some(token), told)
        }
        told => (None, told),
    };
    let response = http::json_text(told.to_json()?)?;
    if let Some(token) = kept {
        let cookie = cookie(app).set(token.expose(), app.config.issuer.as_str());
        response.headers().append("Set-Cookie", &cookie)?;
    }
    Ok(response)
}

/// Ends the grant of the refresh token. Whoever has none is signed out already.
async fn logout(posted: Posted, app: &App) -> Result<Response, EdgeError> {
    let Some(token) = posted.form.optional("refresh_token").map(str::to_owned) else {
        return http::json_text("{}".to_owned());
    };
    let form = posted.form.with_only("token", &token);
    let outcome = match RevocationRequest::parse(posted.authorization.as_deref(), &form) {
        Ok(request) => revoke::revoke(request, EndReason::SignedOut, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(()) => http::json_text("{}".to_owned()),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

/// As long-lived as a grant.
fn cookie(app: &App) -> Cookie {
    // Browsers cap cookies at 400 days (RFC 6265bis §5.5).
    let seconds = app.config.lifetimes.grant.seconds().min(400 * 86_400);
    Cookie::lasting(REFRESH, seconds).strict()
}

fn forget(response: &Response, app: &App) -> Result<(), EdgeError> {
    let clear = cookie(app).clear(app.config.issuer.as_str());
    Ok(response.headers().append("Set-Cookie", &clear)?)
}

fn refuse(code: ErrorCode, problem: &str) -> Result<Response, EdgeError> {
    http::error_json(&ErrorResponse::new(code, problem))
}
