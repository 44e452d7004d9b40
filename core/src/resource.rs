//! The resource server: reading a bearer token (RFC 6750), judging it (RFC 9068 §4, RFC 7662 §2.2)
//! and refusing it with a proper challenge.

use crate::error::ErrorCode;
use crate::id::{Audience, ClientId, Issuer, Subject};
use crate::introspect::Introspection;
use crate::jose::{Jwt, JwtError};
use crate::scope::Scope;
use crate::secret::AccessToken;
use crate::time::Timestamp;
use crate::token::access::AccessTokenClaims;

/// What a resource server expects of every token.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Whose tokens it accepts.
    pub issuer: Issuer,
    /// The name it goes by in `aud`.
    pub audience: Audience,
}

/// Who may do what: the outcome of a check, and only of a check.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// The user.
    pub subject: Subject,
    /// The client acting for the user.
    pub client_id: ClientId,
    /// What the token allows.
    pub scope: Scope,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why a request is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ResourceRefusal {
    /// No token: the challenge carries no error code (RFC 6750 §3.1).
    #[error("a bearer token is required")]
    NoToken,
    /// The header is not `Bearer` with a token.
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

    /// The `WWW-Authenticate` value (RFC 6750 §3, RFC 9728 §5.1). `realm` and `metadata` come from
    /// configuration and must not contain quotes.
    pub fn challenge(&self, realm: &str, metadata: Option<&str>) -> String {
        let mut parameters = vec![format!("realm=\"{realm}\"")];
        if let (_, Some(code)) = self.code() {
            parameters.push(format!("error=\"{code}\", error_description=\"{self}\""));
        }
        if let Self::MissingScope(scope) = self {
            parameters.push(format!("scope=\"{scope}\""));
        }
        if let Some(metadata) = metadata {
            parameters.push(format!("resource_metadata=\"{metadata}\""));
        }
        format!("Bearer {}", parameters.join(", "))
    }
}

/// Reads the `Authorization` header (RFC 6750 §2.1).
///
/// # Errors
///
/// [`ResourceRefusal::NoToken`] or [`ResourceRefusal::Malformed`].
pub fn bearer_token(authorization: Option<&str>) -> Result<AccessToken, ResourceRefusal> {
    let header = authorization.ok_or(ResourceRefusal::NoToken)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // RFC 6750 §3.1: whoever uses another scheme may not know that a token is needed.
        return Err(ResourceRefusal::NoToken);
    }
    let token = token.trim_matches(' ');
    // RFC 6750 §2.1 b64token.
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || !token.bytes().all(allowed) {
        return Err(ResourceRefusal::Malformed);
    }
    Ok(AccessToken::new(token))
}

/// Judges a JWT whose signature, type and expiry were checked (RFC 9068 §4).
///
/// # Errors
///
/// [`ResourceRefusal::OtherIssuer`] or [`ResourceRefusal::OtherAudience`].
pub fn check_jwt(
    token: Jwt<AccessTokenClaims>,
    expected: &Expected,
) -> Result<Authorized, ResourceRefusal> {
    let claims = token.payload;
    if claims.iss != expected.issuer {
        return Err(ResourceRefusal::OtherIssuer);
    }
    if claims.aud != expected.audience {
        return Err(ResourceRefusal::OtherAudience);
    }
    Ok(Authorized {
        subject: claims.sub,
        client_id: claims.client_id,
        scope: claims.scope,
        expires_at: token.expires_at,
    })
}

/// Judges what the provider says of a token (RFC 7662 §2.2).
///
/// # Errors
///
/// [`ResourceRefusal::Inactive`], [`ResourceRefusal::OtherIssuer`] or
/// [`ResourceRefusal::OtherAudience`].
pub fn check_introspection(
    answer: Introspection,
    expected: &Expected,
    now: Timestamp,
) -> Result<Authorized, ResourceRefusal> {
    let details = answer
        .details
        .filter(|_| answer.active)
        .ok_or(ResourceRefusal::Inactive)?;
    if details.token_type.as_deref() != Some("Bearer") || details.exp <= now {
        return Err(ResourceRefusal::Inactive);
    }
    if details.iss != expected.issuer.as_str() {
        return Err(ResourceRefusal::OtherIssuer);
    }
    if details.aud != expected.audience.as_str() {
        return Err(ResourceRefusal::OtherAudience);
    }
    Ok(Authorized {
        subject: Subject::parse(&details.sub).map_err(|_| ResourceRefusal::Inactive)?,
        client_id: ClientId::parse(&details.client_id).map_err(|_| ResourceRefusal::Inactive)?,
        scope: Scope::parse(&details.scope).map_err(|_| ResourceRefusal::Inactive)?,
        expires_at: details.exp,
    })
}

