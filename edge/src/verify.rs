//! Verifying signed tokens with published keys (RFC 7515 §5.2, RFC 7517).

use std::rc::Rc;

use gatepass_core::id::KeyId;
use gatepass_core::jose::{Jwt, JwtError, ParsedJwt, SigningAlgorithm};
use gatepass_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::EdgeError;
use crate::remembered::Remembered;
use crate::webcrypto::{self, CryptoKey};

/// One published key, which verifies what its private half has signed.
#[derive(Debug)]
pub struct VerificationKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    key: CryptoKey,
}

impl VerificationKey {
    /// Imports the public JWK of the key `id`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`] if it is not a key for this algorithm.
    pub async fn import(
        id: KeyId,
        algorithm: SigningAlgorithm,
        jwk: &Map<String, Value>,
    ) -> Result<Self, EdgeError> {
        let key = webcrypto::import_public(algorithm, jwk).await?;
        Ok(Self { id, algorithm, key })
    }
}

impl Remembered<VerificationKeys> {
    /// The keys, `token`'s among them if it has been published.
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
        if keys.find(token).is_some() {
            return Ok(keys);
        }
        self.newer(&keys, fetch).await
    }
}

/// The keys that a provider has published.
#[derive(Debug, Default)]
pub struct VerificationKeys(Vec<VerificationKey>);

impl VerificationKeys {
    /// Imports the keys of a JWKS document (RFC 7517 §5), except those that are not for signatures,
    /// not for an algorithm of ours or without a `kid`. A key that does not name its algorithm, which need
    /// not be named, is for those that its type is for.
    pub async fn import(jwks: &[Map<String, Value>]) -> Self {
        let mut keys = Vec::new();
        for jwk in jwks {
            for algorithm in SigningAlgorithm::ALL {
                let Some(id) = key_for(algorithm, jwk) else {
                    continue;
                };
                keys.extend(VerificationKey::import(id, algorithm, jwk).await.ok());
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
        let (id, algorithm) = (token.key_id()?, token.algorithm()?);
        self.0
            .iter()
            .find(|key| key.id == id && key.algorithm == algorithm)
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
            Ok(parsed) => self.verify_parsed(&parsed, now).await,
            Err(error) => Ok(Err(error)),
        }
    }

    /// Reads a token whose type was checked: key, signature, claims, expiry.
    ///
    /// # Errors
    ///
    /// As [`VerificationKeys::verify`]; a key that is not among these is [`JwtError::Signature`].
    pub async fn verify_parsed<P: DeserializeOwned>(
        &self,
        token: &ParsedJwt<'_>,
        now: Timestamp,
    ) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
        Ok(token.verified(self.have_signed(token).await?, now))
    }

    /// Whether one of these keys has signed a token: the one that it names.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`] if WebCrypto fails.
    pub async fn have_signed(&self, token: &ParsedJwt<'_>) -> Result<bool, EdgeError> {
        let Some(VerificationKey { algorithm, key, .. }) = self.find(token) else {
            return Ok(false);
        };
        let (message, signature) = (token.signing_input(), token.signature());
        webcrypto::verify(*algorithm, key, message, signature).await
    }
}

impl FromIterator<VerificationKey> for VerificationKeys {
    fn from_iter<I: IntoIterator<Item = VerificationKey>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

/// The `kid` of a JWK that verifies what is signed in this way, unless its `use` is another than signatures.
fn key_for(algorithm: SigningAlgorithm, jwk: &Map<String, Value>) -> Option<KeyId> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    if jwk.contains_key("use") && text("use") != Some("sig") {
        return None;
    }
    let fits = match text("alg") {
        Some(stated) => stated == algorithm.as_str(),
        None => !jwk.contains_key("alg") && is_of_type(algorithm, text("kty"), text("crv")),
    };
    fits.then(|| KeyId::parse(text("kid")?).ok())?
}

fn is_of_type(algorithm: SigningAlgorithm, kty: Option<&str>, crv: Option<&str>) -> bool {
    match algorithm {
        SigningAlgorithm::ES256 => (kty, crv) == (Some("EC"), Some("P-256")),
        SigningAlgorithm::RS256 => kty == Some("RSA"),
        SigningAlgorithm::EdDSA | SigningAlgorithm::Ed25519 => {
            (kty, crv) == (Some("OKP"), Some("Ed25519"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwk(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn algorithms(text: &str) -> Vec<&'static str> {
        let jwk = jwk(text);
        let fits = |algorithm: &SigningAlgorithm| {
            let id = key_for(*algorithm, &jwk);
            assert!(id.as_ref().is_none_or(|id| id.as_str() == "a"));
            id.is_some()
        };
        let known = SigningAlgorithm::ALL.into_iter().filter(fits);
        known.map(SigningAlgorithm::as_str).collect()
    }

    #[test]
    fn a_key_is_used_only_for_what_it_is_published_for() {
        for good in [
            r#"{"kid":"a","alg":"ES256"}"#,
            r#"{"kid":"a","alg":"ES256","use":"sig"}"#,
        ] {
            assert_eq!(algorithms(good), ["ES256"], "{good}");
        }
        for bad in [
            "{}",
            r#"{"kid":"a"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"kid":"","alg":"ES256"}"#,
            r#"{"kid":7,"alg":"ES256"}"#,
            r#"{"kid":"a","alg":"none"}"#,
            r#"{"kid":"a","alg":"HS256"}"#,
            r#"{"kid":"a","alg":"ES256","use":"enc"}"#,
            r#"{"kid":"a","alg":"ES256","use":null}"#,
        ] {
            assert!(algorithms(bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_does_not_name_its_algorithm_is_for_those_of_its_type() {
        for (text, expected) in [
            (r#"{"kid":"a","kty":"EC","crv":"P-256"}"#, &["ES256"][..]),
            (r#"{"kid":"a","kty":"RSA"}"#, &["RS256"]),
            (
                r#"{"kid":"a","kty":"OKP","crv":"Ed25519"}"#,
                &["EdDSA", "Ed25519"],
            ),
            (r#"{"kid":"a","kty":"EC","crv":"P-384"}"#, &[]),
            (r#"{"kid":"a","kty":"oct"}"#, &[]),
            (r#"{"kid":"a","kty":"RSA","alg":"PS256"}"#, &[]),
            (r#"{"kid":"a","kty":"RSA","alg":null}"#, &[]),
            (r#"{"kid":"a","kty":"RSA","use":"enc"}"#, &[]),
        ] {
            assert_eq!(algorithms(text), expected, "{text}");
        }
    }
}
