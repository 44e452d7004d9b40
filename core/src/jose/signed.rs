//! Tokens that a private key signs, elsewhere, and a public key verifies, elsewhere too.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Claims, Compact, Jwt, JwtError, SignatureMethod, compact, method};
use crate::id::KeyId;
use crate::time::{Lifetime, Timestamp};

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
        self.method().name
    }

    /// Its row in the table.
    pub const fn method(self) -> &'static SignatureMethod {
        match self {
            Self::ES256 => &method::ES256,
            Self::RS256 => &method::RS256,
            Self::EdDSA => &method::EDDSA,
            Self::Ed25519 => &method::ED25519,
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
        self.0.as_bytes()
    }

    /// The finished token.
    pub fn attach(mut self, signature: &[u8]) -> String {
        use base64ct::{Base64UrlUnpadded, Encoding};
        self.0.push('.');
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
    let header = Header {
        alg: algorithm.as_str(),
        kid: key.as_str(),
        typ: token_type,
    };
    compact::unsigned(&header, jwt).map(UnsignedJwt)
}

/// The same with another header.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which no type of this crate causes.
pub(crate) fn unsigned_with<P: Serialize>(
    header: &impl Serialize,
    jwt: &Jwt<P>,
) -> Result<UnsignedJwt, JwtError> {
    compact::unsigned(header, jwt).map(UnsignedJwt)
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'a str,
}

/// A JWT whose signature has not been checked yet.
#[derive(Debug)]
pub struct ParsedJwt<'a>(Compact<'a>);

impl<'a> ParsedJwt<'a> {
    /// Takes the parts of `text` apart and believes none of them.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`], or [`JwtError::Type`] if its `typ` is not `token_type`.
    pub fn parse(token_type: &str, text: &'a str) -> Result<Self, JwtError> {
        let token = Compact::parse(text)?;
        if token.is_of_type(token_type) {
            Ok(Self(token))
        } else {
            Err(JwtError::Type)
        }
    }

    /// The same for a token that need not say its type, but must not say another.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`] or [`JwtError::Type`].
    pub fn parse_any(token_types: &[&str], text: &'a str) -> Result<Self, JwtError> {
        let token = Compact::parse(text)?;
        let is_one = token_types.iter().any(|known| token.is_of_type(known));
        if token.text("typ").is_none() || is_one {
            Ok(Self(token))
        } else {
            Err(JwtError::Type)
        }
    }

    /// The `sub` that a token claims, believing nothing: whose key may verify it.
    pub fn unverified_subject(text: &str) -> Option<String> {
        let claims = Compact::parse(text).ok()?.claims().ok()?;
        Some(claims.get("sub")?.as_str()?.to_owned())
    }

    /// Whether a token says that its time is over: in that it may be believed.
    pub fn says_it_is_over(text: &str, now: Timestamp) -> bool {
        let claims = Compact::parse(text).and_then(|token| token.claims());
        let expires_at = claims
            .ok()
            .and_then(|claims| compact::seconds(claims.get("exp")?));
        expires_at.is_some_and(|at| at <= now)
    }

    /// The `alg` that the token claims, if it is one of ours.
    pub fn algorithm(&self) -> Option<SigningAlgorithm> {
        SigningAlgorithm::parse(self.0.text("alg")?)
    }

    /// The `alg` that the token claims, whether or not anything of that name is known.
    pub fn method_name(&self) -> Option<&str> {
        self.0.text("alg")
    }

    /// The standard method that the token claims, which a provider of any kind may use.
    pub fn method(&self) -> Option<&'static SignatureMethod> {
        method::standard(self.method_name()?)
    }

    /// The key that the token claims to be signed with.
    pub fn key_id(&self) -> Option<KeyId> {
        KeyId::parse(self.0.text("kid")?).ok()
    }

    /// The bytes that the signature covers.
    pub fn signing_input(&self) -> &'a [u8] {
        self.0.signing_input()
    }

    /// The signature to verify.
    pub fn signature(&self) -> &[u8] {
        self.0.signature()
    }

    /// The claims, whatever they say of their time, once the signature was verified against the key and
    /// algorithm it names.
    ///
    /// # Errors
    ///
    /// [`JwtError::Signature`] if it was not valid, [`JwtError::Claims`].
    pub fn verified_claims(&self, signature_is_valid: bool) -> Result<Claims, JwtError> {
        if !signature_is_valid {
            return Err(JwtError::Signature);
        }
        self.0.claims()
    }

    /// The claims, once the signature was verified against the key and algorithm it names.
    ///
    /// # Errors
    ///
    /// [`JwtError::Signature`] if it was not valid, [`JwtError::Claims`], [`JwtError::Early`], or
    /// [`JwtError::Expired`] if it has for longer than `leeway`.
    pub fn verified<P: DeserializeOwned>(
        &self,
        signature_is_valid: bool,
        now: Timestamp,
        leeway: Lifetime,
    ) -> Result<Jwt<P>, JwtError> {
        if !signature_is_valid {
            return Err(JwtError::Signature);
        }
        self.0.jwt(now, leeway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::tests::{NOW, Payload, jwt};

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
        assert_eq!(parsed.verified(true, NOW, Lifetime::NONE), Ok(jwt()));
        assert_eq!(
            parsed.verified::<Payload>(false, NOW, Lifetime::NONE),
            Err(JwtError::Signature)
        );
        assert_eq!(
            ParsedJwt::parse("rt+jwt", &token).unwrap_err(),
            JwtError::Type
        );
    }

    #[test]
    fn a_token_says_itself_when_it_is_over() {
        let kid = KeyId::parse("k1").unwrap();
        let unsigned = unsigned("at+jwt", SigningAlgorithm::ES256, &kid, &jwt()).unwrap();
        let token = unsigned.attach(&[1]);
        let is_over = |at: i64| ParsedJwt::says_it_is_over(&token, Timestamp::from_seconds(at));
        let end = jwt().expires_at.seconds();
        assert!(!is_over(end - 1) && is_over(end));
        for other in ["", "opaque", "a.b.c", "e30.e30.e30"] {
            assert!(!ParsedJwt::says_it_is_over(other, NOW), "{other}");
        }
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
}
