//! Dynamic client registration (RFC 7591) and its management (RFC 7592).
//!
//! Whoever registers by itself is a stranger: never first-party, never a resource server, and only with
//! grant types for which a user agrees. A client that can keep a secret may also act for itself, where only
//! those register whom somebody gave a token.

mod metadata;

pub(super) use metadata::Said;
pub use metadata::{ClientDescription, ClientMetadata, metadata_of};

use super::{
    Client, ClientAuthentication, ClientSecrets, ClientSettings, GrantType, RefreshBehaviour,
};
use crate::error::{ErrorCode, ErrorResponse};
use crate::id::ClientId;
use crate::jose::SigningAlgorithm;
use crate::logout::back_channel::may_be_told_at;
use crate::redirect::RedirectUri;
use crate::scope::Scope;
use crate::secret::{ClientSecret, RegistrationToken, SecretHash};
use crate::text::is_name;
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

/// The most redirect URIs of one client.
const MOST_URIS: usize = 16;

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

/// The client that this metadata is about.
pub(super) fn describe(
    metadata: &ClientMetadata,
    id: ClientId,
    authentication: ClientAuthentication,
    offer: Offer<'_>,
) -> Result<Client, RegistrationRefusal> {
    if metadata.software_statement.is_some() {
        return Err(RegistrationRefusal::SoftwareStatement);
    }
    check_keys(metadata, authentication)?;
    let grant_types = grant_types(metadata, authentication, offer)?;
    let comes_back = grant_types.contains(&GrantType::AuthorizationCode);
    let redirect_uris = match metadata.redirect_uris.as_slice() {
        [] if !comes_back => vec![],
        texts => redirect_uris(texts)?,
    };
    check_response_types(metadata, comes_back)?;
    check_description(&metadata.about)?;
    let public = !authentication.is_confidential();
    Ok(Client {
        id,
        name: name(metadata, &redirect_uris)?,
        authentication,
        post_logout_redirect_uris: post_logout_redirect_uris(metadata)?,
        // The pages of a client without a secret are where it calls from.
        origins: if public {
            origins(&redirect_uris)
        } else {
            vec![]
        },
        redirect_uris,
        scope: scope(metadata, offer.scopes)?,
        grant_types,
        refresh_behaviour: RefreshBehaviour::Rotate,
        is_first_party: false,
        may_introspect: false,
        settings: ClientSettings {
            id_token_signed_response_alg: algorithm(
                "id_token_signed_response_alg",
                metadata.id_token_signed_response_alg.as_deref(),
            )?,
            userinfo_signed_response_alg: algorithm(
                "userinfo_signed_response_alg",
                metadata.userinfo_signed_response_alg.as_deref(),
            )?,
            default_max_age: metadata.default_max_age,
            backchannel_logout_uri: logout_uri(metadata)?,
            backchannel_logout_session_required: metadata.backchannel_logout_session_required,
            jwks: metadata.jwks.clone(),
            require_pushed_authorization_requests: metadata.require_pushed_authorization_requests,
            authorization_details_types: details_types(metadata, offer.details_types)?,
            request_object_signing_alg: algorithm(
                "request_object_signing_alg",
                metadata.request_object_signing_alg.as_deref(),
            )?,
            require_signed_request_object: metadata.require_signed_request_object,
            dpop_bound_access_tokens: metadata.dpop_bound_access_tokens,
            about: metadata.about.clone(),
            ..ClientSettings::default()
        },
    })
}

fn authentication(
    metadata: &ClientMetadata,
    secret: &ClientSecret,
) -> Result<ClientAuthentication, RegistrationRefusal> {
    let secrets = ClientSecrets::from(secret.hash());
    match metadata.token_endpoint_auth_method.as_deref() {
        Some("none") => Ok(ClientAuthentication::None),
        Some("client_secret_basic") | None => Ok(ClientAuthentication::SecretBasic(secrets)),
        Some("client_secret_post") => Ok(ClientAuthentication::SecretPost(secrets)),
        Some("private_key_jwt") => Ok(ClientAuthentication::PrivateKeyJwt),
        Some(_) => Err(RegistrationRefusal::Metadata(
            "token_endpoint_auth_method",
            "must be none, client_secret_basic, client_secret_post or private_key_jwt",
        )),
    }
}

