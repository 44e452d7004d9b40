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
use wasm_bindgen::prelude::*;
use worker::worker_sys::web_sys;
use worker::{Env, ScheduleContext, ScheduledEvent, event};

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

/// Takes a batch of a queue.
///
/// # Errors
///
/// What keeps it from being taken at all; the queue then tries again.
#[wasm_bindgen]
pub async fn queue(batch: JsValue, env: Env) -> Result<(), JsValue> {
    let delivered = webhook::deliver(&batch, env).await;
    delivered.map_err(|error| JsValue::from_str(&error.to_string()))
}

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    scheduled::run(&event, env).await;
}
