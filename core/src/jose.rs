//! Compact JWTs (RFC 7515, RFC 7519) on `jwt-compact`.
//!
//! Symmetric tokens are signed here. For the others the signature comes from outside, because
//! WebCrypto is asynchronous and many times faster than software: [`unsigned`] says what to sign,
//! [`UnsignedJwt::attach`] puts the answer on, and [`ParsedJwt`] says what to verify.

use core::fmt;
use std::borrow::Cow;

use hmac::{Hmac, Mac};
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{Algorithm, AlgorithmExt, AlgorithmSignature, Claims, Header, UntrustedToken};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::id::KeyId;
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

/// A key for one purpose, derived from a master key so that a token of one purpose never passes
/// for another's.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SymmetricKey([u8; 32]);

impl SymmetricKey {
    /// HMAC-SHA256 of the purpose under the master key (RFC 5869 §2.3, one block).
    pub fn derive(master: &[u8; 32], purpose: &str) -> Self {
        Self(Self::mac(master, &[purpose.as_bytes(), &[1]]))
    }

    /// Authenticates `message`.
    pub fn authenticate(&self, message: &[u8]) -> [u8; 32] {
        Self::mac(&self.0, &[message])
    }

    fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length; this constructor cannot fail for a 32-byte one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey([redacted])")
    }
}

/// Signs with HS256. The same claims under the same key give the same bytes.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which no type of this crate causes.
pub fn sign_hs256<P: Serialize>(
    token_type: &str,
    key: &SymmetricKey,
    jwt: &Jwt<P>,
) -> Result<String, JwtError> {
    let header = Header::empty().with_token_type(token_type);
    let key = Hs256Key::new(key.0);
    Hs256
        .token(&header, &jwt.claims(), &key)
        .map_err(|_| JwtError::Unserializable)
}

/// Checks a token that [`sign_hs256`] made: signature first, then type, claims and expiry.
///
/// # Errors
///
/// The [`JwtError`] that says what is wrong.
pub fn verify_hs256<P: DeserializeOwned>(
    token_type: &str,
    key: &SymmetricKey,
    token: &str,
    now: Timestamp,
) -> Result<Jwt<P>, JwtError> {
    let token = UntrustedToken::new(token).map_err(|_| JwtError::Malformed)?;
    if token.header().token_type.as_deref() != Some(token_type) {
        return Err(JwtError::Type);
    }
    let key = Hs256Key::new(key.0);
    let token = Hs256
        .validator::<P>(&key)
        .validate(&token)
        .map_err(|error| match error {
            jwt_compact::ValidationError::MalformedClaims(_) => JwtError::Claims,
            jwt_compact::ValidationError::AlgorithmMismatch { .. } => JwtError::Type,
            _ => JwtError::Signature,
        })?;
    Jwt::from_claims(token.into_parts().1, now)
}

/// How a published key signs (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// Ed25519 under the name of RFC 8037, which most verifiers know.
    EdDSA,
    /// Ed25519 under the name of RFC 9864, which names the curve too.
    Ed25519,
}

impl SigningAlgorithm {
    /// Every algorithm that this provider can sign with.
    pub const ALL: [Self; 4] = [Self::ES256, Self::RS256, Self::EdDSA, Self::Ed25519];

    /// The `alg` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm of this name, if it is one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
    }
}

/// A JWT that waits for its signature.
#[derive(Debug)]
pub struct UnsignedJwt(String);

impl UnsignedJwt {
    /// The bytes to sign (RFC 7515 §5.1): header and claims with the dot between them.
    pub fn signing_input(&self) -> &[u8] {
        self.0.strip_suffix('.').unwrap_or(&self.0).as_bytes()
    }

    /// The finished token.
    pub fn attach(mut self, signature: &[u8]) -> String {
        use base64ct::{Base64UrlUnpadded, Encoding};
        self.0
            .push_str(&Base64UrlUnpadded::encode_string(signature));
        self.0
    }
}

/// Writes header and claims of a token that someone else signs.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which no type of this crate causes.
pub fn unsigned<P: Serialize>(
    token_type: &str,
    algorithm: SigningAlgorithm,
    key: &KeyId,
    jwt: &Jwt<P>,
) -> Result<UnsignedJwt, JwtError> {
    let header = Header::empty()
        .with_token_type(token_type)
        .with_key_id(key.as_str());
    let token = SignedElsewhere(algorithm).token(&header, &jwt.claims(), &());
    token.map(UnsignedJwt).map_err(|_| JwtError::Unserializable)
}

/// A JWT whose signature has not been checked yet.
#[derive(Debug)]
pub struct ParsedJwt<'a> {
    text: &'a str,
    token: UntrustedToken<'a>,
}

impl<'a> ParsedJwt<'a> {
    /// Takes the parts of `text` apart and believes none of them.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`], or [`JwtError::Type`] if its `typ` is not `token_type`.
    pub fn parse(token_type: &str, text: &'a str) -> Result<Self, JwtError> {
        let token = UntrustedToken::new(text).map_err(|_| JwtError::Malformed)?;
        let stated = token.header().token_type.as_deref().unwrap_or_default();
        // RFC 7515 §4.1.9: the prefix "application/" may be left out, and case does not count.
        let stated = stated.strip_prefix("application/").unwrap_or(stated);
        if !stated.eq_ignore_ascii_case(token_type) {
            return Err(JwtError::Type);
        }
        Ok(Self { text, token })
    }

    /// The `alg` that the token claims, if it is one of ours.
    pub fn algorithm(&self) -> Option<SigningAlgorithm> {
        SigningAlgorithm::parse(self.token.algorithm())
    }

