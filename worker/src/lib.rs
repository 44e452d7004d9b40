//! The Gatepass provider on Cloudflare Workers.
//!
//! Every endpoint takes the same walk: parse, load, decide (in `gatepass-core`), commit, respond.
//! `app` says which path is which endpoint; `endpoint` has one file for each; `store` is D1.

mod access_token;
mod app;
mod assertion;
mod audit;
mod back_channel;
mod clean_up;
mod config;
#[cfg(feature = "contract")]
mod contract;
mod development;
mod documents;
mod endpoint;
mod issue;
mod keys;
mod limits;
mod metrics;
mod origins;
mod page;
mod password;
mod proof;
mod request_object;
mod scheduled;
mod store;
mod webhook;

pub use keys::KeyMaker;
pub use password::PasswordHasher;

use gatepass_edge::entry;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::worker_sys::web_sys;

/// Answers a request.
///
/// # Errors
///
/// None that a client could cause.
#[wasm_bindgen]
pub fn fetch(request: web_sys::Request, env: Env) -> Result<JsValue, JsValue> {
    entry::answer(request, async move |request| {
        #[cfg(feature = "contract")]
        if contract::is_asked_for(&request) {
            return contract::answer(&request, &env).await;
        }
        app::handle(request, env).await
    })
}

/// Takes a batch of a queue. What keeps it from being taken at all, the queue is told, and tries again.
#[wasm_bindgen]
pub fn queue(batch: JsValue, env: Env) -> Promise {
    entry::attend(webhook::deliver(batch, env))
}

/// Does what is due.
#[wasm_bindgen]
#[expect(clippy::needless_pass_by_value, reason = "the runtime gives it away")]
pub fn scheduled(event: JsValue, env: Env) -> Promise {
    let meant_for = entry::scheduled_time(&event);
    entry::attend(async move {
        scheduled::run(meant_for, env).await;
        Ok(())
    })
}
