//! Renewing the tokens: what to do next, from the first wish to what becomes of the session.
//!
//! ```text
//!   wish --> read, under the lock --> send ------> done: renewed, kept, ended, overtaken
//!              |          ^             |
//!              |          +--- pause ---+  a passing failure
//!              |
//!              +--> done: another tab was quicker
//! ```
//!
//! A [`Flight`] does nothing itself: [`Flight::next`] says what is to be done, and takes what came of
//! it. Whoever does it reads the store anew after each step and lets the session adopt what is there
//! ([`ClientSession::adopt`]), so that every decision is made on what the other tabs have done.
//!
//! Without a lock it stays correct: two tabs that send the same refresh token within the provider's
//! grace get the same successor. Should their answers differ, one of them is a generation behind; then
//! it is asked once more, while the grace lasts, instead of guessing which.

use super::failure::{Failure, WireText};
use super::retry::{self, pause_ms};
use super::session::{ClientSession, Clock, Generation};
use super::token::{Tokens, build_refresh_request};
use crate::id::ClientId;
use crate::secret::RefreshToken;
use crate::time::Lifetime;

/// The longest that a tab keeps away from the provider by itself, in milliseconds. An answer that was
/// lost must be asked for again before the grace is over.
const LONGEST_BREAK_MS: i64 = 10_000;

/// The longest that a server may ask to be left alone, in seconds.
const LONGEST_PATIENCE: i64 = 600;

/// A refresh under way. A tab has one at a time, except for those that a sign-out has overtaken.
///
/// It has no secrets and nothing to hide: a host that has no better place keeps it as numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flight {
    /// Whose refresh token it sends.
    pub generation: Generation,
    /// How often it was sent.
    pub tries: i64,
    /// When it was sent first, in milliseconds of a clock that never goes back.
    pub first_ms: i64,
}

/// Keeps a tab from asking over and over what was just not answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Circuit {
    /// How often in a row, as far as it counts; zero if a server asked for the break.
    pub failures: i64,
    /// When it may be asked again, in milliseconds of a clock that never goes back.
    pub open_until_ms: i64,
}

/// Why there is nothing to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotBegun {
    /// Nobody is signed in.
    SignedOut,
    /// The provider gave no refresh token.
    NotRefreshable,
    /// The last refresh failed just now, in passing.
    Waiting,
}

/// What came of the last step.
#[derive(Debug)]
pub enum Outcome {
    /// The pause is over, or there was none.
    Ready,
    /// The provider's answer.
    Answer(Result<Tokens, Failure>),
}

/// The circumstances of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Who asks.
    pub client_id: &'a ClientId,
    /// What the tokens are to be for (RFC 8707).
    pub resource: Option<&'a str>,
    /// The time.
    pub clock: Clock,
    /// Milliseconds of a clock that never goes back.
    pub elapsed_ms: i64,
    /// A random byte: those who failed together do not come back together.
    pub jitter: u8,
    /// Random: the idempotency key of a refresh that begins now.
    pub fresh_key: &'a str,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Wait so many milliseconds, then read the store.
    Pause(i64),
    /// Send this body to the token endpoint, then read the store.
    Send(String),
    /// Nothing more.
    Done(Finished),
}

/// What became of the session by a refresh.
#[derive(Debug)]
pub enum Finished {
    /// There are other tokens than those that were to be renewed.
    Renewed,
    /// The same tokens are there, and nothing is lost: a later wish begins another refresh.
    Kept(Failure),
    /// The provider has ended the grant, and says why. The tokens are forgotten.
    Ended(WireText),
    /// The user signed out meanwhile, or in again, and that counts. Tokens that came too late belong to
    /// nobody and are to be revoked.
    Overtaken(Option<Tokens>),
}

impl Circuit {
    /// Something happened that makes another try worthwhile: the network is back, the page is looked at. A
    /// server that asked for patience still gets it.
    pub fn hint(&mut self, now_ms: i64) {
        self.open_until_ms = match self.failures {
            0 => self.open_until_ms,
            _ => self.open_until_ms.min(now_ms),
        };
    }

    fn is_open(self, now_ms: i64) -> bool {
        now_ms < self.open_until_ms
    }

    /// A refresh came to nothing: one second, then longer and longer, or as long as the server asks.
    fn fail(&mut self, failure: &Failure, at: Moment<'_>) {
        let asked = match failure {
            Failure::Busy { retry_after } => retry_after.map_or(0, Lifetime::seconds),
            _ => 0,
        };
        // Zero: what the server has asked for, no hint shortens.
        self.failures = match asked {
            0 => self.failures.saturating_add(1).min(5),
            _ => 0,
        };
        let longest = (500_i64 << self.failures).min(LONGEST_BREAK_MS);
        let own = longest / 2 + longest / 2 * i64::from(at.jitter) / 255;
        let asked = asked.min(LONGEST_PATIENCE) * 1_000;
        self.open_until_ms = at.elapsed_ms.saturating_add(own.max(asked));
    }
}

