//! `GET /login`: begins a sign-in.
//!
//! Anybody may, and many providers then have a request pushed to them, which they keep. So it is limited by address
//! before the provider hears of it: whoever begins sign-ins without end uses up nobody else's. And so is coming back,
//! which anybody may who has begun one: with invented codes, about each of which the provider is asked.

use gatepass_core::address::Network;
use gatepass_core::form::{self, Form};
use gatepass_core::gateway::provider::request_uri;
use gatepass_core::gateway::registration::{Registration, RegistrationName};
use gatepass_core::id::KeyId;
use gatepass_core::rp::authorization::{
    self, Asked, AuthorizationRequest, ReturnTo, SignInSecrets,
};
use gatepass_edge::proving::ProvingKey;
use gatepass_edge::{EdgeError, clock, http, random, rate_limit};
use worker::{Request, Response};

use crate::app::App;
use crate::page::{self, Told};
use crate::provider::{self, Metadata, Provider};
use crate::session::SessionSecret;
use crate::sign_in::SignIn;

/// The longest address to lead back to, encoded, in bytes: sealed, it grows by a third, and a cookie has 4096.
const LONGEST_RETURN_TO: usize = 2_400;

/// The binding that limits how many sign-ins begin at one address, and how many come back.
const LIMITER: &str = "RATE_LIMIT_SIGN_INS";

/// What is limited, each for itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A sign-in begins.
    Begin,
    /// One comes back.
    Return,
}

pub(crate) async fn answer(request: &Request, app: &App<'_>) -> Result<Response, EdgeError> {
    let Ok(form) = Form::parse(&http::query(request)) else {
        return refuse(app, "The address of the sign-in cannot be read.");
    };
    let Ok(return_to) = ReturnTo::parse(form.optional("return_to").unwrap_or("/")) else {
        return refuse(app, "return_to must be a path on this site.");
    };
    let return_to = remembered(return_to);
    let registration = match (form.optional("provider"), &*app.config.registrations) {
        (None, [only]) => only,
        (None, _) => return page::choice(app.config, return_to.as_str()),
        (Some(name), _) => {
            let name = RegistrationName::parse(name);
            match name.and_then(|name| app.config.registration(&name)) {
                Some(registration) => registration,
                None => return refuse(app, "There is no such provider here."),
            }
        }
    };
    if !is_within_limit(Step::Begin, request, app).await {
        return too_many(return_to.as_str(), app);
    }
    begin(request, registration, return_to, app).await
}

/// Whoever has no address is not limited, nor is the one that all Workers share: who asks from there, it does not say.
pub(super) async fn is_within_limit(step: Step, request: &Request, app: &App<'_>) -> bool {
    let address = http::header(request, "CF-Connecting-IP");
    match address.and_then(|address| Network::parse(&address)) {
        Some(network) if !network.is_of_all_workers() => {
            let network = network.as_str();
            let key = match step {
                Step::Begin => network.to_owned(),
                Step::Return => format!("back {network}"),
            };
            rate_limit::admits(app.env, LIMITER, &key).await
        }
        _ => true,
    }
}

/// What fits into the cookie of a sign-in: of an address that is too long the path, or the first page. To lose the
/// sign-in would be worse.
fn remembered(return_to: ReturnTo) -> ReturnTo {
    let whole = return_to.as_str();
    let path = whole.split(['?', '#']).next().unwrap_or_default();
    let fits = |text: &&str| form::encode([("", *text)]).len() <= LONGEST_RETURN_TO;
    let kept = [whole, path].into_iter().find(fits).unwrap_or("/");
    ReturnTo::parse(kept).unwrap_or(return_to)
}

async fn begin(
    request: &Request,
    registration: &Registration,
    return_to: ReturnTo,
    app: &App<'_>,
) -> Result<Response, EdgeError> {
    let Ok(metadata) = Provider::of(&registration.issuer).metadata().await else {
        return unavailable(return_to.as_str(), app);
    };
    let redirect_uri = registration.redirect_uri(&app.config.origin);
    let made = if app.config.binds_tokens && metadata.binds_tokens() {
        Some(ProvingKey::make().await?)
    } else {
        None
    };
    let (key, kept) = made.unzip();
    let thumbprint = key.as_ref().map(ProvingKey::thumbprint).transpose()?;
    let asked = AuthorizationRequest {
        client_id: &registration.client_id,
        redirect_uri: &redirect_uri,
        scope: &registration.scope,
        resource: registration.resource.as_deref(),
        login_hint: None,
        prompt: registration.prompt.as_deref(),
        max_age: None,
        dpop_jkt: thumbprint.as_ref().map(KeyId::as_str),
        return_to: return_to.clone(),
    };
    let secrets = SignInSecrets::from_random(random::bytes()?, random::bytes()?, random::bytes()?);
    let (asked, transaction) = authorization::build(
        &provider::described(&metadata)?,
        asked,
        secrets,
        clock::now(),
    );
    let Some(url) = pushed(asked, registration, &metadata).await else {
        return unavailable(return_to.as_str(), app);
    };
    let sign_in = SignIn {
        registration: registration.name.clone(),
        transaction,
        replaces: SessionSecret::of(request, app.config),
        key: kept,
    };
    let response = http::see_other(&url)?;
    sign_in
        .keep(request, response.headers(), app.config)
        .await?;
    Ok(response)
}

/// Pushes the request (RFC 9126), if the provider takes that; the address that remains for the browser. `None` if
/// it takes it and does not answer.
async fn pushed(asked: Asked, registration: &Registration, metadata: &Metadata) -> Option<String> {
    let Some(endpoint) = metadata.pushed_requests() else {
        return Some(asked.url);
    };
    let form = Form::parse(&asked.parameters).ok()?;
    let pairs = form.pairs();
    let parameters: Vec<_> = pairs.map(|(name, value)| (name, Some(value))).collect();
    let reply = provider::post(registration, endpoint, &parameters)
        .await
        .ok()?;
    let request_uri = request_uri(&provider::answer(&reply)).ok()?;
    let remains = form::encode([
        ("client_id", registration.client_id.as_str()),
        ("request_uri", &request_uri),
    ]);
    // The parameters end the address.
    let endpoint = asked.url.strip_suffix(&asked.parameters)?;
    Some(format!("{endpoint}{remains}"))
}

fn refuse(app: &App<'_>, message: &str) -> Result<Response, EdgeError> {
    let told = Told {
        status: 400,
        code: "invalid_request",
        title: "This sign-in cannot begin",
        message,
        again: Some("/"),
    };
    page::error(&told, app.request_id)
}

pub(super) fn too_many(return_to: &str, app: &App<'_>) -> Result<Response, EdgeError> {
    let told = Told {
        status: 429,
        code: "too_many_sign_ins",
        title: "Too many sign-ins",
        message: "Too many sign-ins have begun from your network just now. Nobody was signed out. Wait half a minute, then try again.",
        again: Some(return_to),
    };
    let response = page::error(&told, app.request_id)?;
    response.headers().set("Retry-After", "30")?;
    Ok(response)
}

pub(super) fn unavailable(return_to: &str, app: &App<'_>) -> Result<Response, EdgeError> {
    let told = Told {
        status: 503,
        code: "provider_unavailable",
        title: "The provider does not answer",
        message: "Signing in does not work at the moment. Try again in a little while.",
        again: Some(return_to),
    };
    page::error(&told, app.request_id)
}
