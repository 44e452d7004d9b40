//! Refusing a request, with the challenge of RFC 6750 §3 or RFC 9449 §7.1.

use super::{Scheme, SignIn};
use crate::dpop::{ALGORITHMS, ProofRefusal};
use crate::error::ErrorCode;
use crate::jose::JwtError;
use crate::time::Lifetime;

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResourceRefusal {
    /// No token: the challenge carries no error code (RFC 6750 §3.1).
    #[error("a bearer token is required")]
    NoToken,
    /// The same, where only a token will do that is bound to a key.
    #[error("a token that is bound to a key is required, and a DPoP proof")]
    NoBoundToken,
    /// The header is not `Bearer` or `DPoP` with what may be a token.
    #[error("the Authorization header must be Bearer and a token")]
    Malformed,
    /// The token itself.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The provider says that it is not active.
    #[error("the token is expired or revoked")]
    Inactive,
    /// The provider says that it is active, and not all that is needed, or in another form than RFC 7662 §2.2 has it.
    #[error("the provider does not say enough of the token")]
    Incomplete,
    /// It is bound to a key and was presented without a proof (RFC 9449 §7.2).
    #[error("the token is bound to a key: present it as DPoP, with a proof")]
    Downgraded,
    /// It is bound to no key and was presented as if it were.
    #[error("the token is bound to no key: present it as Bearer")]
    NotBound,
    /// The proof of its key (RFC 9449 §4.3).
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// It comes from another issuer.
    #[error("the token was issued by another provider")]
    OtherIssuer,
    /// It is meant for another resource.
    #[error("the token is for another resource")]
    OtherAudience,
    /// The user proved who they are too long ago, or nobody knows when (RFC 9470 §3).
    #[error("a more recent sign-in is required")]
    SignInTooOld(SignIn),
    /// The user proved who they are in another way than is needed, or nobody knows how (RFC 9470 §3).
    #[error("another way to sign in is required")]
    OtherSignIn(SignIn),
    /// Nobody knows it, and so many came lately that nobody issued, from where it comes or from everywhere, that it
    /// has to wait. That says nothing of this one.
    #[error("too many unknown tokens come at the moment: try again in a little while")]
    TooManyUnknown(Lifetime),
    /// It does not allow this.
    #[error("the scope {0} is required")]
    MissingScope(&'static str),
}

impl ResourceRefusal {
    /// The HTTP status and, unless no token was sent, the error code (RFC 6750 §3.1).
    pub const fn code(&self) -> (u16, Option<ErrorCode>) {
        match self {
            Self::NoToken | Self::NoBoundToken => (401, None),
            Self::Proof(ProofRefusal::NonceRequired) => (401, Some(ErrorCode::UseDpopNonce)),
            Self::Proof(_) => (401, Some(ErrorCode::InvalidDpopProof)),
            Self::Malformed => (400, Some(ErrorCode::InvalidRequest)),
            Self::Token(_)
            | Self::Inactive
            | Self::Incomplete
            | Self::Downgraded
            | Self::NotBound
            | Self::OtherIssuer
            | Self::OtherAudience => (401, Some(ErrorCode::InvalidToken)),
            Self::TooManyUnknown(_) => (429, Some(ErrorCode::TooManyUnknownTokens)),
            Self::SignInTooOld(_) | Self::OtherSignIn(_) => {
                (401, Some(ErrorCode::InsufficientUserAuthentication))
            }
            Self::MissingScope(_) => (403, Some(ErrorCode::InsufficientScope)),
        }
    }

    /// The same with how the token was presented, or has to be.
    pub fn presented(self, scheme: Scheme) -> Refused {
        let scheme = match self {
            Self::Downgraded | Self::NoBoundToken | Self::Proof(_) => Scheme::Dpop,
            _ => scheme,
        };
        let reason = self;
        Refused { reason, scheme }
    }
}

/// A refusal, and the scheme of its challenge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Why.
    pub reason: ResourceRefusal,
    /// How a token has to be presented.
    pub scheme: Scheme,
}

impl Refused {
    /// The `WWW-Authenticate` value (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1). `metadata` is the
    /// address of the resource's metadata, if it has one.
    pub fn challenge(&self, realm: &str, metadata: Option<&str>) -> String {
        let mut parameters = vec![parameter("realm", realm)];
        if let (_, Some(code)) = self.reason.code() {
            parameters.push(parameter("error", code.as_str()));
            parameters.push(parameter("error_description", &self.reason.to_string()));
        }
        if let ResourceRefusal::MissingScope(scope) = self.reason {
            parameters.push(parameter("scope", scope));
        }
        if let ResourceRefusal::SignInTooOld(needed) | ResourceRefusal::OtherSignIn(needed) =
            &self.reason
        {
            // All that is needed, not only what is lacking: the next sign-in should do.
            let max_age = needed.max_age.map(|age| age.seconds().to_string());
            parameters.extend(max_age.map(|age| parameter("max_age", &age)));
            let acr_values = needed.acr_values.as_ref();
            parameters.extend(acr_values.map(|values| parameter("acr_values", values)));
        }
        if self.scheme == Scheme::Dpop {
            parameters.push(parameter("algs", &ALGORITHMS.join(" ")));
        }
        parameters.extend(metadata.map(|url| parameter("resource_metadata", url)));
        format!("{} {}", self.scheme.as_str(), parameters.join(", "))
    }
}

