//! What can go wrong between a client and a provider, and what it means for the session.
//!
//! The rule that keeps honest users signed in: only the provider's own `invalid_grant` says that a
//! grant is over. A dead network, a busy server or an answer that cannot be read says nothing.

use core::fmt;

use super::metadata::MetadataError;
use super::token::TokenError;
use crate::time::Lifetime;

/// Text from the wire, safe to show: at most 64 characters of RFC 6749 Appendix A `NQSCHAR`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WireText(String);

impl WireText {
    /// Keeps what the grammar of `error` allows (RFC 6749 §5.2).
    pub fn of(text: &str) -> Self {
        let allowed = |b: &u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let allowed = text.bytes().filter(allowed).take(64);
        Self(allowed.map(char::from).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WireText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The body of an error answer (RFC 6749 §5.2), with the reason that Gatepass adds.
#[derive(Clone, Copy, Debug)]
pub struct ErrorResponse<'a> {
    /// The error code.
    pub error: &'a str,
    /// Why the grant is over, as in `replayed` or `signed_out`.
    pub gatepass_reason: Option<&'a str>,
}

/// Why a request to the provider brought nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// No answer, or half of one.
    #[error("the provider could not be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// 408, 429 or 5xx: later, perhaps.
    #[error("the provider is busy or has a fault")]
    Busy {
        /// What `Retry-After` asks for (RFC 9110 §10.2.3).
        retry_after: Option<Lifetime>,
    },
    /// An answer that is not what the standard says.
    #[error("the provider's answer could not be read")]
    Unreadable {
        /// The HTTP status.
        status: u16,
    },
    /// The discovery document is not to be used.
    #[error(transparent)]
    Discovery(#[from] MetadataError),
    /// The tokens are of no use.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The provider understood and said no.
    #[error("the provider refused: {error}")]
    Refused {
        /// Its `error`.
        error: WireText,
        /// Its `gatepass_reason`.
        reason: Option<WireText>,
    },
}

impl Failure {
    /// What an answer with a status other than 2xx means. `body` is `None` if it is not JSON of the
    /// right shape.
    pub fn of_answer(
        status: u16,
        retry_after: Option<Lifetime>,
        body: Option<ErrorResponse<'_>>,
    ) -> Self {
        match body {
            _ if matches!(status, 408 | 429 | 500..) => Self::Busy { retry_after },
            Some(body) => Self::Refused {
                error: WireText::of(body.error),
                reason: body.gatepass_reason.map(WireText::of),
            },
            None => Self::Unreadable { status },
        }
    }

    /// If it says that the grant of the token in the request is over: why.
    ///
    /// The reason is the provider's `gatepass_reason`, or `invalid_grant` if it gives none.
    pub fn end_of_grant(&self) -> Option<&WireText> {
        match self {
            Self::Refused { error, reason, .. } if error.as_str() == "invalid_grant" => {
                Some(reason.as_ref().unwrap_or(error))
            }
            Self::Refused { .. }
            | Self::Unreachable
            | Self::TimedOut
            | Self::Busy { .. }
            | Self::Unreadable { .. }
            | Self::Discovery(_)
            | Self::Token(_) => None,
        }
    }

    /// The provider's `gatepass_reason`, if it gave one.
    pub fn reason(&self) -> Option<&WireText> {
        match self {
            Self::Refused { reason, .. } => reason.as_ref(),
            Self::Unreachable
            | Self::TimedOut
            | Self::Busy { .. }
            | Self::Unreadable { .. }
            | Self::Discovery(_)
            | Self::Token(_) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rp) fn refused(error: &str, reason: Option<&str>) -> Failure {
        let body = ErrorResponse {
            error,
            gatepass_reason: reason,
        };
        Failure::of_answer(400, None, Some(body))
    }

    #[test]
    fn only_invalid_grant_ends_a_grant_and_it_says_why() {
        let ended = refused("invalid_grant", Some("replayed"));
        assert_eq!(ended.end_of_grant().unwrap().as_str(), "replayed");
        let ended = refused("invalid_grant", None);
        assert_eq!(ended.end_of_grant().unwrap().as_str(), "invalid_grant");
        for error in [
            "invalid_client",
            "invalid_request",
            "unauthorized_client",
            "server_error",
            "",
        ] {
            assert_eq!(refused(error, Some("revoked")).end_of_grant(), None);
        }
        for passing in [
            Failure::Unreachable,
            Failure::TimedOut,
            Failure::Unreadable { status: 200 },
            Failure::Discovery(MetadataError::OtherIssuer),
            Failure::Token(TokenError::OtherType),
        ] {
            assert_eq!(passing.end_of_grant(), None, "{passing:?}");
        }
    }

    #[test]
    fn a_busy_server_is_believed_in_nothing_else() {
        for status in [408, 429, 500, 502, 503, 504, 520, 599] {
            let body = ErrorResponse {
                error: "invalid_grant",
                gatepass_reason: None,
            };
            let failure = Failure::of_answer(status, None, Some(body));
            assert_eq!(failure, Failure::Busy { retry_after: None });
            assert_eq!(failure.end_of_grant(), None);
        }
    }

    #[test]
    fn an_error_without_its_json_ends_nothing() {
        for status in [301, 400, 401, 403, 404] {
            let failure = Failure::of_answer(status, None, None);
            assert_eq!(failure, Failure::Unreadable { status });
        }
    }

    #[test]
    fn text_from_the_wire_is_short_and_harmless() {
        assert_eq!(WireText::of("a\"b\\c\r\n\u{e9}d").as_str(), "abcd");
        assert_eq!(WireText::of(&"x".repeat(100)).as_str().len(), 64);
    }
}
