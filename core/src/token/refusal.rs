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
mod tests {
    use super::*;
    use crate::dpop::ProofError;
    use crate::form::Form;
    use crate::pkce::PkceError;
    use crate::scope::{InvalidScope, ScopeExceeded};

    /// `error`, HTTP status, `gatepass_reason`, and why a grant ends.
    type Wire = (&'static str, u16, Option<&'static str>, Option<EndReason>);

    fn wire(refusal: &TokenRefusal) -> Wire {
        let response = ErrorResponse::from(refusal);
        let printable = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(
            response.description.bytes().all(printable),
            "{}",
            response.description
        );
        let ends = refusal.ends().map(|(grant, reason)| {
            assert_eq!(*grant, grant_id());
            reason
        });
        (
            response.code.as_str(),
            response.code.status(),
            response.reason,
            ends,
        )
    }

    fn grant_id() -> GrantId {
        GrantId::parse("g1").unwrap()
    }

    const INVALID_GRANT: Wire = ("invalid_grant", 400, None, None);

    fn invalid_grant(reason: &'static str) -> Wire {
        ("invalid_grant", 400, Some(reason), None)
    }

    #[test]
    fn every_refusal_of_a_code_has_its_words_on_the_wire() {
        use CodeRefusal as R;
        let replayed = Some(EndReason::CodeReplayed);
        for (refusal, expected) in [
            (R::AlreadyRedeemed, INVALID_GRANT),
            (R::Expired, invalid_grant("expired")),
            (R::OtherClient, INVALID_GRANT),
            (R::Pkce(PkceError::Mismatch), INVALID_GRANT),
            (R::Pkce(PkceError::MalformedVerifier), INVALID_GRANT),
            (R::RedirectMismatch, INVALID_GRANT),
            (
                R::Replayed(grant_id()),
                ("invalid_grant", 400, Some("code_replayed"), replayed),
            ),
            (R::Unknown, INVALID_GRANT),
            (
                R::UnauthorizedClient,
                ("unauthorized_client", 400, None, None),
            ),
        ] {
            assert_eq!(wire(&refusal.clone().into()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn every_refusal_of_a_refresh_has_its_words_on_the_wire() {
        use RefreshRefusal as R;
        let replayed = Some(EndReason::Replayed);
        for (refusal, expected) in [
            (
                R::Client(AuthenticationFailure::Refused),
                ("invalid_client", 401, None, None),
            ),
            (R::Expired, invalid_grant("expired")),
            (
                R::Ended(EndReason::Administrator),
                invalid_grant("administrator"),
            ),
            (
                R::Ended(EndReason::CodeReplayed),
                invalid_grant("code_replayed"),
            ),
            (R::Ended(EndReason::Replayed), invalid_grant("replayed")),
            (R::Ended(EndReason::Revoked), invalid_grant("revoked")),
            (R::Ended(EndReason::SignedOut), invalid_grant("signed_out")),
            (R::OtherClient, INVALID_GRANT),
            (
                R::Replayed(grant_id()),
                ("invalid_grant", 400, Some("replayed"), replayed),
            ),
            (R::ScopeExceeded, ("invalid_scope", 400, None, None)),
            (R::Unsettled, ("temporarily_unavailable", 503, None, None)),
            (R::Unknown, INVALID_GRANT),
            (
                R::UnauthorizedClient,
                ("unauthorized_client", 400, None, None),
            ),
        ] {
            assert_eq!(wire(&refusal.clone().into()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn every_refusal_of_a_device_code_has_its_words_on_the_wire() {
        use DeviceRefusal as R;
        let replayed = Some(EndReason::CodeReplayed);
        for (refusal, expected) in [
            (
                R::Client(AuthenticationFailure::Refused),
                ("invalid_client", 401, None, None),
            ),
            (R::Denied, ("access_denied", 400, None, None)),
            (R::Ended(EndReason::Revoked), invalid_grant("revoked")),
            (R::Expired, ("expired_token", 400, None, None)),
            (R::OtherClient, INVALID_GRANT),
            (R::Pending, ("authorization_pending", 400, None, None)),
            (
                R::Replayed(grant_id()),
                ("invalid_grant", 400, Some("code_replayed"), replayed),
            ),
            (R::SlowDown, ("slow_down", 400, None, None)),
            (
                R::UnauthorizedClient,
                ("unauthorized_client", 400, None, None),
            ),
            (R::Unknown, INVALID_GRANT),
            (R::Unsettled, ("temporarily_unavailable", 503, None, None)),
        ] {
            assert_eq!(wire(&refusal.clone().into()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn every_refusal_of_client_credentials_has_its_words_on_the_wire() {
        use ClientCredentialsRefusal as R;
        let unauthorized = ("unauthorized_client", 400, None, None);
        for (refusal, expected) in [
            (R::GoesByAUsersName, unauthorized),
            (R::PublicClient, unauthorized),
            (R::Scope(ScopeExceeded), ("invalid_scope", 400, None, None)),
            (
                R::Target(UnknownResource),
                ("invalid_target", 400, None, None),
            ),
            (R::UnauthorizedClient, unauthorized),
        ] {
            assert_eq!(wire(&refusal.clone().into()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn every_refusal_of_an_exchange_has_its_words_on_the_wire() {
        use TokenExchangeRefusal as R;
        let invalid_request = ("invalid_request", 400, None, None);
        let unauthorized = ("unauthorized_client", 400, None, None);
        for (refusal, expected) in [
            (R::ActorToken, invalid_request),
            (R::NotItsBusiness, invalid_request),
            (R::PublicClient, unauthorized),
            (R::Scope(ScopeExceeded), ("invalid_scope", 400, None, None)),
            (R::SubjectToken, invalid_request),
            (
                R::Target(UnknownResource),
                ("invalid_target", 400, None, None),
            ),
            (R::TokenType("actor_token_type"), invalid_request),
            (R::TooManyActors, invalid_request),
            (R::UnauthorizedClient, unauthorized),
        ] {
            assert_eq!(wire(&refusal.into()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn every_refusal_of_a_proof_has_its_words_on_the_wire_and_ends_nothing() {
        use ProofRefusal as R;
        let invalid = ("invalid_dpop_proof", 400, None, None);
        for (refusal, expected) in [
            (R::Invalid(ProofError::Signature), invalid),
            (R::Mismatch, invalid),
            (R::NonceRequired, ("use_dpop_nonce", 400, None, None)),
            (R::NotBound, invalid),
            (R::OtherKey, INVALID_GRANT),
            (R::Required, invalid),
            (R::Used, invalid),
        ] {
            for refusal in [
                TokenRefusal::Proof(refusal),
                ClientCredentialsRefusal::Proof(refusal).into(),
                CodeRefusal::Proof(refusal).into(),
                DeviceRefusal::Proof(refusal).into(),
                RefreshRefusal::Proof(refusal).into(),
            ] {
                assert_eq!(wire(&refusal), expected, "{refusal:?}");
            }
        }
    }

    #[test]
    fn every_refusal_before_either_has_its_words_on_the_wire() {
        use AuthenticationFailure as F;
        use TokenRefusal as R;
        let missing = || Form::default().required("code").unwrap_err();
        let invalid_client = ("invalid_client", 401, None, None);
        let invalid_request = ("invalid_request", 400, None, None);
        for (refusal, expected) in [
            (R::Client(F::MalformedHeader), invalid_client),
            (R::Client(F::Missing), invalid_client),
            (R::Client(F::Refused), invalid_client),
            (R::Client(F::TwoMethods), invalid_request),
            (R::Scope(InvalidScope), ("invalid_scope", 400, None, None)),
            (
                R::Target(UnknownResource),
                ("invalid_target", 400, None, None),
            ),
            (R::Form(missing()), invalid_request),
            (R::Form(FormError::NotUtf8), invalid_request),
            (R::IdempotencyKey, invalid_request),
            (R::RefreshToken(JwtError::Expired), invalid_grant("expired")),
            (R::RefreshToken(JwtError::Signature), INVALID_GRANT),
            (R::RefreshToken(JwtError::Malformed), INVALID_GRANT),
            (R::RefreshToken(JwtError::Type), INVALID_GRANT),
            (R::RefreshToken(JwtError::Claims), INVALID_GRANT),
            (
                R::UnsupportedGrantType,
                ("unsupported_grant_type", 400, None, None),
            ),
        ] {
            assert_eq!(wire(&refusal), expected, "{refusal:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_refresh_token_does_not_say_how_to_make_a_better_one() {
        let words = |error| ErrorResponse::from(&TokenRefusal::RefreshToken(error)).description;
        assert_eq!(words(JwtError::Signature), words(JwtError::Malformed));
        assert_eq!(
            words(JwtError::Signature),
            "the refresh token is not valid here"
        );
    }
}
