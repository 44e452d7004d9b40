//! Making keys, in a Durable Object: an RSA key takes more CPU time than a request has on every plan.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_edge::{EdgeError, clock, random, webcrypto};
use worker::{Env, Method, Request, RequestInit};

use crate::config::Config;
use crate::store::{KeyRow, NewKey};

pub use object::KeyMaker;

/// A new key, its private half encrypted: it leaves the object in no other form.
///
/// # Errors
///
/// When the Durable Object cannot be reached, or fails.
pub async fn make(env: &Env, algorithm: SigningAlgorithm) -> Result<NewKey, EdgeError> {
    let maker = env
        .durable_object("KEY_MAKER")?
        .get_by_name(algorithm.as_str())?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_body(Some(serde_json::to_string(&algorithm)?.into()));
    let request = Request::new_with_init("https://key-maker/make", &init)?;
    Ok(maker.fetch_with_request(request).await?.json().await?)
}

async fn generate(algorithm: SigningAlgorithm, config: &Config) -> Result<NewKey, EdgeError> {
    let pair = webcrypto::generate(algorithm).await?;
    let key_id = KeyId::from_random(random::bytes()?);
    let nonce: [u8; 12] = random::bytes()?;
    let context = key_id.as_str();
    let key = &config.key_encryption_key;
    let private = webcrypto::encrypt(key, &nonce, context, &pair.private).await?;
    let row = KeyRow {
        key_id: key_id.to_string(),
        algorithm: algorithm.as_str().to_owned(),
        status: "current".to_owned(),
        public_jwk: serde_json::to_string(&pair.public)?,
        private_key: Base64UrlUnpadded::encode_string(&private),
        nonce: Base64UrlUnpadded::encode_string(&nonce),
    };
    Ok(NewKey {
        row,
        created_at: clock::now().seconds(),
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
