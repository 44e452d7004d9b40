//! A part of a request that is not as it must be.

use gatepass_edge::{EdgeError, http};
use serde::Serialize;
use worker::Response;

#[derive(Serialize)]
struct Invalid<'a> {
    error: &'static str,
    error_description: &'a str,
    field: &'static str,
}

/// The answer that names it, and says what it must be.
pub fn invalid(field: &'static str, why: &str) -> Result<Response, EdgeError> {
    refuse(400, field, &format!("{field} {why}"))
}

/// The same with another status, in other words.
pub fn refuse(status: u16, field: &'static str, why: &str) -> Result<Response, EdgeError> {
    let invalid = Invalid {
        error: "invalid_request",
        error_description: why,
        field,
    };
    Ok(http::json(&invalid)?.with_status(status))
}
