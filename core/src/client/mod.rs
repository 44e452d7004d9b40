//! Registered clients (RFC 6749 §2).

pub mod assertion;
mod authentication;
pub mod document;
mod keys;
pub mod registration;
mod settings;

pub use authentication::{
    AuthenticatedClient, AuthenticationFailure, ClientAuthentication, ClientCredentials,
    ClientSecrets,
};
pub use keys::ClientKeys;
pub use settings::{AccessTokenFormat, ClientSettings, TokenAlgorithms};

use crate::id::ClientId;
use crate::redirect::RedirectUri;
use crate::scope::Scope;

/// A client as the store holds it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its public name on the wire.
    pub id: ClientId,
    /// Its name for people.
    pub name: String,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Where authorization responses may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where the user may go after sign-out (OIDC RP-Initiated Logout §3.1).
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The web origins that may call the provider for it (CORS).
    pub origins: Vec<String>,
    /// The most it may ask for.
    pub scope: Scope,
    /// The grant types it may use.
    pub grant_types: Vec<GrantType>,
    /// What a refresh does to its refresh token.
    pub refresh_behaviour: RefreshBehaviour,
    /// It belongs to whoever runs the provider: users are not asked for consent.
    pub is_first_party: bool,
    /// It is a resource server and may ask about any token (RFC 7662 §2.1).
    pub may_introspect: bool,
    /// What else is settled with it.
    pub settings: ClientSettings,
}

impl Client {
    /// Whether it may sign users in with passwords that it asks for itself.
    pub fn may_sign_in_directly(&self) -> bool {
        self.is_first_party && self.settings.direct_sign_in
    }

    /// Whether it may use this grant type.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }
}

/// What a client may trade for tokens (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantType {
    /// `authorization_code` (RFC 6749 §4.1).
    AuthorizationCode,
    /// `client_credentials` (RFC 6749 §4.4).
    ClientCredentials,
    /// `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4).
    DeviceCode,
    /// `implicit`: an access token instead of a code (RFC 6749 §4.2).
    Implicit,
    /// `password` (RFC 6749 §4.3).
    Password,
    /// `refresh_token` (RFC 6749 §6).
    RefreshToken,
    /// `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693 §2.1).
    TokenExchange,
}

impl GrantType {
    /// Every grant type of this provider that clients should find.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCode,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::RefreshToken,
        Self::TokenExchange,
    ];

    /// The `grant_type` value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::Implicit => "implicit",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// What OAuth 2.1 has given up, and an administrator may let an old client still have.
    pub const LEGACY: [Self; 2] = [Self::Implicit, Self::Password];

    /// The grant type of this name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain(Self::LEGACY);
        all.into_iter()
            .find(|grant_type| grant_type.as_str() == text)
    }
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefreshBehaviour {
    /// Each refresh replaces it (RFC 9700 §4.14.2).
    Rotate,
    /// It stays; only for clients that prove themselves at each refresh.
    Persistent,
}

impl RefreshBehaviour {
    /// As the store has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Persistent => "persistent",
        }
    }

    /// Reads what the store has.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rotate, Self::Persistent]
            .into_iter()
            .find(|behaviour| behaviour.as_str() == text)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::form::Form;
    use crate::grant::tests::NOW;
    use crate::secret::ClientSecret;

    const SECRET: &str = "s3cret";

    /// A public client whose refresh tokens rotate.
    pub(crate) fn public() -> Client {
        Client {
            id: ClientId::parse("demo").unwrap(),
            name: "Demo".to_owned(),
            authentication: ClientAuthentication::None,
            redirect_uris: vec![RedirectUri::parse("http://localhost:3001/callback").unwrap()],
            post_logout_redirect_uris: vec![RedirectUri::parse("http://localhost:3001/").unwrap()],
            origins: vec![],
            scope: Scope::parse("openid profile email read write").unwrap(),
            grant_types: GrantType::ALL.to_vec(),
            refresh_behaviour: RefreshBehaviour::Rotate,
            is_first_party: true,
            may_introspect: false,
            settings: ClientSettings::default(),
        }
    }

    /// A confidential client whose refresh tokens rotate.
    pub(crate) fn confidential() -> Client {
        Client {
            id: ClientId::parse("gateway").unwrap(),
            authentication: ClientAuthentication::SecretPost(
                ClientSecret::new(SECRET).hash().into(),
            ),
            ..public()
        }
    }

    /// What `client` says of itself in a request.
    pub(crate) fn credentials(client: &Client) -> ClientCredentials {
        let secret = match client.authentication {
            ClientAuthentication::None => "",
            _ => SECRET,
        };
        let body = format!("client_id={}&client_secret={secret}", client.id);
        ClientCredentials::parse(None, &Form::parse(&body).unwrap()).unwrap()
    }

    /// `client`, proved.
    pub(crate) fn authenticated(client: Client) -> AuthenticatedClient {
        credentials(&client)
            .authenticate(Some(client), NOW)
            .unwrap()
    }

    #[test]
    fn grant_types_and_refresh_behaviours_keep_their_names() {
        assert_eq!(
            GrantType::ALL.map(GrantType::as_str),
            [
                "authorization_code",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:token-exchange"
            ]
        );
        for grant_type in GrantType::ALL.into_iter().chain(GrantType::LEGACY) {
            assert_eq!(GrantType::parse(grant_type.as_str()), Some(grant_type));
        }
        for behaviour in [RefreshBehaviour::Rotate, RefreshBehaviour::Persistent] {
            assert_eq!(RefreshBehaviour::parse(behaviour.as_str()), Some(behaviour));
        }
        for unknown in ["", "Password", "token", "Authorization_Code"] {
            assert_eq!(GrantType::parse(unknown), None, "{unknown:?}");
            assert_eq!(RefreshBehaviour::parse(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_client_may_use_what_it_registered() {
        let client = Client {
            grant_types: vec![GrantType::AuthorizationCode],
            ..public()
        };
        assert!(client.may_use(GrantType::AuthorizationCode));
        assert!(!client.may_use(GrantType::RefreshToken));
    }
}
