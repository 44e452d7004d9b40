//! How rows become values of the core. A row is parsed again: what was stored may have been changed by
//! hand.

use gatepass_core::authorize::{Consent, SignIn, Visitor};
use gatepass_core::client::registration::Registration;
use gatepass_core::client::{
    Client, ClientAuthentication, ClientSecrets, ClientSettings, GrantType, RefreshBehaviour,
};
use gatepass_core::grant::code::{CodeRecord, CodeStatus};
use gatepass_core::grant::{
    AuthenticationMethod, EndReason, Grant, GrantStatus, Session, SessionStatus,
};
use gatepass_core::id::{Audience, BrowserId, ClientId, GrantId, JwtId, Nonce, SignInId, Subject};
use gatepass_core::json;
use gatepass_core::logout::back_channel::Departure;
use gatepass_core::pkce::CodeChallenge;
use gatepass_core::redirect::{InvalidRedirectUri, RedirectUri};
use gatepass_core::scope::Scope;
use gatepass_core::secret::{PasswordHash, SecretHash};
use gatepass_core::status_list::StatusIndex;
use gatepass_core::userinfo::{Account, User};
use gatepass_edge::EdgeError;
use gatepass_edge::d1::Row;

/// The columns of a client.
pub(super) const CLIENT: &str = "c.client_id, c.name, c.auth_method, c.secret_hash, \
     c.previous_secret_hash, c.previous_secret_expires_at, \
     c.redirect_uris, c.post_logout_redirect_uris, c.origins, c.scope, \
     c.grant_types, c.refresh_behaviour, c.is_first_party, c.may_introspect, c.settings";

pub(super) fn client(row: &Row) -> Result<Client, EdgeError> {
    let method = "clients.auth_method";
    let authentication = match (row.text(method)?, secrets(row)?) {
        ("none", None) => ClientAuthentication::None,
        ("private_key_jwt", None) => ClientAuthentication::PrivateKeyJwt,
        ("client_secret_basic", Some(secrets)) => ClientAuthentication::SecretBasic(secrets),
        ("client_secret_post", Some(secrets)) => ClientAuthentication::SecretPost(secrets),
        _ => return Err(EdgeError::Corrupt(method)),
    };
    let grant_types = |text: &str| list(text).map(GrantType::parse).collect();
    Ok(Client {
        id: row.parse("clients.client_id", ClientId::parse)?,
        name: row.text("clients.name")?.to_owned(),
        authentication,
        redirect_uris: row.parse("clients.redirect_uris", uris)?,
        post_logout_redirect_uris: row.parse("clients.post_logout_redirect_uris", uris)?,
        origins: list(row.text("clients.origins")?)
            .map(str::to_owned)
            .collect(),
        scope: row.parse("clients.scope", Scope::parse)?,
        grant_types: row.known("clients.grant_types", grant_types)?,
        refresh_behaviour: row.known("clients.refresh_behaviour", RefreshBehaviour::parse)?,
        is_first_party: row.flag("clients.is_first_party")?,
        may_introspect: row.flag("clients.may_introspect")?,
        settings: row.json("clients.settings")?,
    })
}

fn secrets(row: &Row) -> Result<Option<ClientSecrets>, EdgeError> {
    let current = row.parse_optional("clients.secret_hash", hash)?;
    let previous = row.parse_optional("clients.previous_secret_hash", hash)?;
    let until = row.optional_time("clients.previous_secret_expires_at")?;
    Ok(current.map(|current| ClientSecrets {
        current,
        previous: previous.zip(until),
    }))
}

/// A registered client's row, and what only its registration needs.
pub(super) fn registration(row: &Row) -> Result<Registration, EdgeError> {
    Ok(Registration {
        client: client(row)?,
        token: row.parse("clients.registration_token_hash", hash)?,
        issued_at: row.time("clients.created_at")?,
    })
}

/// A client's settings, with whom of its users they are looked at for.
pub(super) fn departure(row: &Row) -> Result<Option<Departure>, EdgeError> {
    let client_id = row.parse("grants.client_id", ClientId::parse)?;
    let subject = row.parse("grants.user_id", Subject::parse)?;
    let settings: ClientSettings = row.json("clients.settings")?;
    Ok(settings.departure(&client_id, &subject))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|item| !item.is_empty())
}

fn uris(text: &str) -> Result<Vec<RedirectUri>, InvalidRedirectUri> {
    list(text).map(RedirectUri::parse).collect()
}

/// What is kept as its SHA-256.
pub(super) fn hash(text: &str) -> Result<SecretHash, ()> {
    SecretHash::from_base64url(text).ok_or(())
}

/// The columns of a sign-in.
pub(super) const SIGN_IN: &str = "sign_in_id, browser_id, user_id, auth_time, amr, expires_at";

pub(super) fn sign_in(row: &Row) -> Result<SignIn, EdgeError> {
    let amr = |text: &str| list(text).map(AuthenticationMethod::parse).collect();
    Ok(SignIn {
        id: row.parse("sign_ins.sign_in_id", SignInId::parse)?,
        browser: row.parse("sign_ins.browser_id", BrowserId::parse)?,
        subject: row.parse("sign_ins.user_id", Subject::parse)?,
        auth_time: row.time("sign_ins.auth_time")?,
        amr: row.known("sign_ins.amr", amr)?,
        expires_at: row.time("sign_ins.expires_at")?,
    })
}

/// Who is signed in, and what they have answered about a client.
pub(super) fn visitor(row: &Row) -> Result<Visitor, EdgeError> {
    Ok(Visitor {
        sign_in: sign_in(row)?,
        username: row.text("users.username")?.to_owned(),
        consent: row.parse_optional("consents.scopes", consent)?,
    })
}

