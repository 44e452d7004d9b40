//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;

pub async fn answer(app: &App) -> Result<Response, EdgeError> {
    let max_age = app.config.keys.schedule.jwks_lifetime.seconds();
    http::public_json(app.keys().await?.published(), max_age)
}
