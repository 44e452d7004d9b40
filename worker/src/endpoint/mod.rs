//! The endpoints, one file each: parse, load, decide, commit, respond.

pub mod authorize;
pub mod callback;
pub mod discovery;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod login;
pub mod logout;
pub mod revoke;
pub mod token;
pub mod userinfo;

use gatepass_core::authorize::{AuthorizationRequest, SignIn, success_location};
use gatepass_core::form::{Form, FormError};
use gatepass_core::grant::code;
use gatepass_core::secret::{AuthorizationCode, SignInCookie};
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::cookie::Cookie;
use gatepass_edge::http::{self, BodyRefusal};
use gatepass_edge::{EdgeError, random};
use worker::{Method, Request, Response};

use crate::app::App;

/// Keeps a browser signed in at the provider.
const SIGN_IN: &str = "gatepass_sign_in";

/// Ties a sign-in to the browser that began it.
const BINDING: Cookie = Cookie::session("gatepass_binding");

/// The sign-in cookie, as long-lived as a sign-in.
fn sign_in_cookie(app: &App) -> Cookie {
    // Browsers cap cookies at 400 days (RFC 6265bis §5.5).
    Cookie::lasting(
        SIGN_IN,
        app.config.sign_in_lifetime.seconds().min(400 * 86_400),
    )
}

fn read_cookie(cookie: Cookie, request: &Request, app: &App) -> Option<String> {
    cookie.read(
        http::header(request, "Cookie").as_deref(),
        app.config.issuer.as_str(),
    )
}

fn signed_in_as(request: &Request, app: &App) -> Option<SignInCookie> {
    read_cookie(sign_in_cookie(app), request, app).map(SignInCookie::new)
}

/// The parameters of the query or, of a POST, of the body.
async fn parameters(
    request: &mut Request,
) -> Result<Result<Result<Form, FormError>, BodyRefusal>, EdgeError> {
    if request.method() != Method::Post {
        return Ok(Ok(Form::parse(&http::query(request))));
    }
    let body = http::body(request, http::FORM).await?;
    Ok(body.map(|body| Form::parse(&body)))
}

/// Issues a code and sends the browser to the client with it; `None` if the browser has just been
/// signed out.
async fn send_code(
    request: &AuthorizationRequest,
    sign_in: &SignIn,
    app: &App,
    now: Timestamp,
) -> Result<Option<Response>, EdgeError> {
    let code = AuthorizationCode::from_random(random::bytes()?);
    let record = code::issue(request, sign_in, &code, &app.config.lifetimes, now);
    if !app.store.insert_code(&record).await? {
        return Ok(None);
    }
    http::see_other(&success_location(request, &code, &app.config.issuer)).map(Some)
}
