//! Rows, and how they become values of the core. A row is parsed again: what was stored may have
//! been changed by hand.

mod visitor;

pub(super) use visitor::VisitorRow;

use gatepass_core::authorize::SignIn;
use gatepass_core::client::registration::Registration;
use gatepass_core::client::{
    Client, ClientAuthentication, ClientSecrets, GrantType, RefreshBehaviour,
};
use gatepass_core::grant::code::{CodeRecord, CodeStatus};
use gatepass_core::grant::{
    AuthenticationMethod, EndReason, Grant, GrantStatus, Session, SessionStatus,
};
use gatepass_core::id::{Audience, BrowserId, ClientId, GrantId, JwtId, Nonce, SignInId, Subject};
use gatepass_core::pkce::CodeChallenge;
use gatepass_core::redirect::{InvalidRedirectUri, RedirectUri};
use gatepass_core::scope::Scope;
use gatepass_core::secret::{PasswordHash, SecretHash};
use gatepass_core::time::Timestamp;
use gatepass_core::userinfo::{Account, User};
use gatepass_edge::EdgeError;
use serde::Deserialize;

/// A column does not hold what its table says.
#[derive(Debug)]
pub(super) struct Corrupt(pub(super) &'static str);

impl From<Corrupt> for EdgeError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.0)
    }
}

/// Names the column that a value was read from.
pub(super) fn column<T, E>(name: &'static str, value: Result<T, E>) -> Result<T, Corrupt> {
    value.map_err(|_| Corrupt(name))
}

/// The columns of a client.
pub(super) const CLIENT: &str = "c.client_id, c.name, c.auth_method, c.secret_hash, \
     c.previous_secret_hash, c.previous_secret_expires_at, \
     c.redirect_uris, c.post_logout_redirect_uris, c.origins, c.scope AS client_scope, \
     c.grant_types, c.refresh_behaviour, c.is_first_party, c.may_introspect, c.settings";

#[derive(Deserialize)]
pub(super) struct ClientRow {
    client_id: String,
    name: String,
    auth_method: String,
    secret_hash: Option<String>,
    previous_secret_hash: Option<String>,
    previous_secret_expires_at: Option<Timestamp>,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    origins: String,
    client_scope: String,
    grant_types: String,
    refresh_behaviour: String,
    is_first_party: u8,
    may_introspect: u8,
    settings: String,
}

impl TryFrom<ClientRow> for Client {
    type Error = Corrupt;

    fn try_from(row: ClientRow) -> Result<Self, Corrupt> {
        let authentication = match (row.auth_method.as_str(), secrets(&row)?) {
            ("none", None) => ClientAuthentication::None,
            ("private_key_jwt", None) => ClientAuthentication::PrivateKeyJwt,
            ("client_secret_basic", Some(secrets)) => ClientAuthentication::SecretBasic(secrets),
            ("client_secret_post", Some(secrets)) => ClientAuthentication::SecretPost(secrets),
            _ => return Err(Corrupt("clients.auth_method")),
        };
        let grant_types = list(&row.grant_types)
            .map(|name| GrantType::parse(name).ok_or(Corrupt("clients.grant_types")));
        let behaviour = RefreshBehaviour::parse(&row.refresh_behaviour);
        Ok(Self {
            id: column("clients.client_id", ClientId::parse(&row.client_id))?,
            name: row.name,
            authentication,
            redirect_uris: column("clients.redirect_uris", uris(&row.redirect_uris))?,
            post_logout_redirect_uris: column(
                "clients.post_logout_redirect_uris",
                uris(&row.post_logout_redirect_uris),
            )?,
            origins: list(&row.origins).map(str::to_owned).collect(),
            scope: column("clients.scope", Scope::parse(&row.client_scope))?,
            grant_types: grant_types.collect::<Result<_, _>>()?,
            refresh_behaviour: behaviour.ok_or(Corrupt("clients.refresh_behaviour"))?,
            is_first_party: row.is_first_party == 1,
            may_introspect: row.may_introspect == 1,
            settings: column("clients.settings", serde_json::from_str(&row.settings))?,
        })
    }
}

