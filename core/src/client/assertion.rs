//! Client authentication with a signed JWT: `private_key_jwt` (RFC 7523 §2.2, §3, OIDC Core §9).

use core::fmt;

use serde::Deserialize;

use super::{AuthenticationFailure, ClientCredentials};
use crate::discovery::path;
use crate::id::{ClientId, Issuer, JwtId};
use crate::jose::Audiences;
use crate::jose::Jwt;
use crate::secret::SecretHash;
use crate::time::{Lifetime, Timestamp};

/// The `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `typ` values that an assertion may have; it may also have none.
pub const JWT_TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// How far ahead an assertion may end, and so how long its `jti` is remembered. Widespread libraries write an
/// hour (Authlib); a minute is for clocks that differ.
const LONGEST: Lifetime = Lifetime::from_minutes(61);

/// A JWT with which a client says who it is, not yet believed.
pub struct ClientAssertion(String);

impl ClientAssertion {
    /// Takes what a client presented.
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The JWT.
    pub fn jwt(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAssertion([redacted])")
    }
}

/// The claims of an assertion (RFC 7523 §3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct AssertionClaims {
    /// `iss`: the client.
    pub iss: ClientId,
    /// `sub`: the client.
    pub sub: ClientId,
    /// `aud`: this provider.
    pub aud: Audiences,
    /// `jti`: used once.
    pub jti: JwtId,
}

/// An assertion whose claims hold, and that counts once nobody has used it before.
#[derive(Debug)]
pub struct CheckedAssertion {
    /// What the store remembers it by.
    pub id: SecretHash,
    /// Until when it could be used again.
    pub expires_at: Timestamp,
}

/// Checks the claims of an assertion whose signature and expiry were checked with the client's own key.
///
/// # Errors
///
/// [`AuthenticationFailure::Assertion`] with what is wrong.
pub fn check(
    jwt: &Jwt<AssertionClaims>,
    credentials: &ClientCredentials,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<CheckedAssertion, AuthenticationFailure> {
    let claims = &jwt.payload;
    let client_id = credentials.client_id();
    if claims.iss != *client_id || claims.sub != *client_id {
        return Err(AuthenticationFailure::Assertion(
            "must have the client as iss and sub",
        ));
    }
    let endpoint = format!("{issuer}{}", path::TOKEN);
    if !claims.aud.contains(issuer.as_str()) && !claims.aud.contains(&endpoint) {
        return Err(AuthenticationFailure::Assertion(
            "must have the issuer or the token endpoint as aud",
        ));
    }
    if jwt.expires_at > now.plus(LONGEST) {
        return Err(AuthenticationFailure::Assertion("must end within an hour"));
    }
    Ok(CheckedAssertion {
        id: SecretHash::of(&format!("client_assertion {client_id} {}", claims.jti)),
        expires_at: jwt.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::form::Form;
    use crate::grant::tests::{NOW, after};

    fn credentials() -> ClientCredentials {
        let form = crate::form::encode([
            ("client_id", "app"),
            ("client_assertion_type", TYPE),
            ("client_assertion", "a.b.c"),
        ]);
        ClientCredentials::parse(None, &Form::parse(&form).unwrap()).unwrap()
    }

    fn assertion(claims: &str) -> Jwt<AssertionClaims> {
        Jwt {
            payload: serde_json::from_str(claims).unwrap(),
            issued_at: NOW,
            expires_at: after(60),
        }
    }

    fn checked(claims: &str) -> Result<CheckedAssertion, AuthenticationFailure> {
        check(&assertion(claims), &credentials(), &issuer(), NOW)
    }

    #[test]
    fn an_assertion_is_for_this_provider_and_by_this_client() {
        for aud in [
            r#""http://localhost:4000""#,
            r#""http://localhost:4000/oauth/token""#,
            r#"["https://other.example","http://localhost:4000"]"#,
        ] {
            let claims = format!(r#"{{"iss":"app","sub":"app","jti":"j1","aud":{aud}}}"#);
            assert!(checked(&claims).is_ok(), "{aud}");
        }
        for claims in [
            r#"{"iss":"other","sub":"app","jti":"j1","aud":"http://localhost:4000"}"#,
            r#"{"iss":"app","sub":"other","jti":"j1","aud":"http://localhost:4000"}"#,
            r#"{"iss":"app","sub":"app","jti":"j1","aud":"http://localhost:4000/"}"#,
            r#"{"iss":"app","sub":"app","jti":"j1","aud":[]}"#,
        ] {
            let failure = checked(claims).unwrap_err();
            assert!(
                matches!(failure, AuthenticationFailure::Assertion(_)),
                "{claims}"
            );
        }
    }

    #[test]
    fn it_is_remembered_by_client_and_jti_for_a_bounded_time() {
        let claims = |jti| {
            format!(r#"{{"iss":"app","sub":"app","jti":"{jti}","aud":"http://localhost:4000"}}"#)
        };
        let id = |jti| checked(&claims(jti)).unwrap().id;
        assert!(id("j1").matches(id("j1")) && !id("j1").matches(id("j2")));
        let long = Jwt {
            expires_at: after(3_661),
            ..assertion(&claims("j1"))
        };
        assert!(check(&long, &credentials(), &issuer(), NOW).is_err());
        let hour = Jwt {
            expires_at: after(3_660),
            ..assertion(&claims("j1"))
        };
        let checked = check(&hour, &credentials(), &issuer(), NOW).unwrap();
        assert_eq!(checked.expires_at, after(3_660));
    }

    #[test]
    fn nothing_proves_itself_by_presenting_an_assertion_alone() {
        let credentials = credentials();
        assert_eq!(credentials.method(), "unproven");
        assert!(credentials.secret_hash().is_none());
    }
}