/// Where the details stand among the scopes of an answer: no scope has a space in it.
pub(super) const DETAILS: &str = " details";

fn consent(scopes: &str) -> Result<Consent, ()> {
    let mut answers = json::object(scopes.as_bytes()).map_err(drop)?;
    let details = answers.remove(DETAILS).map(serde_json::from_value);
    let answered = |answer: bool| {
        let tokens = answers.iter().filter(|(_, allowed)| **allowed == answer);
        let tokens: Vec<_> = tokens.map(|(token, _)| token.as_str()).collect();
        Scope::parse(&tokens.join(" ")).map_err(drop)
    };
    Ok(Consent {
        allowed: answered(true)?,
        declined: answered(false)?,
        details: details.transpose().map_err(drop)?.unwrap_or_default(),
    })
}

pub(super) fn user(row: &Row) -> Result<User, EdgeError> {
    let optional = |column| Ok::<_, EdgeError>(row.optional_text(column)?.map(str::to_owned));
    Ok(User {
        subject: row.parse("users.user_id", Subject::parse)?,
        username: row.text("users.username")?.to_owned(),
        name: optional("users.name")?,
        email: optional("users.email")?,
        email_verified: row.flag("users.email_verified")?,
    })
}

pub(super) fn account(row: &Row) -> Result<Account, EdgeError> {
    Ok(Account {
        password_hash: PasswordHash::new(row.text("users.password_hash")?),
        user: user(row)?,
    })
}

pub(super) fn code(row: &Row) -> Result<CodeRecord, EdgeError> {
    let redeemed_at = row.optional_time("codes.redeemed_at")?;
    let status = match (
        redeemed_at,
        row.parse_optional("codes.grant_id", GrantId::parse)?,
    ) {
        (None, None) => CodeStatus::Unused,
        (Some(at), Some(grant_id)) => CodeStatus::Redeemed { at, grant_id },
        _ => return Err(EdgeError::Corrupt("codes.redeemed_at")),
    };
    Ok(CodeRecord {
        hash: row.parse("codes.code_hash", hash)?,
        client_id: row.parse("codes.client_id", ClientId::parse)?,
        redirect_uri: row.parse("codes.redirect_uri", RedirectUri::parse)?,
        browser: row.parse("codes.browser_id", BrowserId::parse)?,
        subject: row.parse("codes.user_id", Subject::parse)?,
        auth_time: row.time("codes.auth_time")?,
        details: row.json("codes.details")?,
        scope: row.parse("codes.scope", Scope::parse)?,
        audience: row.parse("codes.audience", Audience::parse)?,
        nonce: row.parse_optional("codes.nonce", Nonce::parse)?,
        challenge: row.known("codes.challenge", CodeChallenge::from_base64url)?,
        expires_at: row.time("codes.expires_at")?,
        status,
    })
}

/// The columns of a grant.
pub(super) const GRANT: &str = "g.grant_id, g.browser_id, g.user_id, g.client_id, g.scope, \
     g.audience, g.auth_time, g.details, g.status, g.end_reason, g.created_at, g.expires_at, \
     g.status_index";

pub(super) fn grant(row: &Row) -> Result<Grant, EdgeError> {
    let column = "grants.status";
    let reason = "grants.end_reason";
    let status = match (row.text(column)?, row.optional_text(reason)?) {
        ("active", None) => GrantStatus::Active,
        ("ended", Some(_)) => GrantStatus::Ended(row.known(reason, EndReason::parse)?),
        _ => return Err(EdgeError::Corrupt(column)),
    };
    Ok(Grant {
        id: row.parse("grants.grant_id", GrantId::parse)?,
        browser: row.parse("grants.browser_id", BrowserId::parse)?,
        subject: row.parse("grants.user_id", Subject::parse)?,
        client_id: row.parse("grants.client_id", ClientId::parse)?,
        scope: row.parse("grants.scope", Scope::parse)?,
        audience: row.parse("grants.audience", Audience::parse)?,
        auth_time: row.time("grants.auth_time")?,
        details: row.json("grants.details")?,
        status,
        created_at: row.time("grants.created_at")?,
        expires_at: row.time("grants.expires_at")?,
        status_index: status_index(row)?,
    })
}

pub(super) fn status_index(row: &Row) -> Result<StatusIndex, EdgeError> {
    let column = "grants.status_index";
    StatusIndex::from_number(row.integer(column)?).ok_or(EdgeError::Corrupt(column))
}

/// The columns of a session.
pub(super) const SESSION: &str = "s.refresh_jti, s.grant_id, s.access_jti, s.generation, s.status, \
     s.issued_at, s.expires_at, s.refreshed_at, s.successor";

pub(super) fn session(row: &Row) -> Result<Session, EdgeError> {
    let column = "sessions.status";
    let refreshed_at = row.optional_time("sessions.refreshed_at")?;
    let successor = row.parse_optional("sessions.successor", JwtId::parse)?;
    let status = match (row.text(column)?, refreshed_at, successor) {
        ("active", None, None) => SessionStatus::Active,
        ("refreshed", Some(at), Some(successor)) => SessionStatus::Refreshed { at, successor },
        _ => return Err(EdgeError::Corrupt(column)),
    };
    Ok(Session {
        refresh_jti: row.parse("sessions.refresh_jti", JwtId::parse)?,
        grant_id: row.parse("sessions.grant_id", GrantId::parse)?,
        access_jti: row.parse("sessions.access_jti", JwtId::parse)?,
        generation: row.number("sessions.generation")?,
        issued_at: row.time("sessions.issued_at")?,
        expires_at: row.time("sessions.expires_at")?,
        status,
    })
}
