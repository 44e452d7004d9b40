//! `GET /.well-known/oauth-authorization-server` and `/.well-known/openid-configuration` (RFC 8414,
//! OIDC Discovery).

use gatepass_core::discovery::Metadata;
use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;
use crate::config::SCOPES;

pub fn answer(app: &App) -> Result<Response, EdgeError> {
    http::public_json(&Metadata::new(&app.config.issuer, &SCOPES), 300)
}
