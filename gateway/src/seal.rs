//! What is encrypted: tokens in the database of a session, sign-ins under way in a cookie.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::jose::SymmetricKey;
use gatepass_edge::webcrypto::{self, EncryptionKey};
use gatepass_edge::{EdgeError, random};

/// The keys: the first encrypts, all decrypt.
#[derive(Clone, Debug)]
pub(crate) struct Sealer(Vec<Master>);

#[derive(Clone)]
struct Master([u8; 32]);

impl core::fmt::Debug for Master {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Master([redacted])")
    }
}

impl Sealer {
    /// `first` encrypts, and all decrypt.
    pub(crate) fn new(first: [u8; 32], others: &[[u8; 32]]) -> Self {
        let all = core::iter::once(&first).chain(others);
        Self(all.map(|key| Master(*key)).collect())
    }

    /// Encrypts with AES-256-GCM, under a key for this purpose and this `binding` alone: whoever has the master
    /// key and not the binding, or the other way round, cannot read it.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) async fn seal(
        &self,
        purpose: &'static str,
        binding: &str,
        text: &str,
    ) -> Result<String, EdgeError> {
        let master = self.0.first().ok_or(EdgeError::Crypto("no key"))?;
        let nonce: [u8; 12] = random::bytes()?;
        let key = key(master, purpose, binding);
        let ciphertext = webcrypto::encrypt(&key, &nonce, purpose, text.as_bytes()).await?;
        let mut sealed = nonce.to_vec();
        sealed.extend(ciphertext);
        Ok(Base64UrlUnpadded::encode_string(&sealed))
    }

    /// Decrypts what [`Sealer::seal`] made for the same purpose and binding; `None` for anything else.
    pub(crate) async fn open(
        &self,
        purpose: &'static str,
        binding: &str,
        sealed: &str,
    ) -> Option<String> {
        let sealed = Base64UrlUnpadded::decode_vec(sealed).ok()?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<12>()?;
        for master in &self.0 {
            let key = key(master, purpose, binding);
            let opened = webcrypto::decrypt(&key, nonce, purpose, ciphertext).await;
            if let Ok(text) = opened {
                return String::from_utf8(text).ok();
            }
        }
        None
    }
}

fn key(Master(master): &Master, purpose: &'static str, binding: &str) -> EncryptionKey {
    EncryptionKey::new(SymmetricKey::derive(master, purpose).authenticate(binding.as_bytes()))
}
