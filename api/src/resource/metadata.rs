//! `GET /.well-known/oauth-protected-resource` (RFC 9728).

use gatepass_core::dpop::ALGORITHMS;
use gatepass_edge::{EdgeError, http};
use gatepass_guard::Guard;
use serde::Serialize;
use worker::Response;

#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    scopes_supported: [&'static str; 2],
    bearer_methods_supported: [&'static str; 1],
    dpop_signing_alg_values_supported: [&'static str; ALGORITHMS.len()],
    dpop_bound_access_tokens_required: bool,
}

pub fn answer(guard: &Guard) -> Result<Response, EdgeError> {
    let expected = guard.expected();
    let metadata = Metadata {
        resource: expected.audience.as_str(),
        authorization_servers: [expected.issuer.as_str()],
        scopes_supported: ["read", "write"],
        bearer_methods_supported: ["header"],
        dpop_signing_alg_values_supported: ALGORITHMS,
        dpop_bound_access_tokens_required: guard.requires_possession(),
    };
    http::public_json(&metadata, 300)
}
