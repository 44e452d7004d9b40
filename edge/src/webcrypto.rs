//! WebCrypto: signatures and encryption, many times faster than the same in wasm.

use core::fmt;

use gatepass_core::jose::SigningAlgorithm;
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde_json::{Map, Value};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
pub use web_sys::CryptoKey;
use web_sys::{CryptoKeyPair, SubtleCrypto};

use crate::EdgeError;

/// A key pair just made: the private half as PKCS #8, the public half as a JWK.
#[derive(Debug)]
pub struct NewKeyPair {
    /// PKCS #8, to be encrypted at once.
    pub private: Vec<u8>,
    /// `kty`, `crv`, `x`, `y`.
    pub public: Map<String, Value>,
}

/// Makes a key pair.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn generate(algorithm: SigningAlgorithm) -> Result<NewKeyPair, EdgeError> {
    let failed = |_| EdgeError::Crypto("generateKey");
    let subtle = subtle()?;
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let pair = subtle.generate_key_with_object(&key_parameters(algorithm)?, true, &usages);
    let pair = JsFuture::from(pair.map_err(failed)?)
        .await
        .map_err(failed)?;
    let pair: CryptoKeyPair = pair.unchecked_into();
    let private = subtle
        .export_key("pkcs8", &pair.get_private_key())
        .map_err(failed)?;
    let private = Uint8Array::new(&JsFuture::from(private).await.map_err(failed)?).to_vec();
    let public = subtle
        .export_key("jwk", &pair.get_public_key())
        .map_err(failed)?;
    let public = JsFuture::from(public).await.map_err(failed)?;
    let text = js_sys::JSON::stringify(&public).map_err(failed)?;
    let mut public: Map<String, Value> = serde_json::from_str(&String::from(text))?;
    public.retain(|name, _| matches!(name.as_str(), "kty" | "crv" | "x" | "y"));
    Ok(NewKeyPair { private, public })
}

/// Imports a private key that cannot be exported again.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn import_private(
    algorithm: SigningAlgorithm,
    pkcs8: &[u8],
) -> Result<CryptoKey, EdgeError> {
    let failed = |_| EdgeError::Crypto("importKey");
    let data = Uint8Array::from(pkcs8);
    let usages = Array::of1(&"sign".into());
    let parameters = key_parameters(algorithm)?;
    let key = subtle()?.import_key_with_object("pkcs8", &data, &parameters, false, &usages);
    Ok(JsFuture::from(key.map_err(failed)?)
        .await
        .map_err(failed)?
        .unchecked_into())
}

/// Imports a public JWK.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if it is not a key for this algorithm.
pub async fn import_public(
    algorithm: SigningAlgorithm,
    jwk: &Map<String, Value>,
) -> Result<CryptoKey, EdgeError> {
    let failed = |_| EdgeError::Crypto("importKey");
    let jwk = js_sys::JSON::parse(&serde_json::to_string(jwk)?).map_err(failed)?;
    let usages = Array::of1(&"verify".into());
    let parameters = key_parameters(algorithm)?;
    let key =
        subtle()?.import_key_with_object("jwk", jwk.unchecked_ref(), &parameters, true, &usages);
    Ok(JsFuture::from(key.map_err(failed)?)
        .await
        .map_err(failed)?
        .unchecked_into())
}

/// Signs.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn sign(
    algorithm: SigningAlgorithm,
    key: &CryptoKey,
    message: &[u8],
) -> Result<Vec<u8>, EdgeError> {
    let failed = |_| EdgeError::Crypto("sign");
    let signature =
        subtle()?.sign_with_object_and_u8_array(&signature_parameters(algorithm)?, key, message);
    let signature = JsFuture::from(signature.map_err(failed)?)
        .await
        .map_err(failed)?;
    Ok(Uint8Array::new(&signature).to_vec())
}

/// Verifies. A signature of the wrong length is a wrong signature.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn verify(
    algorithm: SigningAlgorithm,
    key: &CryptoKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, EdgeError> {
    let failed = |_| EdgeError::Crypto("verify");
    let verdict = subtle()?.verify_with_object_and_u8_array_and_u8_array(
        &signature_parameters(algorithm)?,
        key,
        signature,
        message,
    );
    let verdict = JsFuture::from(verdict.map_err(failed)?)
        .await
        .map_err(failed)?;
    Ok(verdict.is_truthy())
}

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
    let failed = |_| EdgeError::Crypto("encrypt");
    let key = aes_key(key, "encrypt").await?;
    let parameters = aes_parameters(nonce, context)?;
    let data = subtle()?.encrypt_with_object_and_u8_array(&parameters, &key, plaintext);
    let data = JsFuture::from(data.map_err(failed)?)
        .await
        .map_err(failed)?;
    Ok(Uint8Array::new(&data).to_vec())
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
    let failed = |_| EdgeError::Crypto("decrypt");
    let key = aes_key(key, "decrypt").await?;
    let parameters = aes_parameters(nonce, context)?;
    let data = subtle()?.decrypt_with_object_and_u8_array(&parameters, &key, ciphertext);
    let data = JsFuture::from(data.map_err(failed)?)
        .await
        .map_err(failed)?;
    Ok(Uint8Array::new(&data).to_vec())
}

fn subtle() -> Result<SubtleCrypto, EdgeError> {
    let missing = |_| EdgeError::Crypto("crypto.subtle");
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(missing)?;
    Ok(Reflect::get(&crypto, &"subtle".into())
        .map_err(missing)?
        .unchecked_into())
}

async fn aes_key(key: &EncryptionKey, usage: &str) -> Result<CryptoKey, EdgeError> {
    let failed = |_| EdgeError::Crypto("importKey");
    let data = Uint8Array::from(key.0.as_slice());
    let usages = Array::of1(&usage.into());
    let key = subtle()?.import_key_with_str("raw", &data, "AES-GCM", false, &usages);
    Ok(JsFuture::from(key.map_err(failed)?)
        .await
        .map_err(failed)?
        .unchecked_into())
}

fn aes_parameters(nonce: &[u8; 12], context: &str) -> Result<Object, EdgeError> {
    let parameters = object(&[("name", "AES-GCM")])?;
    Reflect::set(
        &parameters,
        &"iv".into(),
        &Uint8Array::from(nonce.as_slice()),
    )?;
    let context = Uint8Array::from(context.as_bytes());
    Reflect::set(&parameters, &"additionalData".into(), &context)?;
    Ok(parameters)
}

fn key_parameters(algorithm: SigningAlgorithm) -> Result<Object, EdgeError> {
    match algorithm {
        SigningAlgorithm::ES256 => object(&[("name", "ECDSA"), ("namedCurve", "P-256")]),
    }
}

fn signature_parameters(algorithm: SigningAlgorithm) -> Result<Object, EdgeError> {
    match algorithm {
        SigningAlgorithm::ES256 => object(&[("name", "ECDSA"), ("hash", "SHA-256")]),
    }
}

fn object(members: &[(&str, &str)]) -> Result<Object, EdgeError> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value))?;
    }
    Ok(object)
}
