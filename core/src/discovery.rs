//! The provider's description of itself (RFC 8414, OIDC Discovery §3) and its keys (RFC 7517).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::authorize::ResponseMode;
use crate::client::GrantType;
use crate::client::registration::Offer;
use crate::dpop;
use crate::id::Issuer;
use crate::jose::SigningAlgorithm;
use crate::token::id::ACR;

/// The provider's paths that clients are told of.
pub mod path {
    #![allow(missing_docs, reason = "each constant is its own path")]
    pub const AUTHORIZE: &str = "/oauth/authorize";
    pub const CALLBACK: &str = "/oauth/callback";
    pub const CONSENT: &str = "/consent";
    pub const DEVICE: &str = "/device";
    pub const DEVICE_AUTHORIZATION: &str = "/oauth/device_authorization";
    pub const INTROSPECT: &str = "/oauth/introspect";
    pub const JWKS: &str = "/.well-known/jwks.json";
    pub const LOGIN: &str = "/login";
    pub const LOGOUT: &str = "/oauth/logout";
    pub const PAR: &str = "/oauth/par";
    pub const REGISTER: &str = "/oauth/register";
    pub const REVOKE: &str = "/oauth/revoke";
    pub const STATUS_LISTS: &str = "/oauth/status_lists";
    pub const TOKEN: &str = "/oauth/token";
    pub const USERINFO: &str = "/oauth/userinfo";
}

/// What ID tokens and userinfo may say.
const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "sid",
    "name",
    "preferred_username",
    "email",
    "email_verified",
];

