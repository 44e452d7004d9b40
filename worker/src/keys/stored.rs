//! A signing key as it was read from the store.

use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::json;
use gatepass_core::keys::{KeyRecord, KeyStatus};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::EdgeError;
use serde_json::{Map, Value};

use super::maker::MadeKey;
use super::seal::{KeyEncryption, Sealed};
use crate::store::KeyRow;

/// A row, parsed.
#[derive(Debug)]
pub struct StoredKey {
    pub record: KeyRecord,
    pub public: Map<String, Value>,
    pub private: Option<Sealed>,
}

impl StoredKey {
    /// Reads a row.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Corrupt`] naming the column that is not what its table says.
    pub fn parse(row: &KeyRow, encryption: &KeyEncryption) -> Result<Self, EdgeError> {
        let corrupt = EdgeError::Corrupt;
        let private = match (&row.private_key, &row.nonce) {
            (Some(ciphertext), Some(nonce)) => Some(Sealed {
                ciphertext: ciphertext.clone(),
                nonce: nonce.clone(),
                kek_id: row.kek_id.clone(),
            }),
            _ => None,
        };
        let status = KeyStatus::parse(&row.status).ok_or(corrupt("signing_keys.status"))?;
        if private.is_some() != status.has_private_half() {
            return Err(corrupt("signing_keys.private_key"));
        }
        let lifetime = u32::try_from(row.token_lifetime);
        let algorithm = SigningAlgorithm::parse(&row.algorithm);
        let record = KeyRecord {
            id: KeyId::parse(&row.key_id).map_err(|_| corrupt("signing_keys.key_id"))?,
            algorithm: algorithm.ok_or(corrupt("signing_keys.algorithm"))?,
            status,
            created_at: row.created_at,
            since: row.since,
            // Longer than a century is for ever.
            token_lifetime: lifetime.map_or(Lifetime::UNLIMITED, Lifetime::from_seconds),
            is_readable: encryption.opens(&row.kek_id),
        };
        let public = json::read(&row.public_jwk);
        Ok(Self {
            record,
            public: public.map_err(|_| corrupt("signing_keys.public_jwk"))?,
            private,
        })
    }

    /// The JWK that the key set has of it (RFC 7517 §4).
    pub fn published_jwk(&self) -> Map<String, Value> {
        let mut jwk = self.public.clone();
        jwk.insert("kid".to_owned(), Value::from(self.record.id.as_str()));
        jwk.insert(
            "alg".to_owned(),
            Value::from(self.record.algorithm.as_str()),
        );
        jwk.insert("use".to_owned(), Value::from("sig"));
        jwk
    }
}

/// The row of a new key.
pub fn new_row(
    made: MadeKey,
    (algorithm, status): (SigningAlgorithm, KeyStatus),
    token_lifetime: Lifetime,
    now: Timestamp,
) -> Result<KeyRow, EdgeError> {
    Ok(KeyRow {
        key_id: made.id.to_string(),
        algorithm: algorithm.as_str().to_owned(),
        status: status.as_str().to_owned(),
        public_jwk: serde_json::to_string(&made.public)?,
        private_key: Some(made.private.ciphertext),
        nonce: Some(made.private.nonce),
        kek_id: made.private.kek_id,
        token_lifetime: stored_lifetime(token_lifetime).seconds(),
        created_at: now,
        since: now,
    })
}

/// A lifetime as D1 can hold it.
pub fn stored_lifetime(lifetime: Lifetime) -> Lifetime {
    Timestamp::NEVER
        .remaining(Timestamp::from_seconds(0))
        .min(lifetime)
}
