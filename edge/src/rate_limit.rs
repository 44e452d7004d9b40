//! The rate limiters of the platform: `[[ratelimits]]` in the wrangler configuration.

use std::cell::Cell;

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::Env;

use crate::{EdgeError, js, log};

#[wasm_bindgen]
extern "C" {
    type JsLimiter;
    #[wasm_bindgen(method, catch)]
    fn limit(this: &JsLimiter, options: &Object) -> Result<Promise, JsValue>;
}

thread_local! {
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the limiter bound as `name` lets one more through of those that `key` stands for. One that is
/// not bound, or that fails, lets everybody through; the log says so, once an isolate.
pub async fn admits(env: &Env, name: &'static str, key: &str) -> bool {
    match ask(env, name, key).await {
        Ok(admits) => admits,
        Err(error) => {
            if !TOLD.replace(true) {
                log::event(&log::Event {
                    request_id: "",
                    event: "not_rate_limited",
                    about: name,
                    reason: &error.to_string(),
                });
            }
            true
        }
    }
}

async fn ask(env: &Env, name: &'static str, key: &str) -> Result<bool, EdgeError> {
    let limiter: JsLimiter = js::binding(env, name, "is not bound to a rate limiter")?;
    let options = js::object(&[("key", key.into())])?;
    let outcome = JsFuture::from(limiter.limit(&options)?).await?;
    let success = Reflect::get(&outcome, &JsValue::from_str("success"))?;
    Ok(success.is_truthy())
}