impl Flight {
    /// Begins a refresh. Whoever has one under way already waits for that instead.
    ///
    /// # Errors
    ///
    /// [`NotBegun`], if there is nothing to renew, or not now.
    pub fn begin(
        session: &ClientSession,
        circuit: Circuit,
        elapsed_ms: i64,
    ) -> Result<Self, NotBegun> {
        let tokens = session.tokens().ok_or(NotBegun::SignedOut)?;
        tokens.refresh.as_ref().ok_or(NotBegun::NotRefreshable)?;
        if circuit.is_open(elapsed_ms) {
            return Err(NotBegun::Waiting);
        }
        Ok(Self {
            generation: session.generation(),
            tries: 0,
            first_ms: elapsed_ms,
        })
    }

    /// What to do after `outcome`. The session has adopted what the store held after it.
    pub fn next(
        &mut self,
        session: &mut ClientSession,
        circuit: &mut Circuit,
        outcome: Outcome,
        at: Moment<'_>,
    ) -> Step {
        let current = session.generation() == self.generation;
        let answer = match outcome {
            // Before sending: another tab may have been quicker, but perhaps not lately enough.
            Outcome::Ready => {
                let stale = session.due(at.clock.now).is_some_and(|due| due.stale <= 0);
                return match session.tokens() {
                    None => Step::Done(Finished::Overtaken(None)),
                    Some(_) if !current && !stale => Step::Done(Finished::Renewed),
                    Some(_) => self.send(session, at),
                };
            }
            Outcome::Answer(answer) => answer,
        };
        let same_sign_in = session.generation().sign_in == self.generation.sign_in;
        let Some(held) = session.tokens().filter(|_| same_sign_in) else {
            return Step::Done(Finished::Overtaken(answer.ok()));
        };
        match answer {
            Ok(new) => {
                if current {
                    session.renew(new, at.clock);
                } else if !same_refresh(held, &new) && self.may_try_again(at) {
                    return self.send(session, at);
                }
                *circuit = Circuit::default();
                Step::Done(Finished::Renewed)
            }
            // Said of a token that is not current any more, or that the store has renewed since.
            Err(_) if !current => Step::Done(Finished::Renewed),
            Err(failure) => self.failed(session, circuit, failure, at),
        }
    }

    fn failed(
        &self,
        session: &mut ClientSession,
        circuit: &mut Circuit,
        failure: Failure,
        at: Moment<'_>,
    ) -> Step {
        if let Some(reason) = failure.end_of_grant() {
            let reason = reason.clone();
            session.sign_out(Some(reason.clone()));
            return Step::Done(Finished::Ended(reason));
        }
        let tries = usize::try_from(self.tries).unwrap_or_default();
        match pause_ms(tries, &failure, at.jitter).map(i64::from) {
            Some(pause) if self.in_time(at.elapsed_ms.saturating_add(pause)) => Step::Pause(pause),
            _ => {
                circuit.fail(&failure, at);
                Step::Done(Finished::Kept(failure))
            }
        }
    }

    fn send(&mut self, session: &mut ClientSession, at: Moment<'_>) -> Step {
        session.name_refresh(at.fresh_key);
        let tokens = session.tokens();
        let Some(refresh) = tokens.and_then(|tokens| tokens.refresh.as_ref()) else {
            return Step::Done(Finished::Renewed);
        };
        if self.tries == 0 {
            self.first_ms = at.elapsed_ms;
        }
        self.tries = self.tries.saturating_add(1);
        self.generation = session.generation();
        Step::Send(build_refresh_request(at.client_id, at.resource, refresh))
    }

    fn may_try_again(&self, at: Moment<'_>) -> bool {
        self.tries < 4 && self.in_time(at.elapsed_ms)
    }

    fn in_time(&self, elapsed_ms: i64) -> bool {
        elapsed_ms.saturating_sub(self.first_ms) <= i64::from(retry::LAST_TRY_SECONDS) * 1_000
    }
}

/// Whether an answer has the refresh token that is held already, or leaves it at that.
fn same_refresh(held: &Tokens, new: &Tokens) -> bool {
    let held = held.refresh.as_ref().map(RefreshToken::expose);
    let new = new.refresh.as_ref().map(RefreshToken::expose);
    new.is_none() || new == held
}

#[cfg(test)]
mod tests;
