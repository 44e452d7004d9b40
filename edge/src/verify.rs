//! Verifying signed tokens with published keys (RFC 7515 §5.2, RFC 7517).

use std::rc::Rc;

use gatepass_core::id::KeyId;
use gatepass_core::jose::method::STANDARD;
use gatepass_core::jose::{Jwt, JwtError, ParsedJwt, SignatureMethod};
use gatepass_core::time::{Lifetime, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::remembered::Remembered;
use crate::webcrypto::{self, CryptoKey};
use crate::{EdgeError, fetch};

/// One published key, which verifies what its private half has signed.
#[derive(Debug)]
pub struct VerificationKey {
    /// Not every provider names its keys.
    id: Option<KeyId>,
    method: &'static SignatureMethod,
    key: CryptoKey,
}

impl VerificationKey {
    /// Imports the public JWK of the key `id`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`] if it is not a key for this method.
    pub async fn import(
        id: Option<KeyId>,
        method: &'static SignatureMethod,
        jwk: &Map<String, Value>,
    ) -> Result<Self, EdgeError> {
        let key = webcrypto::import_public(method, jwk).await?;
        Ok(Self { id, method, key })
    }

    async fn has_signed(&self, token: &ParsedJwt<'_>) -> Result<bool, EdgeError> {
        let (message, signature) = (token.signing_input(), token.signature());
        webcrypto::verify(self.method, &self.key, message, signature).await
    }
}

impl Remembered<VerificationKeys> {
    /// The keys, `token`'s among them if it has been published. Where it is not told by its name, that it has
    /// signed the token tells it.
    ///
    /// # Errors
    ///
    /// As [`Remembered::current`] and [`Remembered::newer`].
    pub async fn for_token<F>(
        &self,
        token: &ParsedJwt<'_>,
        fetch: impl Fn() -> F,
    ) -> Result<Rc<VerificationKeys>, EdgeError>
    where
        F: Future<Output = Result<VerificationKeys, EdgeError>> + 'static,
    {
        let keys = self.current(&fetch).await?;
        if keys.find(token).is_some() || keys.may_have_signed(token).await.unwrap_or(false) {
            return Ok(keys);
        }
        self.newer(&keys, fetch).await
    }
}

/// The keys that a provider or a client has published.
#[derive(Debug, Default)]
pub struct VerificationKeys(Vec<VerificationKey>);

/// A JWKS document (RFC 7517 §5).
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
}

/// So many keys are tried for a token that does not say which has signed it: more than a provider that names none
/// may reasonably have at a time.
const MOST_TRIED: usize = 8;

impl VerificationKeys {
    /// Fetches the keys that a provider of any kind publishes there, for every standard way of signing.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Upstream`] if there is no answer, or none of its keys is of use here: keys that are known do better
    /// than none.
    pub async fn fetch(url: &str) -> Result<Self, EdgeError> {
        let set: KeySet = fetch::json(url).await?;
        let keys = Self::import_for(&STANDARD, &set.keys).await;
        if keys.is_empty() {
            let failure = format!("{url}: has no key for signatures that is of use here");
            return Err(EdgeError::Upstream(failure));
        }
        Ok(keys)
    }

