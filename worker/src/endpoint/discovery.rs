//! `GET /.well-known/oauth-authorization-server` and `/.well-known/openid-configuration` (RFC 8414,
//! OIDC Discovery).

use std::cell::OnceCell;

use gatepass_core::discovery::Metadata;
use gatepass_edge::{EdgeError, http};
use worker::Response;

use crate::app::App;
use crate::config::{Config, RegistrationPolicy};

thread_local! {
    /// It follows from the configuration, which an isolate never changes.
    static DOCUMENT: OnceCell<String> = const { OnceCell::new() };
}

pub fn answer(app: &App) -> Result<Response, EdgeError> {
    let document = if let Some(document) = DOCUMENT.with(|known| known.get().cloned()) {
        document
    } else {
        let new = write(&app.config)?;
        DOCUMENT.with(|known| known.get_or_init(|| new).clone())
    };
    http::public(document, http::JSON, 300)
}

fn write(config: &Config) -> Result<String, EdgeError> {
    let registers = !matches!(config.registration, RegistrationPolicy::Closed);
    let must_push = config.require_pushed_requests;
    let metadata = Metadata::new(&config.issuer, config.offer(), registers, must_push);
    Ok(serde_json::to_string(&metadata)?)
}
