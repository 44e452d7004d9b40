//! A proof (RFC 9449 §4): one check per function.

use core::fmt;

use serde_json::{Map, Value};

use super::{NonceKey, NoncePolicy, ProofRefusal, Thumbprint, target};
use crate::id::JwtId;
use crate::jose::{Compact, SigningAlgorithm};
use crate::secret::{AccessToken, SecretHash};
use crate::time::{Lifetime, Timestamp};

/// The `typ` of a proof (RFC 9449 §4.2).
pub(super) const TYPE: &str = "dpop+jwt";

/// The longest proof that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// How far a proof's time may be from the server's, before or after.
const TOLERANCE: Lifetime = Lifetime::from_seconds(60);

/// What a private key or a shared secret has and a public key has not (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What is wrong with a proof; to be said after "the DPoP proof".
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// Another `alg`, or none.
    #[error("must be signed with an asymmetric algorithm that the metadata lists")]
    Algorithm,
    /// `ath` is not the hash of the access token (RFC 9449 §4.2).
    #[error("must have the hash of the access token as ath")]
    Ath,
    /// The claims are not those of a proof.
    #[error("must have jti, htm, htu and iat")]
    Claims,
    /// The `jwk` is not a public key for the `alg`.
    #[error("must have the public key that signed it, for its alg, as jwk")]
    Key,
    /// Not one JWT.
    #[error("must be a JWT, and one only")]
    Malformed,
    /// `htm` is not the request's method.
    #[error("must have the method of the request as htm")]
    Method,
    /// The private key came with it.
    #[error("must not hold a private key: that key is known to others now")]
    PrivateKey,
    /// Signed with another key, or changed since.
    #[error("has a signature that is not that of its jwk")]
    Signature,
    /// `htu` is not the request's address.
    #[error("must have the address of the request as htu")]
    Target,
    /// `iat` is too far from now.
    #[error("must be made now: its iat is too far from the time here")]
    Time,
    /// Another `typ`.
    #[error("must be of the type dpop+jwt")]
    Type,
}

/// A proof whose signature has not been checked yet.
pub struct ParsedProof<'a> {
    token: Compact<'a>,
    algorithm: SigningAlgorithm,
    jwk: Map<String, Value>,
    thumbprint: Thumbprint,
}

/// The request that a proof must have been made for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address; query and fragment do not count.
    pub url: &'a str,
    /// The access token that it presents, if it does.
    pub access_token: Option<&'a AccessToken>,
    /// Whether a nonce is needed.
    pub nonces: NoncePolicy<'a>,
    /// When.
    pub now: Timestamp,
}

/// A proof in which everything is right, and which counts if nobody has used it before.
#[derive(Clone, Debug)]
pub struct CheckedProof {
    /// The key that signed it.
    pub jkt: Thumbprint,
    /// What a store remembers it by.
    pub id: SecretHash,
    /// Until when it could be used again.
    pub expires_at: Timestamp,
}

