//! What is settled with one client and differs from everyone's configuration.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::keys::ClientKeys;
use super::registration::{ClientDescription, RegistrationRefusal, Said};
use crate::grant::Lifetimes;
use crate::id::{ClientId, Subject};
use crate::jose::{Claims, SigningAlgorithm};
use crate::logout::back_channel::Departure;
use crate::redirect::RedirectUri;
use crate::secret::AccessToken;
use crate::time::{Lifetime, Timestamp};

/// A client's own settings, a JSON object in the store: whatever no SQL condition needs. A setting
/// that is absent leaves the provider's configuration as it is.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub struct ClientSettings {
    /// How long its access tokens live, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_lifetime: Option<u32>,
    /// How long its unused refresh tokens live, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_lifetime: Option<u32>,
    /// How long its grants live, however often they are refreshed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_lifetime: Option<u32>,
    /// What its access tokens are.
    #[serde(skip_serializing_if = "AccessTokenFormat::is_jwt")]
    pub access_token_format: AccessTokenFormat,
    /// How its access tokens are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_signed_response_alg: Option<SigningAlgorithm>,
    /// How its ID tokens are signed (OIDC Dynamic Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// How userinfo is signed for it; not at all if absent (OIDC Dynamic Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    /// How introspection answers it, if it asks for a signed answer (RFC 9701 §6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<SigningAlgorithm>,
    /// How long ago its users may have signed in, in seconds, where a request does not say (OIDC Dynamic
    /// Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    /// Where it hears that users have signed out (OIDC Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<RedirectUri>,
    /// Whether it must be told by `sid` which session has ended; it is told anyway.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub backchannel_logout_session_required: bool,
    /// The keys with which it signs what it says, a JWK set (RFC 7517 §5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<ClientKeys>,
    /// Whether it must push its authorization requests (RFC 9126 §6).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    /// When the document was fetched that says what it is, if its identifier is the address of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_fetched_at: Option<Timestamp>,
    /// Whether, being first-party, it may sign users in with passwords that it asks for itself.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub direct_sign_in: bool,
    /// The types of `authorization_details` that it may ask for (RFC 9396 §10).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    /// How it signs its request objects; with any of its keys if absent (RFC 9101 §4, OIDC Dynamic
    /// Client Registration §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<SigningAlgorithm>,
    /// Whether its authorization requests must be signed (RFC 9101 §10.5).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub require_signed_request_object: bool,
    /// The clients whose users' access tokens it may exchange (RFC 8693), besides its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exchanges_tokens_of: Vec<ClientId>,
    /// Whether what it gets for them does not say that it acts for the user (RFC 8693 §1.1).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub may_impersonate: bool,
    /// Whether it proves a key for every token (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// What it says about itself for people.
    #[serde(skip_serializing_if = "ClientDescription::is_empty")]
    pub about: ClientDescription,
}

/// What a client's access tokens are to whoever holds them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessTokenFormat {
    /// They say what they allow, signed (RFC 9068).
    #[default]
    Jwt,
    /// They say nothing: an API has to ask.
    Opaque,
}

impl AccessTokenFormat {
    fn read(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "jwt" => Some(Self::Jwt),
            "opaque" => Some(Self::Opaque),
            _ => None,
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_jwt(&self) -> bool {
        *self == Self::Jwt
    }
}

/// How a client's tokens are written and signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenAlgorithms {
    /// What its access tokens are.
    pub format: AccessTokenFormat,
    /// Its access tokens, if they are JWTs.
    pub access_token: SigningAlgorithm,
    /// Its ID tokens.
    pub id_token: SigningAlgorithm,
}

