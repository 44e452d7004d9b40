//! ID tokens (OIDC Core §2).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;

use crate::grant::{Grant, Terms};
use crate::id::{BrowserId, ClientId, Issuer, Nonce, Subject};
use crate::jose::{Claims, Jwt, claims};
use crate::scope::Scope;
use crate::secret::SecretHash;

/// The `typ` of an ID token.
pub const TYPE: &str = "JWT";

/// How surely this provider knows who signed in: by a password that came over TLS, under its name in
/// SAML, which is the one that clients know.
pub const ACR: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport";

/// The `at_hash` of an access token (OIDC Core §3.1.3.6), from its digest under the hash function of
/// the ID token's algorithm: the left half.
pub fn at_hash(digest: &[u8]) -> String {
    let (half, _) = digest.split_at(digest.len() / 2);
    Base64UrlUnpadded::encode_string(half)
}

/// The `sid` of a user's session with a client in a browser (OIDC Back-Channel Logout §2.1). It lasts
/// from sign-in to sign-out. What it is made of is known to no client, so that two of them cannot tell
/// whether they look at one browser.
pub fn sid(browser: &BrowserId, client: &ClientId, user: &Subject) -> String {
    // A space is in no browser's identifier, so no two triples make one text.
    let session = SecretHash::of(&format!("sid {browser} {user}\n{client}"));
    session.to_base64url()
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

/// The ID token of a sign-in, if `scope`, as much of the grant's as the client asks for, has `openid`.
pub fn issue(
    grant: &Grant,
    scope: &Scope,
    nonce: Option<Nonce>,
    terms: Terms<'_>,
) -> Option<Jwt<Claims>> {
    let (subject, client) = (grant.subject.as_str(), grant.client_id.as_str());
    let amr = grant.details.amr.iter().map(|method| method.as_str());
    let mut payload = claims([
        ("iss", terms.issuer.as_str().into()),
        ("sub", subject.into()),
        ("aud", client.into()),
        // The client again, by which it knows that no other party may use the token.
        ("azp", client.into()),
        ("auth_time", grant.auth_time.seconds().into()),
        ("acr", ACR.into()),
        ("amr", amr.collect::<Vec<_>>().into()),
        // By which a logout token names the session.
        (
            "sid",
            sid(&grant.browser, &grant.client_id, &grant.subject).into(),
        ),
    ]);
    if let Some(nonce) = nonce {
        payload.insert("nonce".to_owned(), nonce.as_str().into());
    }
    let asked_for = scope.contains("openid");
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
    use serde_json::json;

    fn issued(grant: &Grant, nonce: Option<Nonce>) -> Option<Jwt<Claims>> {
        issue(grant, &grant.scope, nonce, terms(NOW))
    }

    /// An ID token that was issued to `client`, as it comes back.
    pub(crate) fn hint_of(client: &Client) -> IdTokenHint {
        let jwt = issued(&grant(client), None).unwrap();
        let claims = serde_json::to_value(&jwt.payload).unwrap();
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn it_says_who_signed_in_where_and_when() {
        let nonce = Nonce::parse("n1").unwrap();
        let jwt = issued(&grant(&public()), Some(nonce)).unwrap();
        let claims = json!({
            "iss": "http://localhost:4000",
            "sub": "u1",
            "aud": "demo",
            "azp": "demo",
            "auth_time": 1_799_999_990,
            "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
            "amr": ["pwd"],
            "sid": jwt.payload["sid"],
            "nonce": "n1",
        });
        assert_eq!(serde_json::to_value(&jwt.payload).unwrap(), claims);
        assert_eq!((jwt.issued_at, jwt.expires_at), (NOW, after(300)));
        let jwt = issued(&grant(&public()), None).unwrap();
        let claims = serde_json::to_value(&jwt.payload).unwrap();
        assert_eq!(claims.get("nonce"), None);
    }

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_example_in_oidc_core_a_3() {
        let digest = SecretHash::of("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
        let digest = Base64UrlUnpadded::decode_vec(&digest.to_base64url()).unwrap();
        assert_eq!(at_hash(&digest), "77QmUPtjPfzWtF2AnpK9RQ");
    }

    #[test]
    fn a_session_is_known_by_another_name_to_each_client_and_of_each_user() {
        let name = |browser: &str, client: &str, user: &str| {
            let (client, user) = (ClientId::parse(client), Subject::parse(user));
            let browser = BrowserId::parse(browser).unwrap();
            sid(&browser, &client.unwrap(), &user.unwrap())
        };
        let all = [
            name("b1", "demo", "u1"),
            name("b2", "demo", "u1"),
            name("b1", "gateway", "u1"),
            name("b1", "demo", "u2"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        let grant = grant(&public());
        let issued = issued(&grant, None).unwrap().payload;
        assert_eq!(issued["sid"], name("b1", "demo", "u1"));
        assert!(!issued["sid"].to_string().contains("b1"));
    }

    #[test]
    fn only_the_scope_openid_asks_for_it() {
        let less = Scope::parse("profile read").unwrap();
        let jwt = issue(&grant(&public()), &less, None, terms(NOW));
        assert_eq!(jwt, None);
    }
}