/// A parameter whose value is a quoted-string (RFC 9110 §5.6.4).
fn parameter(name: &str, value: &str) -> String {
    let mut text = format!("{name}=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "http://localhost:5000/.well-known/oauth-protected-resource";

    #[test]
    fn a_challenge_is_as_rfc_6750_has_it() {
        let metadata = format!("resource_metadata=\"{METADATA}\"");
        let invalid = |words: &str| {
            format!(
                "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"{words}\", {metadata}"
            )
        };
        for (refusal, status, challenge) in [
            (
                ResourceRefusal::NoToken,
                401,
                format!("Bearer realm=\"api\", {metadata}"),
            ),
            (
                ResourceRefusal::Malformed,
                400,
                format!(
                    "Bearer realm=\"api\", error=\"invalid_request\", \
                     error_description=\"the Authorization header must be Bearer and a token\", \
                     {metadata}"
                ),
            ),
            (
                ResourceRefusal::Token(JwtError::Expired),
                401,
                invalid("the token has expired"),
            ),
            (
                ResourceRefusal::Inactive,
                401,
                invalid("the token is expired or revoked"),
            ),
            (
                ResourceRefusal::OtherIssuer,
                401,
                invalid("the token was issued by another provider"),
            ),
            (
                ResourceRefusal::OtherAudience,
                401,
                invalid("the token is for another resource"),
            ),
            (
                ResourceRefusal::MissingScope("write"),
                403,
                format!(
                    "Bearer realm=\"api\", error=\"insufficient_scope\", \
                     error_description=\"the scope write is required\", scope=\"write\", {metadata}"
                ),
            ),
        ] {
            assert_eq!(refusal.code().0, status, "{refusal:?}");
            let refused = refusal.presented(Scheme::Bearer);
            assert_eq!(refused.challenge("api", Some(METADATA)), challenge);
        }
    }

    #[test]
    fn a_challenge_is_as_rfc_9470_has_it() {
        let max_age = Some(Lifetime::from_seconds(60));
        let acr_values = Some("gold silver".to_owned());
        for (refusal, challenge) in [
            (
                ResourceRefusal::SignInTooOld(SignIn {
                    max_age,
                    acr_values: None,
                }),
                r#"error_description="a more recent sign-in is required", max_age="60""#,
            ),
            (
                ResourceRefusal::OtherSignIn(SignIn {
                    max_age,
                    acr_values,
                }),
                r#"error_description="another way to sign in is required", max_age="60", acr_values="gold silver""#,
            ),
        ] {
            assert_eq!(refusal.code().0, 401);
            let refused = refusal.presented(Scheme::Bearer);
            let error = r#"Bearer realm="api", error="insufficient_user_authentication", "#;
            let expected = format!("{error}{challenge}");
            assert_eq!(refused.challenge("api", None), expected);
        }
    }

    #[test]
    fn a_challenge_is_as_rfc_9449_has_it() {
        let algs = r#"algs="ES256 RS256 EdDSA Ed25519""#;
        for (refusal, scheme, status, parameters) in [
            (
                ResourceRefusal::Token(JwtError::Expired),
                Scheme::Dpop,
                401,
                r#", error="invalid_token", error_description="the token has expired""#,
            ),
            (
                ResourceRefusal::Downgraded,
                Scheme::Bearer,
                401,
                r#", error="invalid_token", error_description="the token is bound to a key: present it as DPoP, with a proof""#,
            ),
            (
                ResourceRefusal::NotBound,
                Scheme::Dpop,
                401,
                r#", error="invalid_token", error_description="the token is bound to no key: present it as Bearer""#,
            ),
            (
                ResourceRefusal::Proof(ProofRefusal::Used),
                Scheme::Dpop,
                401,
                r#", error="invalid_dpop_proof", error_description="the DPoP proof was used before: its jti must be new""#,
            ),
            (
                ResourceRefusal::Proof(ProofRefusal::NonceRequired),
                Scheme::Dpop,
                401,
                r#", error="use_dpop_nonce", error_description="the DPoP proof must have the nonce of the DPoP-Nonce header""#,
            ),
            (ResourceRefusal::NoBoundToken, Scheme::Bearer, 401, ""),
        ] {
            assert_eq!(refusal.code().0, status, "{refusal:?}");
            let challenge = refusal.presented(scheme).challenge("api", None);
            assert_eq!(
                challenge,
                format!(r#"DPoP realm="api"{parameters}, {algs}"#)
            );
        }
    }

    #[test]
    fn no_description_breaks_out_of_its_quotes() {
        for error in [
            JwtError::Claims,
            JwtError::Early,
            JwtError::Expired,
            JwtError::Malformed,
            JwtError::Signature,
            JwtError::Type,
            JwtError::Unserializable,
        ] {
            let text = ResourceRefusal::Token(error).to_string();
            assert!(!text.contains(['"', '\\']), "{text}");
        }
    }

    #[test]
    fn a_realm_stays_within_its_quotes() {
        let refused = ResourceRefusal::NoToken.presented(Scheme::Bearer);
        let challenge = refused.challenge(r#"a "b", error="c\"#, None);
        assert_eq!(challenge, r#"Bearer realm="a \"b\", error=\"c\\""#);
        let challenge = refused.challenge("a", Some(r#"https://a.example/""#));
        assert_eq!(
            challenge,
            r#"Bearer realm="a", resource_metadata="https://a.example/\"""#
        );
    }
}
