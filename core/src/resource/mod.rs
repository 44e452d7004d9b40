//! The resource server: reading a token (RFC 6750, RFC 9449 §7), judging it (RFC 9068 §4, RFC 7662 §2.2),
//! refusing it with a proper challenge, and saying where it describes itself (RFC 9728).

mod bearer;
mod breaker;
mod challenge;
mod claims;
mod flood;
mod introspection;
mod metadata;
mod recent;
mod requirement;

pub use bearer::{Scheme, bearer_token, presented_token};
pub use breaker::Breaker;
pub use challenge::{Refused, ResourceRefusal};
pub use claims::TokenClaims;
pub use flood::{Answered, Asker, Moment, Strangers, Turn};
pub use introspection::{TokenInformation, check_introspection};
pub use metadata::{metadata_path, metadata_url};
pub use recent::Recent;
pub use requirement::{Requirement, SignIn};

use crate::authorize::AuthorizationDetails;
use crate::dpop::{CheckedProof, ProofRefusal, Thumbprint};
use crate::id::{Audience, ClientId, Issuer, Subject};
use crate::jose::{Audiences, Jwt};
use crate::scope::Scope;
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
    /// What it allows in detail (RFC 9396), which only the resource can judge.
    pub details: AuthorizationDetails,
    /// Until when.
    pub expires_at: Timestamp,
    /// When the user last proved who they are, if the token says so.
    pub auth_time: Option<Timestamp>,
    /// How surely (`acr`), if the token says so.
    pub acr: Option<String>,
    /// Who acts for the user, if it is not the user (RFC 8693 §4.1).
    pub actor: Option<Subject>,
    /// The key that the token is bound to.
    pub bound_to: Option<Thumbprint>,
    /// All that the token says, or what the provider says of it. The two checks here leave it empty: they know
    /// what they read and no text; the guard fills it in.
    pub claims: TokenClaims,
}

/// Judges a JWT whose signature, type and expiry were checked (RFC 9068 §4).
///
/// # Errors
///
/// [`ResourceRefusal::OtherIssuer`] or [`ResourceRefusal::OtherAudience`].
pub fn check_jwt(
    token: Jwt<AccessTokenClaims<Audiences>>,
    expected: &Expected,
) -> Result<Authorized, ResourceRefusal> {
    let claims = token.payload;
    if claims.iss != expected.issuer {
        return Err(ResourceRefusal::OtherIssuer);
    }
    if !claims.aud.contains(expected.audience.as_str()) {
        return Err(ResourceRefusal::OtherAudience);
    }
    Ok(Authorized {
        subject: claims.sub,
        client_id: claims.client_id,
        scope: claims.scope,
        details: claims.authorization_details,
        expires_at: token.expires_at,
        auth_time: claims.auth_time,
        acr: claims.acr,
        actor: claims.act.map(|act| act.sub),
        bound_to: claims.cnf.map(|cnf| cnf.jkt),
        claims: TokenClaims::default(),
    })
}

/// Demands that whoever presents a token that is bound to a key has proved that key, and nobody presents
/// one that is not as if it were (RFC 9449 §7).
///
/// # Errors
///
/// [`ResourceRefusal::Downgraded`], [`ResourceRefusal::NotBound`] or [`ProofRefusal::OtherKey`].
pub fn check_possession(
    bound_to: Option<&Thumbprint>,
    proof: Option<&CheckedProof>,
) -> Result<(), ResourceRefusal> {
    match (bound_to, proof) {
        (Some(_), None) => Err(ResourceRefusal::Downgraded),
        (None, Some(_)) => Err(ResourceRefusal::NotBound),
        (Some(bound_to), Some(proof)) if *bound_to != proof.jkt => {
            Err(ProofRefusal::OtherKey.into())
        }
        (None, None) | (Some(_), Some(_)) => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::authorize::tests::{issuer, resources};
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after, grant, terms};
    use crate::id::JwtId;
    use crate::secret::SecretHash;
    use crate::token::access;

    fn expected() -> Expected {
        Expected {
            issuer: issuer(),
            audience: resources().default,
        }
    }

    /// What comes of a token of this provider.
    fn token() -> Jwt<AccessTokenClaims<Audiences>> {
        let grant = grant(&public());
        let jti = JwtId::parse("at-1").unwrap();
        let issued = access::issue(&grant, crate::grant::Allowed::all(&grant), jti, terms(NOW));
        let payload = serde_json::to_value(&issued.payload).unwrap();
        Jwt {
            payload: serde_json::from_value(payload).unwrap(),
            issued_at: issued.issued_at,
            expires_at: issued.expires_at,
        }
    }

    /// Who has a good token.
    pub(crate) fn authorized() -> Authorized {
        check_jwt(token(), &expected()).unwrap()
    }

    /// The same, who signed in then.
    pub(crate) fn signed_in_at(auth_time: Option<Timestamp>) -> Authorized {
        Authorized {
            auth_time,
            ..authorized()
        }
    }

    #[test]
    fn a_bound_token_needs_its_key_and_no_other_token_does() {
        let key = |first| {
            let text = format!("{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
            Thumbprint::parse(&text).unwrap()
        };
        let proof = |first| CheckedProof {
            jkt: key(first),
            id: SecretHash::of("a proof"),
            expires_at: after(60),
        };
        let (bound_to, own, other) = (key("0"), proof("0"), proof("1"));
        for (bound_to, proof, expected) in [
            (None, None, Ok(())),
            (Some(&bound_to), Some(&own), Ok(())),
            (Some(&bound_to), None, Err(ResourceRefusal::Downgraded)),
            (None, Some(&own), Err(ResourceRefusal::NotBound)),
            (
                Some(&bound_to),
                Some(&other),
                Err(ResourceRefusal::Proof(ProofRefusal::OtherKey)),
            ),
        ] {
            assert_eq!(check_possession(bound_to, proof), expected);
        }
        let mut token = token();
        token.payload.cnf = Some(crate::dpop::Confirmation { jkt: key("0") });
        let authorized = check_jwt(token, &expected()).unwrap();
        assert_eq!(authorized.bound_to, Some(key("0")));
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
        other.payload.aud = Audiences::One("https://other.example".to_owned());
        let refused = check_jwt(other, &expected()).unwrap_err();
        assert_eq!(refused, ResourceRefusal::OtherAudience);
        // One that several may accept (RFC 7519 §4.1.3).
        let mut several = token();
        let this = expected().audience.as_str().to_owned();
        several.payload.aud = Audiences::Several(vec!["https://other.example".to_owned(), this]);
        assert!(check_jwt(several, &expected()).is_ok());
    }
}
