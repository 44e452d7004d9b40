//! What can go wrong that is nobody's bad input.

use gatepass_core::jose::JwtError;
use wasm_bindgen::JsValue;

/// A failure of the platform or of the configuration. Its text is for the log: a client learns of it
/// only that something failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EdgeError {
    /// A variable or secret is missing or wrong.
    #[error("configuration: {name} {problem}")]
    Config {
        /// The variable or secret.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// WebCrypto refused.
    #[error("WebCrypto: {0} failed")]
    Crypto(&'static str),
    /// A stored record is not what was stored.
    #[error("stored data: {0}")]
    Corrupt(&'static str),
    /// D1 refused.
    #[error("D1: {0}")]
    D1(String),
    /// A token could not be written.
    #[error("token: {0}")]
    Jwt(#[from] JwtError),
    /// Another service did not answer as it should.
    #[error("upstream: {0}")]
    Upstream(String),
    /// The Workers runtime refused.
    #[error("runtime: {0}")]
    Runtime(String),
}

impl EdgeError {
    /// A D1 failure, from what JavaScript threw.
    pub(crate) fn d1(thrown: &JsValue) -> Self {
        Self::D1(message(thrown))
    }
}

impl From<worker::Error> for EdgeError {
    fn from(error: worker::Error) -> Self {
        // All of it is what JavaScript threw: to say the rest as well would weigh a kilobyte.
        match error {
            worker::Error::JsError(message) => Self::Runtime(message),
            _ => Self::Runtime("the runtime refused".to_owned()),
        }
    }
}

/// For a Worker whose own functions end with the errors of `worker`.
impl From<EdgeError> for worker::Error {
    fn from(error: EdgeError) -> Self {
        Self::RustError(error.to_string())
    }
}

impl From<JsValue> for EdgeError {
    fn from(thrown: JsValue) -> Self {
        Self::Runtime(message(&thrown))
    }
}

impl From<serde_json::Error> for EdgeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Runtime(format!("JSON: {error}"))
    }
}

fn message(thrown: &JsValue) -> String {
    let message = js_sys::Reflect::get(thrown, &JsValue::from_str("message"));
    let message = message.ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| "not an Error".to_owned())
}
