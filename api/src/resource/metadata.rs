//! `GET /.well-known/oauth-protected-resource` (RFC 9728).

use gatepass_core::resource::Expected;
use gatepass_edge::{EdgeError, http};
use serde::Serialize;
use worker::Response;

#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    scopes_supported: [&'static str; 2],
    bearer_methods_supported: [&'static str; 1],
}

pub fn answer(expected: &Expected) -> Result<Response, EdgeError> {
    let metadata = Metadata {
        resource: expected.audience.as_str(),
        authorization_servers: [expected.issuer.as_str()],
        scopes_supported: ["read", "write"],
        bearer_methods_supported: ["header"],
    };
    http::public_json(&metadata, 300)
}
