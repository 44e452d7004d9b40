//! `POST /oauth/revoke` (RFC 7009): a refresh token ends its grant, an access token only itself.

use gatepass_core::client::{AuthenticatedClient, Client};
use gatepass_core::error::ErrorResponse;
use gatepass_core::grant::{EndReason, Grant};
use gatepass_core::jose::Jwt;
use gatepass_core::revoke::{self, RevocationRefusal, RevocationRequest};
use gatepass_core::secret::RefreshToken;
use gatepass_core::store::{AuthorizeStore, GrantStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::refresh::{self, RefreshTokenClaims};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;

type Answer = Outcome<(), RevocationRefusal>;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let outcome = match RevocationRequest::parse(posted.authorization(), &posted.form) {
        Ok(request) => revoke(&request, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(()) => http::json_text("{}".to_owned()),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

async fn revoke(request: &RevocationRequest, app: &App) -> Answer {
    let now = clock::now();
    let config = &app.config;
    let as_refresh_token = RefreshToken::new(request.token.expose());
    let key = &config.refresh_token_key;
    if let Ok(claims) = refresh::read(&as_refresh_token, &config.issuer, key, now) {
        return end_grant(request, &claims, app, now).await;
    }
    if let Ok(jwt) = app
        .keys()
        .await?
        .verify(access::TYPE, request.token.expose(), now)
        .await?
    {
        return end_access_token(request, &jwt, app, now).await;
    }
    let (client, _) = app
        .store
        .client_and_sign_in(Some(request.credentials.client_id()), None)
        .await?;
    Ok(authenticate(request, client, now).map(drop))
}

async fn end_grant(
    request: &RevocationRequest,
    claims: &RefreshTokenClaims,
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = request.credentials.client_id();
    let (client, _, state) = app.store.refresh_token_state(caller, &claims.jti).await?;
    let grant = match own_grant(request, client, state.grant, now) {
        Ok(Some(grant)) => grant,
        Ok(None) => return Ok(Ok(())),
        Err(refusal) => return Ok(Err(refusal)),
    };
    app.end_grant(&grant.id, EndReason::Revoked).await.map(Ok)
}

async fn end_access_token(
    request: &RevocationRequest,
    jwt: &Jwt<AccessTokenClaims>,
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = Some(request.credentials.client_id());
    let claims = &jwt.payload;
    let (client, state) = app
        .store
        .access_token_state(caller, &claims.grant_id, &claims.jti)
        .await?;
    match own_grant(request, client, state.grant, now) {
        Ok(Some(_)) => app
            .store
            .revoke_access_token(&claims.jti, jwt.expires_at)
            .await
            .map(Ok),
        Ok(None) => Ok(Ok(())),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn authenticate(
    request: &RevocationRequest,
    client: Option<Client>,
    now: Timestamp,
) -> Result<AuthenticatedClient, RevocationRefusal> {
    Ok(request.credentials.authenticate(client, now)?)
}

fn own_grant(
    request: &RevocationRequest,
    client: Option<Client>,
    grant: Option<Grant>,
    now: Timestamp,
) -> Result<Option<Grant>, RevocationRefusal> {
    revoke::own_grant(grant, &authenticate(request, client, now)?)
}
