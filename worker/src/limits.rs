//! How much one may ask for: `[[ratelimits]]` in the wrangler configuration, by address, by client and
//! address, and by a client that has proved itself. Whoever has no address is not limited: see [`Network`](gatepass_core::address::Network). All
//! Workers share one, behind which anybody may be: what strangers type and have stored from there is limited
//! together, and nothing else.
//!
//! A limited request has done nothing: no token is spent and nothing is revoked, so a client may simply try
//! again. Nothing is refused here because of what others guess: right credentials count as always.

use gatepass_core::address::Network;
use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_edge::{EdgeError, http, rate_limit};
use worker::Response;

use crate::app::App;
use crate::page::{self, Problem};

/// What is limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// Requests of any kind from one address.
    Requests,
    /// Passwords and user codes that are typed at one address.
    Guesses,
    /// What strangers may have stored from one address: clients and device codes.
    Creations,
    /// Wrong credentials of one client, or of the operator, from one address.
    Failures,
    /// What machines ask, status lists and introspection: from one address, and again of one client that has
    /// proved itself, from wherever it asks.
    Services,
}

impl Limit {
    const fn binding(self) -> &'static str {
        match self {
            Self::Requests => "RATE_LIMIT_REQUESTS",
            Self::Guesses => "RATE_LIMIT_GUESSES",
            Self::Creations => "RATE_LIMIT_CREATIONS",
            Self::Failures => "RATE_LIMIT_FAILURES",
            Self::Services => "RATE_LIMIT_SERVICES",
        }
    }

    /// When to try again, in seconds. Of requests, while the SDK still waits by itself
    /// (`core/src/rp/retry.rs`).
    const fn retry_after(self) -> &'static str {
        match self {
            Self::Requests | Self::Services => "5",
            Self::Guesses | Self::Creations | Self::Failures => "30",
        }
    }

    /// Whether one more is let through of those that `key` stands for at this address.
    pub async fn admits(self, key: &str, network: Option<&Network>, app: &App) -> bool {
        let Some(network) = network else {
            return true;
        };
        let of_a_client = matches!(self, Self::Services) && !key.is_empty();
        let at = if of_a_client { "" } else { network.as_str() };
        let is_typed_or_kept = matches!(self, Self::Guesses | Self::Creations);
        if network.is_of_all_workers() && !is_typed_or_kept && !of_a_client {
            return true;
        }
        let key = format!("{at} {key}");
        rate_limit::admits(&app.env, self.binding(), &key).await
    }

    /// The answer to one that is not.
    pub fn refuse(self, is_page: bool, app: &App) -> Result<Response, EdgeError> {
        let response = if is_page {
            page::error(&TOO_MANY, &app.request_id)?
        } else {
            let code = ErrorCode::TemporarilyUnavailable;
            let description = "too many requests from here: wait, then send this one again";
            http::error_json(&ErrorResponse::new(code, description))?.with_status(429)
        };
        response.headers().set("Retry-After", self.retry_after())?;
        Ok(response)
    }
}

const TOO_MANY: Problem<'_> = Problem {
    title: "Too many requests",
    message: "Too many requests have come from where you are. You are not signed out by this.",
    help: "Wait half a minute, then try again.",
    code: "too_many_requests",
    status: 429,
};
