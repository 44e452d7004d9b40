//! `POST /oauth/introspect` (RFC 7662), signed if that is asked for (RFC 9701): one round trip to D1.

use gatepass_core::client::AuthenticatedClient;
use gatepass_core::error::ErrorResponse;
use gatepass_core::grant::token_exchange::LookedUp;
use gatepass_core::introspect::{
    Introspection, IntrospectionRefusal, IntrospectionRequest, SIGNED, SIGNED_TYPE, accepts_signed,
    check_caller,
};
use gatepass_core::secret::RefreshToken;
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::refresh::{self, RefreshTokenClaims};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::keys::Keys;
use crate::{access_token, assertion};

type Answer = Outcome<Told, IntrospectionRefusal>;

/// What is told, and to whom.
struct Told {
    introspection: Introspection,
    caller: AuthenticatedClient,
}

pub async fn answer(mut request: Request, app: &App) -> Result<Response, EdgeError> {
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let outcome = match IntrospectionRequest::parse(posted.authorization(), &posted.form) {
        Ok(request) => introspect(request, app).await?,
        Err(refusal) => Err(refusal),
    };
    let accept = http::header(&request, "Accept").unwrap_or_default();
    match outcome {
        Ok(told) if accepts_signed(&accept) => signed(&told, app).await,
        Ok(told) => http::json(&told.introspection),
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
    of_access_token(request, app, now).await
}

/// Only a client that proved itself learns that a token is worth nothing.
async fn of_access_token(request: &IntrospectionRequest, app: &App, now: Timestamp) -> Answer {
    let caller = Some(request.credentials.client_id());
    let (client, found) = access_token::look_up(request.token.expose(), caller, app, now).await?;
    Ok(request
        .credentials
        .authenticate(client, now)
        .map_err(Into::into)
        .and_then(|caller| {
            check_caller(&caller)?;
            let introspection = found.map_or_else(
                |_| Introspection::inactive(),
                |LookedUp { jwt, state }| Introspection::of_access_token(jwt, &state, &caller, now),
            );
            Ok(Told {
                introspection,
                caller,
            })
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
            let introspection = session.map_or_else(Introspection::inactive, |session| {
                Introspection::of_refresh_token(&session, &state, &caller, issuer, now)
            });
            Ok(Told {
                introspection,
                caller,
            })
        }))
}

/// The answer as a JWT for the caller alone (RFC 9701).
async fn signed(told: &Told, app: &App) -> Result<Response, EdgeError> {
    let client = told.caller.client();
    let everyones = app.config.keys.algorithm;
    let own = client.settings.introspection_signed_response_alg;
    let algorithm = own.unwrap_or(everyones);
    let issuer = &app.config.issuer;
    let jwt = told
        .introspection
        .addressed(issuer, &client.id, clock::now())?;
    let keys = Keys::of(app, &[algorithm]).await?;
    let text = keys.sign(app, algorithm, SIGNED_TYPE, &jwt).await?;
    let response = http::with_type(text, SIGNED)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}
