//! Compact JWTs (RFC 7515, RFC 7519): header, claims and signature, and no more of JOSE than this provider
//! writes and reads.
//!
//! Symmetric tokens are signed here. For the others the signature comes from outside, because
//! WebCrypto is asynchronous and many times faster than software: [`unsigned`] says what to sign,
//! [`UnsignedJwt::attach`] puts the answer on, and [`ParsedJwt`] says what to verify.

mod audiences;
mod compact;
pub mod method;
mod signed;
mod symmetric;
mod thumbprint;

pub use audiences::Audiences;
pub(crate) use compact::Compact;
pub use method::SignatureMethod;
pub(crate) use signed::unsigned_with;
pub use signed::{ParsedJwt, SigningAlgorithm, UnsignedJwt, unsigned};
pub use symmetric::{SymmetricKey, sign_hs256, verify_hs256};
pub use thumbprint::thumbprint;

use serde::Serialize;
use serde_json::{Map, Value};

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
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    Early,
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
    /// `exp`; one that is before `iat` is not said.
    pub expires_at: Timestamp,
}

/// Claims by name, of a token that has not always the same.
pub type Claims = Map<String, Value>;

/// These claims.
pub fn claims<const N: usize>(members: [(&str, Value); N]) -> Claims {
    let mut claims = Claims::new();
    for (name, value) in members {
        claims.insert(name.to_owned(), value);
    }
    claims
}

impl<P: Serialize> Jwt<P> {
    /// The same by name: what signs such tokens is there once, for all kinds.
    ///
    /// # Errors
    ///
    /// [`JwtError::Unserializable`] if the payload is no object.
    pub fn by_name(&self) -> Result<Jwt<Claims>, JwtError> {
        match serde_json::to_value(&self.payload) {
            Ok(Value::Object(payload)) => Ok(Jwt {
                payload,
                issued_at: self.issued_at,
                expires_at: self.expires_at,
            }),
            _ => Err(JwtError::Unserializable),
        }
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
