//! Compact JWTs (RFC 7515, RFC 7519) on `jwt-compact`.
//!
//! Symmetric tokens are signed here. For the others the signature comes from outside, because
//! WebCrypto is asynchronous and many times faster than software: [`unsigned`] says what to sign,
//! [`UnsignedJwt::attach`] puts the answer on, and [`ParsedJwt`] says what to verify.

mod signed;
mod symmetric;
mod thumbprint;

pub use signed::{ParsedJwt, SigningAlgorithm, UnsignedJwt, unsigned};
pub use symmetric::{SymmetricKey, sign_hs256, verify_hs256};
pub use thumbprint::thumbprint;

use jwt_compact::Claims;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::time::Timestamp;

/// Why a JWT is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JwtError {
    /// The claims lack something or have it in another form.
    #[error("the token's claims are not those of its type")]
    Claims,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Not three base64url parts with a JSON header.
    #[error("the token is not a JWT")]
    Malformed,
    /// Signed with another key, or changed since.
    #[error("the token's signature is invalid")]
    Signature,
    /// A token of another kind, or with another algorithm.
    #[error("the token is of another type")]
    Type,
    /// The claims could not be written; no type of this crate does that.
    #[error("the claims cannot be serialized")]
    Unserializable,
}

/// What every token of this provider says: when it was issued, when it ends, and the rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jwt<P> {
    /// The claims of its type.
    pub payload: P,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

#[derive(Serialize)]
struct Stamped<'a, P> {
    #[serde(flatten)]
    payload: &'a P,
    iat: Timestamp,
    exp: Timestamp,
}

impl<P: Serialize> Jwt<P> {
    fn claims(&self) -> Claims<Stamped<'_, P>> {
        Claims::new(Stamped {
            payload: &self.payload,
            iat: self.issued_at,
            exp: self.expires_at,
        })
    }
}

impl<P: DeserializeOwned> Jwt<P> {
    fn from_claims(claims: Claims<P>, now: Timestamp) -> Result<Self, JwtError> {
        let issued_at = claims.issued_at.ok_or(JwtError::Claims)?.timestamp();
        let expires_at = claims.expiration.ok_or(JwtError::Claims)?.timestamp();
        let expires_at = Timestamp::from_seconds(expires_at);
        if expires_at <= now {
            return Err(JwtError::Expired);
        }
        let issued_at = Timestamp::from_seconds(issued_at);
        Ok(Self {
            payload: claims.custom,
            issued_at,
            expires_at,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    pub(crate) struct Payload {
        iss: String,
    }

    pub(crate) fn jwt() -> Jwt<Payload> {
        Jwt {
            payload: Payload {
                iss: "http://localhost:4000".into(),
            },
            issued_at: Timestamp::from_seconds(100),
            expires_at: Timestamp::from_seconds(200),
        }
    }

    pub(crate) const NOW: Timestamp = Timestamp::from_seconds(150);
}
