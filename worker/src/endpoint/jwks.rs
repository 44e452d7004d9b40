//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;

pub async fn answer(app: &App) -> Result<Response, EdgeError> {
    http::public_json(app.keys().await?.published(), 300)
}
