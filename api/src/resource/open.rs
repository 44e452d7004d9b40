//! `GET /api/open`: what anybody may read, no token needed. It answers as `/api/protected` does, so that the two
//! differ by the guard alone: `npm run bench` measures what that costs.

use gatepass_edge::{EdgeError, http};
use worker::Response;

use super::protected::Protected;

pub fn answer() -> Result<Response, EdgeError> {
    http::json(&Protected {
        message: "This resource is open to everybody.",
        sub: "anybody",
        client_id: "any client",
        scope: "none".to_owned(),
        actor: None,
        expires_at: 0,
    })
}