fn algorithm(
    member: &'static str,
    said: Option<&str>,
) -> Result<Option<SigningAlgorithm>, RegistrationRefusal> {
    let parse = |name| SigningAlgorithm::parse(name).ok_or(());
    said.map(parse).transpose().map_err(|()| {
        let problem = "must be ES256, RS256, EdDSA or Ed25519";
        RegistrationRefusal::Metadata(member, problem)
    })
}

const NOT_TOLD: RegistrationRefusal = RegistrationRefusal::Metadata(
    "backchannel_logout_uri",
    "must be an https address with a public name",
);

fn logout_uri(metadata: &ClientMetadata) -> Result<Option<RedirectUri>, RegistrationRefusal> {
    let said = metadata.backchannel_logout_uri.as_deref();
    let uri = said.map(RedirectUri::parse).transpose();
    uri.map_err(|_| NOT_TOLD)
}

/// Refuses a client whose `backchannel_logout_uri` would never be called; in development it may also be on
/// this machine.
///
/// # Errors
///
/// [`RegistrationRefusal::Metadata`].
pub fn check_logout_uri(client: &Client, in_development: bool) -> Result<(), RegistrationRefusal> {
    match &client.settings.backchannel_logout_uri {
        Some(uri) if !may_be_told_at(uri, in_development) => Err(NOT_TOLD),
        _ => Ok(()),
    }
}

fn check_keys(
    metadata: &ClientMetadata,
    authentication: ClientAuthentication,
) -> Result<(), RegistrationRefusal> {
    if metadata.jwks_uri.is_some() {
        let problem = "is not fetched here: send the keys themselves in jwks";
        return Err(RegistrationRefusal::Metadata("jwks_uri", problem));
    }
    match (&metadata.jwks, authentication) {
        (None, ClientAuthentication::PrivateKeyJwt) => Err(RegistrationRefusal::Metadata(
            "jwks",
            "is required with private_key_jwt",
        )),
        (None, _) if metadata.require_signed_request_object => Err(RegistrationRefusal::Metadata(
            "jwks",
            "is required with require_signed_request_object",
        )),
        (None, _) => Ok(()),
        (Some(keys), _) => keys.problem().map_or(Ok(()), |problem| {
            Err(RegistrationRefusal::Metadata("jwks", problem))
        }),
    }
}

fn redirect_uris(texts: &[String]) -> Result<Vec<RedirectUri>, RegistrationRefusal> {
    if texts.is_empty() || texts.len() > MOST_URIS {
        return Err(RegistrationRefusal::RedirectUri("must be one to sixteen"));
    }
    let parse = |text: &String| {
        RedirectUri::parse(text)
            .ok()
            .filter(RedirectUri::is_for_strangers)
    };
    let parsed: Option<Vec<_>> = texts.iter().map(parse).collect();
    parsed.ok_or(RegistrationRefusal::RedirectUri(
        "must be https, http on a loopback host, or a private-use scheme with a dot, without a fragment",
    ))
}

fn post_logout_redirect_uris(
    metadata: &ClientMetadata,
) -> Result<Vec<RedirectUri>, RegistrationRefusal> {
    let uris = &metadata.post_logout_redirect_uris;
    if uris.is_empty() {
        return Ok(vec![]);
    }
    let problem = "must be at most sixteen addresses such as redirect_uris may be";
    redirect_uris(uris)
        .map_err(|_| RegistrationRefusal::Metadata("post_logout_redirect_uris", problem))
}

fn origins(uris: &[RedirectUri]) -> Vec<String> {
    let mut origins: Vec<String> = vec![];
    for origin in uris.iter().filter_map(RedirectUri::origin) {
        if !origins.iter().any(|other| other == origin) {
            origins.push(origin.to_owned());
        }
    }
    origins
}

