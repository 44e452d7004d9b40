//! Verifying signed tokens with published keys (RFC 7515 §5.2, RFC 7517).

use gatepass_core::id::KeyId;
use gatepass_core::jose::{Jwt, JwtError, ParsedJwt, SigningAlgorithm};
use gatepass_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::EdgeError;
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

/// The keys that a provider has published.
#[derive(Debug, Default)]
pub struct VerificationKeys(Vec<VerificationKey>);

impl VerificationKeys {
    /// Imports the keys of a JWKS document (RFC 7517 §5), except those that are not for signatures,
    /// not for an algorithm of ours or without a `kid`.
    pub async fn import(jwks: &[Map<String, Value>]) -> Self {
        let mut keys = Vec::new();
        for jwk in jwks {
            let Some((id, algorithm)) = described(jwk) else {
                continue;
            };
            keys.extend(VerificationKey::import(id, algorithm, jwk).await.ok());
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

/// What a JWK says of itself: `kid` and `alg`, unless its `use` is another than signatures.
fn described(jwk: &Map<String, Value>) -> Option<(KeyId, SigningAlgorithm)> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    if jwk.contains_key("use") && text("use") != Some("sig") {
        return None;
    }
    let id = KeyId::parse(text("kid")?).ok()?;
    Some((id, SigningAlgorithm::parse(text("alg")?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwk(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_key_is_used_only_for_what_it_is_published_for() {
        for good in [
            r#"{"kid":"a","alg":"ES256"}"#,
            r#"{"kid":"a","alg":"ES256","use":"sig"}"#,
        ] {
            let (id, algorithm) = described(&jwk(good)).unwrap();
            assert_eq!(
                (id.as_str(), algorithm),
                ("a", SigningAlgorithm::ES256),
                "{good}"
            );
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
            assert_eq!(described(&jwk(bad)), None, "{bad}");
        }
    }
}
