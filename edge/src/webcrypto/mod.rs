//! WebCrypto: signatures and encryption, many times faster than the same in wasm.

mod encryption;
mod foreign;
mod portable;
mod signing;

pub use encryption::{EncryptionKey, decrypt, encrypt};
pub use foreign::adopt;
pub use portable::{generate_portable, import_portable, sign_portable};
pub use signing::{NewKeyPair, generate, import_private, import_public, sign, verify};
pub use web_sys::CryptoKey;

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::EdgeError;

#[expect(
    clippy::disallowed_types,
    reason = "the one place that reaches for WebCrypto"
)]
fn subtle() -> Result<web_sys::SubtleCrypto, EdgeError> {
    let missing = |_| EdgeError::Crypto("crypto.subtle");
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(missing)?;
    Ok(Reflect::get(&crypto, &"subtle".into())
        .map_err(missing)?
        .unchecked_into())
}

/// Hashes `text` with the function of this name.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if WebCrypto fails.
pub async fn digest(function: &str, text: &str) -> Result<Vec<u8>, EdgeError> {
    let promise = subtle()?.digest_with_str_and_u8_array(function, text.as_bytes());
    Ok(bytes(&outcome("digest", promise).await?))
}

/// What the operation comes to.
async fn outcome(
    operation: &'static str,
    promise: Result<Promise, JsValue>,
) -> Result<JsValue, EdgeError> {
    let failed = |_| EdgeError::Crypto(operation);
    JsFuture::from(promise.map_err(failed)?)
        .await
        .map_err(failed)
}

fn bytes(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}
