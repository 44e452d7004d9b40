//! `POST /oauth/token` (RFC 6749 §3.2): one file for each grant type.

mod client_credentials;
mod code;
mod device;
mod exchange;
mod refresh;

use gatepass_core::client::GrantType;
use gatepass_core::error::ErrorResponse;
use gatepass_core::token::{GrantRequest, TokenRefusal, TokenRequest, TokenResponse};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::assertion;

type Answer = Outcome<TokenResponse, TokenRefusal>;

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
    let posted = match Posted::read(&mut request).await? {
        Ok(posted) => posted,
        Err(unreadable) => return unreadable.response(),
    };
    let outcome = match TokenRequest::parse(posted.authorization(), &posted.form, implied) {
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

async fn grant(request: TokenRequest, app: &App) -> Answer {
    let now = clock::now();
    let credentials = match assertion::prove(request.credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let credentials = &credentials;
    match &request.grant {
        GrantRequest::AuthorizationCode(code) => code::redeem(credentials, code, app, now).await,
        GrantRequest::ClientCredentials(itself) => {
            client_credentials::issue(credentials, itself, app, now).await
        }
        GrantRequest::DeviceCode(code) => device::poll(credentials, code, app, now).await,
        GrantRequest::RefreshToken(refresh) => {
            refresh::rotate(credentials, refresh, app, now).await
        }
        GrantRequest::TokenExchange(tokens) => {
            exchange::exchange(credentials, tokens, app, now).await
        }
    }
}
