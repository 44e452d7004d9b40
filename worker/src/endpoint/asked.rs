//! Where an authorization request comes from: the browser's own parameters, an object that the client has
//! signed (RFC 9101), a request that it has pushed (RFC 9126), or one that was on its way already and
//! begins again.

use gatepass_core::authorize::pushed::{Claim, reference};
use gatepass_core::authorize::{LocalRefusal, Visitor, object, requesting_client, state_token};
use gatepass_core::client::Client;
use gatepass_core::discovery::path;
use gatepass_core::form::{self, Form};
use gatepass_core::secret::{BrowserBinding, PushedReference, SignInCookie, StateToken};
use gatepass_core::store::{ConsentStore, PushedRequestStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, http, random};
use worker::{Request, Response};

use super::{BINDING, binding, signed_in_as};
use crate::app::App;
use crate::{documents, request_object};

/// Carries the state token of a sign-in that begins again.
const BEGUN: &str = "begun";

/// Says that the browser was given its cookie: if it does not come with it now, it keeps none.
const GIVEN: &str = "cookie_given";

/// A request with what was loaded for it.
pub struct Asked {
    /// Its parameters, wherever they came from.
    pub form: Form,
    pub client: Option<Client>,
    pub visitor: Option<Visitor>,
    /// How they came.
    pub came: Came,
}

/// How a request came here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Came {
    /// As the browser says.
    Bare,
    /// By browser, in an object that its client has signed (RFC 9101).
    Signed,
    /// It was let in before: it was pushed, or begins again.
    LetIn,
}

/// What to do with a request.
pub enum Reading {
    Asked(Box<Asked>),
    /// The browser needs its cookie first: it could not be told from another that has the reference.
    NeedsCookie(Form),
    Refused(LocalRefusal),
}

/// Reads a request: one round trip to D1.
pub async fn read(
    form: Form,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Reading, EdgeError> {
    match reference(&form) {
        Some(pushed) => read_pushed(form, &pushed, request, app, now).await,
        None => read_form(form, request, app, now).await,
    }
}

async fn read_form(
    form: Form,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Reading, EdgeError> {
    let begun = begun(&form, app, now);
    let came = begun.as_ref().map_or(Came::Bare, |_| Came::LetIn);
    let form = begun.unwrap_or(form);
    let client_id = match requesting_client(&form) {
        Ok(client_id) => client_id,
        Err(refusal) => return Ok(Reading::Refused(refusal)),
    };
    let sign_in = signed_in_as(request, app).as_ref().map(SignInCookie::id);
    let loaded = app.store.client_and_visitor(&client_id, sign_in.as_ref());
    let (client, visitor) = loaded.await?;
    let client = match documents::resolve(&client_id, client, app, now).await? {
        Ok(client) => client,
        Err(problem) => return Ok(Reading::Refused(problem.into())),
    };
    let (form, came) = match (object::of(&form), &client) {
        (Some(text), Some(client)) => match request_object::read(text, client, app, now).await? {
            Ok(form) => (form, Came::Signed),
            Err(problem) => return Ok(Reading::Refused(problem.into())),
        },
        _ => (form, came),
    };
    Ok(Reading::Asked(Box::new(Asked {
        form,
        client,
        visitor,
        came,
    })))
}

async fn read_pushed(
    form: Form,
    pushed: &PushedReference,
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Reading, EdgeError> {
    let client_id = match requesting_client(&form) {
        Ok(client_id) => client_id,
        Err(refusal) => return Ok(Reading::Refused(refusal)),
    };
    let browser = binding(request, app).map(|binding| binding.browser());
    if browser.is_none() && form.optional(GIVEN).is_none() {
        return Ok(Reading::NeedsCookie(form));
    }
    let claim = Claim {
        reference: pushed.hash(),
        client: &client_id,
        browser: browser.as_ref(),
        at: now,
    };
    // A browser that keeps no cookie claims nothing, and gets nothing but the sign-in page.
    let cookie = signed_in_as(request, app).filter(|_| browser.is_some());
    let sign_in = cookie.as_ref().map(SignInCookie::id);
    let found = app.store.claim_pushed_request(claim, sign_in.as_ref());
    let (client, visitor, claimed) = found.await?;
    let refusal = match client {
        None => LocalRefusal::UnknownClient,
        Some(_) => LocalRefusal::PushedRequest,
    };
    let Some(claimed) = claimed else {
        return Ok(Reading::Refused(refusal));
    };
    Ok(match Form::parse(&claimed.parameters) {
        Ok(form) => Reading::Asked(Box::new(Asked {
            form,
            client,
            visitor,
            came: Came::LetIn,
        })),
        Err(error) => Reading::Refused(error.into()),
    })
}

/// The request of a state token of ours: it was let in before, and need not be pushed again.
fn begun(form: &Form, app: &App, now: Timestamp) -> Option<Form> {
    let token = StateToken::new(form.optional(BEGUN)?);
    let query = state_token::restart(&token, &app.config.state_token_key, now)?;
    Form::parse(&query).ok()
}

/// Begins a request again that a state token holds.
pub fn begin_again(token: &StateToken) -> Result<Response, EdgeError> {
    let query = form::encode([(BEGUN, token.expose())]);
    http::see_other(&format!("{}?{query}", path::AUTHORIZE))
}

/// Gives the browser its cookie and has it come again. Only then is its request claimed: if this answer
/// is lost, nothing is.
pub fn give_cookie(form: &Form, app: &App) -> Result<Response, EdgeError> {
    let binding = BrowserBinding::from_random(random::bytes()?);
    let (query, given) = (form.encode(), form::encode([(GIVEN, "1")]));
    let response = http::see_other(&format!("{}?{query}&{given}", path::AUTHORIZE))?;
    let cookie = BINDING.set(binding.expose(), app.config.issuer.as_str());
    response.headers().append("Set-Cookie", &cookie)?;
    Ok(response)
}