/// Authorization server metadata (RFC 8414 §2); the same document serves OIDC Discovery §3.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a member of the standard document"
)]
pub struct Metadata<'a> {
    issuer: &'a Issuer,
    authorization_endpoint: String,
    device_authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    end_session_endpoint: String,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    scopes_supported: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_details_types_supported: Vec<&'a str>,
    claims_supported: &'static [&'static str],
    acr_values_supported: [&'static str; 1],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; ResponseMode::ALL.len()],
    grant_types_supported: [&'static str; GrantType::ALL.len()],
    prompt_values_supported: [&'static str; 4],
    ui_locales_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_signing_alg_values_supported: [&'static str; 4],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    dpop_signing_alg_values_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 4],
    userinfo_signing_alg_values_supported: [&'static str; 4],
    authorization_response_iss_parameter_supported: bool,
    request_parameter_supported: bool,
    require_signed_request_object: bool,
    request_object_signing_alg_values_supported: [&'static str; 4],
    request_uri_parameter_supported: bool,
    claims_parameter_supported: bool,
    client_id_metadata_document_supported: bool,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    gatepass_idempotency_key_supported: bool,
}

impl<'a> Metadata<'a> {
    /// Describes the provider at `issuer`; `registers` says whether clients may register by themselves,
    /// `must_push` whether everybody must push authorization requests.
    pub fn new(issuer: &'a Issuer, offer: Offer<'a>, registers: bool, must_push: bool) -> Self {
        let algorithms = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
        let at = |path: &str| format!("{issuer}{path}");
        Self {
            issuer,
            authorization_endpoint: at(path::AUTHORIZE),
            device_authorization_endpoint: at(path::DEVICE_AUTHORIZATION),
            token_endpoint: at(path::TOKEN),
            userinfo_endpoint: at(path::USERINFO),
            jwks_uri: at(path::JWKS),
            introspection_endpoint: at(path::INTROSPECT),
            revocation_endpoint: at(path::REVOKE),
            end_session_endpoint: at(path::LOGOUT),
            pushed_authorization_request_endpoint: at(path::PAR),
            require_pushed_authorization_requests: must_push,
            registration_endpoint: registers.then(|| at(path::REGISTER)),
            scopes_supported: offer.scopes.iter().collect(),
            authorization_details_types_supported: offer.details_types.iter().collect(),
            claims_supported: CLAIMS,
            acr_values_supported: [ACR],
            response_types_supported: ["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str),
            grant_types_supported: GrantType::ALL.map(GrantType::as_str),
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            ui_locales_supported: ["en"],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: [
                "none",
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            token_endpoint_auth_signing_alg_values_supported: algorithms.to_vec(),
            introspection_endpoint_auth_methods_supported: [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            introspection_signing_alg_values_supported: algorithms,
            revocation_endpoint_auth_methods_supported: [
                "none",
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            dpop_signing_alg_values_supported: dpop::ALGORITHMS,
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms,
            userinfo_signing_alg_values_supported: algorithms,
            authorization_response_iss_parameter_supported: true,
            request_parameter_supported: true,
            require_signed_request_object: false,
            request_object_signing_alg_values_supported: algorithms,
            request_uri_parameter_supported: false,
            claims_parameter_supported: true,
            client_id_metadata_document_supported: offer.documents,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            gatepass_idempotency_key_supported: true,
        }
    }
}

/// The public halves of the signing keys (RFC 7517 §5).
#[derive(Debug, Serialize)]
pub struct KeySet {
    /// One public JWK each, with `kid`, `alg` and `use`.
    pub keys: Vec<Map<String, Value>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::client::registration::GrantTypes;
    use crate::scope::Scope;
    use serde_json::json;

    /// Everything that it says.
    fn document() -> Value {
        json!({
            "issuer": "http://localhost:4000",
            "authorization_endpoint": "http://localhost:4000/oauth/authorize",
            "device_authorization_endpoint": "http://localhost:4000/oauth/device_authorization",
            "token_endpoint": "http://localhost:4000/oauth/token",
            "userinfo_endpoint": "http://localhost:4000/oauth/userinfo",
            "jwks_uri": "http://localhost:4000/.well-known/jwks.json",
            "introspection_endpoint": "http://localhost:4000/oauth/introspect",
            "revocation_endpoint": "http://localhost:4000/oauth/revoke",
            "end_session_endpoint": "http://localhost:4000/oauth/logout",
            "pushed_authorization_request_endpoint": "http://localhost:4000/oauth/par",
            "require_pushed_authorization_requests": false,
            "registration_endpoint": "http://localhost:4000/oauth/register",
            "scopes_supported": ["openid", "read"],
            "authorization_details_types_supported": ["payment"],
            "claims_supported": [
                "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp",
                "at_hash", "sid", "name", "preferred_username", "email", "email_verified",
            ],
            "acr_values_supported":
                ["urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": [
                "authorization_code", "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code", "refresh_token",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "ui_locales_supported": ["en"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported":
                ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported":
                ["ES256", "RS256", "EdDSA", "Ed25519"],
            "introspection_endpoint_auth_methods_supported":
                ["client_secret_basic", "client_secret_post", "private_key_jwt"],
            "introspection_signing_alg_values_supported":
                ["ES256", "RS256", "EdDSA", "Ed25519"],
            "revocation_endpoint_auth_methods_supported":
                ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
            "dpop_signing_alg_values_supported": ["ES256", "RS256", "EdDSA", "Ed25519"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "EdDSA", "Ed25519"],
            "userinfo_signing_alg_values_supported": ["ES256", "RS256", "EdDSA", "Ed25519"],
            "authorization_response_iss_parameter_supported": true,
            "request_parameter_supported": true,
            "require_signed_request_object": false,
            "request_object_signing_alg_values_supported":
                ["ES256", "RS256", "EdDSA", "Ed25519"],
            "request_uri_parameter_supported": false,
            "claims_parameter_supported": true,
            "client_id_metadata_document_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "gatepass_idempotency_key_supported": true,
        })
    }

    #[test]
    fn the_document_says_what_the_provider_does() {
        let issuer = issuer();
        let scopes = Scope::parse("openid read").unwrap();
        let details_types = Scope::parse("payment").unwrap();
        let offer = Offer {
            scopes: &scopes,
            details_types: &details_types,
            grant_types: GrantTypes::WithAUser,
            documents: true,
        };
        let said = serde_json::to_value(Metadata::new(&issuer, offer, true, false)).unwrap();
        assert_eq!(said, document());
        let closed = serde_json::to_value(Metadata::new(&issuer, offer, false, true)).unwrap();
        assert_eq!(closed.get("registration_endpoint"), None);
        let must_push = closed.get("require_pushed_authorization_requests");
        assert_eq!(must_push, Some(&json!(true)));
    }

    #[test]
    fn a_key_set_is_a_list_of_jwks() {
        let Value::Object(key) = json!({ "kty": "EC", "kid": "k1" }) else {
            panic!("not an object")
        };
        let set = serde_json::to_string(&KeySet { keys: vec![key] }).unwrap();
        assert_eq!(set, r#"{"keys":[{"kid":"k1","kty":"EC"}]}"#);
    }
}
