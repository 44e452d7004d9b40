//! The static files that are deployed with a Worker: `[assets]` in the wrangler configuration.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::Env;

use crate::{EdgeError, js};

#[wasm_bindgen]
extern "C" {
    type JsAssets;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &JsAssets, url: &str) -> Result<Promise, JsValue>;
}

/// The text of the file at `path`, if there is one.
///
/// # Errors
///
/// [`EdgeError::Config`] if no files are bound as `ASSETS`, [`EdgeError::Runtime`] if they cannot be
/// reached.
pub async fn text(env: &Env, path: &str) -> Result<Option<String>, EdgeError> {
    let assets: JsAssets = js::binding(env, "ASSETS", "is not bound to static assets")?;
    // The files have no host; a request must have one.
    let asked = assets.fetch(&format!("https://assets{path}"))?;
    let answer = js::answer(asked).await?;
    Ok((answer.status == 200).then_some(answer.body))
}