fn check_response_types(
    metadata: &ClientMetadata,
    comes_back: bool,
) -> Result<(), RegistrationRefusal> {
    match metadata.response_types.as_deref() {
        None => Ok(()),
        Some([]) if !comes_back => Ok(()),
        Some([only]) if only == "code" && comes_back => Ok(()),
        Some(_) => Err(RegistrationRefusal::Metadata(
            "response_types",
            "must be code, or nothing without the grant type authorization_code",
        )),
    }
}

fn grant_types(
    metadata: &ClientMetadata,
    authentication: ClientAuthentication,
    offer: Offer<'_>,
) -> Result<Vec<GrantType>, RegistrationRefusal> {
    let Some(names) = &metadata.grant_types else {
        return Ok(vec![GrantType::AuthorizationCode]);
    };
    let is_confidential = authentication.is_confidential();
    let known = |name: &String| {
        let found = GrantType::parse(name)?;
        let may_have = offer.grant_types.include(found, is_confidential);
        may_have.then_some(found)
    };
    let parsed: Option<Vec<_>> = names.iter().map(known).collect();
    let problem = "must be among those that may be registered, and not refresh_token alone";
    parsed
        .filter(|parsed| parsed.iter().any(|found| *found != GrantType::RefreshToken))
        .ok_or(RegistrationRefusal::Metadata("grant_types", problem))
}

/// RFC 7591 §2: a scope that is not to be had is left out.
fn scope(metadata: &ClientMetadata, scopes: &Scope) -> Result<Scope, RegistrationRefusal> {
    let Some(text) = &metadata.scope else {
        return Ok(scopes.clone());
    };
    let requested = Scope::parse(text).map_err(|_| {
        RegistrationRefusal::Metadata("scope", "must be words between single spaces")
    })?;
    Ok(requested.intersection(scopes))
}

fn details_types(
    metadata: &ClientMetadata,
    known: &Scope,
) -> Result<Vec<String>, RegistrationRefusal> {
    let said = &metadata.authorization_details_types;
    if said.len() > MOST_URIS || !said.iter().all(|name| known.contains(name)) {
        let problem = "must be among authorization_details_types_supported";
        return Err(RegistrationRefusal::Metadata(
            "authorization_details_types",
            problem,
        ));
    }
    Ok(said.clone())
}

fn name(
    metadata: &ClientMetadata,
    redirect_uris: &[RedirectUri],
) -> Result<String, RegistrationRefusal> {
    match &metadata.client_name {
        Some(name) if is_name(name) => Ok(name.clone()),
        Some(_) => Err(RegistrationRefusal::Metadata(
            "client_name",
            "must be 1 to 100 visible characters",
        )),
        None => match redirect_uris.first() {
            Some(uri) => Ok(uri.csp_source().to_owned()),
            None => Err(RegistrationRefusal::Metadata(
                "client_name",
                "is required without redirect_uris",
            )),
        },
    }
}

fn check_description(about: &ClientDescription) -> Result<(), RegistrationRefusal> {
    for (member, value) in [
        ("client_uri", &about.client_uri),
        ("logo_uri", &about.logo_uri),
        ("policy_uri", &about.policy_uri),
        ("tos_uri", &about.tos_uri),
    ] {
        let is_page = |text: &String| {
            RedirectUri::parse(text)
                .is_ok_and(|uri| uri.is_for_strangers() && uri.origin().is_some())
        };
        if !value.as_ref().is_none_or(is_page) {
            return Err(RegistrationRefusal::Metadata(
                member,
                "must be an https address",
            ));
        }
    }
    for (member, value) in [
        ("software_id", &about.software_id),
        ("software_version", &about.software_version),
    ] {
        if !value.as_ref().is_none_or(|text| is_name(text)) {
            let problem = "must be 1 to 100 visible characters";
            return Err(RegistrationRefusal::Metadata(member, problem));
        }
    }
    if about.contacts.len() > 8 || !about.contacts.iter().all(|contact| is_name(contact)) {
        let problem = "must be at most eight, of 1 to 100 visible characters each";
        return Err(RegistrationRefusal::Metadata("contacts", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
