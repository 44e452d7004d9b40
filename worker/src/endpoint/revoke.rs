//! `POST /oauth/revoke` (RFC 7009): a refresh token ends its grant, an access token only itself.

use gatepass_core::audit::Event;
use gatepass_core::client::AuthenticatedClient;
use gatepass_core::error::ErrorResponse;
use gatepass_core::grant::EndReason;
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::jose::Jwt;
use gatepass_core::revoke::{RevocationRefusal, RevocationRequest, check_owner};
use gatepass_core::secret::{RefreshToken, SecretHash};
use gatepass_core::store::{AccessTokenStore, AuthorizeStore, GrantStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::opaque;
use gatepass_core::token::refresh::{self, RefreshTokenClaims};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::audit::Entry;
use crate::{access_token, assertion, keys};

type Answer = Outcome<(), RevocationRefusal>;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let outcome = match RevocationRequest::parse(posted.authorization(), &posted.form) {
        Ok(request) => revoke(request, EndReason::Revoked, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(()) => http::json_text("{}".to_owned()),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

/// Ends what a token stands for, as whoever it was issued to asks.
pub(super) async fn revoke(request: RevocationRequest, reason: EndReason, app: &App) -> Answer {
    let now = clock::now();
    let credentials = match assertion::prove(request.credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let request = &RevocationRequest {
        credentials,
        ..request
    };
    let config = &app.config;
    let as_refresh_token = RefreshToken::new(request.token.expose());
    let key = &config.refresh_token_key;
    if let Ok(claims) = refresh::read(&as_refresh_token, &config.issuer, key, now) {
        return end_grant(request, (&claims, reason), app, now).await;
    }
    let token = request.token.expose();
    if let Some(hash) = opaque::hash_of(token) {
        return end_opaque(request, hash, app, now).await;
    }
    if let Ok(jwt) = keys::verify(app, access::TYPE, token, now).await? {
        return end_access_token(request, &jwt, app, now).await;
    }
    Ok(caller(request, app, now).await?.map(drop))
}

async fn end_grant(
    request: &RevocationRequest,
    (claims, reason): (&RefreshTokenClaims, EndReason),
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = request.credentials.client_id();
    let (client, _, state) = app.store.refresh_token_state(caller, &claims.jti).await?;
    let caller = match request.credentials.authenticate(client, now) {
        Ok(caller) => caller,
        Err(failure) => return Ok(Err(failure.into())),
    };
    if reason == EndReason::SignedOut && !caller.client().may_sign_in_directly() {
        return Ok(Err(RevocationRefusal::NotDirect));
    }
    let Some(grant) = state.grant else {
        return Ok(Ok(()));
    };
    if let Err(refusal) = check_owner(&grant.client_id, &caller) {
        return Ok(Err(refusal));
    }
    app.end_grant(&grant.id, reason).await.map(Ok)
}

async fn end_access_token(
    request: &RevocationRequest,
    jwt: &Jwt<AccessTokenClaims>,
    app: &App,
    now: Timestamp,
) -> Answer {
    let claims = &jwt.payload;
    let owned = caller(request, app, now)
        .await?
        .and_then(|caller| check_owner(&claims.client_id, &caller));
    if let Err(refusal) = owned {
        return Ok(Err(refusal));
    }
    app.note_if_done(&Entry {
        client: Some(&claims.client_id),
        ..Entry::of(Event::TokenRevoked)
    });
    app.store.revoke_access_token(jwt, now).await.map(Ok)
}

async fn end_opaque(
    request: &RevocationRequest,
    hash: SecretHash,
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = Some(request.credentials.client_id());
    let (client, found) = access_token::look_up_opaque(hash, caller, app, now).await?;
    let caller = match request.credentials.authenticate(client, now) {
        Ok(caller) => caller,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let Ok(LookedUp { jwt, .. }) = found else {
        return Ok(Ok(()));
    };
    let client = &jwt.payload.client_id;
    if let Err(refusal) = check_owner(client, &caller) {
        return Ok(Err(refusal));
    }
    app.note_if_done(&Entry {
        client: Some(client),
        ..Entry::of(Event::TokenRevoked)
    });
    app.store.delete_access_token(hash).await.map(Ok)
}

async fn caller(
    request: &RevocationRequest,
    app: &App,
    now: Timestamp,
) -> Outcome<AuthenticatedClient, RevocationRefusal> {
    let id = request.credentials.client_id();
    let (client, _) = app.store.client_and_sign_in(Some(id), None).await?;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(RevocationRefusal::from))
}
