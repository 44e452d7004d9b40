//! Private keys that were made elsewhere.

use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::keys::command::ForeignKey;
use js_sys::{Array, Uint8Array};
use serde_json::{Map, Value};
use wasm_bindgen::JsCast;
use web_sys::CryptoKey;

use super::signing::{
    NewKeyPair, import_private, import_public, parameters, public_jwk, sign, verify,
};
use super::{bytes, outcome, subtle};
use crate::EdgeError;

/// Takes in a private key as if [`generate`](super::generate) had made it.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if it is not one for this algorithm, or its halves do not belong together.
pub async fn adopt(algorithm: SigningAlgorithm, key: &ForeignKey) -> Result<NewKeyPair, EdgeError> {
    let key = import_exportable(algorithm, key).await?;
    let public = public_jwk(&key).await?;
    let private = bytes(&outcome("exportKey", subtle()?.export_key("pkcs8", &key)).await?);
    let pair = NewKeyPair { private, public };
    if signs_what_it_verifies(algorithm, &pair).await? {
        Ok(pair)
    } else {
        Err(EdgeError::Crypto("importKey"))
    }
}

async fn import_exportable(
    algorithm: SigningAlgorithm,
    key: &ForeignKey,
) -> Result<CryptoKey, EdgeError> {
    let usages = Array::of1(&"sign".into());
    let parameters = parameters(algorithm.method())?;
    let subtle = subtle()?;
    let imported = match key {
        ForeignKey::Jwk(jwk) => {
            let jwk = js_sys::JSON::parse(&serde_json::to_string(&key_members(jwk))?)
                .map_err(|_| EdgeError::Crypto("importKey"))?;
            let jwk = jwk.unchecked_ref();
            subtle.import_key_with_object("jwk", jwk, &parameters, true, &usages)
        }
        ForeignKey::Pkcs8(der) => {
            let der = Uint8Array::from(der.as_slice());
            subtle.import_key_with_object("pkcs8", &der, &parameters, true, &usages)
        }
    };
    Ok(outcome("importKey", imported).await?.unchecked_into())
}

/// The members of the key itself: what it is called and meant for does not stop it.
fn key_members(jwk: &Map<String, Value>) -> Map<String, Value> {
    let mut members = jwk.clone();
    members.retain(|name, _| !matches!(name.as_str(), "alg" | "ext" | "key_ops" | "kid" | "use"));
    members
}

async fn signs_what_it_verifies(
    algorithm: SigningAlgorithm,
    pair: &NewKeyPair,
) -> Result<bool, EdgeError> {
    let message = b"the halves of this key belong together";
    let private = import_private(algorithm, &pair.private).await?;
    let public = import_public(algorithm.method(), &pair.public).await?;
    let signature = sign(algorithm, &private, message).await?;
    verify(algorithm.method(), &public, message, &signature).await
}
