//! Sessions: a Durable Object each, which keeps the tokens and renews them under its own turn.
//!
//! ```text
//!   Worker --Question--> SessionObject   one for each session, named by the hash of its cookie's secret
//!          --Entry-----> SessionIndex    one for each user and each session of a provider: which sessions to end
//! ```
//!
//! With `GATEPASS_SESSION=cookie` the tokens are in cookies instead ([`in_cookies`]), and objects are asked for a
//! renewal alone ([`refresh`]), and whether the provider has ended a session ([`index`]).

pub(crate) mod in_cookies;
mod index;
mod object;
mod refresh;
mod stored;
mod tokens;

pub(crate) use index::{Entry, add, logout, remove};
pub(crate) use refresh::{Grant, REFRESHES, Renewal, ask as obtain};
pub(crate) use tokens::Kept;

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::gateway::cookie::{self, SameSite};
use gatepass_core::gateway::registration::RegistrationName;
use gatepass_core::gateway::session::{Ending, Need, Session};
use gatepass_core::id::Subject;
use gatepass_core::jose::Claims;
use gatepass_core::json;
use gatepass_core::secret::SecretHash;
use gatepass_core::time::Timestamp;
use gatepass_edge::{EdgeError, durable, http, log, random};
use serde::{Deserialize, Serialize};
use worker::{Env, Headers, Request, State};

use self::in_cookies::InCookies;
use crate::settings::Config;

/// The binding of the objects that are sessions.
pub(crate) const SESSIONS: &str = "SESSIONS";
/// The binding of the objects that know which sessions a user has.
pub(crate) const INDEX: &str = "SESSION_INDEX";

/// The cookie of a session.
const COOKIE: &str = "gatepass_session";

/// What opens a session: 256 random bits that only the browser keeps.
pub(crate) struct SessionSecret(String);

impl SessionSecret {
    /// A new one.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) fn new() -> Result<Self, EdgeError> {
        let bytes: [u8; 32] = random::bytes()?;
        Ok(Self(Base64UrlUnpadded::encode_string(&bytes)))
    }

    /// The one that a request brings along, if this gateway has made it: what is made up reaches no session.
    pub(crate) fn of(request: &Request, config: &Config) -> Option<Self> {
        let header = http::header(request, "Cookie")?;
        Self::parse(cookie::read(&header, COOKIE)?, config)
    }

    /// Reads what [`SessionSecret::signed`] wrote.
    pub(crate) fn parse(text: &str, config: &Config) -> Option<Self> {
        let (secret, tag) = text.split_once('.')?;
        let tag = Base64UrlUnpadded::decode_vec(tag).ok()?;
        let is_ours = config.cookie_key.authenticates(secret.as_bytes(), &tag);
        is_ours.then(|| Self(secret.to_owned()))
    }

    /// As the cookie has it.
    pub(crate) fn signed(&self, config: &Config) -> String {
        let tag = config.cookie_key.authenticate(self.0.as_bytes());
        format!("{}.{}", self.0, Base64UrlUnpadded::encode_string(&tag))
    }

    /// The `Set-Cookie` value.
    pub(crate) fn cookie(&self, config: &Config) -> String {
        let seconds = config.policy.absolute.seconds();
        cookie::set(COOKIE, &self.signed(config), seconds, SameSite::Strict)
    }

    /// The session's name, which opens nothing.
    pub(crate) fn name(&self) -> String {
        SecretHash::of(&self.0).to_base64url()
    }
}

impl core::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionSecret([redacted])")
    }
}

/// The `Set-Cookie` value that removes the session's cookie.
pub(crate) fn clear_cookie() -> String {
    cookie::clear(COOKIE)
}

/// What a session is asked.
#[derive(Deserialize, Serialize)]
enum Question {
    /// To begin.
    Begin {
        secret: String,
        session: Box<Session>,
        tokens: Kept,
    },
    /// For a token; for one of a later generation than this, if that is given.
    Token {
        secret: String,
        newer_than: Option<u32>,
    },
    /// What it is.
    Describe,
    /// To end. Without the secret nobody learns what is to be given back.
    End {
        secret: Option<String>,
        ending: Ending,
    },
}

/// What it answers.
#[derive(Deserialize, Serialize)]
enum Answer {
    /// It has begun.
    Begun,
    /// There is no such session.
    Nobody,
    /// A token.
    Token(Ticket),
    /// There is no other token than the one that was refused.
    HandOn,
    /// Not now.
    Unavailable { seconds: i64 },
    /// It is over.
    Over { ending: Ending },
    /// What it is.
    Described(Description),
    /// It has ended just now.
    Ended(Box<Ended>),
}

/// An access token for one request.
#[derive(Deserialize, Serialize)]
pub(crate) struct Ticket {
    pub(crate) access_token: String,
    pub(crate) generation: u32,
    /// The key to prove with it, if it is bound to one: whoever sends the request makes the proof, and makes it anew
    /// if the API wants a nonce, without asking again.
    #[serde(default)]
    pub(crate) key: Option<String>,
}

/// What a session says of itself.
#[derive(Deserialize, Serialize)]
pub(crate) struct Description {
    pub(crate) registration: RegistrationName,
    pub(crate) user: Claims,
    pub(crate) expires_at: Timestamp,
    /// Why it is over, if it is.
    pub(crate) ending: Option<Ending>,
}

/// What is left to do for a session that has ended.
#[derive(Deserialize, Serialize)]
pub(crate) struct Ended {
    pub(crate) registration: RegistrationName,
    pub(crate) subject: Subject,
    pub(crate) sid: Option<String>,
    /// To be given back.
    pub(crate) refresh_token: Option<String>,
    /// Says who signs out.
    pub(crate) id_token: Option<String>,
}

