//! `GET /health`: whether the provider can do its work.

use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;

pub async fn answer(app: &App) -> Result<Response, EdgeError> {
    http::health(env!("CARGO_PKG_VERSION"), app.store.is_reachable().await)
}
