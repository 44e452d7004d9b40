//! `POST /oauth/par` (RFC 9126): two round trips to D1, three with a DPoP proof (RFC 9449 §10.1).

use gatepass_core::authorize::pushed::{self, PushRefusal, push, pushing_client};
use gatepass_core::authorize::{LocalRefusal, RefusalReason, object};
use gatepass_core::client::Client;
use gatepass_core::dpop::{CheckedProof, ProofRefusal, ProofUse};
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::Form;
use gatepass_core::secret::PushedReference;
use gatepass_core::store::{AuthorizeStore, OnceStore, PushedRequestStore};
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, clock, http, random};
use serde::Serialize;
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::{assertion, documents, proof, request_object};

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
    let kept = match proof::of(&request, app, clock::now()).await? {
        Ok(proof) => keep(posted, proof, app).await?,
        Err(refusal) => Err(refusal.into()),
    };
    match kept {
        Ok(pushed) => Ok(http::json(&pushed)?.with_status(201)),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

async fn keep(
    posted: Posted,
    proof: Option<CheckedProof>,
    app: &App,
) -> Outcome<Pushed, PushRefusal> {
    let now = clock::now();
    let credentials = match pushing_client(posted.authorization(), &posted.form) {
        Ok(credentials) => credentials,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if credentials.client_id().is_address() {
        let id = credentials.client_id();
        let (known, _) = app.store.client_and_sign_in(Some(id), None).await?;
        if let Err(problem) = documents::resolve(id, known, app, now).await? {
            return Ok(Err(LocalRefusal::from(problem).into()));
        }
    }
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
    let form = match asked(posted.form, client.client(), app, now).await? {
        Ok(form) => form,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let form = match bound(form, proof, app, now).await? {
        Ok(form) => form,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let reference = PushedReference::from_random(random::bytes()?);
    let resources = &app.config.resources;
    let kept = match push(&form, &client, resources, reference.hash(), now) {
        Ok(kept) => kept,
        Err(refusal) => return Ok(Err(refusal)),
    };
    app.store.insert_pushed_request(&kept).await?;
    Ok(Ok(Pushed {
        request_uri: pushed::request_uri(&reference),
        expires_in: pushed::LIFETIME.seconds(),
    }))
}

/// The request: in the object that the client has signed (RFC 9101), which it may have to, or as it is.
async fn asked(
    form: Form,
    client: &Client,
    app: &App,
    now: Timestamp,
) -> Outcome<Form, PushRefusal> {
    match object::of(&form) {
        Some(text) => {
            let read = request_object::read(text, client, app, now).await?;
            Ok(read.map_err(|problem| LocalRefusal::from(problem).into()))
        }
        None if client.settings.require_signed_request_object => {
            Ok(Err(RefusalReason::NotSigned.into()))
        }
        None => Ok(Ok(form)),
    }
}

/// The request for a code that is bound to the key that was proved, if one was.
async fn bound(
    form: Form,
    proof: Option<CheckedProof>,
    app: &App,
    now: Timestamp,
) -> Outcome<Form, ProofRefusal> {
    let Some(proof) = proof else {
        return Ok(Ok(form));
    };
    let verdict = app.store.use_proof(&ProofUse::once(&proof, now)).await?;
    Ok(verdict
        .check()
        .and_then(|()| pushed::bind(form, &proof.jkt)))
}
