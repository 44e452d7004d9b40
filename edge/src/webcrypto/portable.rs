//! P-256 keys that are kept as what a JWK has of them: small, and never seen by anybody else.

use gatepass_core::jose::SigningAlgorithm::ES256;
use js_sys::Array;
use serde_json::{Map, Value};
use wasm_bindgen::JsCast;
use web_sys::{CryptoKey, CryptoKeyPair};

use super::signing::{parameters, sign};
use super::{outcome, subtle};
use crate::EdgeError;

/// Makes a key, and says the members of its private JWK.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn generate_portable() -> Result<(CryptoKey, Map<String, Value>), EdgeError> {
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let parameters = parameters(ES256.method())?;
    let pair = subtle()?.generate_key_with_object(&parameters, true, &usages);
    let pair: CryptoKeyPair = outcome("generateKey", pair).await?.unchecked_into();
    let private = pair.get_private_key();
    let jwk = outcome("exportKey", subtle()?.export_key("jwk", &private)).await?;
    let text = js_sys::JSON::stringify(&jwk).map_err(|_| EdgeError::Crypto("exportKey"))?;
    let jwk = gatepass_core::json::object(String::from(text).as_bytes())?;
    Ok((private, jwk))
}

/// Takes a key in again.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if it is none.
pub async fn import_portable(jwk: &Map<String, Value>) -> Result<CryptoKey, EdgeError> {
    let jwk = js_sys::JSON::parse(&serde_json::to_string(jwk)?)
        .map_err(|_| EdgeError::Crypto("importKey"))?;
    let usages = Array::of1(&"sign".into());
    let parameters = parameters(ES256.method())?;
    let key =
        subtle()?.import_key_with_object("jwk", jwk.unchecked_ref(), &parameters, false, &usages);
    Ok(outcome("importKey", key).await?.unchecked_into())
}

/// Signs with ES256.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn sign_portable(key: &CryptoKey, message: &[u8]) -> Result<Vec<u8>, EdgeError> {
    sign(ES256, key, message).await
}
