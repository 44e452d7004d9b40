//! The object that is a session. Between two of its `await`s nothing else happens in it, and whatever is decided
//! is kept before that: `Session` is read, changed and written without waiting.

use std::rc::Rc;

use gatepass_core::gateway::registration::Registration;
use gatepass_core::gateway::session::{Ending, Need, Plan, Session};
use gatepass_core::json;
use gatepass_core::rp::failure::Failure;
use gatepass_core::time::Timestamp;
use gatepass_edge::flight::Flight;
use gatepass_edge::{EdgeError, clock, log};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use super::stored::{Live, Stored};
use super::{Answer, Description, Ended, Kept, Question, Ticket, again_if_failed};
use crate::provider;
use crate::settings::Config;

/// One session.
#[durable_object]
#[derive(Debug)]
pub struct SessionObject {
    keeper: Rc<Keeper>,
}

impl DurableObject for SessionObject {
    fn new(state: State, env: Env) -> Self {
        let keeper = Keeper {
            stored: Stored::of(&state),
            state,
            env,
            renewal: Flight::default(),
        };
        Self {
            keeper: Rc::new(keeper),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let question: Question = json::read(&request.text().await?)?;
        let answer = self.keeper.answer(question).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Response::ok(serde_json::to_string(&answer)?)
    }

    async fn alarm(&self) -> Result<Response> {
        let woken = self.keeper.wake().await;
        again_if_failed(woken, &self.keeper.state).await
    }
}

#[derive(Debug)]
struct Keeper {
    stored: Stored,
    state: State,
    env: Env,
    renewal: Flight,
}

impl Keeper {
    async fn answer(self: &Rc<Self>, question: Question) -> Result<Answer, EdgeError> {
        self.stored.read()?;
        let config = Config::of(&self.env)?;
        match question {
            Question::Begin {
                secret,
                session,
                tokens,
            } => self.begin(&secret, *session, tokens, &config).await,
            Question::Token { secret, newer_than } => {
                let need = newer_than.map_or(Need::Token, Need::NewerThan);
                self.token(&secret, need, &config).await
            }
            Question::Describe => self.describe(&config).await,
            Question::End { secret, ending } => self.end(secret.as_deref(), ending, &config).await,
        }
    }

    async fn begin(
        &self,
        secret: &str,
        session: Session,
        tokens: Kept,
        config: &Config,
    ) -> Result<Answer, EdgeError> {
        let sealed = tokens.seal(secret, config).await?;
        if self.stored.with(|_| ()).is_some() {
            // The same question again: nobody else has this secret.
            self.wake_when_due(config).await?;
            return Ok(Answer::Begun);
        }
        let due = session.due_at(&config.policy);
        self.stored.begin(Live {
            session,
            sealed,
            tokens: Some(Rc::new(tokens)),
        })?;
        self.wake_at(due).await?;
        Ok(Answer::Begun)
    }

    async fn token(
        self: &Rc<Self>,
        secret: &str,
        need: Need,
        config: &Config,
    ) -> Result<Answer, EdgeError> {
        let mut before = None;
        loop {
            let now = clock::now();
            let planned = self.stored.with(|live| {
                let plan = config.plan(&live.session, need, now);
                (plan, live.session.generation)
            });
            let Some((plan, generation)) = planned else {
                return Ok(Answer::Nobody);
            };
            match plan {
                Plan::Over(ending) => {
                    self.note_end(ending.clone(), now, config).await?;
                    return Ok(Answer::Over { ending });
                }
                Plan::HandOn => return Ok(Answer::HandOn),
                Plan::Unavailable(wait) => {
                    let seconds = wait.seconds();
                    return Ok(Answer::Unavailable { seconds });
                }
                Plan::Use => return self.give(secret, now, config).await,
                Plan::UseAndRenew => {
                    self.renewal.begin(|| self.renew(secret, need))?;
                    return self.give(secret, now, config).await;
                }
                Plan::Renew => match before {
                    None => {
                        before = Some(generation);
                        self.renewal.join(|| self.renew(secret, need)).await?;
                    }
                    // It was renewed, and is no good for long: it must do.
                    Some(before) if before != generation => {
                        return self.give(secret, now, config).await;
                    }
                    Some(_) => return Ok(Answer::Unavailable { seconds: 1 }),
                },
            }
        }
    }

