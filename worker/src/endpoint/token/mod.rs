//! `POST /oauth/token` (RFC 6749 §3.2): one file for each grant type.

mod client_credentials;
mod code;
mod device;
mod exchange;
mod password;
mod refresh;

pub(super) use code::redeem_at_once;
use gatepass_core::client::{AuthenticatedClient, Client, ClientCredentials, GrantType};
use gatepass_core::dpop::{CheckedProof, ProofUse, ProofVerdict, Thumbprint};
use gatepass_core::error::ErrorResponse;
use gatepass_core::grant::{Lifetimes, Terms};
use gatepass_core::time::Timestamp;
use gatepass_core::token::{GrantRequest, TokenRefusal, TokenRequest, TokenResponse};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use super::{Outcome, Posted};
use crate::app::App;
use crate::{assertion, proof};

type Answer = Outcome<TokenResponse, TokenRefusal>;

/// Who asks for tokens, and when.
#[derive(Clone, Copy)]
struct Asking<'a> {
    /// Who it says it is.
    credentials: &'a ClientCredentials,
    /// The proof that came with it, all right but for whether it was used before.
    proof: Option<&'a CheckedProof>,
    now: Timestamp,
    /// Whether it came by first-party sign-in.
    directly: bool,
}

impl<'a> Asking<'a> {
    /// The key to which the tokens will be bound.
    fn key(self) -> Option<&'a Thumbprint> {
        self.proof.map(|proof| &proof.jkt)
    }

    /// The terms on which it gets something that lives as long as `lifetimes` say.
    fn terms(self, lifetimes: &'a Lifetimes, app: &'a App) -> Terms<'a> {
        Terms {
            issuer: &app.config.issuer,
            lifetimes,
            now: self.now,
            key: self.key(),
        }
    }

    /// The client, if it is the one that it says, and the proof counts.
    fn authenticate(
        self,
        client: Option<Client>,
        proof: ProofVerdict,
    ) -> Result<AuthenticatedClient, TokenRefusal> {
        let client = self.credentials.authenticate(client, self.now)?;
        proof.check()?;
        Ok(client)
    }

    /// The use of the proof for this request alone.
    fn proof_once(self) -> Option<ProofUse<'a>> {
        self.proof.map(|proof| ProofUse::once(proof, self.now))
    }

    /// The use of the proof for `what` the request offers, and for the same again.
    fn proof_for(self, what: &str, app: &App) -> Option<ProofUse<'a>> {
        let grace = app.config.lifetimes.grace;
        self.proof
            .map(|proof| ProofUse::repeatable(proof, what, grace, self.now))
    }
}

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
    match tokens(&posted, (implied, false), &request, app).await? {
        Ok(tokens) => http::json_text(tokens.to_json()?),
        Err(refusal) => refuse(&refusal),
    }
}

/// What a request comes to, of the grant type that is `implied`, or of any; `directly`, if it came by
/// first-party sign-in. What a refusal ends has ended when this returns.
pub(super) async fn tokens(
    posted: &Posted,
    (implied, directly): (Option<GrantType>, bool),
    request: &Request,
    app: &App,
) -> Answer {
    let now = clock::now();
    let outcome = match TokenRequest::parse(posted.authorization(), &posted.form, implied) {
        Ok(asked) => match proof::of(request, app, now).await? {
            Ok(proof) => grant(asked, (proof.as_ref(), directly), app, now).await?,
            Err(refusal) => Err(refusal.into()),
        },
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &outcome
        && let Some((grant, reason)) = refusal.ends()
    {
        app.end_grant(grant, reason).await?;
    }
    Ok(outcome)
}

/// The answer to a request that gets no tokens.
pub(super) fn refuse(refusal: &TokenRefusal) -> Result<Response, EdgeError> {
    let response = http::error_json(&ErrorResponse::from(refusal))?;
    let Some(wait) = refusal.retry_after() else {
        return Ok(response);
    };
    let seconds = wait.seconds().to_string();
    response.headers().set("Retry-After", &seconds)?;
    Ok(response.with_status(429))
}

async fn grant(
    request: TokenRequest,
    (proof, directly): (Option<&CheckedProof>, bool),
    app: &App,
    now: Timestamp,
) -> Answer {
    let credentials = match assertion::prove(request.credentials, app, now).await? {
        Ok(credentials) => credentials,
        Err(failure) => return Ok(Err(failure.into())),
    };
    let asking = Asking {
        credentials: &credentials,
        proof,
        now,
        directly,
    };
    match &request.grant {
        GrantRequest::AuthorizationCode(code) => code::redeem(asking, code, app).await,
        GrantRequest::ClientCredentials(itself) => {
            client_credentials::issue(asking, itself, app).await
        }
        GrantRequest::DeviceCode(code) => device::poll(asking, code, app).await,
        GrantRequest::Password(password) => password::sign_in(asking, password, app).await,
        GrantRequest::RefreshToken(refresh) => refresh::rotate(asking, refresh, app).await,
        GrantRequest::TokenExchange(tokens) => exchange::exchange(asking, tokens, app).await,
    }
}