/// Demands a scope.
///
/// # Errors
///
/// [`ResourceRefusal::MissingScope`].
pub fn require_scope(authorized: &Authorized, scope: &'static str) -> Result<(), ResourceRefusal> {
    if authorized.scope.contains(scope) {
        Ok(())
    } else {
        Err(ResourceRefusal::MissingScope(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::{issuer, resources};
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::id::JwtId;
    use crate::introspect::Details;
    use crate::token::access;

    const METADATA: &str = "http://localhost:5000/.well-known/oauth-protected-resource";

    fn expected() -> Expected {
        Expected {
            issuer: issuer(),
            audience: resources().default,
        }
    }

    fn token() -> Jwt<AccessTokenClaims> {
        let grant = grant(&public());
        let jti = JwtId::parse("at-1").unwrap();
        access::issue(&grant, &grant.scope, jti, terms(NOW))
    }

    fn introspected(change: impl FnOnce(&mut Details)) -> Introspection {
        let mut details = Details {
            iss: "http://localhost:4000".to_owned(),
            sub: "u1".to_owned(),
            aud: "http://localhost:5000".to_owned(),
            client_id: "demo".to_owned(),
            scope: "openid read".to_owned(),
            jti: "at-1".to_owned(),
            exp: after(300),
            iat: NOW,
            token_type: Some("Bearer".to_owned()),
            username: None,
        };
        change(&mut details);
        Introspection {
            active: true,
            details: Some(details),
        }
    }

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
    fn a_bearer_token_is_read_in_any_case_of_the_scheme() {
        for header in [
            "Bearer aZ0-._~+/=",
            "bearer aZ0-._~+/=",
            "BEARER  aZ0-._~+/= ",
        ] {
            assert_eq!(bearer_token(Some(header)).unwrap().expose(), "aZ0-._~+/=");
        }
        for header in [None, Some(""), Some("Basic YTpi"), Some("DPoP a.b.c")] {
            let refused = bearer_token(header).unwrap_err();
            assert_eq!(refused, ResourceRefusal::NoToken, "{header:?}");
        }
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer ü",
            "Bearer \"a\"",
        ] {
            let refused = bearer_token(Some(header)).unwrap_err();
            assert_eq!(refused, ResourceRefusal::Malformed, "{header:?}");
        }
    }

    #[test]
    fn a_jwt_of_this_provider_for_this_resource_is_good() {
        let authorized = check_jwt(token(), &expected()).unwrap();
        assert_eq!(authorized.subject.as_str(), "u1");
        assert_eq!(authorized.client_id, public().id);
        assert_eq!(authorized.scope.to_string(), "openid read");
        assert_eq!(authorized.expires_at, after(300));
        let mut other = token();
        other.payload.iss = Issuer::parse("http://localhost:4001").unwrap();
        let refused = check_jwt(other, &expected()).unwrap_err();
        assert_eq!(refused, ResourceRefusal::OtherIssuer);
        let mut other = token();
        other.payload.aud = Audience::parse("https://other.example").unwrap();
        let refused = check_jwt(other, &expected()).unwrap_err();
        assert_eq!(refused, ResourceRefusal::OtherAudience);
    }

    #[test]
    fn an_active_access_token_for_this_resource_is_good() {
        let check = |answer, now| check_introspection(answer, &expected(), now);
        let authorized = check(introspected(|_| ()), after(299)).unwrap();
        assert_eq!(authorized.subject.as_str(), "u1");
        assert_eq!(authorized.client_id, public().id);
        assert_eq!(authorized.scope.to_string(), "openid read");
        assert_eq!(authorized.expires_at, after(300));
        let expired = check(introspected(|_| ()), after(300)).unwrap_err();
        assert_eq!(expired, ResourceRefusal::Inactive);
    }

    #[test]
    fn what_the_provider_calls_inactive_or_calls_something_else_is_refused() {
        let refused = |answer| check_introspection(answer, &expected(), NOW).unwrap_err();
        assert_eq!(
            refused(Introspection::inactive()),
            ResourceRefusal::Inactive
        );
        let contradictory = Introspection {
            active: false,
            ..introspected(|_| ())
        };
        assert_eq!(refused(contradictory), ResourceRefusal::Inactive);
        let changed = |change: fn(&mut Details)| refused(introspected(change));
        for (change, refusal) in [
            // A refresh token opens nothing.
            (
                (|d| d.token_type = None) as fn(&mut Details),
                ResourceRefusal::Inactive,
            ),
            (|d| d.sub.clear(), ResourceRefusal::Inactive),
            (|d| d.client_id.clear(), ResourceRefusal::Inactive),
            (|d| d.scope.push('"'), ResourceRefusal::Inactive),
            (|d| d.iss.push('/'), ResourceRefusal::OtherIssuer),
            (|d| d.aud.push('/'), ResourceRefusal::OtherAudience),
        ] {
            assert_eq!(changed(change), refusal);
        }
    }

    #[test]
    fn a_scope_is_demanded_by_its_whole_name() {
        let authorized = check_jwt(token(), &expected()).unwrap();
        assert_eq!(require_scope(&authorized, "read"), Ok(()));
        for missing in ["write", "rea", ""] {
            let refused = require_scope(&authorized, missing).unwrap_err();
            assert_eq!(refused, ResourceRefusal::MissingScope(missing));
        }
    }
}
