//! `POST /oauth/introspect` (RFC 7662): one round trip to D1.

use gatepass_core::error::ErrorResponse;
use gatepass_core::introspect::{
    Introspection, IntrospectionRefusal, IntrospectionRequest, check_caller,
};
use gatepass_core::jose::Jwt;
use gatepass_core::secret::RefreshToken;
use gatepass_core::store::{AuthorizeStore, GrantStore};
use gatepass_core::time::Timestamp;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::refresh::{self, RefreshTokenClaims};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::{assertion, keys};

type Answer = Outcome<Introspection, IntrospectionRefusal>;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let outcome = match IntrospectionRequest::parse(posted.authorization(), &posted.form) {
        Ok(request) => introspect(request, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(introspection) => http::json(&introspection),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

async fn introspect(request: IntrospectionRequest, app: &App) -> Answer {
    let now = clock::now();
    let credentials = match assertion::prove(request.credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let request = &IntrospectionRequest {
        credentials,
        ..request
    };
    let (config, token) = (&app.config, request.token.expose());
    let as_refresh_token = RefreshToken::new(token);
    let key = &config.refresh_token_key;
    if let Ok(claims) = refresh::read(&as_refresh_token, &config.issuer, key, now) {
        return of_refresh_token(request, &claims, app, now).await;
    }
    match keys::verify(app, access::TYPE, token, now).await? {
        Ok(jwt) => of_access_token(request, jwt, app, now).await,
        Err(_) => of_nothing(request, app, now).await,
    }
}

async fn of_access_token(
    request: &IntrospectionRequest,
    jwt: Jwt<AccessTokenClaims>,
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = Some(request.credentials.client_id());
    let (basis, jti) = (jwt.payload.basis(), &jwt.payload.jti);
    let (client, state) = app.store.access_token_state(caller, basis, jti).await?;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            Ok(Introspection::of_access_token(jwt, &state, &caller, now))
        }))
}

async fn of_refresh_token(
    request: &IntrospectionRequest,
    claims: &RefreshTokenClaims,
    app: &App,
    now: Timestamp,
) -> Answer {
    let caller = request.credentials.client_id();
    let (client, session, state) = app.store.refresh_token_state(caller, &claims.jti).await?;
    let issuer = &app.config.issuer;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            Ok(session.map_or_else(Introspection::inactive, |session| {
                Introspection::of_refresh_token(&session, &state, &caller, issuer, now)
            }))
        }))
}

/// Only a client that proved itself learns that a token is worth nothing.
async fn of_nothing(request: &IntrospectionRequest, app: &App, now: Timestamp) -> Answer {
    let (client, _) = app
        .store
        .client_and_sign_in(Some(request.credentials.client_id()), None)
        .await?;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            Ok(Introspection::inactive())
        }))
}
