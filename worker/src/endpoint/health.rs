//! `GET /health`: whether the provider, and all that it cannot work without, can do their work.

use gatepass_edge::health::Health;
use gatepass_edge::{EdgeError, durable};
use worker::Response;

use crate::app::App;

pub async fn answer(app: &App) -> Result<Response, EdgeError> {
    let health = Health {
        version: env!("CARGO_PKG_VERSION"),
        is_configured: true,
        dependencies: &[
            ("d1", app.store.is_reachable().await),
            ("passwords", answers("PASSWORD_HASHER", app).await),
            ("key_maker", answers("KEY_MAKER", app).await),
        ],
    };
    health.response()
}

/// Whether an object of this class hears an empty question, and answers with nothing.
async fn answers(class: &'static str, app: &App) -> bool {
    durable::ask(&app.env, class, "health", "").await.is_ok()
}
