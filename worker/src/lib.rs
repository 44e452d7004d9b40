//! The Gatepass provider on Cloudflare Workers.
//!
//! Every endpoint takes the same walk: parse, load, decide (in `gatepass-core`), commit, respond.
//! `app` says which path is which endpoint; `endpoint` has one file for each; `store` is D1.

mod app;
mod assertion;
mod config;
#[cfg(feature = "contract")]
mod contract;
mod development;
mod endpoint;
mod issue;
mod keys;
mod origins;
mod page;
mod password;
mod store;

pub use keys::KeyMaker;
pub use password::PasswordHasher;

use worker::{Context, Env, Request, Response, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    #[cfg(feature = "contract")]
    if contract::is_asked_for(&request) {
        return contract::answer(&request, &env).await;
    }
    app::handle(request, env).await
}
