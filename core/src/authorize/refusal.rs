//! Why an authorization request is refused, and who hears of it.

use super::object::ObjectProblem;
use super::{InvalidDetails, InvalidPrompt, ResponseMode, UnknownResource};
use crate::client::document::DocumentProblem;
use crate::dpop::InvalidThumbprint;
use crate::error::ErrorCode;
use crate::form::FormError;
use crate::id::{InvalidIdentifier, State};
use crate::pkce::PkceError;
use crate::redirect::ExactRedirect;

/// Why a request is refused without being sent anywhere.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LocalRefusal {
    /// The parameters cannot be read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The client says who it is by itself, and not as it must.
    #[error(transparent)]
    Document(#[from] DocumentProblem),
    /// No such client.
    #[error("client_id is not that of a registered client")]
    UnknownClient,
    /// The reference to a pushed request is worth nothing (RFC 9126 §4).
    #[error("request_uri is unknown, too old, another client's, or was opened in another browser")]
    PushedRequest,
    /// The request came in an object that is worth nothing (RFC 9101 §6): whom it is of, nobody knows.
    #[error(transparent)]
    RequestObject(#[from] ObjectProblem),
    /// The redirect URI is missing, malformed, or not registered for this client.
    #[error("redirect_uri is not one that this client has registered")]
    UnregisteredRedirect,
}

impl LocalRefusal {
    /// The code of the wire, where there is one (RFC 9126 §2.3): nobody is sent anywhere with it.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Form(_) | Self::UnregisteredRedirect => ErrorCode::InvalidRequest,
            Self::Document(_) => ErrorCode::InvalidClientMetadata,
            Self::PushedRequest => ErrorCode::InvalidRequestUri,
            Self::RequestObject(_) => ErrorCode::InvalidRequestObject,
            Self::UnknownClient => ErrorCode::InvalidClient,
        }
    }
}

/// Why a request is refused, to the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefusalReason {
    /// The user declined.
    #[error("the user did not agree")]
    AccessDenied,
    /// `claims` is not what OIDC Core §5.5 says.
    #[error("claims must be a JSON object as OpenID Connect Core section 5.5 has it")]
    Claims,
    /// `prompt=none`, and the user would have to agree.
    #[error("this client may not have access without the user's consent")]
    ConsentRequired,
    /// `authorization_details` are none, or not this client's (RFC 9396 §5).
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// `dpop_jkt` is no thumbprint (RFC 9449 §10).
    #[error("dpop_jkt {0}")]
    DpopJkt(#[from] InvalidThumbprint),
    /// `id_token_hint` is no ID token of this provider for this client.
    #[error("id_token_hint is not an ID token that this provider issued to this client")]
    IdTokenHint,
    /// `nonce` or `state` is too long or not printable ASCII.
    #[error("state and nonce {0}")]
    Identifier(#[from] InvalidIdentifier),
    /// `prompt=none`, and the user would have to sign in, or another user did than the one asked for.
    #[error("the user is not signed in")]
    LoginRequired,
    /// `max_age` is no number of seconds.
    #[error("max_age must be a number of seconds")]
    MaxAge,
    /// It came by browser, and must be pushed (RFC 9126 §5).
    #[error("this request must be pushed first: see pushed_authorization_request_endpoint")]
    NotPushed,
    /// It came in no request object, and must (RFC 9101 §10.5).
    #[error("this client must send its request in a signed request object")]
    NotSigned,
    /// The code challenge.
    #[error(transparent)]
    Pkce(#[from] PkceError),
    /// `prompt`.
    #[error(transparent)]
    Prompt(#[from] InvalidPrompt),
    /// `registration`: a client that describes itself in its request.
    #[error("the parameter registration is not supported")]
    Registration,
    /// `request`, where no request object is read.
    #[error("the parameter request is not supported here")]
    RequestObject,
    /// `request_uri`: a request kept elsewhere.
    #[error("the parameter request_uri is not supported")]
    RequestUri,
    /// `response_mode` is not one of ours, or does not lead to this redirect URI, or would put an access token
    /// where servers and histories keep it.
    #[error("response_mode must be fragment, form_post to the web, or, for a code, query")]
    ResponseMode,
    /// `response_type` is not `code`, nor the `token` of an old client that wants no key bound to it.
    #[error("response_type must be code")]
    ResponseType,
    /// The scope is malformed, or the client may not have it.
    #[error("scope is malformed or more than this client may have")]
    Scope,
    /// The client may not use authorization codes, or not get an access token in their place.
    #[error("this client may not use this response_type")]
    UnauthorizedClient,
    /// An `acr` is essential to the client that no sign-in here has.
    #[error("no sign-in here has the acr that the client needs: see acr_values_supported")]
    UnmetAuthentication,
    /// The resource is unknown, or there are several.
    #[error(transparent)]
    UnknownResource(#[from] UnknownResource),
}

impl RefusalReason {
    /// The code of the wire (RFC 6749 §4.1.2.1).
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::AccessDenied => ErrorCode::AccessDenied,
            Self::ConsentRequired => ErrorCode::ConsentRequired,
            Self::Claims
            | Self::DpopJkt(_)
            | Self::IdTokenHint
            | Self::Identifier(_)
            | Self::MaxAge
            | Self::NotPushed
            | Self::NotSigned
            | Self::Pkce(_)
            | Self::Prompt(_)
            | Self::ResponseMode => ErrorCode::InvalidRequest,
            Self::Details(_) => ErrorCode::InvalidAuthorizationDetails,
            Self::LoginRequired => ErrorCode::LoginRequired,
            Self::Registration => ErrorCode::RegistrationNotSupported,
            Self::RequestObject => ErrorCode::RequestNotSupported,
            Self::RequestUri => ErrorCode::RequestUriNotSupported,
            Self::ResponseType => ErrorCode::UnsupportedResponseType,
            Self::Scope => ErrorCode::InvalidScope,
            Self::UnauthorizedClient => ErrorCode::UnauthorizedClient,
            Self::UnknownResource(_) => ErrorCode::InvalidTarget,
            Self::UnmetAuthentication => ErrorCode::UnmetAuthenticationRequirements,
        }
    }
}

/// Where the answer to a request goes, known good before anything else is looked at.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The client's registered redirect URI.
    pub redirect: ExactRedirect,
    /// `state`, if it is one.
    pub state: Option<State>,
    /// How it gets there.
    pub mode: ResponseMode,
}

/// A refusal together with where it goes.
#[derive(Clone, Debug)]
pub struct RedirectRefusal {
    /// Where.
    pub to: Destination,
    /// Why.
    pub reason: RefusalReason,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// Shown to the user.
    Local(LocalRefusal),
    /// Sent to the client.
    Redirect(RedirectRefusal),
}
