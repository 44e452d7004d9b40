//! `GET /api/protected`: any good token will do.

use gatepass_core::id::Subject;
use gatepass_core::resource::Authorized;
use gatepass_edge::{EdgeError, http};
use serde::Serialize;
use worker::Response;

#[derive(Serialize)]
pub(super) struct Protected<'a> {
    pub(super) message: &'static str,
    pub(super) sub: &'a str,
    pub(super) client_id: &'a str,
    pub(super) scope: String,
    /// Who acts for the user, if it is not the user (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) actor: Option<&'a str>,
    /// When the token ends, in seconds since the epoch.
    pub(super) expires_at: i64,
}

pub fn answer(user: &Authorized) -> Result<Response, EdgeError> {
    http::json(&Protected {
        message: "You have reached a protected resource.",
        sub: user.subject.as_str(),
        client_id: user.client_id.as_str(),
        scope: user.scope.to_string(),
        actor: user.actor.as_ref().map(Subject::as_str),
        expires_at: user.expires_at.seconds(),
    })
}
