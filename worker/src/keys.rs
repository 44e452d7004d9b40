//! The signing keys: made on first use, kept encrypted, cached for the isolate.

use std::cell::RefCell;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::discovery::KeySet;
use gatepass_core::id::KeyId;
use gatepass_core::jose::{self, Jwt, JwtError, SigningAlgorithm};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::verify::{VerificationKey, VerificationKeys};
use gatepass_edge::webcrypto::{self, CryptoKey};
use gatepass_edge::{EdgeError, clock, random};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::store::{D1Store, KeyRow, NewKey};

/// How long an isolate uses the keys it has read before it looks again.
const CACHED_FOR: Lifetime = Lifetime::from_minutes(5);

/// The keys in use.
#[derive(Debug)]
pub struct Keys {
    signing: (KeyId, SigningAlgorithm, CryptoKey),
    verifying: VerificationKeys,
    published: KeySet,
    read_at: Timestamp,
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

impl Keys {
    /// The keys; read from the store if this isolate has not done so lately, and made if there are
    /// none.
    ///
    /// # Errors
    ///
    /// When the store or WebCrypto fails, or the key encryption key is not the one that was used.
    pub async fn of(config: &Config, store: &D1Store) -> Result<Rc<Self>, EdgeError> {
        let now = clock::now();
        let cached = KEYS.with_borrow(Clone::clone);
        if let Some(keys) = cached.filter(|keys| keys.read_at.is_within(CACHED_FOR, now)) {
            return Ok(keys);
        }
        let mut rows = store.signing_keys().await?;
        if !rows.iter().any(|row| row.status == "current") {
            // Whoever inserts first wins; everybody reads the winner's key back.
            store.insert_key_if_none(&make(config, now).await?).await?;
            rows = store.signing_keys().await?;
        }
        let keys = Rc::new(Self::import(&rows, config, now).await?);
        KEYS.set(Some(Rc::clone(&keys)));
        Ok(keys)
    }

    /// The public halves, for the JWKS document.
    pub fn published(&self) -> &KeySet {
        &self.published
    }

    /// Signs a token.
    ///
    /// # Errors
    ///
    /// When WebCrypto fails.
    pub async fn sign<P: Serialize>(
        &self,
        token_type: &str,
        jwt: &Jwt<P>,
    ) -> Result<String, EdgeError> {
        let (key_id, algorithm, key) = &self.signing;
        let unsigned = jose::unsigned(token_type, *algorithm, key_id, jwt)?;
        let signature = webcrypto::sign(*algorithm, key, unsigned.signing_input()).await?;
        Ok(unsigned.attach(&signature))
    }

    /// Reads a token that [`Keys::sign`] made: type, key, signature, claims, expiry.
    ///
    /// # Errors
    ///
    /// The inner [`JwtError`] if the token is at fault.
    pub async fn verify<P: DeserializeOwned>(
        &self,
        token_type: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
        self.verifying.verify(token_type, token, now).await
    }

    async fn import(rows: &[KeyRow], config: &Config, now: Timestamp) -> Result<Self, EdgeError> {
        let mut signing = None;
        let mut verifying = Vec::new();
        let mut published = Vec::new();
        for row in rows {
            let algorithm = SigningAlgorithm::parse(&row.algorithm).ok_or(corrupt())?;
            let key_id = KeyId::parse(&row.key_id).map_err(|_| corrupt())?;
            let public: Map<String, Value> = serde_json::from_str(&row.public_jwk)?;
            verifying.push(VerificationKey::import(key_id.clone(), algorithm, &public).await?);
            published.push(published_jwk(public, &key_id, algorithm));
            if row.status == "current" && signing.is_none() {
                let private = decrypt(row, config).await?;
                let key = webcrypto::import_private(algorithm, &private).await?;
                signing = Some((key_id, algorithm, key));
            }
        }
        let signing = signing.ok_or(EdgeError::Corrupt("no signing key is current"))?;
        Ok(Self {
            signing,
            verifying: verifying.into_iter().collect(),
            published: KeySet { keys: published },
            read_at: now,
        })
    }
}

async fn make(config: &Config, now: Timestamp) -> Result<NewKey, EdgeError> {
    let algorithm = SigningAlgorithm::ES256;
    let pair = webcrypto::generate(algorithm).await?;
    let key_id = KeyId::from_random(random::bytes()?);
    let nonce: [u8; 12] = random::bytes()?;
    let context = key_id.as_str();
    let key = &config.key_encryption_key;
    let private = webcrypto::encrypt(key, &nonce, context, &pair.private).await?;
    let row = KeyRow {
        key_id: key_id.to_string(),
        algorithm: algorithm.as_str().to_owned(),
        status: "current".to_owned(),
        public_jwk: serde_json::to_string(&pair.public)?,
        private_key: Base64UrlUnpadded::encode_string(&private),
        nonce: Base64UrlUnpadded::encode_string(&nonce),
    };
    Ok(NewKey {
        row,
        created_at: now.seconds(),
    })
}

async fn decrypt(row: &KeyRow, config: &Config) -> Result<Vec<u8>, EdgeError> {
    let mut nonce = [0; 12];
    Base64UrlUnpadded::decode(&row.nonce, &mut nonce).map_err(|_| corrupt())?;
    let ciphertext = Base64UrlUnpadded::decode_vec(&row.private_key).map_err(|_| corrupt())?;
    let key = &config.key_encryption_key;
    let plaintext = webcrypto::decrypt(key, &nonce, &row.key_id, &ciphertext).await;
    plaintext.map_err(|_| EdgeError::Config {
        name: "GATEPASS_KEY_ENCRYPTION_KEY",
        problem: "is not the key that the signing keys in D1 were encrypted with",
    })
}

fn published_jwk(
    mut jwk: Map<String, Value>,
    key_id: &KeyId,
    algorithm: SigningAlgorithm,
) -> Map<String, Value> {
    jwk.insert("kid".to_owned(), Value::from(key_id.as_str()));
    jwk.insert("alg".to_owned(), Value::from(algorithm.as_str()));
    jwk.insert("use".to_owned(), Value::from("sig"));
    jwk
}

fn corrupt() -> EdgeError {
    EdgeError::Corrupt("signing_keys")
}
