//! One use of a refresh token that many requests bring along in cookies at once: an object for each, in which the
//! first renews and the others, also those that come a little later with the old token, get the same answer. It is
//! kept in memory for a minute, and nowhere else.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::gateway::registration::RegistrationName;
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

/// For how long whoever comes with the old token gets the answer.
const REMEMBERED: Lifetime = Lifetime::from_minutes(1);
/// How long nobody asks the provider again that has failed.
const PAUSE: Lifetime = Lifetime::from_seconds(1);

#[derive(Deserialize, Serialize)]
struct Question {
    registration: RegistrationName,
    refresh_token: String,
    /// The hash of the access token that does not do any more. What is remembered does not do either if it is that:
    /// a provider that rotates nothing has the same refresh token used again.
    spent: String,
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
    /// The provider takes the refresh token no more.
    Over { reason: String },
    /// The provider does not answer; ask again after so many seconds.
    Failed { seconds: u32 },
}

impl core::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Renewal([redacted])")
    }
}

/// Has a refresh token used, once however many ask.
///
/// # Errors
///
/// When the Durable Object cannot be reached.
pub(crate) async fn ask(
    env: &Env,
    registration: &RegistrationName,
    refresh_token: String,
    kept: &Kept,
) -> Result<Renewal, EdgeError> {
    let name = SecretHash::of(&refresh_token).to_base64url();
    let question = Question {
        registration: registration.clone(),
        refresh_token,
        spent: SecretHash::of(&kept.access).to_base64url(),
        key: kept.renewed_with().cloned(),
    };
    let question = serde_json::to_string(&question)?;
    Ok(json::read(
        &durable::ask(env, REFRESHES, &name, &question).await?,
    )?)
}

/// One refresh token.
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
        let renewal = if let Some(known) = known.filter(|known| !known.is_of(&question.spent)) {
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
    /// Whether it brought the access token of this hash.
    fn is_of(&self, hash: &str) -> bool {
        matches!(self, Self::Tokens { tokens, .. } if SecretHash::of(&tokens.access).to_base64url() == hash)
    }

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
    let Some(registration) = config.registration(&question.registration) else {
        return failed;
    };
    let parameters = [
        ("grant_type", Some("refresh_token")),
        ("refresh_token", Some(question.refresh_token.as_str())),
        ("resource", registration.resource.as_deref()),
    ];
    let key = question.key.as_ref();
    match provider::renewed(registration, &parameters, key).await {
        Ok(obtained) => Renewal::Tokens {
            tokens: Kept::of(&obtained.tokens, key.cloned()),
            expires_in: obtained.expires_in,
        },
        Err(failure) => {
            log::fetch_failed(&EdgeError::Upstream(format!("refresh: {failure}")));
            if let Some(reason) = failure.end_of_grant() {
                let reason = reason.as_str().to_owned();
                return Renewal::Over { reason };
            }
            let pause = pause(&failure, PAUSE).seconds();
            let seconds = u32::try_from(pause).unwrap_or(1);
            Renewal::Failed { seconds }
        }
    }
}
