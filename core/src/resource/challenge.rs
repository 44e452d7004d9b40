//! Refusing a request, with the challenge of RFC 6750 §3.

use crate::error::ErrorCode;
use crate::jose::JwtError;

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResourceRefusal {
    /// No token: the challenge carries no error code (RFC 6750 §3.1).
    #[error("a bearer token is required")]
    NoToken,
    /// The header is not `Bearer` with what may be a token.
    #[error("the Authorization header must be Bearer and a token")]
    Malformed,
    /// The token itself.
    #[error(transparent)]
    Token(#[from] JwtError),
    /// The provider says that it is not active.
    #[error("the token is expired or revoked")]
    Inactive,
    /// It comes from another issuer.
    #[error("the token was issued by another provider")]
    OtherIssuer,
    /// It is meant for another resource.
    #[error("the token is for another resource")]
    OtherAudience,
    /// It does not allow this.
    #[error("the scope {0} is required")]
    MissingScope(&'static str),
}

impl ResourceRefusal {
    /// The HTTP status and, unless no token was sent, the error code (RFC 6750 §3.1).
    pub const fn code(&self) -> (u16, Option<ErrorCode>) {
        match self {
            Self::NoToken => (401, None),
            Self::Malformed => (400, Some(ErrorCode::InvalidRequest)),
            Self::Token(_) | Self::Inactive | Self::OtherIssuer | Self::OtherAudience => {
                (401, Some(ErrorCode::InvalidToken))
            }
            Self::MissingScope(_) => (403, Some(ErrorCode::InsufficientScope)),
        }
    }

    /// The `WWW-Authenticate` value (RFC 6750 §3, RFC 9728 §5.1). `metadata` is the address of the
    /// resource's metadata, if it has one.
    pub fn challenge(&self, realm: &str, metadata: Option<&str>) -> String {
        let mut parameters = vec![parameter("realm", realm)];
        if let (_, Some(code)) = self.code() {
            parameters.push(parameter("error", code.as_str()));
            parameters.push(parameter("error_description", &self.to_string()));
        }
        if let Self::MissingScope(scope) = self {
            parameters.push(parameter("scope", scope));
        }
        parameters.extend(metadata.map(|url| parameter("resource_metadata", url)));
        format!("Bearer {}", parameters.join(", "))
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
            assert_eq!(refusal.challenge("api", Some(METADATA)), challenge);
            assert_eq!(refusal.code().0, status, "{refusal:?}");
        }
    }

    #[test]
    fn no_description_breaks_out_of_its_quotes() {
        for error in [
            JwtError::Claims,
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
        let challenge = ResourceRefusal::NoToken.challenge(r#"a "b", error="c\"#, None);
        assert_eq!(challenge, r#"Bearer realm="a \"b\", error=\"c\\""#);
        let challenge = ResourceRefusal::NoToken.challenge("a", Some(r#"https://a.example/""#));
        assert_eq!(
            challenge,
            r#"Bearer realm="a", resource_metadata="https://a.example/\"""#
        );
    }
}
