//! Making keys, in a Durable Object: an RSA key takes more CPU time than a request has on every plan.

use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_edge::{EdgeError, random, webcrypto};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use worker::{Env, Method, Request, RequestInit};

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
    let maker = env
        .durable_object("KEY_MAKER")?
        .get_by_name(algorithm.as_str())?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_body(Some(serde_json::to_string(&algorithm)?.into()));
    let request = Request::new_with_init("https://key-maker/make", &init)?;
    Ok(maker.fetch_with_request(request).await?.json().await?)
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
            let algorithm: SigningAlgorithm = request.json().await?;
            let config = Config::of(&self.env).map_err(|error| error.to_string())?;
            let made = generate(algorithm, &config).await;
            Response::from_json(&made.map_err(|error| error.to_string())?)
        }
    }
}
