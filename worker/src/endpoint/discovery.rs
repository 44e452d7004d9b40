//! `GET /.well-known/oauth-authorization-server` and `/.well-known/openid-configuration` (RFC 8414,
//! OIDC Discovery).

use gatepass_core::discovery::Metadata;
use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;
use crate::config::RegistrationPolicy;

pub fn answer(app: &App) -> Result<Response, EdgeError> {
    let config = &app.config;
    let registers = !matches!(config.registration, RegistrationPolicy::Closed);
    let must_push = config.require_pushed_requests;
    let metadata = Metadata::new(&config.issuer, &config.scopes, registers, must_push);
    http::public_json(&metadata, 300)
}
