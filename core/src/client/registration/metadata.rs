//! What a client says about itself, and is told (RFC 7591 §2, §3.2.1).

use serde::Serialize;
use serde_json::Value;

use super::RegistrationRefusal;
use crate::client::{Client, ClientKeys, GrantType};
use crate::jose::{Claims, SigningAlgorithm};
use crate::json;
use crate::redirect::RedirectUri;

/// What a client says about itself (RFC 7591 §2). Members that are not listed are ignored.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a member of the standard's own"
)]
pub struct ClientMetadata {
    /// Where authorization responses may go.
    pub redirect_uris: Vec<String>,
    /// How it proves who it is; `client_secret_basic` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// `authorization_code` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<String>>,
    /// `code` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_types: Option<Vec<String>>,
    /// Its name for people; its host unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The most it may ask for; everything there is unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Where the user may go after sign-out (OIDC RP-Initiated Logout §3.1).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// How its ID tokens are signed (OIDC Dynamic Client Registration §2); as everyone's unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// How userinfo is signed for it; not at all unless said (OIDC Dynamic Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// How long ago its users may have signed in, where a request does not say (OIDC Dynamic Client
    /// Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Where it hears that users have signed out (OIDC Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it must be told by `sid` which session has ended.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub backchannel_logout_session_required: bool,
    /// The keys with which it signs, for `private_key_jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<ClientKeys>,
    /// Whether it will push every authorization request (RFC 9126 §6).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    /// The types of `authorization_details` that it will ask for (RFC 9396 §10).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    /// How it signs its request objects (OIDC Dynamic Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// Whether it will sign every authorization request (RFC 9101 §10.5).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_signed_request_object: bool,
    /// Whether it will prove a key for every token (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// Its name on the wire, when it replaces what it has said (RFC 7592 §2.2).
    #[serde(skip_serializing)]
    pub client_id: Option<String>,
    /// Where such keys would be; they are taken from `jwks` only.
    #[serde(skip_serializing)]
    pub jwks_uri: Option<String>,
    /// A signed statement about the software: none is approved here.
    #[serde(skip_serializing)]
    pub software_statement: Option<String>,
    /// What it says for people.
    #[serde(flatten)]
    pub about: ClientDescription,
}

impl ClientMetadata {
    /// Reads what a client says, member by member. A member that is null counts as absent.
    ///
    /// # Errors
    ///
    /// [`RegistrationRefusal::NoObject`], or [`RegistrationRefusal::Metadata`] for a member of another type.
    pub fn parse(text: &str) -> Result<Self, RegistrationRefusal> {
        let said: Claims =
            json::object(text.as_bytes()).map_err(|_| RegistrationRefusal::NoObject)?;
        let said = Said(&said);
        let (push, session) = (
            "require_pushed_authorization_requests",
            "backchannel_logout_session_required",
        );
        Ok(Self {
            redirect_uris: said.texts("redirect_uris")?.unwrap_or_default(),
            token_endpoint_auth_method: said.text("token_endpoint_auth_method")?,
            grant_types: said.texts("grant_types")?,
            response_types: said.texts("response_types")?,
            client_name: said.text("client_name")?,
            scope: said.text("scope")?,
            post_logout_redirect_uris: said.texts("post_logout_redirect_uris")?.unwrap_or_default(),
            id_token_signed_response_alg: said.text("id_token_signed_response_alg")?,
            userinfo_signed_response_alg: said.text("userinfo_signed_response_alg")?,
            default_max_age: said.seconds("default_max_age")?,
            backchannel_logout_uri: said.text("backchannel_logout_uri")?,
            backchannel_logout_session_required: said.flag(session)?,
            jwks: said.keys("jwks")?,
            require_pushed_authorization_requests: said.flag(push)?,
            authorization_details_types: (said.texts("authorization_details_types")?)
                .unwrap_or_default(),
            request_object_signing_alg: said.text("request_object_signing_alg")?,
            require_signed_request_object: said.flag("require_signed_request_object")?,
            dpop_bound_access_tokens: said.flag("dpop_bound_access_tokens")?,
            client_id: said.text("client_id")?,
            jwks_uri: said.text("jwks_uri")?,
            software_statement: said.text("software_statement")?,
            about: ClientDescription::read(&said)?,
        })
    }
}

