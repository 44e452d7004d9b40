//! The sample resource server: four resources behind the Gatepass guard.
//!
//! The guard is made to be used by other Workers, which depend on this crate with
//! `default-features = false`:
//!
//! ```no_run
//! # use gatepass_api::guard::Guard;
//! # use gatepass_edge::EdgeError;
//! # use worker::{Env, Request, Response};
//! async fn answer(request: &Request, env: &Env) -> Result<Response, EdgeError> {
//!     let guard = Guard::from_env(env)?;
//!     let user = match guard.authorize(request, Some("read")).await? {
//!         Ok(user) => user,
//!         Err(refusal) => return guard.refuse(&refusal),
//!     };
//!     gatepass_edge::http::json(&format!("Hello, {}", user.subject))
//! }
//! ```

#[cfg(feature = "entry")]
mod app;
#[cfg(feature = "entry")]
mod config;
pub mod guard;
#[cfg(feature = "entry")]
mod problem;
#[cfg(feature = "entry")]
mod resource;
#[cfg(feature = "entry")]
mod store;

/// Answers a request.
///
/// # Errors
///
/// None that a client could cause.
#[cfg(feature = "entry")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn fetch(
    request: worker::worker_sys::web_sys::Request,
    env: worker::Env,
) -> Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue> {
    gatepass_edge::entry::answer(request, |request| app::handle(request, env))
}