fn secrets(row: &ClientRow) -> Result<Option<ClientSecrets>, Corrupt> {
    let read = |name, text: &Option<String>| match text.as_deref() {
        None => Ok(None),
        Some(text) => SecretHash::from_base64url(text)
            .map(Some)
            .ok_or(Corrupt(name)),
    };
    let previous = read("clients.previous_secret_hash", &row.previous_secret_hash)?;
    let current = read("clients.secret_hash", &row.secret_hash)?;
    Ok(current.map(|current| ClientSecrets {
        current,
        previous: previous.zip(row.previous_secret_expires_at),
    }))
}

/// A registered client's row, and what only its registration needs.
#[derive(Deserialize)]
pub(super) struct RegistrationRow {
    registration_token_hash: String,
    created_at: Timestamp,
    #[serde(flatten)]
    client: ClientRow,
}

impl TryFrom<RegistrationRow> for Registration {
    type Error = Corrupt;

    fn try_from(row: RegistrationRow) -> Result<Self, Corrupt> {
        let token = SecretHash::from_base64url(&row.registration_token_hash);
        Ok(Self {
            client: row.client.try_into()?,
            token: token.ok_or(Corrupt("clients.registration_token_hash"))?,
            issued_at: row.created_at,
        })
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|item| !item.is_empty())
}

fn uris(text: &str) -> Result<Vec<RedirectUri>, InvalidRedirectUri> {
    list(text).map(RedirectUri::parse).collect()
}

/// The columns of a sign-in.
pub(super) const SIGN_IN: &str = "sign_in_id, browser_id, user_id, auth_time, amr, expires_at";

#[derive(Deserialize)]
pub(super) struct SignInRow {
    sign_in_id: String,
    browser_id: String,
    user_id: String,
    auth_time: Timestamp,
    amr: String,
    expires_at: Timestamp,
}

impl TryFrom<SignInRow> for SignIn {
    type Error = Corrupt;

