//! `GET /health`.

use gatepass_edge::EdgeError;
use gatepass_edge::health::Health;
use worker::Response;

use crate::store::Store;

/// Says whether the API can do its work. `store` is `None` if no database is bound.
pub async fn answer(store: Option<Store>, is_configured: bool) -> Result<Response, EdgeError> {
    let d1_is_reachable = match store {
        Some(store) => store.items(0, 1).await.is_ok(),
        None => false,
    };
    let health = Health {
        version: env!("CARGO_PKG_VERSION"),
        is_configured,
        dependencies: &[("d1", d1_is_reachable)],
    };
    health.response()
}
