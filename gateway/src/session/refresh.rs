//! One use of what a provider takes once: a refresh token that many requests bring along in cookies at once, or the code
//! of a sign-in, with which a browser comes again that did not get the answer. An object for each, in which the first
//! asks the provider and the others, also those that come a little later, get the same answer. It is kept in memory
//! for a minute, and nowhere else.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::gateway::registration::{Parties, Registration, RegistrationName};
use gatepass_core::gateway::session::pause;
use gatepass_core::json;
use gatepass_core::secret::SecretHash;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::flight::Flight;
use gatepass_edge::{EdgeError, clock, durable, log};
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::Kept;
use crate::provider;
use crate::settings::Config;

/// The binding of these objects.
pub(crate) const REFRESHES: &str = "REFRESHES";

/// For how long whoever comes with the same gets the answer.
const REMEMBERED: Lifetime = Lifetime::from_minutes(1);
/// How long nobody asks the provider again that has failed.
const PAUSE: Lifetime = Lifetime::from_seconds(1);

/// What the provider takes once.
#[derive(Deserialize, Serialize)]
pub(crate) enum Grant {
    /// A refresh token.
    Refresh {
        token: String,
        /// The hash of the access token that does not do any more. What is remembered does not do either if it is that:
        /// a provider that rotates nothing has the same refresh token used again.
        spent: String,
    },
    /// The code of a sign-in.
    Code {
        code: String,
        /// Only the browser that has begun the sign-in has it.
        verifier: String,
    },
}

impl Grant {
    /// The refresh token of a session, if it has one.
    pub(crate) fn refreshing(kept: &Kept) -> Option<Self> {
        Some(Self::Refresh {
            token: kept.refresh.clone()?,
            spent: SecretHash::of(&kept.access).to_base64url(),
        })
    }

    /// The name of its object, which nobody knows who does not have all of it. What one provider says to one client is
    /// nothing to others.
    fn name(&self, parties: &Parties) -> String {
        let whole = match self {
            Self::Refresh { token, .. } => format!("{token} {parties}"),
            Self::Code { code, verifier } => format!("{code} {verifier} {parties}"),
        };
        SecretHash::of(&whole).to_base64url()
    }

    /// Whether it has come of what does not do any more.
    fn is_spent(&self, renewal: &Renewal) -> bool {
        match (self, renewal) {
            (Self::Refresh { spent, .. }, Renewal::Tokens { tokens, .. }) => {
                SecretHash::of(&tokens.access).to_base64url() == *spent
            }
            _ => false,
        }
    }
}

#[derive(Deserialize, Serialize)]
struct Question {
    registration: RegistrationName,
    /// Who the provider and the client are to whoever asks: the object may still run, or already, with another
    /// configuration.
    #[serde(default)]
    parties: Option<Parties>,
    grant: Grant,
    /// The key that is proved with it, if the session has one.
    #[serde(default)]
    key: Option<String>,
}

/// What came of it.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) enum Renewal {
    /// These tokens.
    Tokens {
        tokens: Kept,
        expires_in: Option<Lifetime>,
    },
    /// The provider does not take it, or not any more.
    Over { reason: String },
    /// The provider does not answer; ask again after so many seconds.
    Failed { seconds: u32 },
}

impl core::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Renewal([redacted])")
    }
}

/// Has it used, once however many ask; with the key that the tokens are to be bound to.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub(crate) async fn ask(
    env: &Env,
    registration: &Registration,
    grant: Grant,
    key: Option<&String>,
) -> Result<Renewal, EdgeError> {
    let parties = registration.parties();
    let name = grant.name(&parties);
    let question = Question {
        registration: registration.name.clone(),
        parties: Some(parties),
        grant,
        key: key.cloned(),
    };
    let question = serde_json::to_string(&question)?;
    Ok(json::read(
        &durable::ask_again(env, REFRESHES, &name, &question).await?,
    )?)
}

