//! The Gatepass provider on Cloudflare Workers.
//!
//! Every endpoint takes the same walk: parse, load, decide (in `gatepass-core`), commit, respond.
//! `app` says which path is which endpoint; `endpoint` has one file for each; `store` is D1.

mod app;
mod assertion;
mod audit;
mod back_channel;
mod clean_up;
mod config;
#[cfg(feature = "contract")]
mod contract;
mod development;
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

pub use keys::KeyMaker;
pub use password::PasswordHasher;

use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    #[cfg(feature = "contract")]
    if contract::is_asked_for(&request) {
        return contract::answer(&request, &env).await;
    }
    app::handle(request, env).await
}

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    scheduled::run(&event, env).await;
}
