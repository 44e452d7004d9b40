//! The signing keys: made when one is asked for, kept encrypted, cached for the isolate.

mod maker;

pub use maker::KeyMaker;

use std::cell::RefCell;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::discovery::KeySet;
use gatepass_core::id::KeyId;
use gatepass_core::jose::{self, Jwt, JwtError, SigningAlgorithm};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::verify::{VerificationKey, VerificationKeys};
use gatepass_edge::webcrypto::{self, CryptoKey};
use gatepass_edge::{EdgeError, clock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::app::App;
use crate::config::Config;
use crate::store::KeyRow;

/// How long an isolate uses the keys it has read before it looks again.
const CACHED_FOR: Lifetime = Lifetime::from_minutes(5);

/// The keys in use.
#[derive(Debug)]
pub struct Keys {
    signing: Vec<SigningKey>,
    verifying: VerificationKeys,
    published: KeySet,
    read_at: Timestamp,
}

#[derive(Debug)]
struct SigningKey {
    id: KeyId,
    algorithm: SigningAlgorithm,
    key: CryptoKey,
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

impl Keys {
    /// The keys; read from the store if this isolate has not done so lately, and made where there is
    /// none for one of `algorithms`.
    ///
    /// # Errors
    ///
    /// When the store or WebCrypto fails, or the key encryption key is not the one that was used.
    pub async fn of(app: &App, algorithms: &[SigningAlgorithm]) -> Result<Rc<Self>, EdgeError> {
        let now = clock::now();
        let cached = KEYS.with_borrow(Clone::clone);
        let fresh =
            |keys: &Rc<Self>| keys.read_at.is_within(CACHED_FOR, now) && keys.have_all(algorithms);
        if let Some(keys) = cached.filter(fresh) {
            return Ok(keys);
        }
        let mut keys = Self::import(&app.store.signing_keys().await?, &app.config, now).await?;
        if !keys.have_all(algorithms) {
            for algorithm in algorithms
                .iter()
                .filter(|algorithm| !keys.have(**algorithm))
            {
                // Whoever inserts first wins; everybody reads the winner's key back.
                let made = maker::make(&app.env, *algorithm).await?;
                app.store.insert_key_if_none(&made).await?;
            }
            keys = Self::import(&app.store.signing_keys().await?, &app.config, now).await?;
        }
        let keys = Rc::new(keys);
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
    /// When WebCrypto fails, or the keys were asked for without this algorithm.
    pub async fn sign<P: Serialize>(
        &self,
        algorithm: SigningAlgorithm,
        token_type: &str,
        jwt: &Jwt<P>,
    ) -> Result<String, EdgeError> {
        let missing = EdgeError::Corrupt("no signing key is current");
        let signer = self.signer(algorithm).ok_or(missing)?;
        let unsigned = jose::unsigned(token_type, algorithm, &signer.id, jwt)?;
        let signature = webcrypto::sign(algorithm, &signer.key, unsigned.signing_input()).await?;
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

    fn signer(&self, algorithm: SigningAlgorithm) -> Option<&SigningKey> {
        self.signing.iter().find(|key| key.algorithm == algorithm)
    }

    fn have(&self, algorithm: SigningAlgorithm) -> bool {
        self.signer(algorithm).is_some()
    }

    fn have_all(&self, algorithms: &[SigningAlgorithm]) -> bool {
        algorithms.iter().all(|algorithm| self.have(*algorithm))
    }

    async fn import(rows: &[KeyRow], config: &Config, now: Timestamp) -> Result<Self, EdgeError> {
        let mut signing = Vec::new();
        let mut verifying = Vec::new();
        let mut published = Vec::new();
        for row in rows {
            let algorithm = SigningAlgorithm::parse(&row.algorithm).ok_or(corrupt())?;
            let id = KeyId::parse(&row.key_id).map_err(|_| corrupt())?;
            let public: Map<String, Value> = serde_json::from_str(&row.public_jwk)?;
            verifying.push(VerificationKey::import(id.clone(), algorithm, &public).await?);
            published.push(published_jwk(public, &id, algorithm));
            if row.status == "current" {
                let private = decrypt(row, config).await?;
                let key = webcrypto::import_private(algorithm, &private).await?;
                signing.push(SigningKey { id, algorithm, key });
            }
        }
        Ok(Self {
            signing,
            verifying: verifying.into_iter().collect(),
            published: KeySet { keys: published },
            read_at: now,
        })
    }
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
