//! Making keys, in a Durable Object: an RSA key takes more CPU time than a request has on every plan.

use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::json;
use gatepass_edge::{EdgeError, durable, random, webcrypto};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use worker::Env;

use super::seal::Sealed;
use crate::config::Config;

pub use object::KeyMaker;

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

mod object {
    #![expect(
        missing_docs,
        reason = "the macro writes methods without documentation"
    )]

    use gatepass_core::jose::SigningAlgorithm;
    use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

    use super::generate;
    use crate::config::Config;

    /// Spends the CPU time that a key costs. It keeps nothing.
    #[durable_object]
    #[derive(Debug)]
    pub struct KeyMaker {
        env: Env,
    }

    impl DurableObject for KeyMaker {
        fn new(_state: State, env: Env) -> Self {
            Self { env }
        }

        async fn fetch(&self, mut request: Request) -> Result<Response> {
            let question = request.text().await?;
            if question.is_empty() {
                return Response::ok("");
            }
            let Some(algorithm) = SigningAlgorithm::parse(&question) else {
                return Response::error("no such algorithm", 400);
            };
            let config = Config::of(&self.env).map_err(|error| error.to_string())?;
            let made = generate(algorithm, &config).await;
            let made = made.map_err(|error| error.to_string())?;
            Response::ok(serde_json::to_string(&made)?)
        }
    }
}
