//! ID tokens (OIDC Core §2).

use serde::{Deserialize, Serialize};

use crate::grant::{AuthenticationMethod, Grant, Terms};
use crate::id::{ClientId, Issuer, Nonce, Subject};
use crate::jose::Jwt;
use crate::time::Timestamp;

/// The `typ` of an ID token.
pub const TYPE: &str = "JWT";

/// The claims of an ID token (OIDC Core §2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IdTokenClaims {
    /// `iss`.
    pub iss: Issuer,
    /// `sub`: the user.
    pub sub: Subject,
    /// `aud`: the client.
    pub aud: ClientId,
    /// `auth_time`.
    pub auth_time: Timestamp,
    /// `amr` (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<AuthenticationMethod>,
    /// `nonce`, as the request had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
}

/// What an ID token that comes back says: who it was about, and whose it is (OIDC Core §3.1.2.1,
/// RP-Initiated Logout §2 `id_token_hint`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct IdTokenHint {
    /// `iss`.
    pub iss: Issuer,
    /// `sub`: the user.
    pub sub: Subject,
    /// `aud`: the client that it was issued to.
    pub aud: ClientId,
}

/// The ID token of a sign-in, if the client asked for one with the scope `openid`.
pub fn issue(grant: &Grant, nonce: Option<Nonce>, terms: Terms<'_>) -> Option<Jwt<IdTokenClaims>> {
    let payload = IdTokenClaims {
        iss: terms.issuer.clone(),
        sub: grant.subject.clone(),
        aud: grant.client_id.clone(),
        auth_time: grant.auth_time,
        amr: grant.details.amr.clone(),
        nonce,
    };
    let asked_for = grant.scope.contains("openid");
    let expires_at = terms.now.plus(terms.lifetimes.access_token);
    asked_for.then_some(Jwt {
        payload,
        issued_at: terms.now,
        expires_at,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::Client;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::scope::Scope;
    use serde_json::json;

    /// An ID token that was issued to `client`, as it comes back.
    pub(crate) fn hint_of(client: &Client) -> IdTokenHint {
        let jwt = issue(&grant(client), None, terms(NOW)).unwrap();
        let claims = serde_json::to_value(&jwt.payload).unwrap();
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn it_says_who_signed_in_where_and_when() {
        let nonce = Nonce::parse("n1").unwrap();
        let jwt = issue(&grant(&public()), Some(nonce), terms(NOW)).unwrap();
        let claims = json!({
            "iss": "http://localhost:4000",
            "sub": "u1",
            "aud": "demo",
            "auth_time": 1_799_999_990,
            "amr": ["pwd"],
            "nonce": "n1",
        });
        assert_eq!(serde_json::to_value(&jwt.payload).unwrap(), claims);
        assert_eq!((jwt.issued_at, jwt.expires_at), (NOW, after(300)));
        let jwt = issue(&grant(&public()), None, terms(NOW)).unwrap();
        let claims = serde_json::to_value(&jwt.payload).unwrap();
        assert_eq!(claims.get("nonce"), None);
    }

    #[test]
    fn only_the_scope_openid_asks_for_it() {
        let grant = Grant {
            scope: Scope::parse("profile read").unwrap(),
            ..grant(&public())
        };
        let jwt = issue(&grant, None, terms(NOW));
        assert_eq!(jwt, None);
    }
}
