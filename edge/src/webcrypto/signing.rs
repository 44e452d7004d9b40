//! Key pairs and signatures (RFC 7518 §3, RFC 8037, RFC 9864).

use gatepass_core::jose::{SignatureMethod, SigningAlgorithm};
use js_sys::{Array, Object, Uint8Array};
use serde_json::{Map, Value};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, CryptoKeyPair};

use super::{bytes, outcome, subtle};
use crate::EdgeError;
use crate::js::object;

/// A key pair just made: the private half as PKCS #8, the public half as a JWK.
#[derive(Debug)]
pub struct NewKeyPair {
    /// PKCS #8, to be encrypted at once.
    pub private: Vec<u8>,
    /// `kty` and the members of its public key: `crv`, `x`, `y`, or `n`, `e`.
    pub public: Map<String, Value>,
}

/// Makes a key pair.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn generate(algorithm: SigningAlgorithm) -> Result<NewKeyPair, EdgeError> {
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let parameters = generation_parameters(algorithm)?;
    let pair = subtle()?.generate_key_with_object(&parameters, true, &usages);
    let pair: CryptoKeyPair = outcome("generateKey", pair).await?.unchecked_into();
    let private = subtle()?.export_key("pkcs8", &pair.get_private_key());
    let private = bytes(&outcome("exportKey", private).await?);
    let public = public_jwk(&pair.get_public_key()).await?;
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
    let data = Uint8Array::from(pkcs8);
    let usages = Array::of1(&"sign".into());
    let parameters = parameters(algorithm.method())?;
    let key = subtle()?.import_key_with_object("pkcs8", &data, &parameters, false, &usages);
    Ok(outcome("importKey", key).await?.unchecked_into())
}

/// Imports a public JWK, of which only the members of the key itself count: a platform that does not
/// know an `alg` would refuse the key for its name.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if it is not a key for this method.
pub async fn import_public(
    method: &SignatureMethod,
    jwk: &Map<String, Value>,
) -> Result<CryptoKey, EdgeError> {
    let mut jwk = jwk.clone();
    keep_public_members(&mut jwk);
    let jwk = js_sys::JSON::parse(&serde_json::to_string(&jwk)?)
        .map_err(|_| EdgeError::Crypto("importKey"))?;
    let usages = Array::of1(&"verify".into());
    let parameters = parameters(method)?;
    let key =
        subtle()?.import_key_with_object("jwk", jwk.unchecked_ref(), &parameters, true, &usages);
    Ok(outcome("importKey", key).await?.unchecked_into())
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
    let parameters = parameters(algorithm.method())?;
    let signature = subtle()?.sign_with_object_and_u8_array(&parameters, key, message);
    Ok(bytes(&outcome("sign", signature).await?))
}

/// Verifies. A signature of the wrong length is a wrong signature.
///
/// # Errors
///
/// [`EdgeError::Crypto`].
pub async fn verify(
    method: &SignatureMethod,
    key: &CryptoKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, EdgeError> {
    let parameters = parameters(method)?;
    let verdict = subtle()?.verify_with_object_and_u8_array_and_u8_array(
        &parameters,
        key,
        signature,
        message,
    );
    Ok(outcome("verify", verdict).await?.is_truthy())
}

/// The public members of a key, and nothing else.
pub(super) async fn public_jwk(key: &CryptoKey) -> Result<Map<String, Value>, EdgeError> {
    let failed = |_: JsValue| EdgeError::Crypto("exportKey");
    let jwk = outcome("exportKey", subtle()?.export_key("jwk", key)).await?;
    let text = js_sys::JSON::stringify(&jwk).map_err(failed)?;
    let mut jwk = gatepass_core::json::object(String::from(text).as_bytes())?;
    keep_public_members(&mut jwk);
    Ok(jwk)
}

fn keep_public_members(jwk: &mut Map<String, Value>) {
    jwk.retain(|name, _| matches!(name.as_str(), "kty" | "crv" | "x" | "y" | "n" | "e"));
}

fn generation_parameters(algorithm: SigningAlgorithm) -> Result<Object, EdgeError> {
    let parameters = parameters(algorithm.method())?;
    if algorithm == SigningAlgorithm::RS256 {
        // RFC 7518 §3.3: 2048 bits or more. 65537 is every key's exponent.
        let exponent = Uint8Array::from([1, 0, 1].as_slice());
        js_sys::Reflect::set(&parameters, &"modulusLength".into(), &2048.into())?;
        js_sys::Reflect::set(&parameters, &"publicExponent".into(), &exponent)?;
    }
    Ok(parameters)
}

/// The same for keys and signatures: what an operation or a cipher does not know, it does not look at.
pub(super) fn parameters(method: &SignatureMethod) -> Result<Object, EdgeError> {
    object(&[
        ("name", method.cipher.into()),
        ("namedCurve", method.curve.into()),
        ("hash", method.digest.into()),
        ("saltLength", method.salt.into()),
    ])
}
