//! `GET /api/data`: a list from D1.

use gatepass_edge::{EdgeError, http};
use serde::Serialize;
use worker::Response;

use crate::store::{Item, Store};

#[derive(Serialize)]
struct Data {
    items: Vec<Item>,
}

pub async fn answer(store: &Store) -> Result<Response, EdgeError> {
    http::json(&Data {
        items: store.items().await?,
    })
}
