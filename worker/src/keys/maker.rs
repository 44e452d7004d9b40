//! Making keys, in a Durable Object: an RSA key takes more CPU time than a request has on every plan.

use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::json;
use gatepass_edge::{EdgeError, durable, random, webcrypto};
use js_sys::Promise;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::worker_sys::web_sys;

use super::seal::Sealed;
use crate::config::Config;

/// A new key. Its private half leaves the object in no other form.
#[derive(Debug, Deserialize, Serialize)]
pub struct MadeKey {
    pub id: KeyId,
    pub public: Map<String, Value>,
    pub private: Sealed,
}

/// Has a key made.
///
/// # Errors
///
/// When the Durable Object cannot be reached, or fails.
pub async fn make(env: &Env, algorithm: SigningAlgorithm) -> Result<MadeKey, EdgeError> {
    let name = algorithm.as_str();
    Ok(json::read(
        &durable::ask(env, "KEY_MAKER", name, name).await?,
    )?)
}

async fn generate(algorithm: SigningAlgorithm, config: &Config) -> Result<MadeKey, EdgeError> {
    let pair = webcrypto::generate(algorithm).await?;
    let id = KeyId::from_random(random::bytes()?);
    Ok(MadeKey {
        private: config.keys.encryption.seal(&id, &pair.private).await?,
        public: pair.public,
        id,
    })
}

/// Spends the CPU time that a key costs. It keeps nothing.
#[wasm_bindgen]
#[derive(Debug)]
pub struct KeyMaker {
    env: Env,
}

#[wasm_bindgen]
impl KeyMaker {
    /// As the runtime makes it.
    #[wasm_bindgen(constructor)]
    pub fn new(_state: JsValue, env: Env) -> Self {
        Self { env }
    }

    /// Makes a key of the algorithm that is asked for; asked for nothing, it makes none.
    pub fn fetch(&self, request: web_sys::Request) -> Promise {
        let env = self.env.clone();
        durable::answer(request, async move |algorithm| {
            if algorithm.is_empty() {
                return Ok(String::new());
            }
            let unknown = || EdgeError::Runtime("no such algorithm".to_owned());
            let algorithm = SigningAlgorithm::parse(&algorithm).ok_or_else(unknown)?;
            let made = generate(algorithm, Config::of(&env)?.as_ref()).await?;
            Ok(serde_json::to_string(&made)?)
        })
    }
}