/// Read by hand, which takes a fraction of the code that a derived reader brings.
impl<'de> Deserialize<'de> for ClientSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Claims::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl ClientSettings {
    fn read(members: &Claims) -> Result<Self, RegistrationRefusal> {
        let said = Said(members);
        let algorithm = |name| {
            let read = |value: &Value| SigningAlgorithm::parse(value.as_str()?);
            said.member(name, "must be an algorithm", read)
        };
        let uri = |value: &Value| RedirectUri::parse(value.as_str()?).ok();
        let client = |value: &Value| ClientId::parse(value.as_str()?).ok();
        let clients = |value: &Value| value.as_array()?.iter().map(client).collect();
        let time = |value: &Value| value.as_i64().map(Timestamp::from_seconds);
        let empty = Claims::new();
        let about = members.get("about").and_then(Value::as_object);
        Ok(Self {
            access_token_lifetime: said.seconds("access_token_lifetime")?,
            refresh_token_lifetime: said.seconds("refresh_token_lifetime")?,
            grant_lifetime: said.seconds("grant_lifetime")?,
            access_token_format: said
                .member(
                    "access_token_format",
                    "must be jwt or opaque",
                    AccessTokenFormat::read,
                )?
                .unwrap_or_default(),
            access_token_signed_response_alg: algorithm("access_token_signed_response_alg")?,
            id_token_signed_response_alg: algorithm("id_token_signed_response_alg")?,
            userinfo_signed_response_alg: algorithm("userinfo_signed_response_alg")?,
            introspection_signed_response_alg: algorithm("introspection_signed_response_alg")?,
            request_object_signing_alg: algorithm("request_object_signing_alg")?,
            default_max_age: said.seconds("default_max_age")?,
            backchannel_logout_uri: said.member(
                "backchannel_logout_uri",
                "must be an address",
                uri,
            )?,
            backchannel_logout_session_required: said
                .flag("backchannel_logout_session_required")?,
            jwks: said.keys("jwks")?,
            require_pushed_authorization_requests: said
                .flag("require_pushed_authorization_requests")?,
            document_fetched_at: said.member("document_fetched_at", "must be a time", time)?,
            direct_sign_in: said.flag("direct_sign_in")?,
            authorization_details_types: said
                .texts("authorization_details_types")?
                .unwrap_or_default(),
            require_signed_request_object: said.flag("require_signed_request_object")?,
            exchanges_tokens_of: said
                .member("exchanges_tokens_of", "must be clients", clients)?
                .unwrap_or_default(),
            may_impersonate: said.flag("may_impersonate")?,
            dpop_bound_access_tokens: said.flag("dpop_bound_access_tokens")?,
            about: ClientDescription::read(&Said(about.unwrap_or(&empty)))?,
        })
    }

    /// How the client's access tokens are signed, and its ID tokens: as everyone's, where it did not
    /// choose.
    pub fn algorithms(&self, everyones: SigningAlgorithm) -> TokenAlgorithms {
        TokenAlgorithms {
            format: self.access_token_format,
            access_token: self.access_token_signed_response_alg.unwrap_or(everyones),
            id_token: self.id_token_signed_response_alg.unwrap_or(everyones),
        }
    }

    /// A new access token of 256 random bits, if the client has such.
    pub fn opaque_access_token(&self, random: [u8; 32]) -> Option<AccessToken> {
        (self.access_token_format == AccessTokenFormat::Opaque)
            .then(|| AccessToken::from_random(random))
    }

    /// What makes the client of this name hear that a user has signed out, if it wants to.
    pub fn departure(&self, client_id: &ClientId, subject: &Subject) -> Option<Departure> {
        Some(Departure {
            client_id: client_id.clone(),
            uri: self.backchannel_logout_uri.clone()?,
            algorithm: self.id_token_signed_response_alg,
            subject: subject.clone(),
        })
    }

    /// The client's lifetimes, where it has its own.
    #[must_use]
    pub fn lifetimes(&self, everyones: &Lifetimes) -> Lifetimes {
        let own = |seconds: Option<u32>, default| seconds.map_or(default, Lifetime::from_seconds);
        Lifetimes {
            access_token: own(self.access_token_lifetime, everyones.access_token),
            refresh_token: own(self.refresh_token_lifetime, everyones.refresh_token),
            grant: own(self.grant_lifetime, everyones.grant),
            ..*everyones
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_does_not_settle_is_everyones() {
        let everyones = Lifetimes::default();
        let settings: ClientSettings = serde_json::from_str(r#"{"grant_lifetime":60}"#).unwrap();
        let own = settings.lifetimes(&everyones);
        assert_eq!(own.grant, Lifetime::from_seconds(60));
        assert_eq!(own.access_token, everyones.access_token);
        assert_eq!(own.refresh_token, everyones.refresh_token);
        assert_eq!(own.grace, everyones.grace);
        let own = settings.algorithms(SigningAlgorithm::ES256);
        assert_eq!(own.access_token, SigningAlgorithm::ES256);
        assert_eq!(own.id_token, SigningAlgorithm::ES256);
    }

    #[test]
    fn an_algorithm_goes_by_its_registered_name_and_another_is_refused() {
        let text = r#"{"access_token_signed_response_alg":"EdDSA","id_token_signed_response_alg":"RS256"}"#;
        let settings: ClientSettings = serde_json::from_str(text).unwrap();
        let own = settings.algorithms(SigningAlgorithm::ES256);
        assert_eq!(own.access_token, SigningAlgorithm::EdDSA);
        assert_eq!(own.id_token, SigningAlgorithm::RS256);
        assert_eq!(serde_json::to_string(&settings).unwrap(), text);
        for other in ["none", "HS256", "rs256"] {
            let text = format!(r#"{{"id_token_signed_response_alg":"{other}"}}"#);
            assert!(
                serde_json::from_str::<ClientSettings>(&text).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn nothing_settled_is_an_empty_object() {
        let text = serde_json::to_string(&ClientSettings::default()).unwrap();
        assert_eq!(text, "{}");
        let read: ClientSettings = serde_json::from_str(r#"{"of_a_later_version":1}"#).unwrap();
        assert_eq!(read, ClientSettings::default());
    }
}