/// What there is for a call.
pub(crate) enum Access {
    /// A token.
    Token(Ticket),
    /// What the API said is handed on.
    HandOn,
    /// The provider does not answer: come back after so many seconds.
    Unavailable(i64),
    /// Nobody is signed in, for this reason if it is known.
    Over(Option<Ending>),
}

/// Where sessions are kept: `GATEPASS_SESSION`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Storage {
    /// `object`: in a Durable Object each.
    Object,
    /// `cookie`: in cookies of the browser.
    Cookies,
}

/// The session that a request brings along.
pub(crate) enum Opened {
    /// In a Durable Object.
    Object(SessionSecret),
    /// In the request itself.
    Cookies(Box<InCookies>),
}

impl Opened {
    /// The one that a request brings along, if this gateway has made it.
    pub(crate) async fn of(request: &Request, config: &Config) -> Option<Self> {
        match config.storage {
            Storage::Object => SessionSecret::of(request, config).map(Self::Object),
            Storage::Cookies => {
                let found = InCookies::of(request, config).await?;
                Some(Self::Cookies(Box::new(found)))
            }
        }
    }

    /// What there is for a call. `headers` gets the cookies of what has changed.
    ///
    /// # Errors
    ///
    /// When a Durable Object cannot be reached.
    pub(crate) async fn access(
        &mut self,
        need: Need,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<Access, EdgeError> {
        match self {
            Self::Object(secret) => access(env, secret, need).await,
            Self::Cookies(session) => session.access(need, env, config, headers).await,
        }
    }

    /// What it says of itself; `None` if there is none. `headers` gets the cookies of what has changed.
    ///
    /// # Errors
    ///
    /// When a Durable Object cannot be reached.
    pub(crate) async fn describe(
        &mut self,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<Option<Description>, EdgeError> {
        match self {
            Self::Object(secret) => describe(env, secret).await,
            Self::Cookies(session) => session.describe(env, config, headers).await.map(Some),
        }
    }
}

/// Begins a session.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub(crate) async fn begin(
    env: &Env,
    secret: &SessionSecret,
    session: Session,
    tokens: Kept,
) -> Result<(), EdgeError> {
    let question = Question::Begin {
        secret: secret.0.clone(),
        session: Box::new(session),
        tokens,
    };
    match ask(env, &secret.name(), &question).await? {
        Answer::Begun => Ok(()),
        _ => Err(unexpected()),
    }
}

/// Asks for an access token.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
async fn access(env: &Env, secret: &SessionSecret, need: Need) -> Result<Access, EdgeError> {
    let question = Question::Token {
        secret: secret.0.clone(),
        newer_than: match need {
            Need::Token => None,
            Need::NewerThan(generation) => Some(generation),
        },
    };
    Ok(match ask(env, &secret.name(), &question).await? {
        Answer::Token(ticket) => Access::Token(ticket),
        Answer::HandOn => Access::HandOn,
        Answer::Unavailable { seconds } => Access::Unavailable(seconds),
        Answer::Over { ending } => Access::Over(Some(ending)),
        Answer::Nobody => Access::Over(None),
        Answer::Begun | Answer::Described(_) | Answer::Ended(_) => return Err(unexpected()),
    })
}

/// What the session says of itself; `None` if there is none.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
async fn describe(env: &Env, secret: &SessionSecret) -> Result<Option<Description>, EdgeError> {
    match ask(env, &secret.name(), &Question::Describe).await? {
        Answer::Described(description) => Ok(Some(description)),
        Answer::Nobody => Ok(None),
        _ => Err(unexpected()),
    }
}

/// Ends a session; `None` if it had ended.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub(crate) async fn end(
    env: &Env,
    secret: &SessionSecret,
    ending: Ending,
) -> Result<Option<Ended>, EdgeError> {
    let question = Question::End {
        secret: Some(secret.0.clone()),
        ending,
    };
    ended(ask(env, &secret.name(), &question).await?)
}

/// Ends the session of this name, of which nobody has the secret here; whether there was anything to end.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub(crate) async fn end_named(env: &Env, name: &str, ending: Ending) -> Result<bool, EdgeError> {
    let question = Question::End {
        secret: None,
        ending,
    };
    Ok(ended(ask(env, name, &question).await?)?.is_some())
}

fn ended(answer: Answer) -> Result<Option<Ended>, EdgeError> {
    match answer {
        Answer::Ended(ended) => Ok(Some(*ended)),
        Answer::Over { .. } | Answer::Nobody => Ok(None),
        _ => Err(unexpected()),
    }
}

async fn ask(env: &Env, name: &str, question: &Question) -> Result<Answer, EdgeError> {
    let question = serde_json::to_string(question)?;
    Ok(json::read(
        &durable::ask_again(env, SESSIONS, name, &question).await?,
    )?)
}

/// How soon an alarm comes again that has failed, in milliseconds.
const AGAIN: i64 = 15 * 60 * 1_000;

/// What an alarm comes to. The platform tries one that fails again a few times and then drops it for good, and with it
/// whatever was to be deleted: it is set anew instead, until it succeeds.
async fn again_if_failed(
    done: Result<(), EdgeError>,
    state: &State,
) -> worker::Result<worker::Response> {
    if let Err(error) = done {
        note("alarm_failed", &error);
        state.storage().set_alarm(AGAIN).await?;
    }
    worker::Response::empty()
}

fn note(event: &'static str, error: &EdgeError) {
    log::event(&log::Event {
        request_id: "",
        event,
        about: "session",
        reason: &error.to_string(),
    });
}

fn unexpected() -> EdgeError {
    EdgeError::Runtime("a session has answered another question".to_owned())
}
