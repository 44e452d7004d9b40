//! The endpoints, one file each: parse, load, decide, commit, respond.

pub mod admin_keys;
pub mod admin_view;
mod asked;
pub mod authorize;
pub mod callback;
pub mod consent;
pub mod device;
pub mod device_authorization;
pub mod direct;
pub mod discovery;
pub mod document;
pub mod health;
pub mod introspect;
pub mod jwks;
pub mod login;
mod login_for_page;
pub mod logout;
pub mod par;
pub mod register;
pub mod revoke;
mod sign_in;
pub mod status_list;
pub mod token;
pub mod userinfo;
mod walk;

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::form::{Form, FormError};
use gatepass_core::secret::{BrowserBinding, SignInCookie};
use gatepass_core::token::id::{self, IdTokenHint};
use gatepass_edge::EdgeError;
use gatepass_edge::cookie::Cookie;
use gatepass_edge::http::{self, BodyRefusal};
use worker::{Method, Request, Response};

use crate::app::App;
use crate::{keys, page};

/// What an endpoint decides, a refusal that the client hears, or a failure of ours.
type Outcome<T, R> = Result<Result<T, R>, EdgeError>;

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

/// The browser's binding, if its cookie holds one of ours.
fn binding(request: &Request, app: &App) -> Option<BrowserBinding> {
    BrowserBinding::parse(&read_cookie(BINDING, request, app)?)
}

/// Browsers say which site a request comes from; what is no browser has no cookie to be tricked out of.
fn is_from_our_page(request: &Request) -> bool {
    http::header(request, "Sec-Fetch-Site").is_none_or(|site| site == "same-origin")
}

/// Whether no other site sent the browser here: one of our pages did, or the user, who typed or scanned
/// the address.
fn is_from_nowhere_else(request: &Request) -> bool {
    let site = http::header(request, "Sec-Fetch-Site");
    site.is_none_or(|site| site == "same-origin" || site == "none")
}

fn signed_in_as(request: &Request, app: &App) -> Option<SignInCookie> {
    read_cookie(sign_in_cookie(app), request, app).map(SignInCookie::new)
}

/// Why parameters are not read, for which the client is at fault.
enum Unreadable {
    /// The body.
    Body(BodyRefusal),
    /// What stands in it.
    Form(FormError),
}

impl Unreadable {
    /// The answer of an endpoint that speaks JSON.
    fn response(self) -> Result<Response, EdgeError> {
        match self {
            Self::Body(refusal) => refusal.response(),
            Self::Form(error) => {
                let error = ErrorResponse::new(ErrorCode::InvalidRequest, error.to_string());
                http::error_json(&error)
            }
        }
    }

    /// The answer of a page.
    fn page(self, app: &App) -> Result<Response, EdgeError> {
        match self {
            Self::Body(refusal) => page::unreadable(&refusal, refusal.status(), app),
            Self::Form(error) => page::unreadable(&error, 400, app),
        }
    }
}

/// The parameters of the query or, of a POST, of the body.
async fn parameters(request: &mut Request) -> Result<Result<Form, Unreadable>, EdgeError> {
    let text = if request.method() == Method::Post {
        match http::body(request, http::FORM).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(Unreadable::Body(refusal))),
        }
    } else {
        http::query(request)
    };
    Ok(Form::parse(&text).map_err(Unreadable::Form))
}

/// What a client sent to an endpoint that it proves itself to.
struct Posted {
    authorization: Option<String>,
    form: Form,
}

impl Posted {
    async fn read(request: &mut Request) -> Result<Result<Self, Unreadable>, EdgeError> {
        let form = parameters(request).await?;
        let authorization = http::header(request, "Authorization");
        Ok(form.map(|form| Self {
            authorization,
            form,
        }))
    }

    fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// An ID token that comes back, if this provider issued it. An expired one still says whose it is
/// (OIDC RP-Initiated Logout §4).
async fn id_token_hint(hint: &str, app: &App) -> Result<Option<IdTokenHint>, EdgeError> {
    let verified = keys::verify_hint::<IdTokenHint>(app, id::TYPE, hint).await?;
    let hint = verified.ok().map(|jwt| jwt.payload);
    Ok(hint.filter(|hint| hint.iss == app.config.issuer))
}
