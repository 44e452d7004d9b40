//! How private keys are kept: encrypted under a key that the database does not hold.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::id::KeyId;
use gatepass_core::jose::SymmetricKey;
use gatepass_edge::webcrypto::{self, EncryptionKey};
use gatepass_edge::{EdgeError, random};
use serde::{Deserialize, Serialize};

/// The key encryption key, and those that it has replaced.
#[derive(Clone, Debug)]
pub struct KeyEncryption {
    current: NamedKey,
    replaced: Vec<NamedKey>,
}

#[derive(Clone, Debug)]
struct NamedKey {
    id: String,
    key: EncryptionKey,
}

/// A private key as the store holds it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sealed {
    /// PKCS #8, encrypted with AES-256-GCM, base64url.
    pub ciphertext: String,
    /// Base64url.
    pub nonce: String,
    /// Under which key; empty if that is not known.
    pub kek_id: String,
}

impl KeyEncryption {
    /// `current` encrypts, and all decrypt.
    pub fn new(current: &[u8; 32], replaced: &[[u8; 32]]) -> Self {
        Self {
            current: NamedKey::new(current),
            replaced: replaced.iter().map(NamedKey::new).collect(),
        }
    }

    /// Whether what is encrypted under this key can be decrypted, as far as that is known.
    pub fn opens(&self, kek_id: &str) -> bool {
        self.candidates(kek_id).next().is_some()
    }

    /// Whether nothing is encrypted under a better key than this.
    pub fn is_current(&self, kek_id: &str) -> bool {
        self.current.id == kek_id
    }

    /// Encrypts a private key.
    ///
    /// # Errors
    ///
    /// When WebCrypto fails.
    pub async fn seal(&self, id: &KeyId, private: &[u8]) -> Result<Sealed, EdgeError> {
        let nonce: [u8; 12] = random::bytes()?;
        let key = &self.current;
        // The name of the key goes with it, so that no ciphertext can be moved to another row.
        let ciphertext = webcrypto::encrypt(&key.key, &nonce, id.as_str(), private).await?;
        Ok(Sealed {
            ciphertext: Base64UrlUnpadded::encode_string(&ciphertext),
            nonce: Base64UrlUnpadded::encode_string(&nonce),
            kek_id: key.id.clone(),
        })
    }

    /// Decrypts a private key.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] if none of the keys is the right one.
    pub async fn open(&self, id: &KeyId, sealed: &Sealed) -> Result<Vec<u8>, EdgeError> {
        let corrupt = |_| EdgeError::Corrupt("signing_keys");
        let mut nonce = [0; 12];
        Base64UrlUnpadded::decode(&sealed.nonce, &mut nonce).map_err(corrupt)?;
        let ciphertext = Base64UrlUnpadded::decode_vec(&sealed.ciphertext).map_err(corrupt)?;
        for candidate in self.candidates(&sealed.kek_id) {
            let opened = webcrypto::decrypt(&candidate.key, &nonce, id.as_str(), &ciphertext).await;
            if let Ok(private) = opened {
                return Ok(private);
            }
        }
        Err(EdgeError::Config {
            name: "GATEPASS_KEY_ENCRYPTION_KEY",
            problem: "is not the key that a signing key in D1 is encrypted with, \
                      nor is any in GATEPASS_PREVIOUS_KEY_ENCRYPTION_KEY",
        })
    }

    fn candidates(&self, kek_id: &str) -> impl Iterator<Item = &NamedKey> {
        let keys = core::iter::once(&self.current).chain(&self.replaced);
        keys.filter(move |key| kek_id.is_empty() || key.id == kek_id)
    }
}

impl NamedKey {
    fn new(bytes: &[u8; 32]) -> Self {
        // What it is called says nothing about it.
        let name = SymmetricKey::derive(bytes, "gatepass key encryption key id").authenticate(&[]);
        let (id, _) = name.split_at(12);
        Self {
            id: Base64UrlUnpadded::encode_string(id),
            key: EncryptionKey::new(*bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_by_a_name_that_does_not_give_it_away() {
        let [one, other] = [NamedKey::new(&[1; 32]), NamedKey::new(&[2; 32])];
        assert_eq!(one.id.len(), 16);
        assert_ne!(one.id, other.id);
        assert_ne!(one.id, Base64UrlUnpadded::encode_string(&[1; 12]));
        assert_eq!(one.id, NamedKey::new(&[1; 32]).id);
    }

    #[test]
    fn what_is_encrypted_under_a_named_key_needs_that_key() {
        let id = |bytes| NamedKey::new(bytes).id;
        let keys = KeyEncryption::new(&[1; 32], &[[2; 32]]);
        let (current, replaced, strange) = (id(&[1; 32]), id(&[2; 32]), id(&[3; 32]));
        assert!(keys.opens(&current) && keys.opens(&replaced) && !keys.opens(&strange));
        assert!(keys.is_current(&current) && !keys.is_current(&replaced));
        // A row of before the names: it may be either's.
        assert!(keys.opens("") && !keys.is_current(""));
        assert_eq!(keys.candidates("").count(), 2);
        assert_eq!(keys.candidates(&replaced).count(), 1);
    }
}
