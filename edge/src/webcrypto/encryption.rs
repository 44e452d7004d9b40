//! AES-256-GCM, for what is kept where others may read.

use core::fmt;

use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::JsCast;
use web_sys::CryptoKey;

use super::{bytes, outcome, subtle};
use crate::EdgeError;
use crate::js::object;

/// An AES-256 key.
#[derive(Clone, Copy)]
pub struct EncryptionKey([u8; 32]);

impl EncryptionKey {
    /// Takes the key's bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey([redacted])")
    }
}

/// Encrypts with AES-256-GCM. The nonce must never be used twice under one key; `context` is
/// authenticated, so that a ciphertext cannot be moved to another record.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn encrypt(
    key: &EncryptionKey,
    nonce: &[u8; 12],
    context: &str,
    plaintext: &[u8],
) -> Result<Vec<u8>, EdgeError> {
    let key = aes_key(key, "encrypt").await?;
    let parameters = aes_parameters(nonce, context)?;
    let data = subtle()?.encrypt_with_object_and_u8_array(&parameters, &key, plaintext);
    Ok(bytes(&outcome("encrypt", data).await?))
}

/// Decrypts what [`encrypt`] made with the same key, nonce and context.
///
/// # Errors
///
/// [`EdgeError::Crypto`], also for a ciphertext of another key.
pub async fn decrypt(
    key: &EncryptionKey,
    nonce: &[u8; 12],
    context: &str,
    ciphertext: &[u8],
) -> Result<Vec<u8>, EdgeError> {
    let key = aes_key(key, "decrypt").await?;
    let parameters = aes_parameters(nonce, context)?;
    let data = subtle()?.decrypt_with_object_and_u8_array(&parameters, &key, ciphertext);
    Ok(bytes(&outcome("decrypt", data).await?))
}

async fn aes_key(key: &EncryptionKey, usage: &str) -> Result<CryptoKey, EdgeError> {
    let data = Uint8Array::from(key.0.as_slice());
    let usages = Array::of1(&usage.into());
    let key = subtle()?.import_key_with_str("raw", &data, "AES-GCM", false, &usages);
    Ok(outcome("importKey", key).await?.unchecked_into())
}

fn aes_parameters(nonce: &[u8; 12], context: &str) -> Result<Object, EdgeError> {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce.as_slice()).into()),
        (
            "additionalData",
            Uint8Array::from(context.as_bytes()).into(),
        ),
    ])
}
