//! JWT access tokens (RFC 9068).

use serde::{Deserialize, Serialize};

use crate::grant::{Grant, Terms};
use crate::id::{Audience, ClientId, GrantId, Issuer, JwtId, Subject};
use crate::jose::Jwt;
use crate::scope::Scope;
use crate::time::Timestamp;

/// The `typ` of an access token (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccessTokenClaims {
    /// `iss`.
    pub iss: Issuer,
    /// `sub`: the user.
    pub sub: Subject,
    /// `aud`: the resource that may accept it.
    pub aud: Audience,
    /// `client_id`.
    pub client_id: ClientId,
    /// `jti`.
    pub jti: JwtId,
    /// `scope`.
    pub scope: Scope,
    /// `auth_time` (RFC 9068 §2.2.1).
    pub auth_time: Timestamp,
    /// The grant it was issued under, by which introspection finds its status.
    pub grant_id: GrantId,
}

/// An access token under `grant`, for as much of its scope as `scope` names. It never outlives the
/// grant.
pub fn issue(grant: &Grant, scope: &Scope, jti: JwtId, terms: Terms<'_>) -> Jwt<AccessTokenClaims> {
    let payload = AccessTokenClaims {
        iss: terms.issuer.clone(),
        sub: grant.subject.clone(),
        aud: grant.audience.clone(),
        client_id: grant.client_id.clone(),
        jti,
        scope: scope.clone(),
        auth_time: grant.auth_time,
        grant_id: grant.id.clone(),
    };
    let lifetime = terms.lifetimes.access_token;
    let expires_at = terms.now.plus(lifetime).min(grant.expires_at);
    Jwt {
        payload,
        issued_at: terms.now,
        expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::id::KeyId;
    use crate::jose::{ParsedJwt, SigningAlgorithm, unsigned};
    use base64ct::{Base64UrlUnpadded, Encoding};
    use serde_json::{Value, json};

    fn token(grant: &Grant, scope: &str, now: Timestamp) -> Jwt<AccessTokenClaims> {
        let scope = Scope::parse(scope).unwrap();
        let jti = JwtId::parse("at-1").unwrap();
        issue(grant, &scope, jti, terms(now))
    }

    #[test]
    fn it_has_the_header_and_the_claims_of_rfc_9068() {
        let kid = KeyId::parse("k1").unwrap();
        let jwt = token(&grant(&public()), "read", NOW);
        let text = unsigned(TYPE, SigningAlgorithm::ES256, &kid, &jwt)
            .unwrap()
            .attach(&[]);
        let mut parts = text.split('.').map(|part| {
            let part = Base64UrlUnpadded::decode_vec(part).unwrap();
            serde_json::from_slice::<Value>(&part).unwrap_or_default()
        });
        let header = json!({ "alg": "ES256", "kid": "k1", "typ": "at+jwt" });
        assert_eq!(parts.next(), Some(header));
        let claims = json!({
            "iss": "http://localhost:4000",
            "sub": "u1",
            "aud": "http://localhost:5000",
            "client_id": "demo",
            "exp": 1_800_000_300,
            "iat": 1_800_000_000,
            "auth_time": 1_799_999_990,
            "jti": "at-1",
            "scope": "read",
            "grant_id": "g1",
        });
        assert_eq!(parts.next(), Some(claims));
        let read = ParsedJwt::parse(TYPE, &text).unwrap().verified(true, NOW);
        assert_eq!(read, Ok(jwt));
    }

    #[test]
    fn it_never_outlives_its_grant() {
        let grant = grant(&public());
        assert_eq!(token(&grant, "read", after(3_300)).expires_at, after(3_600));
        assert_eq!(
            token(&grant, "read", after(3_301)).expires_at,
            grant.expires_at
        );
    }
}
