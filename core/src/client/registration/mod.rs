//! Dynamic client registration (RFC 7591) and its management (RFC 7592).
//!
//! Whoever registers by itself is a stranger: never first-party, never a resource server, and only with
//! grant types for which a user agrees. A client that can keep a secret may also act for itself, where only
//! those register whom somebody gave a token.

mod description;
mod metadata;

use description::authentication;
pub use description::check_logout_uri;
pub(super) use description::describe;
pub(super) use metadata::Said;
pub use metadata::{ClientDescription, ClientMetadata, metadata_of};

use super::{Client, ClientSettings, GrantType};
use crate::error::{ErrorCode, ErrorResponse};
use crate::id::ClientId;
use crate::scope::Scope;
use crate::secret::{ClientSecret, RegistrationToken, SecretHash};
use crate::time::Timestamp;

/// The grant types for which a user agrees: the first two are those of browsers.
const WITH_A_USER: [GrantType; 3] = [
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::DeviceCode,
];

/// Which grant types a client may register for by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantTypes {
    /// Those of a client that its user meets in a browser.
    OfBrowsers,
    /// All for which a user agrees.
    WithAUser,
    /// These, and client credentials, for who has a secret.
    ActingForItself,
}

impl GrantTypes {
    fn include(self, grant_type: GrantType, is_confidential: bool) -> bool {
        match grant_type {
            GrantType::ClientCredentials => self == Self::ActingForItself && is_confidential,
            GrantType::DeviceCode => self != Self::OfBrowsers,
            other => WITH_A_USER.contains(&other),
        }
    }
}

/// Why a registration is refused (RFC 7591 §3.2.2).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RegistrationRefusal {
    /// No metadata at all.
    #[error("the body must be a JSON object of client metadata (RFC 7591 section 2)")]
    NoObject,
    /// A member does not say what it may.
    #[error("{0} {1}")]
    Metadata(&'static str, &'static str),
    /// A redirect URI.
    #[error("redirect_uris {0}")]
    RedirectUri(&'static str),
    /// Software statements are not known here.
    #[error("software_statement is not approved: this provider knows no issuer of statements")]
    SoftwareStatement,
}

impl From<&RegistrationRefusal> for ErrorResponse {
    fn from(refusal: &RegistrationRefusal) -> Self {
        let code = match refusal {
            RegistrationRefusal::Metadata(..) | RegistrationRefusal::NoObject => {
                ErrorCode::InvalidClientMetadata
            }
            RegistrationRefusal::RedirectUri(_) => ErrorCode::InvalidRedirectUri,
            RegistrationRefusal::SoftwareStatement => ErrorCode::UnapprovedSoftwareStatement,
        };
        Self::new(code, refusal.to_string())
    }
}

/// Fresh random values for a client that may be registered.
#[derive(Debug)]
pub struct NewCredentials {
    /// Its public name.
    pub id: ClientId,
    /// Its secret, if it wants one.
    pub secret: ClientSecret,
    /// What it will manage its registration with (RFC 7592 §3).
    pub token: RegistrationToken,
}

/// A client as the store holds one that registered by itself.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The client.
    pub client: Client,
    /// The hash of what it manages its registration with.
    pub token: SecretHash,
    /// When it registered.
    pub issued_at: Timestamp,
}

/// A registration that was accepted and waits to be stored.
#[derive(Debug)]
pub struct Registered {
    /// What the store keeps.
    pub registration: Registration,
    /// The secret, told this once.
    pub secret: Option<ClientSecret>,
    /// The registration access token, told this once.
    pub token: RegistrationToken,
}

/// What a client may register for.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Scopes.
    pub scopes: &'a Scope,
    /// Types of `authorization_details`.
    pub details_types: &'a Scope,
    /// Grant types.
    pub grant_types: GrantTypes,
    /// Whether it need not register at all, but may have a document about it
    /// ([`document`](super::document)).
    pub documents: bool,
}

/// Judges a registration; nobody is asked who is not a user.
///
/// # Errors
///
/// The [`RegistrationRefusal`] that names the member.
pub fn register(
    metadata: &ClientMetadata,
    credentials: NewCredentials,
    offer: Offer<'_>,
    now: Timestamp,
) -> Result<Registered, RegistrationRefusal> {
    let secret = credentials.secret;
    let authentication = authentication(metadata, &secret)?;
    let client = describe(metadata, credentials.id, authentication, offer)?;
    Ok(Registered {
        secret: authentication.has_secret().then_some(secret),
        registration: Registration {
            client,
            token: credentials.token.hash(),
            issued_at: now,
        },
        token: credentials.token,
    })
}

/// Judges new metadata for a client that is registered already (RFC 7592 §2.2): everything is replaced
/// but its name on the wire and how it proves it.
///
/// # Errors
///
/// The [`RegistrationRefusal`] that names the member.
pub fn update(
    metadata: &ClientMetadata,
    registered: &Client,
    offer: Offer<'_>,
) -> Result<Client, RegistrationRefusal> {
    if registered.is_first_party {
        // Its users are not asked for consent: where they are sent is not its own to say.
        let problem = "is of a first-party client: whoever runs this provider changes it";
        return Err(RegistrationRefusal::Metadata("client_id", problem));
    }
    let method = metadata.token_endpoint_auth_method.as_deref();
    if method.is_some_and(|method| method != registered.authentication.method()) {
        let problem = "cannot be changed: register another client";
        return Err(RegistrationRefusal::Metadata(
            "token_endpoint_auth_method",
            problem,
        ));
    }
    let id = registered.id.clone();
    if metadata
        .client_id
        .as_deref()
        .is_some_and(|said| said != id.as_str())
    {
        let problem = "must be that of the registration";
        return Err(RegistrationRefusal::Metadata("client_id", problem));
    }
    // It may have registered when nobody needed a token for it.
    let offer = match offer.grant_types {
        GrantTypes::ActingForItself if !registered.may_use(GrantType::ClientCredentials) => Offer {
            grant_types: GrantTypes::WithAUser,
            ..offer
        },
        _ => offer,
    };
    let client = describe(metadata, id, registered.authentication, offer)?;
    Ok(Client {
        settings: ClientSettings {
            id_token_signed_response_alg: client.settings.id_token_signed_response_alg,
            userinfo_signed_response_alg: client.settings.userinfo_signed_response_alg,
            default_max_age: client.settings.default_max_age,
            backchannel_logout_uri: client.settings.backchannel_logout_uri,
            backchannel_logout_session_required: client
                .settings
                .backchannel_logout_session_required,
            jwks: client.settings.jwks,
            require_pushed_authorization_requests: client
                .settings
                .require_pushed_authorization_requests,
            authorization_details_types: client.settings.authorization_details_types,
            request_object_signing_alg: client.settings.request_object_signing_alg,
            require_signed_request_object: client.settings.require_signed_request_object,
            dpop_bound_access_tokens: client.settings.dpop_bound_access_tokens,
            about: client.settings.about,
            ..registered.settings.clone()
        },
        ..client
    })
}

#[cfg(test)]
mod tests;
