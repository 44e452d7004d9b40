//! `POST /logout/connect/back-channel/{registration}`: a provider says that a user has signed out (OpenID Connect
//! Back-Channel Logout 1.0).

use gatepass_core::form::Form;
use gatepass_core::gateway::logout_token::{self, Order, SKEW, TYPES};
use gatepass_core::gateway::registration::{Registration, RegistrationName};
use gatepass_core::jose::{Claims, JwtError, ParsedJwt};
use gatepass_edge::{EdgeError, clock, http, log};
use worker::{Headers, Request, Response};

use crate::app::App;
use crate::problem::Problem;
use crate::provider::Provider;
use crate::session::{self, Storage};

pub(crate) async fn answer(
    mut request: Request,
    name: &str,
    app: &App<'_>,
) -> Result<Response, EdgeError> {
    let name = RegistrationName::parse(name);
    let Some(registration) = name.and_then(|name| app.config.registration(&name)) else {
        return refuse(404, "there is no such registration");
    };
    let body = match http::body(&mut request, http::FORM).await? {
        Ok(body) => body,
        Err(refusal) => return refuse(refusal.status(), &refusal.to_string()),
    };
    let form = Form::parse(&body).unwrap_or_default();
    let Some(token) = form.optional("logout_token") else {
        return refuse(400, "the parameter logout_token is required");
    };
    let order = match judge(token, registration).await? {
        Ok(order) => order,
        Err(why) => {
            note(app, registration, &why);
            return refuse(400, &why);
        }
    };
    // Nobody here knows which browsers hold a session in cookies: those hear of it when they ask.
    let remembered_until = match app.config.storage {
        Storage::Object => None,
        Storage::Cookies => Some(clock::now().plus(app.config.policy.absolute)),
    };
    let obeyed = session::logout(app.env, &registration.name, &order, remembered_until);
    let Some(ended) = obeyed.await? else {
        note(app, registration, "replayed");
        return refuse(400, "this logout token was used before");
    };
    note(app, registration, &format!("ended {ended}"));
    let headers = Headers::new();
    // §2.8
    headers.set("Cache-Control", "no-store")?;
    Ok(Response::empty()?.with_headers(headers))
}

/// Everything about a logout token but whether it was used before (§2.6).
async fn judge(
    token: &str,
    registration: &Registration,
) -> Result<Result<Order, String>, EdgeError> {
    let now = clock::now();
    let parsed = match ParsedJwt::parse_any(&TYPES, token) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if parsed.method().is_none() {
        return Ok(Err(JwtError::Type.to_string()));
    }
    let keys = Provider::of(&registration.issuer).keys_for(&parsed).await?;
    let verified = keys.verify_of_any::<Claims>(&parsed, now, SKEW);
    let jwt = match verified.await? {
        Ok(jwt) => jwt,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let checked = logout_token::check(&jwt, &registration.issuer, &registration.client_id, now);
    Ok(checked.map_err(|error| error.to_string()))
}

fn refuse(status: u16, why: &str) -> Result<Response, EdgeError> {
    let problem = Problem {
        status,
        code: "invalid_request",
        title: why,
    };
    problem.response(&[
        ("error", "invalid_request".into()),
        ("error_description", why.into()),
    ])
}

fn note(app: &App<'_>, registration: &Registration, what: &str) {
    log::event(&log::Event {
        request_id: app.request_id,
        event: "back_channel_logout",
        about: registration.name.as_str(),
        reason: what,
    });
}