    fn try_from(row: SignInRow) -> Result<Self, Corrupt> {
        let amr = list(&row.amr)
            .map(AuthenticationMethod::parse)
            .collect::<Option<_>>();
        Ok(Self {
            id: column("sign_ins.sign_in_id", SignInId::parse(&row.sign_in_id))?,
            browser: column("sign_ins.browser_id", BrowserId::parse(&row.browser_id))?,
            subject: column("sign_ins.user_id", Subject::parse(&row.user_id))?,
            auth_time: row.auth_time,
            amr: amr.ok_or(Corrupt("sign_ins.amr"))?,
            expires_at: row.expires_at,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct UserRow {
    user_id: String,
    username: String,
    password_hash: String,
    name: Option<String>,
    email: Option<String>,
    email_verified: u8,
}

impl TryFrom<UserRow> for User {
    type Error = Corrupt;

    fn try_from(row: UserRow) -> Result<Self, Corrupt> {
        Ok(Self {
            subject: column("users.user_id", Subject::parse(&row.user_id))?,
            username: row.username,
            name: row.name,
            email: row.email,
            email_verified: row.email_verified == 1,
        })
    }
}

impl TryFrom<UserRow> for Account {
    type Error = Corrupt;

    fn try_from(row: UserRow) -> Result<Self, Corrupt> {
        Ok(Self {
            password_hash: PasswordHash::new(row.password_hash.as_str()),
            user: row.try_into()?,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct CodeRow {
    code_hash: String,
    client_id: String,
    redirect_uri: String,
    browser_id: String,
    user_id: String,
    auth_time: Timestamp,
    details: String,
    scope: String,
    audience: String,
    nonce: Option<String>,
    challenge: String,
    expires_at: Timestamp,
    redeemed_at: Option<Timestamp>,
    grant_id: Option<String>,
}

impl TryFrom<CodeRow> for CodeRecord {
    type Error = Corrupt;

    fn try_from(row: CodeRow) -> Result<Self, Corrupt> {
        let status = match (row.redeemed_at, row.grant_id) {
            (None, None) => CodeStatus::Unused,
            (Some(at), Some(id)) => CodeStatus::Redeemed {
                at,
                grant_id: column("codes.grant_id", GrantId::parse(&id))?,
            },
            _ => return Err(Corrupt("codes.redeemed_at")),
        };
        let hash = SecretHash::from_base64url(&row.code_hash);
        let challenge = CodeChallenge::from_base64url(&row.challenge);
        Ok(Self {
            hash: hash.ok_or(Corrupt("codes.code_hash"))?,
            client_id: column("codes.client_id", ClientId::parse(&row.client_id))?,
            redirect_uri: column("codes.redirect_uri", RedirectUri::parse(&row.redirect_uri))?,
            browser: column("codes.browser_id", BrowserId::parse(&row.browser_id))?,
            subject: column("codes.user_id", Subject::parse(&row.user_id))?,
            auth_time: row.auth_time,
            details: column("codes.details", serde_json::from_str(&row.details))?,
            scope: column("codes.scope", Scope::parse(&row.scope))?,
            audience: column("codes.audience", Audience::parse(&row.audience))?,
            nonce: column(
                "codes.nonce",
                row.nonce.as_deref().map(Nonce::parse).transpose(),
            )?,
            challenge: challenge.ok_or(Corrupt("codes.challenge"))?,
            expires_at: row.expires_at,
            status,
        })
    }
}

/// The columns of a grant.
pub(super) const GRANT: &str = "g.grant_id, g.browser_id, g.user_id, g.client_id, g.scope, \
     g.audience, g.auth_time, g.details, g.status, g.end_reason, g.created_at, g.expires_at";

#[derive(Deserialize)]
pub(super) struct GrantRow {
    grant_id: String,
    browser_id: String,
    user_id: String,
    client_id: String,
    scope: String,
    audience: String,
    auth_time: Timestamp,
    details: String,
    status: String,
    end_reason: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl TryFrom<GrantRow> for Grant {
    type Error = Corrupt;

    fn try_from(row: GrantRow) -> Result<Self, Corrupt> {
        let status = match (row.status.as_str(), row.end_reason.as_deref()) {
            ("active", None) => GrantStatus::Active,
            ("ended", Some(reason)) => {
                GrantStatus::Ended(EndReason::parse(reason).ok_or(Corrupt("grants.end_reason"))?)
            }
            _ => return Err(Corrupt("grants.status")),
        };
        Ok(Self {
            id: column("grants.grant_id", GrantId::parse(&row.grant_id))?,
            browser: column("grants.browser_id", BrowserId::parse(&row.browser_id))?,
            subject: column("grants.user_id", Subject::parse(&row.user_id))?,
            client_id: column("grants.client_id", ClientId::parse(&row.client_id))?,
            scope: column("grants.scope", Scope::parse(&row.scope))?,
            audience: column("grants.audience", Audience::parse(&row.audience))?,
            auth_time: row.auth_time,
            details: column("grants.details", serde_json::from_str(&row.details))?,
            status,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

/// The columns of a session.
pub(super) const SESSION: &str = "s.refresh_jti, s.grant_id, s.access_jti, s.generation, s.status, \
     s.issued_at, s.expires_at, s.refreshed_at, s.successor";

#[derive(Deserialize)]
pub(super) struct SessionRow {
    refresh_jti: String,
    grant_id: String,
    access_jti: String,
    generation: u32,
    status: String,
    issued_at: Timestamp,
    expires_at: Timestamp,
    refreshed_at: Option<Timestamp>,
    successor: Option<String>,
}

impl TryFrom<SessionRow> for Session {
    type Error = Corrupt;

    fn try_from(row: SessionRow) -> Result<Self, Corrupt> {
        let status = match (row.status.as_str(), row.refreshed_at, row.successor) {
            ("active", None, None) => SessionStatus::Active,
            ("refreshed", Some(at), Some(successor)) => SessionStatus::Refreshed {
                at,
                successor: column("sessions.successor", JwtId::parse(&successor))?,
            },
            _ => return Err(Corrupt("sessions.status")),
        };
        Ok(Self {
            refresh_jti: column("sessions.refresh_jti", JwtId::parse(&row.refresh_jti))?,
            grant_id: column("sessions.grant_id", GrantId::parse(&row.grant_id))?,
            access_jti: column("sessions.access_jti", JwtId::parse(&row.access_jti))?,
            generation: row.generation,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            status,
        })
    }
}