    /// The access token as it is when it is needed, which may be a newer one than was planned with.
    async fn give(
        &self,
        secret: &str,
        now: Timestamp,
        config: &Config,
    ) -> Result<Answer, EdgeError> {
        let is_worth_keeping = self
            .stored
            .change(|live| live.session.touch(&config.policy, now));
        if is_worth_keeping == Some(true) {
            self.stored.try_to_write();
        }
        let opened = self.tokens(secret, config).await;
        let given = self
            .stored
            .with(|live| (live.session.generation, live.session.is_ended()));
        match (opened, given) {
            (Some(tokens), Some((generation, false))) => Ok(Answer::Token(Ticket {
                access_token: tokens.access.clone(),
                generation,
                key: tokens.presented_with().cloned(),
            })),
            (_, None) => Ok(Answer::Nobody),
            (_, Some((_, true))) => self.over(now, config),
            (None, Some((_, false))) => {
                self.cannot_read(now);
                self.over(now, config)
            }
        }
    }

    /// The tokens, opened once; `None` if there are none or the keys are not the right ones.
    async fn tokens(&self, secret: &str, config: &Config) -> Option<Rc<Kept>> {
        let (opened, sealed) = self
            .stored
            .with(|live| (live.tokens.clone(), live.sealed.clone()))?;
        if opened.is_some() {
            return opened;
        }
        let opened = Rc::new(Kept::open(&sealed, secret, config).await?);
        // Meanwhile there may be newer ones.
        self.stored.change(|live| {
            if live.sealed == sealed {
                live.tokens.get_or_insert(opened);
            }
            live.tokens.clone()
        })?
    }

    /// One renewal, from the refresh token to what is kept of the answer. Whoever began it need not be there.
    fn renew(self: &Rc<Self>, secret: &str, need: Need) -> impl Future<Output = ()> + 'static {
        let (keeper, secret) = (Rc::clone(self), secret.to_owned());
        async move {
            if let Err(error) = keeper.try_renew(&secret, need).await {
                log::fetch_failed(&error);
            }
        }
    }

    async fn try_renew(&self, secret: &str, need: Need) -> Result<(), EdgeError> {
        let config = Config::of(&self.env)?;
        let Some(tokens) = self.tokens(secret, &config).await else {
            self.cannot_read(clock::now());
            return Ok(());
        };
        let begun = self
            .stored
            .with(|live| (live.session.registration.clone(), live.session.is_ended()));
        let Some((name, false)) = begun else {
            return Ok(());
        };
        let Some(at) = config.registration(&name) else {
            // Nothing is planned that would need it.
            return Ok(());
        };
        let parameters = [
            ("grant_type", Some("refresh_token")),
            ("refresh_token", tokens.refresh.as_deref()),
            ("resource", at.resource.as_deref()),
        ];
        let key = tokens.renewed_with();
        match provider::tokens(at, &parameters, key).await {
            Ok(obtained) => {
                let newest = Kept::of(&obtained.tokens, key.cloned());
                let newest = newest.after(Some((*tokens).clone()));
                let sealed = newest.seal(secret, &config).await?;
                let renewed = |session: &mut Session| {
                    session.renewed(need, obtained.expires_in, at, clock::now());
                };
                if !self.keep(newest.clone(), sealed, renewed) {
                    // Somebody has signed out meanwhile.
                    if let Some(token) = newest.refresh.as_deref() {
                        provider::revoke(at, token).await;
                    }
                }
                Ok(())
            }
            Err(failure) => self.failed(&failure, at, &config).await,
        }
    }

    /// Keeps what a renewal has brought, unless the session has ended; then `false`. A database that does not take it
    /// keeps nobody from using it.
    fn keep(&self, tokens: Kept, sealed: String, renewed: impl FnOnce(&mut Session)) -> bool {
        let kept = self.stored.change(|live| {
            if live.session.is_ended() {
                return false;
            }
            renewed(&mut live.session);
            live.sealed = sealed;
            live.tokens = Some(Rc::new(tokens));
            true
        });
        self.stored.try_to_write();
        kept == Some(true)
    }

