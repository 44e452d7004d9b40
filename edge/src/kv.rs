//! Workers KV, for what is safe when it is stale or gone.

use js_sys::{Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::{EdgeError, js};

/// The shortest time that KV keeps anything, in seconds.
const SHORTEST: i64 = 60;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone, Debug)]
    type JsNamespace;
    #[wasm_bindgen(method, catch)]
    fn get(this: &JsNamespace, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn put(
        this: &JsNamespace,
        key: &str,
        value: &str,
        options: &Object,
    ) -> Result<Promise, JsValue>;
}

/// A KV namespace.
#[derive(Clone, Debug)]
pub struct Namespace(JsNamespace);

impl Namespace {
    /// The one bound as `name`, if one is.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] if what is bound is something else.
    pub fn bound(env: &Env, name: &'static str) -> Result<Option<Self>, EdgeError> {
        let found = js_sys::Reflect::get(env, &JsValue::from_str(name))?;
        if found.is_undefined() {
            return Ok(None);
        }
        js::binding(env, name, "must be a KV namespace").map(|found| Some(Self(found)))
    }

    /// What is kept under a key. Other places on earth may give what was there a minute ago.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if KV does not answer.
    pub async fn read(&self, key: &str) -> Result<Option<String>, EdgeError> {
        Ok(JsFuture::from(self.0.get(key)?).await?.as_string())
    }

    /// Keeps a text for so many seconds, and a minute at least: whoever reads it judges its age.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if KV does not take it.
    pub async fn keep(&self, key: &str, text: &str, seconds: i64) -> Result<(), EdgeError> {
        // JavaScript has no other numbers, and no lifetime comes near their end.
        #[expect(clippy::cast_precision_loss, reason = "a lifetime in seconds")]
        let seconds = seconds.max(SHORTEST) as f64;
        let options = js::object(&[("expirationTtl", seconds.into())])?;
        JsFuture::from(self.0.put(key, text, &options)?).await?;
        Ok(())
    }
}