    /// Imports the keys of a JWKS document (RFC 7517 §5), except those that are not for signatures or not for one of
    /// `methods`. A key that does not name its algorithm, which need not be named, is for those that its type is
    /// for.
    pub async fn import_for(
        methods: &[&'static SignatureMethod],
        jwks: &[Map<String, Value>],
    ) -> Self {
        let mut keys = Vec::new();
        for jwk in jwks {
            let id = jwk.get("kid").and_then(Value::as_str);
            let id = id.and_then(|id| KeyId::parse(id).ok());
            for method in methods.iter().filter(|method| is_for(method, jwk)) {
                keys.extend(VerificationKey::import(id.clone(), method, jwk).await.ok());
            }
        }
        Self(keys)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that the token names, if its algorithm is also the token's.
    pub fn find(&self, token: &ParsedJwt<'_>) -> Option<&VerificationKey> {
        let id = token.key_id()?;
        let mut fitting = self.fitting(token);
        fitting.find(|key| key.id.as_ref() == Some(&id))
    }

    /// The keys for the token's algorithm.
    fn fitting(&self, token: &ParsedJwt<'_>) -> impl Iterator<Item = &VerificationKey> {
        let name = token.method_name();
        self.0
            .iter()
            .filter(move |key| Some(key.method.name) == name)
    }

    /// Reads a token: type, key, signature, claims, expiry.
    ///
    /// # Errors
    ///
    /// The inner [`JwtError`] if the token is at fault; [`EdgeError::Crypto`] if WebCrypto fails.
    pub async fn verify<P: DeserializeOwned>(
        &self,
        token_type: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
        match ParsedJwt::parse(token_type, token) {
            Ok(parsed) => self.verify_parsed(&parsed, now, Lifetime::NONE).await,
            Err(error) => Ok(Err(error)),
        }
    }

    /// Reads a token whose type was checked: key, signature, claims, and whether it has expired for longer than
    /// `leeway`.
    ///
    /// # Errors
    ///
    /// As [`VerificationKeys::verify`]; a key that is not among these is [`JwtError::Signature`].
    pub async fn verify_parsed<P: DeserializeOwned>(
        &self,
        token: &ParsedJwt<'_>,
        now: Timestamp,
        leeway: Lifetime,
    ) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
        Ok(token.verified(self.have_signed(token).await?, now, leeway))
    }

    /// Whether the key that a token names has signed it.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`] if WebCrypto fails.
    pub async fn have_signed(&self, token: &ParsedJwt<'_>) -> Result<bool, EdgeError> {
        match self.find(token) {
            Some(key) => key.has_signed(token).await,
            None => Ok(false),
        }
    }

    /// The same of a provider that need not name its keys. Of a token that names none, each key may be the one that
    /// fits; else each of that name, and where there is none, each that has no name.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`] if WebCrypto fails.
    pub async fn may_have_signed(&self, token: &ParsedJwt<'_>) -> Result<bool, EdgeError> {
        let id = token.key_id();
        let named = id.as_ref().filter(|_| self.find(token).is_some());
        // Two keys may have one name (RFC 7517 §4.5).
        let may_have = |key: &&VerificationKey| id.is_none() || key.id.as_ref() == named;
        for key in self.fitting(token).filter(may_have).take(MOST_TRIED) {
            if key.has_signed(token).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a token of a provider that need not name its keys, whose type was checked: key, signature, claims, and
    /// whether it has expired for longer than `leeway`.
    ///
    /// # Errors
    ///
    /// As [`VerificationKeys::verify`]; a key that is not among these is [`JwtError::Signature`].
    pub async fn verify_of_any<P: DeserializeOwned>(
        &self,
        token: &ParsedJwt<'_>,
        now: Timestamp,
        leeway: Lifetime,
    ) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
        Ok(token.verified(self.may_have_signed(token).await?, now, leeway))
    }
}

impl FromIterator<VerificationKey> for VerificationKeys {
    fn from_iter<I: IntoIterator<Item = VerificationKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// Whether a JWK verifies what is signed in this way: its type must be the method's, and where it names its
/// algorithm or its use, they must be this and signatures.
fn is_for(method: &SignatureMethod, jwk: &Map<String, Value>) -> bool {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    let may_be = |name, expected| !jwk.contains_key(name) || text(name) == Some(expected);
    may_be("use", "sig") && may_be("alg", method.name) && method.takes(text("kty"), text("crv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwk(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn methods(text: &str) -> Vec<&'static str> {
        let jwk = jwk(text);
        let fitting = STANDARD.iter().filter(|method| is_for(method, &jwk));
        fitting.map(|method| method.name).collect()
    }

    #[test]
    fn a_key_is_used_only_for_what_it_is_published_for() {
        for good in [
            r#"{"kty":"EC","crv":"P-256","alg":"ES256"}"#,
            r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig"}"#,
        ] {
            assert_eq!(methods(good), ["ES256"], "{good}");
        }
        for bad in [
            "{}",
            r#"{"alg":"ES256"}"#,
            r#"{"kty":"RSA","alg":"ES256"}"#,
            r#"{"kty":"EC","crv":"P-384","alg":"ES256"}"#,
            r#"{"kty":"RSA","alg":"none"}"#,
            r#"{"kty":"RSA","alg":"HS256"}"#,
            r#"{"kty":"RSA","alg":"RSA-OAEP"}"#,
            r#"{"kty":"oct","alg":"HS256"}"#,
            r#"{"kty":"oct"}"#,
            r#"{"kty":"RSA","alg":null}"#,
            r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"enc"}"#,
            r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":null}"#,
            r#"{"kty":"RSA","use":"enc"}"#,
        ] {
            assert!(methods(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_does_not_name_its_algorithm_is_for_those_of_its_type() {
        for (text, expected) in [
            (r#"{"kty":"EC","crv":"P-256"}"#, &["ES256"][..]),
            (r#"{"kty":"EC","crv":"P-384"}"#, &["ES384"]),
            (r#"{"kty":"EC","crv":"P-521"}"#, &["ES512"]),
            (
                r#"{"kty":"RSA"}"#,
                &["RS256", "PS256", "RS384", "RS512", "PS384", "PS512"],
            ),
            (r#"{"kty":"OKP","crv":"Ed25519"}"#, &["EdDSA", "Ed25519"]),
            (r#"{"kty":"OKP","crv":"Ed448"}"#, &[]),
            (r#"{"kty":"EC","crv":"secp256k1"}"#, &[]),
        ] {
            assert_eq!(methods(text), expected, "{text}");
        }
    }
}