/// Members by name. To read them by hand takes a third of the code that a derived reader brings.
pub(in crate::client) struct Said<'a>(pub(in crate::client) &'a Claims);

impl Said<'_> {
    pub(in crate::client) fn member<T>(
        &self,
        name: &'static str,
        problem: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, RegistrationRefusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(RegistrationRefusal::Metadata(name, problem)),
            },
        }
    }

    pub(in crate::client) fn text(
        &self,
        name: &'static str,
    ) -> Result<Option<String>, RegistrationRefusal> {
        self.member(name, "must be a string", text)
    }

    pub(in crate::client) fn texts(
        &self,
        name: &'static str,
    ) -> Result<Option<Vec<String>>, RegistrationRefusal> {
        let read = |value: &Value| value.as_array()?.iter().map(text).collect();
        self.member(name, "must be an array of strings", read)
    }

    pub(in crate::client) fn flag(&self, name: &'static str) -> Result<bool, RegistrationRefusal> {
        let flag = self.member(name, "must be true or false", Value::as_bool);
        Ok(flag?.unwrap_or_default())
    }

    pub(in crate::client) fn seconds(
        &self,
        name: &'static str,
    ) -> Result<Option<u32>, RegistrationRefusal> {
        let read = |value: &Value| u32::try_from(value.as_u64()?).ok();
        self.member(name, "must be a number of seconds", read)
    }

    pub(in crate::client) fn keys(
        &self,
        name: &'static str,
    ) -> Result<Option<ClientKeys>, RegistrationRefusal> {
        let key = |value: &Value| value.as_object().cloned();
        let read = |value: &Value| value.get("keys")?.as_array()?.iter().map(key).collect();
        let keys = self.member(name, "must be a JWK set", read)?;
        Ok(keys.map(|keys| ClientKeys { keys }))
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// What a client says about itself for people (RFC 7591 §2).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ClientDescription {
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// How it uses what it learns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// How to reach whoever is responsible.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Which software it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// Which version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

impl ClientDescription {
    /// Reads it member by member.
    pub(in crate::client) fn read(said: &Said<'_>) -> Result<Self, RegistrationRefusal> {
        Ok(Self {
            client_uri: said.text("client_uri")?,
            logo_uri: said.text("logo_uri")?,
            policy_uri: said.text("policy_uri")?,
            tos_uri: said.text("tos_uri")?,
            contacts: said.texts("contacts")?.unwrap_or_default(),
            software_id: said.text("software_id")?,
            software_version: said.text("software_version")?,
        })
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a client is told about itself (RFC 7591 §3.2.1).
pub fn metadata_of(client: &Client) -> ClientMetadata {
    let texts = |uris: &[RedirectUri]| uris.iter().map(ToString::to_string).collect();
    let grant_types = client
        .grant_types
        .iter()
        .map(|grant| grant.as_str().to_owned());
    let algorithm =
        |settled: Option<SigningAlgorithm>| settled.map(|algorithm| algorithm.as_str().to_owned());
    ClientMetadata {
        redirect_uris: texts(&client.redirect_uris),
        token_endpoint_auth_method: Some(client.authentication.method().to_owned()),
        grant_types: Some(grant_types.collect()),
        response_types: Some(if client.may_use(GrantType::AuthorizationCode) {
            vec!["code".to_owned()]
        } else {
            vec![]
        }),
        client_name: Some(client.name.clone()),
        scope: Some(client.scope.to_string()),
        post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
        id_token_signed_response_alg: algorithm(client.settings.id_token_signed_response_alg),
        userinfo_signed_response_alg: algorithm(client.settings.userinfo_signed_response_alg),
        default_max_age: client.settings.default_max_age,
        backchannel_logout_uri: (client.settings.backchannel_logout_uri.as_ref())
            .map(ToString::to_string),
        backchannel_logout_session_required: client.settings.backchannel_logout_session_required,
        jwks: client.settings.jwks.clone(),
        require_pushed_authorization_requests: client
            .settings
            .require_pushed_authorization_requests,
        authorization_details_types: client.settings.authorization_details_types.clone(),
        request_object_signing_alg: algorithm(client.settings.request_object_signing_alg),
        require_signed_request_object: client.settings.require_signed_request_object,
        dpop_bound_access_tokens: client.settings.dpop_bound_access_tokens,
        client_id: None,
        jwks_uri: None,
        software_statement: None,
        about: client.settings.about.clone(),
    }
}
