//! Authorization codes (RFC 6749 §4.1, OAuth 2.1 §4.1): issued once, redeemed once.
//!
//! The store consumes the code and creates the grant and its first session in one step, so of two
//! redemptions exactly one wins. Everything that can be wrong with a redemption is found before.

use super::begin::{Consented, begin};
use super::{EndReason, Grant, GrantDetails, Lifetimes, Session, Terms, Wish};
use crate::authorize::{AuthorizationRequest, InvalidDetails, Permission};
use crate::client::{AuthenticatedClient, Client, GrantType};
use crate::dpop::{ProofRefusal, check_key};
use crate::id::{Audience, BrowserId, ClientId, GrantId, JwtId, Nonce, Subject};
use crate::pkce::{CodeChallenge, PkceError, VerifiedPkce};
use crate::redirect::RedirectUri;
use crate::scope::Scope;
use crate::secret::{AuthorizationCode, CodeVerifier, SecretHash};
use crate::time::Timestamp;
use crate::token::opaque::Offer;

/// An authorization code as the store holds it.
#[derive(Clone, Debug)]
pub struct CodeRecord {
    /// Its key.
    pub hash: SecretHash,
    /// Who may redeem it.
    pub client_id: ClientId,
    /// Where it was sent.
    pub redirect_uri: RedirectUri,
    /// The browser that it came from.
    pub browser: BrowserId,
    /// Who signed in.
    pub subject: Subject,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// What else is known of how they did.
    pub details: GrantDetails,
    /// What they agreed to.
    pub scope: Scope,
    /// Whom the tokens will be for.
    pub audience: Audience,
    /// The request's nonce, for the ID token.
    pub nonce: Option<Nonce>,
    /// What the verifier must match.
    pub challenge: CodeChallenge,
    /// When it stops to be worth anything.
    pub expires_at: Timestamp,
    /// Whether it was redeemed.
    pub status: CodeStatus,
}

/// Whether a code was redeemed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CodeStatus {
    /// Not yet.
    Unused,
    /// It was.
    Redeemed {
        /// When.
        at: Timestamp,
        /// What came of it.
        grant_id: GrantId,
    },
}

