//! Why a token request is refused, and what the wire says of it (RFC 6749 §5.2).

use crate::authorize::{InvalidDetails, UnknownResource};
use crate::client::AuthenticationFailure;
use crate::dpop::ProofRefusal;
use crate::error::{ErrorCode, ErrorResponse};
use crate::form::FormError;
use crate::grant::EndReason;
use crate::grant::client_credentials::ClientCredentialsRefusal;
use crate::grant::code::CodeRefusal;
use crate::grant::device::DeviceRefusal;
use crate::grant::password::PasswordRefusal;
use crate::grant::refresh::RefreshRefusal;
use crate::grant::token_exchange::{self, TokenExchangeRefusal};
use crate::id::GrantId;
use crate::jose::JwtError;
use crate::scope::InvalidScope;
use crate::time::Lifetime;

/// Why a token request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The client may not act for itself.
    #[error(transparent)]
    ClientCredentials(#[from] ClientCredentialsRefusal),
    /// The code.
    #[error(transparent)]
    Code(#[from] CodeRefusal),
    /// `authorization_details` are malformed, or cannot be had with this grant type.
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// The device code.
    #[error(transparent)]
    Device(#[from] DeviceRefusal),
    /// The parameters.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The idempotency key of a refresh could be guessed.
    #[error("idempotency_key must have 22 characters or more")]
    IdempotencyKey,
    /// A password, and who takes it.
    #[error(transparent)]
    Password(#[from] PasswordRefusal),
    /// The proof of possession.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// The refresh token's session or grant.
    #[error(transparent)]
    Refresh(#[from] RefreshRefusal),
    /// The refresh token itself.
    #[error("the refresh token is not valid here")]
    RefreshToken(JwtError),
    /// The scope parameter is malformed.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// The resource parameter is malformed or repeated.
    #[error(transparent)]
    Target(#[from] UnknownResource),
    /// The tokens that were to be exchanged.
    #[error(transparent)]
    TokenExchange(#[from] TokenExchangeRefusal),
    /// No such grant type here.
    #[error("grant_type must be one of those that the discovery document lists")]
    UnsupportedGrantType,
}

impl TokenRefusal {
    /// The grant that the refusal ends, if it ends one.
    pub fn ends(&self) -> Option<(&GrantId, EndReason)> {
        match self {
            Self::Code(refusal) => refusal.ends(),
            Self::Device(refusal) => refusal.ends(),
            Self::Refresh(refusal) => refusal.ends(),
            Self::Client(_)
            | Self::ClientCredentials(_)
            | Self::Details(_)
            | Self::Form(_)
            | Self::IdempotencyKey
            | Self::Password(_)
            | Self::Proof(_)
            | Self::RefreshToken(_)
            | Self::Scope(_)
            | Self::Target(_)
            | Self::TokenExchange(_)
            | Self::UnsupportedGrantType => None,
        }
    }

    /// When to try again, where that is known.
    pub const fn retry_after(&self) -> Option<Lifetime> {
        match self {
            Self::Password(PasswordRefusal::Wait(wait)) => Some(*wait),
            _ => None,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Client(failure)
            | Self::Device(DeviceRefusal::Client(failure))
            | Self::Refresh(RefreshRefusal::Client(failure)) => failure.code(),
            Self::Device(DeviceRefusal::Denied) => ErrorCode::AccessDenied,
            Self::Device(DeviceRefusal::Expired) => ErrorCode::ExpiredToken,
            Self::Device(DeviceRefusal::Pending) => ErrorCode::AuthorizationPending,
            Self::Device(DeviceRefusal::SlowDown) => ErrorCode::SlowDown,
            Self::ClientCredentials(refusal) => refusal.code(),
            Self::Password(refusal) => refusal.code(),
            Self::TokenExchange(refusal) => refusal.code(),
            Self::Proof(refusal)
            | Self::Code(CodeRefusal::Proof(refusal))
            | Self::Device(DeviceRefusal::Proof(refusal))
            | Self::Refresh(RefreshRefusal::Proof(refusal)) => refusal.code(),
            Self::Form(_) | Self::IdempotencyKey => ErrorCode::InvalidRequest,
            Self::Details(_)
            | Self::Code(CodeRefusal::Details(_))
            | Self::Refresh(RefreshRefusal::Details(_)) => ErrorCode::InvalidAuthorizationDetails,
            Self::UnsupportedGrantType => ErrorCode::UnsupportedGrantType,
            Self::Code(CodeRefusal::UnauthorizedClient)
            | Self::Device(DeviceRefusal::UnauthorizedClient)
            | Self::Refresh(RefreshRefusal::UnauthorizedClient) => ErrorCode::UnauthorizedClient,
            Self::Scope(_) | Self::Refresh(RefreshRefusal::ScopeExceeded) => {
                ErrorCode::InvalidScope
            }
            Self::Target(_) => ErrorCode::InvalidTarget,
            Self::Device(DeviceRefusal::Unsettled) | Self::Refresh(RefreshRefusal::Unsettled) => {
                ErrorCode::TemporarilyUnavailable
            }
            // The code on which a client signs its user out: nothing falls through to it.
            Self::Code(
                CodeRefusal::AlreadyRedeemed
                | CodeRefusal::Expired
                | CodeRefusal::OtherClient
                | CodeRefusal::Pkce(_)
                | CodeRefusal::RedirectMismatch
                | CodeRefusal::Replayed(_)
                | CodeRefusal::Unknown,
            )
            | Self::Device(
                DeviceRefusal::Ended(_)
                | DeviceRefusal::OtherClient
                | DeviceRefusal::Replayed(_)
                | DeviceRefusal::Unknown,
            )
            | Self::Refresh(
                RefreshRefusal::Ended(_)
                | RefreshRefusal::Expired
                | RefreshRefusal::OtherClient
                | RefreshRefusal::Replayed(_)
                | RefreshRefusal::Unknown,
            )
            | Self::RefreshToken(_) => ErrorCode::InvalidGrant,
        }
    }

    /// The coarse reason that a client may show its user, in `gatepass_reason`.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Device(DeviceRefusal::Ended(reason))
            | Self::Refresh(RefreshRefusal::Ended(reason)) => Some(reason.as_str()),
            Self::Refresh(RefreshRefusal::Replayed(_)) => Some(EndReason::Replayed.as_str()),
            Self::Code(CodeRefusal::Replayed(_)) | Self::Device(DeviceRefusal::Replayed(_)) => {
                Some(EndReason::CodeReplayed.as_str())
            }
            Self::Refresh(RefreshRefusal::Expired)
            | Self::Code(CodeRefusal::Expired)
            | Self::RefreshToken(JwtError::Expired) => Some("expired"),
            Self::Client(_)
            | Self::ClientCredentials(_)
            | Self::Code(_)
            | Self::Device(_)
            | Self::Details(_)
            | Self::Form(_)
            | Self::IdempotencyKey
            | Self::Password(_)
            | Self::Proof(_)
            | Self::Refresh(_)
            | Self::RefreshToken(_)
            | Self::Scope(_)
            | Self::Target(_)
            | Self::TokenExchange(_)
            | Self::UnsupportedGrantType => None,
        }
    }
}

impl From<token_exchange::Unreadable> for TokenRefusal {
    fn from(unreadable: token_exchange::Unreadable) -> Self {
        match unreadable {
            token_exchange::Unreadable::Form(error) => error.into(),
            token_exchange::Unreadable::Scope(error) => error.into(),
            token_exchange::Unreadable::Exchange(refusal) => refusal.into(),
        }
    }
}

impl From<&TokenRefusal> for ErrorResponse {
    fn from(refusal: &TokenRefusal) -> Self {
        let response = Self::new(refusal.code(), refusal.to_string());
        match refusal.reason() {
            Some(reason) => response.with_reason(reason),
            None => response,
        }
    }
}

#[cfg(test)]
mod tests;