    /// The key that the token claims to be signed with.
    pub fn key_id(&self) -> Option<KeyId> {
        KeyId::parse(self.token.header().key_id.as_deref()?).ok()
    }

    /// The bytes that the signature covers.
    pub fn signing_input(&self) -> &'a [u8] {
        self.text
            .rsplit_once('.')
            .map_or(self.text, |(signed, _)| signed)
            .as_bytes()
    }

    /// The signature to verify.
    pub fn signature(&self) -> &[u8] {
        self.token.signature_bytes()
    }

    /// The claims, once the signature was verified against the key and algorithm it names.
    ///
    /// # Errors
    ///
    /// [`JwtError::Signature`] if it was not valid, [`JwtError::Claims`] or [`JwtError::Expired`].
    pub fn verified<P: DeserializeOwned>(
        &self,
        signature_is_valid: bool,
        now: Timestamp,
    ) -> Result<Jwt<P>, JwtError> {
        if !signature_is_valid {
            return Err(JwtError::Signature);
        }
        let claims = self
            .token
            .deserialize_claims_unchecked()
            .map_err(|_| JwtError::Claims)?;
        Jwt::from_claims(claims, now)
    }
}

/// Leaves the signature empty, to be attached later. Verifies nothing.
struct SignedElsewhere(SigningAlgorithm);

struct NoSignature;

impl AlgorithmSignature for NoSignature {
    fn try_from_slice(_: &[u8]) -> Result<Self, anyhow::Error> {
        Ok(Self)
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&[])
    }
}

impl Algorithm for SignedElsewhere {
    type SigningKey = ();
    type VerifyingKey = ();
    type Signature = NoSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0.as_str())
    }

    fn sign(&self, (): &(), _: &[u8]) -> NoSignature {
        NoSignature
    }

    fn verify_signature(&self, _: &NoSignature, (): &(), _: &[u8]) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Payload {
        iss: String,
    }

    fn jwt() -> Jwt<Payload> {
        Jwt {
            payload: Payload {
                iss: "http://localhost:4000".into(),
            },
            issued_at: Timestamp::from_seconds(100),
            expires_at: Timestamp::from_seconds(200),
        }
    }

    fn key(purpose: &str) -> SymmetricKey {
        SymmetricKey::derive(&[9; 32], purpose)
    }

    const NOW: Timestamp = Timestamp::from_seconds(150);

    #[test]
    fn hs256_is_deterministic_and_reads_back() {
        let token = sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap();
        assert_eq!(token, sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap());
        assert_eq!(verify_hs256("rt+jwt", &key("a"), &token, NOW), Ok(jwt()));
    }

    #[test]
    fn each_way_of_being_wrong_has_its_name() {
        let token = sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap();
        let verify = |typ, k, token: &str, now| {
            verify_hs256::<Payload>(typ, &k, token, Timestamp::from_seconds(now)).unwrap_err()
        };
        assert_eq!(verify("rt+jwt", key("b"), &token, 150), JwtError::Signature);
        assert_eq!(verify("state+jwt", key("a"), &token, 150), JwtError::Type);
        assert_eq!(verify("rt+jwt", key("a"), &token, 200), JwtError::Expired);
        assert_eq!(verify("rt+jwt", key("a"), "", 150), JwtError::Malformed);
        assert_eq!(
            verify("rt+jwt", key("a"), "a.b.c", 150),
            JwtError::Malformed
        );
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(
            verify("rt+jwt", key("a"), &format!("{signed}."), 150),
            JwtError::Signature
        );
    }

    #[test]
    fn a_token_signed_elsewhere_is_whole_once_attached() {
        let kid = KeyId::parse("k1").unwrap();
        let unsigned = unsigned("at+jwt", SigningAlgorithm::ES256, &kid, &jwt()).unwrap();
        let input = unsigned.signing_input().to_vec();
        let token = unsigned.attach(&[1, 2, 3]);
        let parsed = ParsedJwt::parse("at+jwt", &token).unwrap();
        assert_eq!(parsed.signing_input(), input);
        assert_eq!(parsed.signature(), [1, 2, 3]);
        assert_eq!(parsed.key_id(), Some(kid));
        assert_eq!(parsed.algorithm(), Some(SigningAlgorithm::ES256));
        assert_eq!(parsed.verified(true, NOW), Ok(jwt()));
        assert_eq!(
            parsed.verified::<Payload>(false, NOW),
            Err(JwtError::Signature)
        );
        assert_eq!(
            ParsedJwt::parse("rt+jwt", &token).unwrap_err(),
            JwtError::Type
        );
    }

    #[test]
    fn every_algorithm_keeps_its_name() {
        for algorithm in SigningAlgorithm::ALL {
            let name = algorithm.as_str();
            assert_eq!(SigningAlgorithm::parse(name), Some(algorithm));
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            let kid = KeyId::parse("k1").unwrap();
            let token = unsigned("at+jwt", algorithm, &kid, &jwt()).unwrap();
            let token = token.attach(&[1]);
            let parsed = ParsedJwt::parse("at+jwt", &token).unwrap();
            assert_eq!(parsed.algorithm(), Some(algorithm));
        }
        for other in ["", "none", "HS256", "es256", "PS256", "ES384", "Ed448"] {
            assert_eq!(SigningAlgorithm::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn alg_none_has_no_name_here() {
        // {"alg":"none","typ":"at+jwt"} . {} .
        let parsed = ParsedJwt::parse("at+jwt", "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.");
        assert_eq!(parsed.unwrap().algorithm(), None);
    }

    #[test]
    fn keys_of_two_purposes_differ() {
        assert_ne!(key("a").authenticate(b"x"), key("b").authenticate(b"x"));
        assert_eq!(format!("{:?}", key("a")), "SymmetricKey([redacted])");
    }
}
