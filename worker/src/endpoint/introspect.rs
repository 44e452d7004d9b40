//! `POST /oauth/introspect` (RFC 7662): one round trip to D1.

use gatepass_core::error::ErrorResponse;
use gatepass_core::form::Form;
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

use crate::app::App;

/// What an introspection ends with: an answer, a refusal, or a failure of ours.
type Outcome = Result<Result<Introspection, IntrospectionRefusal>, EdgeError>;

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let body = match http::body(&mut request, http::FORM).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    let authorization = http::header(&request, "Authorization");
    let outcome = match parse(authorization.as_deref(), &body) {
        Ok(request) => introspect(&request, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(introspection) => http::json(&introspection),
        Err(refusal) => http::error_json(&ErrorResponse::from(&refusal)),
    }
}

fn parse(
    authorization: Option<&str>,
    body: &str,
) -> Result<IntrospectionRequest, IntrospectionRefusal> {
    IntrospectionRequest::parse(authorization, &Form::parse(body)?)
}

async fn introspect(request: &IntrospectionRequest, app: &App) -> Outcome {
    let now = clock::now();
    let (config, token) = (&app.config, request.token.expose());
    let as_refresh_token = RefreshToken::new(token);
    let key = &config.refresh_token_key;
    if let Ok(claims) = refresh::read(&as_refresh_token, &config.issuer, key, now) {
        return of_refresh_token(request, &claims, app, now).await;
    }
    match app.keys().await?.verify(access::TYPE, token, now).await? {
        Ok(jwt) => of_access_token(request, jwt, app, now).await,
        Err(_) => of_nothing(request, app).await,
    }
}

async fn of_access_token(
    request: &IntrospectionRequest,
    jwt: Jwt<AccessTokenClaims>,
    app: &App,
    now: Timestamp,
) -> Outcome {
    let caller = Some(request.credentials.client_id());
    let (grant, jti) = (&jwt.payload.grant_id, &jwt.payload.jti);
    let (client, state) = app.store.access_token_state(caller, grant, jti).await?;
    Ok(request
        .credentials
        .authenticate(client)
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
) -> Outcome {
    let caller = request.credentials.client_id();
    let (client, session, state) = app.store.refresh_token_state(caller, &claims.jti).await?;
    let issuer = &app.config.issuer;
    Ok(request
        .credentials
        .authenticate(client)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            Ok(session.map_or_else(Introspection::inactive, |session| {
                Introspection::of_refresh_token(&session, &state, &caller, issuer, now)
            }))
        }))
}

/// Only a client that proved itself learns that a token is worth nothing.
async fn of_nothing(request: &IntrospectionRequest, app: &App) -> Outcome {
    let (client, _) = app
        .store
        .client_and_sign_in(Some(request.credentials.client_id()), None)
        .await?;
    Ok(request
        .credentials
        .authenticate(client)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            Ok(Introspection::inactive())
        }))
}
