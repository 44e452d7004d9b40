//! JWT access tokens (RFC 9068).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::authorize::AuthorizationDetails;
use crate::dpop::Confirmation;
use crate::grant::client_credentials::ActingForItself;
use crate::grant::{Allowed, Grant, Terms};
use crate::id::{Audience, ClientId, GrantId, Issuer, JwtId, Subject};
use crate::jose::Jwt;
use crate::scope::Scope;
use crate::status_list::{Family, StatusIndex};
use crate::time::{NumericDate, Timestamp};
use crate::token::actor::Actor;
use crate::token::id::ACR;

/// The `typ` of an access token (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// The `token_type` of a token that whoever has it may use (RFC 6750).
pub const BEARER: &str = "Bearer";

/// The `token_type` of a token that only whoever has its key may use (RFC 9449 §5).
pub const DPOP: &str = "DPoP";

/// The claims of an access token (RFC 9068 §2.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccessTokenClaims<A = Audience> {
    /// `iss`.
    pub iss: Issuer,
    /// `sub`: the user; or the client itself, if it acts for nobody else (RFC 9068 §2.2).
    pub sub: Subject,
    /// `aud`: the resource that may accept it.
    pub aud: A,
    /// `client_id`.
    pub client_id: ClientId,
    /// `jti`.
    pub jti: JwtId,
    /// `scope`, which other providers leave out if nothing was asked for (RFC 9068 §2.2.3).
    #[serde(default)]
    pub scope: Scope,
    /// `auth_time` (RFC 9068 §2.2.1), if a user signed in for it.
    #[serde(
        default,
        deserialize_with = "numeric_date",
        skip_serializing_if = "Option::is_none"
    )]
    pub auth_time: Option<Timestamp>,
    /// `acr` (RFC 9068 §2.2.1): how surely, if a user did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The grant it was issued under, by which introspection finds its status. A client that acts for
    /// itself has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<GrantId>,
    /// `act` (RFC 8693 §4.1), if another than the user acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// `authorization_details` (RFC 9396 §9.1).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
    /// `cnf`: the key that whoever presents it must prove (RFC 9449 §6.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// `status`: where to learn whether it was revoked (Token Status List §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// What an access token stands on, and ends with.
#[derive(Clone, Copy, Debug)]
pub enum Basis<'a> {
    /// A user's grant.
    Grant(&'a GrantId),
    /// The client that acts for itself.
    Client(&'a ClientId),
}

impl<A> AccessTokenClaims<A> {
    /// What it stands on.
    pub fn basis(&self) -> Basis<'_> {
        let itself = Basis::Client(&self.client_id);
        self.grant_id.as_ref().map_or(itself, Basis::Grant)
    }

    /// Its siblings and itself.
    pub fn family(&self) -> Family {
        Family::of(&self.client_id, self.grant_id.as_ref())
    }

    /// Its `token_type` (RFC 6749 §7.1, RFC 9449 §5).
    pub const fn token_type(&self) -> &'static str {
        match self.cnf {
            Some(_) => DPOP,
            None => BEARER,
        }
    }
}

/// An access token under `grant`, for `allowed` of it. It never outlives the grant.
pub fn issue(
    grant: &Grant,
    allowed: Allowed<'_>,
    jti: JwtId,
    terms: Terms<'_>,
) -> Jwt<AccessTokenClaims> {
    let payload = AccessTokenClaims {
        iss: terms.issuer.clone(),
        sub: grant.subject.clone(),
        aud: grant.audience.clone(),
        client_id: grant.client_id.clone(),
        jti,
        scope: allowed.scope.clone(),
        auth_time: Some(grant.auth_time),
        acr: Some(ACR.to_owned()),
        grant_id: Some(grant.id.clone()),
        act: None,
        authorization_details: allowed.details.clone(),
        cnf: terms.confirmation(),
        status: Some(grant.status_index.claim(terms.issuer)),
    };
    let lifetime = terms.lifetimes.access_token;
    let expires_at = terms.now.plus(lifetime).min(grant.expires_at);
    Jwt {
        payload,
        issued_at: terms.now,
        expires_at,
    }
}

/// An access token for a client that acts for itself (RFC 6749 §4.4, RFC 9068 §2.2).
pub fn issue_to_client(
    client: ActingForItself,
    jti: JwtId,
    terms: Terms<'_>,
) -> Jwt<AccessTokenClaims> {
    let payload = AccessTokenClaims {
        iss: terms.issuer.clone(),
        sub: client.subject,
        aud: client.audience,
        client_id: client.id,
        jti,
        scope: client.scope,
        auth_time: None,
        acr: None,
        grant_id: None,
        act: None,
        authorization_details: client.details,
        cnf: terms.confirmation(),
        status: Some(StatusIndex::NONE.claim(terms.issuer)),
    };
    Jwt {
        payload,
        issued_at: terms.now,
        expires_at: terms.now.plus(terms.lifetimes.access_token),
    }
}

fn numeric_date<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    let date = Option::<NumericDate>::deserialize(value)?;
    Ok(date.map(|date| date.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::id::KeyId;
    use crate::jose::{ParsedJwt, SigningAlgorithm, unsigned};
    use base64ct::{Base64UrlUnpadded, Encoding};
    use serde_json::json;

    fn token(grant: &Grant, scope: &str, now: Timestamp) -> Jwt<AccessTokenClaims> {
        let scope = Scope::parse(scope).unwrap();
        let jti = JwtId::parse("at-1").unwrap();
        let allowed = Allowed {
            scope: &scope,
            ..Allowed::all(grant)
        };
        issue(grant, allowed, jti, terms(now))
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
            "acr": ACR,
            "jti": "at-1",
            "scope": "read",
            "grant_id": "g1",
            "status": {
                "status_list": { "idx": 7, "uri": "http://localhost:4000/oauth/status_lists/0" },
            },
        });
        assert_eq!(parts.next(), Some(claims));
        let read =
            ParsedJwt::parse(TYPE, &text)
                .unwrap()
                .verified(true, NOW, crate::time::Lifetime::NONE);
        assert_eq!(read, Ok(jwt));
    }

    #[test]
    fn a_client_that_acts_for_itself_is_its_own_subject_and_has_no_grant() {
        let client = ActingForItself {
            id: ClientId::parse("service").unwrap(),
            subject: Subject::parse("service").unwrap(),
            scope: Scope::parse("read").unwrap(),
            audience: Audience::parse("http://localhost:5000").unwrap(),
            details: AuthorizationDetails::default(),
        };
        let jti = JwtId::parse("at-1").unwrap();
        let jwt = issue_to_client(client, jti, terms(NOW));
        let claims = json!({
            "iss": "http://localhost:4000",
            "sub": "service",
            "aud": "http://localhost:5000",
            "client_id": "service",
            "jti": "at-1",
            "scope": "read",
            "status": {
                "status_list": { "idx": 0, "uri": "http://localhost:4000/oauth/status_lists/0" },
            },
        });
        assert_eq!(serde_json::to_value(&jwt.payload).unwrap(), claims);
        assert_eq!((jwt.issued_at, jwt.expires_at), (NOW, after(300)));
        assert!(matches!(jwt.payload.basis(), Basis::Client(id) if id.as_str() == "service"));
        let of_user = token(&grant(&public()), "read", NOW).payload;
        assert!(matches!(of_user.basis(), Basis::Grant(id) if id.as_str() == "g1"));
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
