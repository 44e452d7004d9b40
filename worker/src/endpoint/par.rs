//! `POST /oauth/par` (RFC 9126): two round trips to D1.

use gatepass_core::authorize::pushed::{self, PushRefusal, push, pushing_client};
use gatepass_core::error::ErrorResponse;
use gatepass_core::secret::PushedReference;
use gatepass_core::store::{AuthorizeStore, PushedRequestStore};
use gatepass_edge::{EdgeError, clock, http, random};
use serde::Serialize;
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::assertion;

/// What the client hands to the browser (RFC 9126 §2.2).
#[derive(Debug, Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: i64,
}

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    match keep(&posted, app).await? {
        Ok(pushed) => Ok(http::json(&pushed)?.with_status(201)),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

async fn keep(posted: &Posted, app: &App) -> Outcome<Pushed, PushRefusal> {
    let now = clock::now();
    let credentials = match pushing_client(posted.authorization(), &posted.form) {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let credentials = match assertion::prove(credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let id = credentials.client_id();
    let (client, _) = app.store.client_and_sign_in(Some(id), None).await?;
    let client = match credentials.authenticate(client, now) {
        Ok(client) => client,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let reference = PushedReference::from_random(random::bytes()?);
    let resources = &app.config.resources;
    let kept = match push(&posted.form, &client, resources, reference.hash(), now) {
        Ok(kept) => kept,
        Err(refusal) => return Ok(Err(refusal)),
    };
    app.store.insert_pushed_request(&kept).await?;
    Ok(Ok(Pushed {
        request_uri: pushed::request_uri(&reference),
        expires_in: pushed::LIFETIME.seconds(),
    }))
}
