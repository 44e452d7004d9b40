//! The client that metadata is about, member by member.

use super::{ClientDescription, ClientMetadata, Offer, RegistrationRefusal};
use crate::client::{
    Client, ClientAuthentication, ClientSecrets, ClientSettings, GrantType, RefreshBehaviour,
};
use crate::id::ClientId;
use crate::jose::SigningAlgorithm;
use crate::logout::back_channel::may_be_told_at;
use crate::redirect::RedirectUri;
use crate::scope::Scope;
use crate::secret::ClientSecret;
use crate::text::is_name;

/// The most redirect URIs of one client.
const MOST_URIS: usize = 16;

/// The client that this metadata is about.
pub(in crate::client) fn describe(
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

/// How the client proves itself, if it has this secret.
pub(super) fn authentication(
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