    async fn failed(
        &self,
        failure: &Failure,
        at: &Registration,
        config: &Config,
    ) -> Result<(), EdgeError> {
        let now = clock::now();
        let ended = self.stored.change(|live| {
            let ended = live.session.failed(failure, at, now);
            if ended {
                live.forget();
            }
            ended
        });
        self.stored.write()?;
        if ended == Some(true) {
            self.wake_when_due(config).await?;
        }
        Err(EdgeError::Upstream(format!("refresh: {failure}")))
    }

    async fn describe(&self, config: &Config) -> Result<Answer, EdgeError> {
        let now = clock::now();
        let ending = self.stored.with(|live| config.ending(&live.session, now));
        if let Some(Some(ending)) = ending {
            self.note_end(ending, now, config).await?;
        }
        let described = self.stored.with(|live| Description {
            registration: live.session.registration.clone(),
            user: live.session.user.clone(),
            expires_at: live.session.expires_at(&config.policy),
            ending: live.session.ending(&config.policy, now),
        });
        Ok(described.map_or(Answer::Nobody, Answer::Described))
    }

    async fn end(
        &self,
        secret: Option<&str>,
        ending: Ending,
        config: &Config,
    ) -> Result<Answer, EdgeError> {
        let tokens = match secret {
            Some(secret) => self.tokens(secret, config).await,
            None => None,
        };
        let now = clock::now();
        let Some((over, ended)) = self.stored.with(|live| {
            let session = &live.session;
            let ended = Ended {
                registration: session.registration.clone(),
                subject: session.subject.clone(),
                sid: session.sid.clone(),
                refresh_token: tokens.as_ref().and_then(|tokens| tokens.refresh.clone()),
                id_token: tokens.as_ref().and_then(|tokens| tokens.id_token.clone()),
            };
            (session.ending(&config.policy, now), ended)
        }) else {
            return Ok(Answer::Nobody);
        };
        if let Some(ending) = over.filter(|over| !over.is_by_configuration()) {
            return Ok(Answer::Over { ending });
        }
        self.note_end(ending, now, config).await?;
        Ok(Answer::Ended(Box::new(ended)))
    }

    fn over(&self, now: Timestamp, config: &Config) -> Result<Answer, EdgeError> {
        let ending = self
            .stored
            .with(|live| live.session.ending(&config.policy, now));
        let broken = EdgeError::Corrupt("session");
        ending
            .flatten()
            .map(|ending| Answer::Over { ending })
            .ok_or(broken)
    }

    /// The tokens are sealed under a key that the gateway does not have any more.
    fn cannot_read(&self, now: Timestamp) {
        self.stored
            .change(|live| live.session.end(Ending::Unreadable, now));
    }

    /// Ends the session and forgets its tokens, unless it has ended.
    async fn note_end(
        &self,
        ending: Ending,
        now: Timestamp,
        config: &Config,
    ) -> Result<(), EdgeError> {
        let is_new = self.stored.change(|live| {
            let is_new = live.session.end(ending, now);
            live.forget();
            is_new && !live.session.is_ended_by_configuration()
        });
        if is_new == Some(true) {
            self.stored.write()?;
            self.wake_when_due(config).await?;
        }
        Ok(())
    }

    /// The alarm: ends a session that is too old, and forgets one that ended long ago.
    async fn wake(&self) -> Result<(), EdgeError> {
        self.stored.read()?;
        let config = Config::of(&self.env)?;
        let now = clock::now();
        let found = self.stored.with(|live| {
            let session = &live.session;
            let ending = session.ending(&config.policy, now);
            (session.due_at(&config.policy), ending, session.is_ended())
        });
        match found {
            None => Ok(()),
            Some((due, _, is_ended)) if due > now => {
                if is_ended {
                    // When it ended, this may have failed.
                    self.stored.write()?;
                }
                self.wake_at(due).await
            }
            Some((_, Some(ending), false)) => self.note_end(ending, now, &config).await,
            Some(_) => {
                self.stored.forget();
                Ok(self.state.storage().delete_all().await?)
            }
        }
    }

    async fn wake_when_due(&self, config: &Config) -> Result<(), EdgeError> {
        match self.stored.with(|live| live.session.due_at(&config.policy)) {
            Some(due) => self.wake_at(due).await,
            None => Ok(()),
        }
    }

    async fn wake_at(&self, due: Timestamp) -> Result<(), EdgeError> {
        let milliseconds = due.remaining(clock::now()).seconds().saturating_mul(1_000);
        Ok(self.state.storage().set_alarm(milliseconds).await?)
    }
}
