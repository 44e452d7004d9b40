//! `POST /oauth/token` (RFC 6749 §3.2): two round trips to D1 for a code, one for a refresh.

use gatepass_core::client::{ClientCredentials, GrantType};
use gatepass_core::error::ErrorResponse;
use gatepass_core::form::Form;
use gatepass_core::grant::code::{self, CodeRefusal, CodeRequest, NewIds};
use gatepass_core::grant::refresh::{self, NextSession, RefreshRefusal, Rotation, check_scope};
use gatepass_core::id::{GrantId, JwtId};
use gatepass_core::scope::Scope;
use gatepass_core::store::GrantStore;
use gatepass_core::time::Timestamp;
use gatepass_core::token::{self, GrantRequest, RefreshRequest, TokenRefusal, TokenRequest};
use gatepass_edge::{EdgeError, clock, http, random};
use worker::{Request, Response};

use crate::app::App;
use crate::issue::{self, Issue};

/// What a grant type ends with: tokens, a refusal, or a failure of ours.
type Outcome = Result<Result<token::TokenResponse, TokenRefusal>, EdgeError>;

/// `POST /oauth/token`.
pub async fn answer(request: Request, app: &App) -> Result<Response, EdgeError> {
    respond(request, None, app).await
}

/// `POST /refresh`: the refresh grant, which need not be named.
pub async fn answer_refresh(request: Request, app: &App) -> Result<Response, EdgeError> {
    respond(request, Some(GrantType::RefreshToken), app).await
}

async fn respond(
    mut request: Request,
    implied: Option<GrantType>,
    app: &App,
) -> Result<Response, EdgeError> {
    let body = match http::body(&mut request, http::FORM).await? {
        Ok(body) => body,
        Err(refusal) => return refusal.response(),
    };
    let authorization = http::header(&request, "Authorization");
    let outcome = match parse(authorization.as_deref(), &body, implied) {
        Ok(request) => grant(request, app).await?,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(tokens) => http::json_text(tokens.to_json()?),
        Err(refusal) => {
            if let Some((grant, reason)) = refusal.ends() {
                app.end_grant(grant, reason).await?;
            }
            http::error_json(&ErrorResponse::from(&refusal))
        }
    }
}

fn parse(
    authorization: Option<&str>,
    body: &str,
    implied: Option<GrantType>,
) -> Result<TokenRequest, TokenRefusal> {
    TokenRequest::parse(authorization, &Form::parse(body)?, implied)
}

async fn grant(request: TokenRequest, app: &App) -> Outcome {
    let now = clock::now();
    match request.grant {
        GrantRequest::AuthorizationCode(code) => {
            redeem_code(&request.credentials, &code, app, now).await
        }
        GrantRequest::RefreshToken(refresh) => {
            refresh_tokens(&request.credentials, &refresh, app, now).await
        }
    }
}

/// RFC 6749 §4.1.3.
async fn redeem_code(
    credentials: &ClientCredentials,
    request: &CodeRequest,
    app: &App,
    now: Timestamp,
) -> Outcome {
    let hash = request.code.hash();
    let (client, record) = app
        .store
        .client_and_code(credentials.client_id(), hash)
        .await?;
    let client = match credentials.authenticate(client) {
        Ok(client) => client,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let ids = NewIds {
        grant: GrantId::from_random(random::bytes()?),
        refresh_jti: JwtId::from_random(random::bytes()?),
        access_jti: JwtId::from_random(random::bytes()?),
    };
    let lifetimes = &app.config.lifetimes;
    let redemption = match code::decide(record, request, &client, (ids, lifetimes), now) {
        Ok(redemption) => redemption,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    // Whatever can fail here must do so before the code is spent.
    let keys = app.keys().await?;
    if !app.store.redeem(&redemption).await? {
        return Ok(Err(CodeRefusal::AlreadyRedeemed.into()));
    }
    let (grant, nonce) = (&redemption.grant, redemption.nonce.clone());
    let id_token = token::id::issue(grant, nonce, &app.config.issuer, lifetimes, now);
    let issue = Issue {
        grant,
        session: &redemption.session,
        access_jti: redemption.session.access_jti.clone(),
        scope: &grant.scope,
        gives_refresh_token: client.client().may_use(GrantType::RefreshToken),
        id_token,
    };
    issue::tokens(issue, &keys, app, now).await.map(Ok)
}

/// RFC 6749 §6.
async fn refresh_tokens(
    credentials: &ClientCredentials,
    request: &RefreshRequest,
    app: &App,
    now: Timestamp,
) -> Outcome {
    let config = &app.config;
    let (key, grace) = (&config.refresh_token_key, config.lifetimes.grace);
    let read = token::refresh::read_for_refresh(&request.token, &config.issuer, key, grace, now);
    let jti = match read {
        Ok(claims) => claims.jti,
        Err(error) => return Ok(Err(TokenRefusal::RefreshToken(error))),
    };
    let scope = match requested_scope(request, &jti, app).await? {
        Ok(scope) => scope,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let next = NextSession {
        refresh_jti: JwtId::from_random(random::bytes()?),
        access_jti: JwtId::from_random(random::bytes()?),
        expires_at: now.plus(config.lifetimes.refresh_token),
    };
    let rotation = Rotation {
        presented: &jti,
        credentials,
        next,
        at: now,
    };
    // Whatever can fail here must do so before the token is spent.
    let keys = app.keys().await?;
    let found = app.store.rotate(&rotation).await?;
    let refreshed = match refresh::decide(found, &rotation, &config.lifetimes) {
        Ok(refreshed) => refreshed,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let access_jti = refreshed.access_jti(&rotation, JwtId::from_random(random::bytes()?));
    let issue = Issue {
        grant: &refreshed.grant,
        session: &refreshed.session,
        access_jti,
        scope: scope.as_ref().unwrap_or(&refreshed.grant.scope),
        gives_refresh_token: true,
        id_token: None,
    };
    issue::tokens(issue, &keys, app, now).await.map(Ok)
}

/// A request for less than was granted costs one more round trip, before anything is spent: a
/// refusal must not cost the client its refresh token.
async fn requested_scope(
    request: &RefreshRequest,
    jti: &JwtId,
    app: &App,
) -> Result<Result<Option<Scope>, RefreshRefusal>, EdgeError> {
    let Some(text) = &request.scope else {
        return Ok(Ok(None));
    };
    let requested = match Scope::parse(text) {
        Ok(requested) => requested,
        Err(error) => return Ok(Err(error.into())),
    };
    let Some(granted) = app.store.granted_scope(jti).await? else {
        return Ok(Err(RefreshRefusal::Unknown));
    };
    Ok(check_scope(&requested, &granted).map(|()| Some(requested)))
}
