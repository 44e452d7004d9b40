//! The sample resource server: four resources behind `gatepass-guard`.

mod app;
mod config;
mod problem;
mod resource;
mod store;

/// Answers a request.
///
/// # Errors
///
/// None that a client could cause.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn fetch(
    request: worker::worker_sys::web_sys::Request,
    env: worker::Env,
) -> Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue> {
    gatepass_edge::entry::answer(request, |request| app::handle(request, env))
}