/// One refresh token, or one code.
#[durable_object]
#[derive(Debug)]
pub struct RefreshObject {
    env: Env,
    flight: Flight,
    outcome: Rc<RefCell<Option<(Renewal, Timestamp)>>>,
}

impl DurableObject for RefreshObject {
    fn new(_state: State, env: Env) -> Self {
        Self {
            env,
            flight: Flight::default(),
            outcome: Rc::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let question: Question = json::read(&request.text().await?)?;
        let known = self.known(clock::now());
        let renewal = if let Some(known) = known.filter(|known| !question.grant.is_spent(known)) {
            known
        } else {
            let (env, outcome) = (self.env.clone(), Rc::clone(&self.outcome));
            let work = || async move {
                let renewal = renew(&question, &env).await;
                outcome.replace(Some((renewal, clock::now())));
            };
            let joined = self.flight.join(work).await;
            joined.map_err(|error| error.to_string())?;
            let failed = Renewal::Failed { seconds: 1 };
            self.known(clock::now()).unwrap_or(failed)
        };
        Response::ok(serde_json::to_string(&renewal)?)
    }
}

impl RefreshObject {
    fn known(&self, now: Timestamp) -> Option<Renewal> {
        let outcome = self.outcome.borrow();
        let (renewal, since) = outcome.as_ref()?;
        let lifetime = match renewal {
            Renewal::Tokens { .. } | Renewal::Over { .. } => REMEMBERED,
            Renewal::Failed { seconds } => Lifetime::from_seconds(*seconds),
        };
        since
            .is_within(lifetime, now)
            .then(|| renewal.clone().later(*since, now))
    }
}

impl Renewal {
    /// The same when some time has passed.
    fn later(mut self, since: Timestamp, now: Timestamp) -> Self {
        if let Self::Tokens {
            expires_in: Some(lifetime),
            ..
        } = &mut self
        {
            *lifetime = since.plus(*lifetime).remaining(now);
        }
        self
    }
}

async fn renew(question: &Question, env: &Env) -> Renewal {
    let failed = Renewal::Failed { seconds: 1 };
    let Ok(config) = Config::of(env) else {
        return failed;
    };
    let registration = config.registration(&question.registration);
    let is_meant = |at: &&Registration| {
        let meant = question.parties.as_ref();
        meant.is_none_or(|parties| *parties == at.parties())
    };
    let Some(registration) = registration.filter(is_meant) else {
        return failed;
    };
    let redirect_uri = registration.redirect_uri(&config.origin);
    let resource = ("resource", registration.resource.as_deref());
    let parameters = match &question.grant {
        Grant::Refresh { token, .. } => vec![
            ("grant_type", Some("refresh_token")),
            ("refresh_token", Some(token.as_str())),
            resource,
        ],
        Grant::Code { code, verifier } => vec![
            ("grant_type", Some("authorization_code")),
            ("code", Some(code.as_str())),
            ("redirect_uri", Some(redirect_uri.as_str())),
            ("code_verifier", Some(verifier.as_str())),
            resource,
        ],
    };
    let key = question.key.as_ref();
    match provider::tokens(registration, &parameters, key).await {
        Ok(obtained) => Renewal::Tokens {
            tokens: Kept::of(&obtained.tokens, key.cloned()),
            expires_in: obtained.expires_in,
        },
        Err(failure) => {
            let ended = failure.end_of_grant();
            // Anybody may come back with a code that is none.
            if ended.is_none() || matches!(question.grant, Grant::Refresh { .. }) {
                log::fetch_failed(&EdgeError::Upstream(format!("tokens: {failure}")));
            }
            if let Some(reason) = ended {
                let reason = reason.as_str().to_owned();
                return Renewal::Over { reason };
            }
            let pause = pause(&failure, PAUSE).seconds();
            let seconds = u32::try_from(pause).unwrap_or(1);
            Renewal::Failed { seconds }
        }
    }
}