/// The record of a code for what a user permits.
pub fn issue(
    request: &AuthorizationRequest,
    permission: &Permission,
    code: &AuthorizationCode,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> CodeRecord {
    let sign_in = permission.sign_in();
    CodeRecord {
        hash: code.hash(),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect.uri().clone(),
        browser: sign_in.browser.clone(),
        subject: sign_in.subject.clone(),
        auth_time: sign_in.auth_time,
        details: GrantDetails {
            amr: sign_in.amr.clone(),
            id_token_claims: permission.claims().id_token.clone(),
            userinfo_claims: permission.claims().userinfo.clone(),
            authorization_details: request.details.clone(),
            declines_offline_access: permission.declines_offline_access(),
            jkt: request.dpop_jkt.clone(),
        },
        scope: permission.scope().clone(),
        audience: request.audience.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.unwrap_or(CodeChallenge::of_nobody()),
        expires_at: now.plus(lifetimes.code),
        status: CodeStatus::Unused,
    }
}

/// What a token request presents (RFC 6749 §4.1.3, RFC 7636 §4.5).
#[derive(Debug)]
pub struct CodeRequest {
    /// `code`.
    pub code: AuthorizationCode,
    /// `redirect_uri`, which OAuth 2.1 no longer asks for but which must match when sent.
    pub redirect_uri: Option<RedirectUri>,
    /// `code_verifier`.
    pub verifier: CodeVerifier,
    /// What of what was granted the first access token is for (RFC 9396 §6).
    pub wish: Wish,
}

/// Why a code is not redeemed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CodeRefusal {
    /// Redeemed a moment ago with the same verifier: a double submit. Nothing is revoked.
    #[error("the code was redeemed a moment ago")]
    AlreadyRedeemed,
    /// More is asked for in detail than was granted (RFC 9396 §6).
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// Its time is over.
    #[error("the code has expired")]
    Expired,
    /// It was issued to another client.
    #[error("the code was issued to another client")]
    OtherClient,
    /// The verifier is malformed or another.
    #[error(transparent)]
    Pkce(#[from] PkceError),
    /// The key that it is bound to, or that its client must prove.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// It was sent elsewhere.
    #[error("redirect_uri is not the one the code was sent to")]
    RedirectMismatch,
    /// Redeemed before, with the same verifier, longer ago than a retry takes: what the first use
    /// made must end.
    #[error("the code was redeemed before")]
    Replayed(GrantId),
    /// No such code.
    #[error("the code is unknown")]
    Unknown,
    /// The client may not use this grant type.
    #[error("the client may not use authorization codes")]
    UnauthorizedClient,
}

impl CodeRefusal {
    /// The grant that the refusal ends, if it ends one.
    pub fn ends(&self) -> Option<(&GrantId, EndReason)> {
        match self {
            Self::Replayed(grant_id) => Some((grant_id, EndReason::CodeReplayed)),
            _ => None,
        }
    }
}

/// Random identifiers for what a redemption creates.
#[derive(Debug)]
pub struct NewIds {
    /// Of the grant.
    pub grant: GrantId,
    /// Of the refresh token.
    pub refresh_jti: JwtId,
    /// Of the access token.
    pub access_jti: JwtId,
}

/// A redemption that passed every check and waits for the store to consume the code.
#[derive(Debug)]
pub struct Redemption {
    /// The code to consume.
    pub code: SecretHash,
    /// When.
    pub at: Timestamp,
    /// What to create if this redemption is the first.
    pub grant: Grant,
    /// Its first generation.
    pub session: Session,
    /// For the ID token.
    pub nonce: Option<Nonce>,
    /// The access token of the first generation, if the client has opaque ones.
    pub access_token: Option<Offer>,
}

/// Checks everything about a redemption but whether it is the first to reach the store.
///
/// # Errors
///
/// The [`CodeRefusal`] that says what is wrong.
pub fn decide(
    record: Option<CodeRecord>,
    request: &CodeRequest,
    client: &AuthenticatedClient,
    ids: NewIds,
    terms: Terms<'_>,
) -> Result<Redemption, CodeRefusal> {
    if !client.client().may_use(GrantType::AuthorizationCode) {
        return Err(CodeRefusal::UnauthorizedClient);
    }
    let Terms { lifetimes, now, .. } = terms;
    let record = record.ok_or(CodeRefusal::Unknown)?;
    check_binding(&record, request, client)?;
    check_key(record.details.jkt.as_ref(), client.client(), terms.key)?;
    let pkce = record.challenge.verify(&request.verifier)?;
    check_unused(&record, &pkce, lifetimes, now)?;
    if record.expires_at <= now {
        return Err(CodeRefusal::Expired);
    }
    if request
        .wish
        .exceeds_details(&record.details.authorization_details)
    {
        return Err(InvalidDetails.into());
    }
    Ok(redemption(record, client.client(), ids, terms))
}

/// The redemption of a code that nobody gets to see, for the access token that is asked for in its place (RFC
/// 6749 §4.2). Nothing refreshes that, so its grant ends when it does.
pub fn at_once(record: CodeRecord, client: &Client, ids: NewIds, terms: Terms<'_>) -> Redemption {
    let lifetimes = Lifetimes {
        grant: terms.lifetimes.access_token,
        ..*terms.lifetimes
    };
    let lifetimes = &lifetimes;
    redemption(record, client, ids, Terms { lifetimes, ..terms })
}

fn redemption(record: CodeRecord, client: &Client, ids: NewIds, terms: Terms<'_>) -> Redemption {
    let consented = Consented {
        browser: record.browser,
        subject: record.subject,
        client_id: record.client_id,
        scope: record.scope,
        audience: record.audience,
        auth_time: record.auth_time,
        details: record.details,
    };
    let (grant, session) = begin(consented, client, ids, terms);
    Redemption {
        code: record.hash,
        at: terms.now,
        grant,
        session,
        nonce: record.nonce,
        access_token: None,
    }
}

fn check_binding(
    record: &CodeRecord,
    request: &CodeRequest,
    client: &AuthenticatedClient,
) -> Result<(), CodeRefusal> {
    if record.client_id != client.client().id {
        return Err(CodeRefusal::OtherClient);
    }
    let sent = request.redirect_uri.as_ref();
    if sent.is_some_and(|uri| *uri != record.redirect_uri) {
        return Err(CodeRefusal::RedirectMismatch);
    }
    Ok(())
}

/// Only a second use that proves the verifier says anything about theft: without it the presenter
/// could not have been the first, and ending the grant would let anyone who saw an old callback
/// address sign the user out.
fn check_unused(
    record: &CodeRecord,
    _same_verifier: &VerifiedPkce,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<(), CodeRefusal> {
    match &record.status {
        CodeStatus::Unused => Ok(()),
        CodeStatus::Redeemed { at, .. } if at.is_within(lifetimes.grace, now) => {
            Err(CodeRefusal::AlreadyRedeemed)
        }
        CodeStatus::Redeemed { grant_id, .. } => Err(CodeRefusal::Replayed(grant_id.clone())),
    }
}

#[cfg(test)]
mod tests;
