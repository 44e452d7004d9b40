//! What an isolate remembers of another service: fetched by one request for all, kept for a while,
//! and kept for longer while the service fails.
//!
//! Requests share the value but never a promise, because a promise dies with the request that made
//! it: one fetches, in the [background], and the others look again with timers of their own.

mod state;

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::time::{Lifetime, Timestamp};

pub use self::state::Timing;
use self::state::{Plan, State};
use crate::{EdgeError, background, clock, log};

/// How long a request waits for what another one fetches: longer than a fetch may be under way, so
/// that whoever waits for a lost one makes the next.
const PATIENCE: Lifetime = Lifetime::from_seconds(15);
/// How long it sleeps before it looks again, in milliseconds: at first, and at most.
const FIRST_NAP: u32 = 10;
const LONGEST_NAP: u32 = 200;

/// A value of another service. Clones share it.
#[derive(Debug)]
pub struct Remembered<T> {
    state: Rc<RefCell<State<T>>>,
    as_of: Option<fn(&T) -> Timestamp>,
}

impl<T> Clone for Remembered<T> {
    fn clone(&self) -> Self {
        Self {
            state: Rc::clone(&self.state),
            as_of: self.as_of,
        }
    }
}

/// A document ([`Timing::DOCUMENT`]).
impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self::new(Timing::DOCUMENT, None)
    }
}

impl<T> Remembered<T> {
    /// Nothing yet. `as_of` says since when a value counts, if that is not when it was fetched.
    pub fn new(timing: Timing, as_of: Option<fn(&T) -> Timestamp>) -> Self {
        let state = Rc::new(RefCell::new(State::new(timing)));
        Self { state, as_of }
    }
}

impl<T> Remembered<T> {
    /// Takes in what somebody else has fetched, as of then.
    pub fn learn(&self, value: T, as_of: Timestamp) {
        self.state.borrow_mut().learn(Rc::new(value), as_of);
    }
}

impl<T: 'static> Remembered<T> {
    /// The value, as its [`Timing`] has it: what was fetched lately, else what `fetch` brings, else, if that
    /// fails, what was fetched before.
    ///
    /// # Errors
    ///
    /// What `fetch` failed with; [`EdgeError::Upstream`] if another request's fetch failed or does
    /// not end.
    pub async fn current<F>(&self, fetch: impl FnOnce() -> F) -> Result<Rc<T>, EdgeError>
    where
        F: Future<Output = Result<T, EdgeError>> + 'static,
    {
        self.get(None, fetch).await
    }

    /// A value other than `old`, which does not do; or `old` again, if that was fetched less than
    /// [`Timing::distance`] ago.
    ///
    /// # Errors
    ///
    /// As [`Remembered::current`]; also if the last fetch failed, because then nobody knows whether
    /// there is another value.
    pub async fn newer<F>(&self, old: &Rc<T>, fetch: impl FnOnce() -> F) -> Result<Rc<T>, EdgeError>
    where
        F: Future<Output = Result<T, EdgeError>> + 'static,
    {
        self.get(Some(old), fetch).await
    }

    async fn get<F>(
        &self,
        old: Option<&Rc<T>>,
        fetch: impl FnOnce() -> F,
    ) -> Result<Rc<T>, EdgeError>
    where
        F: Future<Output = Result<T, EdgeError>> + 'static,
    {
        let deadline = clock::now().plus(PATIENCE);
        let mut nap = FIRST_NAP;
        loop {
            let now = clock::now();
            let plan = self.state.borrow_mut().plan(old, now);
            match plan {
                Plan::Use(value) => return Ok(value),
                Plan::UseAndFetch(value) => {
                    let flight = self.clone().fly(now, fetch());
                    background::begin(async { drop(flight.await) })?;
                    return Ok(value);
                }
                Plan::Fetch => {
                    let fetched = background::finish(self.clone().fly(now, fetch())).await?;
                    let known = || self.state.borrow_mut().fallback(clock::now());
                    return match fetched {
                        // Another than the one that does not do is not known.
                        Err(error) if old.is_none() => known().ok_or(error),
                        fetched => fetched,
                    };
                }
                Plan::Refuse(failure) => return Err(EdgeError::Upstream(failure)),
                Plan::Wait if now < deadline => clock::pause(nap).await?,
                Plan::Wait => {
                    let failure = "another request's fetch has not come to an end";
                    return Err(EdgeError::Upstream(failure.to_owned()));
                }
            }
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }

    /// Fetches, and tells every request of this isolate what came of it.
    async fn fly(
        self,
        began: Timestamp,
        fetch: impl Future<Output = Result<T, EdgeError>>,
    ) -> Result<Rc<T>, EdgeError> {
        let fetched = fetch.await.map(Rc::new);
        let outcome = match &fetched {
            Ok(value) => {
                let as_of = self.as_of.map_or_else(clock::now, |of| of(value));
                Ok((Rc::clone(value), as_of))
            }
            Err(error) => {
                log::fetch_failed(error);
                Err(error.to_string())
            }
        };
        self.state.borrow_mut().land(began, outcome);
        fetched
    }
}
