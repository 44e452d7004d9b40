//! Clients of each kind, a user, and a provider to speak of.

use base64ct::{Base64, Encoding};
use gatepass_core::authorize::{Resources, state_token};
use gatepass_core::client::{
    Client, ClientAuthentication, ClientCredentials, ClientSettings, GrantType, RefreshBehaviour,
};
use gatepass_core::form::{self, Form};
use gatepass_core::id::{Audience, ClientId, Issuer, Subject};
use gatepass_core::jose::{SigningAlgorithm, SymmetricKey};
use gatepass_core::redirect::RedirectUri;
use gatepass_core::scope::Scope;
use gatepass_core::secret::ClientSecret;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::refresh;
use gatepass_core::userinfo::User;

/// When the tests begin.
pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The secret of every confidential client here.
pub const SECRET: &str = "a secret of the tests";

/// What every client here may ask for.
pub const SCOPE: &str = "email offline_access openid profile read write";

/// A verifier that PKCE accepts (RFC 7636 §4.1).
pub const VERIFIER: &str = "a-verifier-of-the-tests-with-enough-characters";

/// The provider.
pub fn issuer() -> Issuer {
    Issuer::parse("http://localhost:4000").unwrap()
}

/// The default resource, and one more.
pub fn resources() -> Resources {
    Resources {
        default: Audience::parse("http://localhost:5000").unwrap(),
        others: vec![Audience::parse("https://other.example").unwrap()],
    }
}

/// The key of refresh tokens.
pub fn refresh_token_key() -> SymmetricKey {
    SymmetricKey::derive(&[1; 32], refresh::KEY_PURPOSE)
}

/// The key of state tokens.
pub fn state_token_key() -> SymmetricKey {
    SymmetricKey::derive(&[1; 32], state_token::KEY_PURPOSE)
}

/// A public client whose refresh tokens rotate: the demo page.
pub fn demo() -> Client {
    Client {
        id: ClientId::parse("gatepass-demo").unwrap(),
        name: "Gatepass demo".to_owned(),
        authentication: ClientAuthentication::None,
        redirect_uris: vec![uri("http://localhost:3001/callback")],
        post_logout_redirect_uris: vec![uri("http://localhost:3001/")],
        origins: vec!["http://localhost:3001".to_owned()],
        scope: Scope::parse(SCOPE).unwrap(),
        grant_types: GrantType::ALL.to_vec(),
        refresh_behaviour: RefreshBehaviour::Rotate,
        is_first_party: true,
        may_introspect: false,
        settings: ClientSettings::default(),
    }
}

/// A confidential client whose refresh tokens rotate: the gateway.
pub fn gateway() -> Client {
    Client {
        id: ClientId::parse("gatepass-gateway").unwrap(),
        name: "Gatepass gateway".to_owned(),
        authentication: ClientAuthentication::SecretBasic(ClientSecret::new(SECRET).hash().into()),
        redirect_uris: vec![uri("http://localhost:3001/login/oauth2/code/gatepass")],
        origins: vec![],
        ..demo()
    }
}

/// A confidential client whose refresh token stays, and who hears of sign-outs.
pub fn persistent() -> Client {
    Client {
        settings: ClientSettings {
            backchannel_logout_uri: Some(uri("https://persistent.example/logout")),
            id_token_signed_response_alg: Some(SigningAlgorithm::EdDSA),
            ..ClientSettings::default()
        },
        id: ClientId::parse("persistent").unwrap(),
        name: "Persistent".to_owned(),
        authentication: ClientAuthentication::SecretPost(ClientSecret::new(SECRET).hash().into()),
        refresh_behaviour: RefreshBehaviour::Persistent,
        ..gateway()
    }
}

/// A public client that may redeem codes and nothing else.
pub fn without_refresh() -> Client {
    Client {
        id: ClientId::parse("without-refresh").unwrap(),
        name: "Without refresh".to_owned(),
        grant_types: vec![GrantType::AuthorizationCode],
        ..demo()
    }
}

/// How long the refresh tokens of [`brief`] live.
pub const BRIEF: Lifetime = Lifetime::from_seconds(60);

/// How long the access tokens of [`brief`] live.
pub const LONG: Lifetime = Lifetime::from_seconds(3_600);

/// A public client with lifetimes of its own: an access token outlives its refresh token.
pub fn brief() -> Client {
    Client {
        id: ClientId::parse("brief").unwrap(),
        name: "Brief".to_owned(),
        settings: ClientSettings {
            access_token_lifetime: Some(3_600),
            refresh_token_lifetime: Some(60),
            ..ClientSettings::default()
        },
        ..demo()
    }
}

/// A resource server, which may introspect any token.
pub fn api() -> Client {
    Client {
        id: ClientId::parse("gatepass-api").unwrap(),
        name: "Gatepass API".to_owned(),
        redirect_uris: vec![],
        post_logout_redirect_uris: vec![],
        scope: Scope::default(),
        grant_types: vec![],
        may_introspect: true,
        ..gateway()
    }
}

/// Every client here.
pub fn clients() -> Vec<Client> {
    vec![
        demo(),
        gateway(),
        persistent(),
        without_refresh(),
        brief(),
        api(),
    ]
}

/// The one user.
pub fn user() -> User {
    User {
        subject: Subject::parse("demo-user").unwrap(),
        username: "demo".to_owned(),
        name: Some("Demo User".to_owned()),
        email: Some("demo@example.com".to_owned()),
        email_verified: true,
    }
}

/// What a store holds of the user's password. No test hashes one.
pub const PASSWORD_HASH: &str = "$argon2id$not-a-hash";

/// The `Authorization` header and the body's parameters with which `client` proves itself.
pub fn authentication(client: &Client) -> (Option<String>, String) {
    let in_body = form::encode([("client_id", client.id.as_str())]);
    match client.authentication {
        // No test of the core signs: only what was verified elsewhere is believed.
        ClientAuthentication::None | ClientAuthentication::PrivateKeyJwt => (None, in_body),
        ClientAuthentication::SecretPost(_) => {
            let secret = form::encode([("client_secret", SECRET)]);
            (None, format!("{in_body}&{secret}"))
        }
        ClientAuthentication::SecretBasic(_) => (Some(basic(&client.id, SECRET)), String::new()),
    }
}

/// `Basic` credentials (RFC 6749 §2.3.1).
pub fn basic(id: &ClientId, secret: &str) -> String {
    // A name without a value ends in "=", which no encoded text contains.
    let encoded = |text: &str| form::encode([(text, "")]).replace('=', "");
    let pair = format!("{}:{}", encoded(id.as_str()), encoded(secret));
    format!("Basic {}", Base64::encode_string(pair.as_bytes()))
}

/// What `client` says of itself with another secret in its header.
pub fn credentials_with(client: &Client, secret: &str) -> ClientCredentials {
    let header = basic(&client.id, secret);
    ClientCredentials::parse(Some(&header), &Form::default()).unwrap()
}

/// What `client` says of itself in every request.
pub fn credentials(client: &Client) -> ClientCredentials {
    let (header, body) = authentication(client);
    ClientCredentials::parse(header.as_deref(), &Form::parse(&body).unwrap()).unwrap()
}

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_here_proves_itself() {
        for client in clients() {
            let id = client.id.clone();
            let proven = credentials(&client).authenticate(Some(client), NOW);
            assert_eq!(proven.unwrap().client().id, id);
        }
    }
}