impl fmt::Debug for ParsedProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedProof")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl<'a> ParsedProof<'a> {
    /// Takes a `DPoP` header apart and believes nothing of it. Several headers are one with commas, which
    /// no JWT has.
    ///
    /// # Errors
    ///
    /// The [`ProofError`] that says what it lacks.
    pub fn parse(text: &'a str) -> Result<Self, ProofError> {
        let text = text.trim_matches(' ');
        if text.len() > LONGEST {
            return Err(ProofError::Malformed);
        }
        let token = Compact::parse(text).map_err(|_| ProofError::Malformed)?;
        if !token.is_of_type(TYPE) {
            return Err(ProofError::Type);
        }
        let algorithm = token.text("alg").and_then(SigningAlgorithm::parse);
        let algorithm = algorithm.ok_or(ProofError::Algorithm)?;
        let jwk = token.header("jwk").and_then(Value::as_object);
        let jwk = jwk.ok_or(ProofError::Key)?.clone();
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(ProofError::PrivateKey);
        }
        let thumbprint = Thumbprint::of(&jwk, algorithm)?;
        Ok(Self {
            token,
            algorithm,
            jwk,
            thumbprint,
        })
    }

    /// How it is signed.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The key that it claims to be signed with.
    pub fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// The bytes that the signature covers.
    pub fn signing_input(&self) -> &'a [u8] {
        self.token.signing_input()
    }

    /// The signature to verify with [`ParsedProof::jwk`].
    pub fn signature(&self) -> &[u8] {
        self.token.signature()
    }

    /// Checks everything (RFC 9449 §4.3) but whether the proof was used before.
    ///
    /// # Errors
    ///
    /// [`ProofRefusal::Invalid`] or [`ProofRefusal::NonceRequired`].
    pub fn check(
        self,
        signature_is_valid: bool,
        occasion: &Occasion<'_>,
    ) -> Result<CheckedProof, ProofRefusal> {
        if !signature_is_valid {
            return Err(ProofError::Signature.into());
        }
        let claims = self.token.claims().map_err(|_| ProofError::Claims)?;
        let text = |name| claims.get(name)?.as_str();
        let required = |name| text(name).ok_or(ProofError::Claims);
        let jti = JwtId::parse(required("jti")?).map_err(|_| ProofError::Claims)?;
        let issued_at = claims.get("iat").and_then(Value::as_i64);
        let issued_at = Timestamp::from_seconds(issued_at.ok_or(ProofError::Claims)?);
        let (method, url) = (required("htm")?, required("htu")?);
        if method != occasion.method {
            return Err(ProofError::Method.into());
        }
        if !target::is_same(url, occasion.url) {
            return Err(ProofError::Target.into());
        }
        check_access_token(text("ath"), occasion.access_token)?;
        let expires_at = check_time(issued_at, text("nonce"), occasion)?;
        let id = SecretHash::of(&format!("dpop {} {jti}", self.thumbprint));
        Ok(CheckedProof {
            jkt: self.thumbprint,
            id,
            expires_at,
        })
    }
}

/// With an access token, the proof is for this one alone (RFC 9449 §4.3).
fn check_access_token(ath: Option<&str>, token: Option<&AccessToken>) -> Result<(), ProofError> {
    let Some(token) = token else {
        return Ok(());
    };
    let stated = ath.and_then(SecretHash::from_base64url);
    if stated.is_some_and(|stated| stated.matches(token.hash())) {
        Ok(())
    } else {
        Err(ProofError::Ath)
    }
}

/// When the proof was made: its nonce says so or, without one, its own clock (RFC 9449 §4.3, §11.1).
/// Where there are nonces, a wrong clock costs another try and not the session. Says until when the
/// proof could be used again.
fn check_time(
    issued_at: Timestamp,
    nonce: Option<&str>,
    occasion: &Occasion<'_>,
) -> Result<Timestamp, ProofRefusal> {
    let now = occasion.now;
    let in_time = now.seconds().abs_diff(issued_at.seconds()) <= TOLERANCE.seconds().unsigned_abs();
    let own_time = issued_at.plus(TOLERANCE).plus(Lifetime::from_seconds(1));
    match (occasion.nonces, nonce) {
        (NoncePolicy::Optional(key) | NoncePolicy::Required(key), Some(nonce)) => {
            if key.accepts(nonce, now) {
                Ok(NonceKey::end(now))
            } else {
                Err(ProofRefusal::NonceRequired)
            }
        }
        (NoncePolicy::Optional(_) | NoncePolicy::Unknown, _) if in_time => Ok(own_time),
        (NoncePolicy::Optional(_) | NoncePolicy::Required(_), None) => {
            Err(ProofRefusal::NonceRequired)
        }
        (NoncePolicy::Unknown, _) => Err(ProofError::Time.into()),
    }
}

#[cfg(test)]
mod tests;
