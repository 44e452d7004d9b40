//! What an ID token must say (OpenID Connect Core §3.1.3.7).
//!
//! It comes from the token endpoint over TLS, in answer to this client's own request, so the
//! connection vouches for it (§3.1.3.7 item 6) and the nonce for its freshness. `exp` is not
//! compared with the user's clock: a clock that runs an hour ahead must not keep anyone out.

use super::metadata::Metadata;
use crate::id::{ClientId, Nonce};

/// The claims of an ID token, as far as a client checks them.
#[derive(Debug)]
pub struct IdTokenClaims<'a> {
    /// Who says it.
    pub iss: &'a str,
    /// To whom: one client or several.
    pub aud: Vec<&'a str>,
    /// To which of several.
    pub azp: Option<&'a str>,
    /// In answer to which request.
    pub nonce: Option<&'a str>,
}

/// Why an ID token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdTokenError {
    /// It is another issuer's.
    #[error("the ID token is another issuer's")]
    OtherIssuer,
    /// It is meant for another client.
    #[error("the ID token is another client's")]
    OtherAudience,
    /// It answers another request.
    #[error("the ID token belongs to another sign-in")]
    OtherNonce,
}

/// Checks the claims of the ID token that came with the tokens.
///
/// # Errors
///
/// The first [`IdTokenError`] in the order of OpenID Connect Core §3.1.3.7.
pub fn process(
    metadata: &Metadata,
    client_id: &ClientId,
    nonce: &Nonce,
    claims: &IdTokenClaims<'_>,
) -> Result<(), IdTokenError> {
    let client_id = client_id.as_str();
    if claims.iss != metadata.issuer.as_str() {
        return Err(IdTokenError::OtherIssuer);
    }
    let other_party = match claims.azp {
        Some(azp) => azp != client_id,
        None => claims.aud.len() > 1,
    };
    if other_party || !claims.aud.contains(&client_id) {
        return Err(IdTokenError::OtherAudience);
    }
    if claims.nonce != Some(nonce.as_str()) {
        return Err(IdTokenError::OtherNonce);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rp::metadata::tests::{ISSUER, metadata};

    fn claims(nonce: &Nonce) -> IdTokenClaims<'_> {
        IdTokenClaims {
            iss: ISSUER,
            aud: vec!["demo"],
            azp: None,
            nonce: Some(nonce.as_str()),
        }
    }

    fn nonce() -> Nonce {
        Nonce::from_random([2; 16])
    }

    fn check(claims: &IdTokenClaims<'_>) -> Result<(), IdTokenError> {
        let client_id = ClientId::parse("demo").unwrap();
        process(&metadata(), &client_id, &nonce(), claims)
    }

    #[test]
    fn issuer_audience_and_nonce_must_be_the_requests_own() {
        let nonce = nonce();
        assert_eq!(check(&claims(&nonce)), Ok(()));
        let mut other = claims(&nonce);
        other.iss = "https://id.example/";
        assert_eq!(check(&other), Err(IdTokenError::OtherIssuer));
        for audiences in [vec![], vec!["other"], vec![""]] {
            let mut other = claims(&nonce);
            other.aud = audiences;
            assert_eq!(check(&other), Err(IdTokenError::OtherAudience));
        }
        for missing in [None, Some("other"), Some("")] {
            let mut other = claims(&nonce);
            other.nonce = missing;
            assert_eq!(check(&other), Err(IdTokenError::OtherNonce));
        }
    }

    #[test]
    fn among_several_audiences_the_authorized_party_is_named() {
        let nonce = nonce();
        let mut several = claims(&nonce);
        several.aud = vec!["api", "demo"];
        assert_eq!(check(&several), Err(IdTokenError::OtherAudience));
        several.azp = Some("demo");
        assert_eq!(check(&several), Ok(()));
        several.azp = Some("api");
        assert_eq!(check(&several), Err(IdTokenError::OtherAudience));
    }
}
