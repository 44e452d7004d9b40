//! The error codes of the wire (RFC 6749 §4.1.2.1 and §5.2, and the standards that add to them).

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        /// An `error` code, as a client reads it.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// The code's text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

codes! {
    /// The user or the provider said no (RFC 6749 §4.1.2.1).
    AccessDenied = "access_denied";
    /// The user has not answered yet (RFC 8628 §3.5).
    AuthorizationPending = "authorization_pending";
    /// The user would have to agree first, and nobody may ask (OIDC Core §3.1.2.6).
    ConsentRequired = "consent_required";
    /// The device code has expired (RFC 8628 §3.5).
    ExpiredToken = "expired_token";
    /// The token does not allow this (RFC 6750 §3.1).
    InsufficientScope = "insufficient_scope";
    /// The user proved who they are too long ago for this (RFC 9470 §3).
    InsufficientUserAuthentication = "insufficient_user_authentication";
    /// `authorization_details` are malformed, of another type, or more than was granted (RFC 9396 §5).
    InvalidAuthorizationDetails = "invalid_authorization_details";
    /// Client authentication failed (RFC 6749 §5.2).
    InvalidClient = "invalid_client";
    /// A member of a client's metadata is not what it may be (RFC 7591 §3.2.2).
    InvalidClientMetadata = "invalid_client_metadata";
    /// The DPoP proof is missing, wrong or was used before (RFC 9449 §5).
    InvalidDpopProof = "invalid_dpop_proof";
    /// The code or refresh token is invalid, expired, revoked or another client's (RFC 6749 §5.2).
    InvalidGrant = "invalid_grant";
    /// A redirect URI that may not be registered (RFC 7591 §3.2.2).
    InvalidRedirectUri = "invalid_redirect_uri";
    /// Malformed: a parameter is missing, repeated or wrong (RFC 6749 §5.2).
    InvalidRequest = "invalid_request";
    /// A request object that is not the client's, not for this provider, or not for now (RFC 9101 §7).
    InvalidRequestObject = "invalid_request_object";
    /// A `request_uri` that stands for no request, or no more (OIDC Core §3.1.2.6).
    InvalidRequestUri = "invalid_request_uri";
    /// The scope is malformed or more than may be had (RFC 6749 §5.2).
    InvalidScope = "invalid_scope";
    /// The resource is unknown or malformed (RFC 8707 §2).
    InvalidTarget = "invalid_target";
    /// The access token is expired, revoked or malformed (RFC 6750 §3.1).
    InvalidToken = "invalid_token";
    /// The user would have to sign in first, and nobody may ask (OIDC Core §3.1.2.6).
    LoginRequired = "login_required";
    /// A client cannot describe itself in its request here (OIDC Core §3.1.2.6).
    RegistrationNotSupported = "registration_not_supported";
    /// A request in a JWT where none is read (OIDC Core §3.1.2.6).
    RequestNotSupported = "request_not_supported";
    /// Requests kept elsewhere are not fetched here (OIDC Core §3.1.2.6).
    RequestUriNotSupported = "request_uri_not_supported";
    /// Something broke (RFC 6749 §4.1.2.1).
    ServerError = "server_error";
    /// The device polls too fast (RFC 8628 §3.5).
    SlowDown = "slow_down";
    /// Overloaded or under maintenance: try again (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable = "temporarily_unavailable";
    /// Too many tokens that nobody issued came from where this one comes from: try again (RFC 6585 §4).
    TooManyUnknownTokens = "too_many_unknown_tokens";
    /// The client may not use this grant type (RFC 6749 §5.2).
    UnauthorizedClient = "unauthorized_client";
    /// A software statement that is not approved (RFC 7591 §3.2.2).
    UnapprovedSoftwareStatement = "unapproved_software_statement";
    /// The user cannot be signed in as surely as the client needs (OpenID Connect Core Error Code
    /// `unmet_authentication_requirements`).
    UnmetAuthenticationRequirements = "unmet_authentication_requirements";
    /// No such grant type here (RFC 6749 §5.2).
    UnsupportedGrantType = "unsupported_grant_type";
    /// No such response type here (RFC 6749 §4.1.2.1).
    UnsupportedResponseType = "unsupported_response_type";
    /// Tokens of this type cannot be revoked here (RFC 7009 §2.2.1).
    UnsupportedTokenType = "unsupported_token_type";
    /// The DPoP proof must have the nonce that comes with this answer (RFC 9449 §8).
    UseDpopNonce = "use_dpop_nonce";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ErrorCode {
    /// The HTTP status that goes with it at an endpoint that answers in JSON.
    pub const fn status(self) -> u16 {
        match self {
            Self::InsufficientUserAuthentication | Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::TooManyUnknownTokens => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            Self::AccessDenied
            | Self::AuthorizationPending
            | Self::ConsentRequired
            | Self::ExpiredToken
            | Self::InvalidAuthorizationDetails
            | Self::InvalidClientMetadata
            | Self::InvalidDpopProof
            | Self::InvalidGrant
            | Self::InvalidRedirectUri
            | Self::InvalidRequest
            | Self::InvalidRequestObject
            | Self::InvalidRequestUri
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::LoginRequired
            | Self::RegistrationNotSupported
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported
            | Self::SlowDown
            | Self::UnapprovedSoftwareStatement
            | Self::UnauthorizedClient
            | Self::UnmetAuthenticationRequirements
            | Self::UnsupportedGrantType
            | Self::UnsupportedResponseType
            | Self::UnsupportedTokenType
            | Self::UseDpopNonce => 400,
        }
    }
}

/// An error as a client reads it (RFC 6749 §5.2): nothing secret, nothing internal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorResponse {
    /// `error`; the HTTP status follows from it.
    pub code: ErrorCode,
    /// `error_description`, for the developer.
    pub description: String,
    /// `gatepass_reason`: why a grant has ended, coarse enough to be shown to anyone.
    pub reason: Option<&'static str>,
}

impl ErrorResponse {
    /// An error with a description in printable ASCII without `"` and `\` (RFC 6749 §5.2).
    pub fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
            reason: None,
        }
    }

    /// The same with the reason why a grant has ended.
    #[must_use]
    pub fn with_reason(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}
