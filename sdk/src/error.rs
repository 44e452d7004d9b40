//! Everything that a call can be refused with, and its stable code. `js/error.js` has the words.

use gatepass_core::rp::authorization::{AuthorizationError, InvalidReturnTo, ResponseError};
use gatepass_core::rp::failure::{Failure, WireText};
use gatepass_core::rp::id_token::IdTokenError;
use gatepass_core::rp::metadata::MetadataError;
use gatepass_core::rp::token::TokenError;

use crate::parameters::Output;

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Error {
    /// This option is missing or malformed.
    Options(&'static str),
    /// The host asked for what there is not, or left something out: its own mistake.
    Malformed,
    ReturnTo(InvalidReturnTo),
    Response(ResponseError),
    Authorization(AuthorizationError),
    /// The ID token is no JWT with claims, or not for this client and sign-in.
    IdToken,
    Failure(Failure),
    SessionEnded(WireText),
    SignedOut,
    NotRefreshable,
    /// The last refresh failed just now; the host knows with what.
    Waiting,
}

impl Error {
    /// What `js/core.js` makes a `GatepassError` of.
    pub(crate) fn write(&self, out: &mut Output) {
        let reason = match self {
            Self::SessionEnded(reason) => Some(reason),
            Self::Failure(failure) => failure.reason(),
            _ => None,
        };
        out.add("error", self.code());
        out.add("detail", self.detail());
        out.add("reason", reason.map_or("", WireText::as_str));
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Options(_) => "invalid_options",
            Self::Malformed => "malformed_call",
            Self::ReturnTo(InvalidReturnTo) => "invalid_return_to",
            Self::Response(ResponseError::Missing | ResponseError::Malformed) => "callback_missing",
            Self::Authorization(error) => authorization_code(error),
            Self::IdToken => "invalid_id_token",
            Self::Failure(failure) => failure_code(failure),
            Self::SessionEnded(_) => "session_ended",
            Self::SignedOut => "signed_out",
            Self::NotRefreshable => "not_refreshable",
            Self::Waiting => "waiting",
        }
    }

    /// What else there is to say: the provider's own word for it, or the option at fault.
    fn detail(&self) -> &str {
        match self {
            Self::Options(name) => name,
            Self::SessionEnded(word)
            | Self::Authorization(AuthorizationError::Refused(word))
            | Self::Failure(Failure::Refused { error: word, .. }) => word.as_str(),
            _ => "",
        }
    }
}

fn authorization_code(error: &AuthorizationError) -> &'static str {
    match error {
        AuthorizationError::OtherState => "callback_foreign",
        AuthorizationError::Expired => "callback_expired",
        AuthorizationError::MissingIssuer | AuthorizationError::OtherIssuer => "issuer_mismatch",
        AuthorizationError::Refused(error) => match error.as_str() {
            "access_denied" => "access_denied",
            "login_required" => "login_required",
            "consent_required" => "consent_required",
            "interaction_required" => "interaction_required",
            _ => "authorization_failed",
        },
    }
}

fn failure_code(failure: &Failure) -> &'static str {
    match failure {
        Failure::Unreachable => "network_error",
        Failure::TimedOut => "timeout",
        Failure::Busy { .. } => "server_error",
        Failure::Unreadable { .. } | Failure::Token(_) => "invalid_response",
        Failure::Discovery(_) => "discovery_failed",
        Failure::Refused { .. } => "request_refused",
    }
}

impl From<IdTokenError> for Error {
    fn from(_: IdTokenError) -> Self {
        Self::IdToken
    }
}

macro_rules! from {
    ($($source:ident as $variant:ident;)+) => {$(
        impl From<$source> for Error {
            fn from(source: $source) -> Self {
                Self::$variant(source.into())
            }
        }
    )+};
}

from! {
    InvalidReturnTo as ReturnTo;
    ResponseError as Response;
    AuthorizationError as Authorization;
    Failure as Failure;
    MetadataError as Failure;
    TokenError as Failure;
}
