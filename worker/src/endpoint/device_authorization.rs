//! `POST /oauth/device_authorization` (RFC 8628 §3.1): two round trips to D1.

use gatepass_core::error::ErrorResponse;
use gatepass_core::grant::Terms;
use gatepass_core::grant::device::{
    self, DeviceAuthorizationRefusal, DeviceAuthorizationRequest, DeviceAuthorizationResponse,
    NewCodes, Requested, UserCode,
};
use gatepass_core::secret::DeviceCode;
use gatepass_core::store::{AuthorizeStore, DeviceStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::assertion;

/// How often another user code is tried when one is taken: with 34 bits each that does not happen twice.
const TRIES: u32 = 3;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let now = clock::now();
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let parsed = DeviceAuthorizationRequest::parse(posted.authorization(), &posted.form);
    let requested = match parsed {
        Ok(request) => check(request, app, now).await?,
        Err(refusal) => Err(refusal),
    };
    match requested {
        Ok(requested) => issue(&requested, app, now).await,
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

async fn check(
    request: DeviceAuthorizationRequest,
    app: &App,
    now: Timestamp,
) -> Outcome<Requested, DeviceAuthorizationRefusal> {
    let credentials = match assertion::prove(request.credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let request = DeviceAuthorizationRequest {
        credentials,
        ..request
    };
    let id = request.credentials.client_id();
    let (client, _) = app.store.client_and_sign_in(Some(id), None).await?;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(DeviceAuthorizationRefusal::from)
        .and_then(|client| request.check(&client, &app.config.resources)))
}

async fn issue(requested: &Requested, app: &App, now: Timestamp) -> Result<Response, EdgeError> {
    let terms = Terms {
        issuer: &app.config.issuer,
        lifetimes: &app.config.lifetimes,
        now,
        key: None,
    };
    for _ in 0..TRIES {
        let codes = NewCodes {
            device_code: DeviceCode::from_random(random::bytes()?),
            user_code: UserCode::from_random(random::bytes()?),
        };
        let record = device::issue(requested, &codes, &app.config.device_keys.user_code, terms);
        if app.store.insert_device_code(&record).await? {
            return http::json(&DeviceAuthorizationResponse::new(&codes, &record, terms));
        }
    }
    Err(EdgeError::Corrupt("no user code is free"))
}
