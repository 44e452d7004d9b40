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
