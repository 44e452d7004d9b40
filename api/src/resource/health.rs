//! `GET /health`.

use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::store::Store;

pub async fn answer(store: &Store) -> Result<Response, EdgeError> {
    http::health(env!("CARGO_PKG_VERSION"), store.items().await.is_ok())
}
