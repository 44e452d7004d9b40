//! Who fetches, who waits and who uses what there is.

use std::rc::Rc;

use gatepass_core::time::{Lifetime, Timestamp};

/// How long a value is used before it is fetched again.
const FRESH_FOR: Lifetime = Lifetime::from_minutes(10);
/// How long a value is used while the service fails.
const USABLE_FOR: Lifetime = Lifetime::from_days(1);
/// The least time from one fetch to the next while there is a usable value: whoever asks for a newer
/// one must not cause a flood, and a service that fails is not hammered.
const DISTANCE: Lifetime = Lifetime::from_seconds(30);
/// The same while there is none, and so nobody can be served.
const DISTANCE_IN_NEED: Lifetime = Lifetime::from_seconds(2);
/// How long a fetch may be under way before it counts as lost: longer than [`crate::fetch`] waits
/// twice, because what is fetched may say where to fetch the rest.
const LEASE: Lifetime = Lifetime::from_seconds(12);

/// What a request should do.
#[derive(Debug)]
pub(super) enum Plan<T> {
    /// Use this.
    Use(Rc<T>),
    /// Use this, and fetch in the background; that the fetch began is recorded.
    UseAndFetch(Rc<T>),
    /// Fetch; that it began is recorded.
    Fetch,
    /// Look again: another request is fetching.
    Wait,
    /// Give up: the last fetch failed with this, and the next one comes later.
    Refuse(String),
}

/// What is known, and how fetching went.
#[derive(Debug)]
pub(super) struct State<T> {
    known: Option<Known<T>>,
    /// When the last fetch began.
    began: Option<Timestamp>,
    is_under_way: bool,
    /// Why the last fetch to end has failed, if it has.
    failure: Option<String>,
}

#[derive(Debug)]
struct Known<T> {
    value: Rc<T>,
    fetched_at: Timestamp,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            known: None,
            began: None,
            is_under_way: false,
            failure: None,
        }
    }
}

impl<T> State<T> {
    /// What a request does that needs the value, and one other than `old` if that is given.
    pub(super) fn plan(&mut self, old: Option<&Rc<T>>, now: Timestamp) -> Plan<T> {
        self.forget(now);
        let Some(Known { value, fetched_at }) = &self.known else {
            return self.fetch(DISTANCE_IN_NEED, now, None);
        };
        let value = Rc::clone(value);
        match old {
            None if fetched_at.is_within(FRESH_FOR, now) => Plan::Use(value),
            Some(old) if !Rc::ptr_eq(old, &value) => Plan::Use(value),
            // The service fails: nobody waits for what will hardly come.
            None if self.failure.is_some() => {
                if self.begin(DISTANCE, now) {
                    Plan::UseAndFetch(value)
                } else {
                    Plan::Use(value)
                }
            }
            None | Some(_) => self.fetch(DISTANCE, now, Some(value)),
        }
    }

    /// The fetch that began then has ended.
    pub(super) fn land(
        &mut self,
        began: Timestamp,
        outcome: Result<Rc<T>, String>,
        now: Timestamp,
    ) {
        if self.began == Some(began) {
            self.is_under_way = false;
        }
        match outcome {
            Ok(value) => {
                self.failure = None;
                self.known = Some(Known {
                    value,
                    fetched_at: now,
                });
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Fetch, wait, or make do with `value`.
    fn fetch(&mut self, distance: Lifetime, now: Timestamp, value: Option<Rc<T>>) -> Plan<T> {
        if self.is_under_way {
            return Plan::Wait;
        }
        if self.begin(distance, now) {
            return Plan::Fetch;
        }
        match (&self.failure, value) {
            (Some(failure), _) => Plan::Refuse(failure.clone()),
            (None, Some(value)) => Plan::Use(value),
            // Not reached: what was fetched without a failure is known.
            (None, None) => Plan::Wait,
        }
    }

    fn begin(&mut self, distance: Lifetime, now: Timestamp) -> bool {
        let too_soon = self
            .began
            .is_some_and(|began| began.is_within(distance, now));
        if self.is_under_way || too_soon {
            return false;
        }
        self.began = Some(now);
        self.is_under_way = true;
        true
    }

    /// Gives up what has taken too long, and what is too old.
    fn forget(&mut self, now: Timestamp) {
        let lost = self.began.is_some_and(|began| !began.is_within(LEASE, now));
        if self.is_under_way && lost {
            self.is_under_way = false;
            self.failure = Some("a fetch has not come to an end".to_owned());
        }
        self.known
            .take_if(|known| !known.fetched_at.is_within(USABLE_FOR, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that has fetched `value` at second 0.
    fn fetched(value: u32) -> State<u32> {
        let mut state = State::default();
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Ok(value), 0);
        state
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + second)
    }

    fn land(state: &mut State<u32>, began: i64, outcome: Result<u32, &str>, second: i64) {
        let outcome = outcome.map(Rc::new).map_err(str::to_owned);
        state.land(at(began), outcome, at(second));
    }

    fn described(plan: Plan<u32>) -> String {
        match plan {
            Plan::Use(value) => format!("use {value}"),
            Plan::UseAndFetch(value) => format!("use {value} and fetch"),
            Plan::Fetch => "fetch".to_owned(),
            Plan::Wait => "wait".to_owned(),
            Plan::Refuse(failure) => format!("refuse: {failure}"),
        }
    }

    fn plan(state: &mut State<u32>, second: i64) -> String {
        described(state.plan(None, at(second)))
    }

    /// What a request does that has `old` and needs another.
    fn newer(state: &mut State<u32>, old: &Rc<u32>, second: i64) -> String {
        described(state.plan(Some(old), at(second)))
    }

    fn known(state: &State<u32>) -> Rc<u32> {
        Rc::clone(&state.known.as_ref().unwrap().value)
    }

    #[test]
    fn one_fetches_and_the_others_wait() {
        let mut state = State::default();
        assert_eq!(plan(&mut state, 0), "fetch");
        for _ in 0..40 {
            assert_eq!(plan(&mut state, 1), "wait");
        }
        land(&mut state, 0, Ok(1), 2);
        assert_eq!(plan(&mut state, 2), "use 1");
        assert_eq!(plan(&mut state, 2 + 599), "use 1");
        assert_eq!(plan(&mut state, 2 + 600), "fetch");
        assert_eq!(plan(&mut state, 2 + 601), "wait");
    }

    #[test]
    fn asking_for_a_newer_one_fetches_once_in_thirty_seconds() {
        let mut state = fetched(1);
        let old = known(&state);
        assert_eq!(newer(&mut state, &old, 29), "use 1");
        assert_eq!(newer(&mut state, &old, 30), "fetch");
        assert_eq!(newer(&mut state, &old, 31), "wait");
        // Who is content with what there is does not wait.
        assert_eq!(plan(&mut state, 31), "use 1");
        land(&mut state, 30, Ok(2), 32);
        assert_eq!(newer(&mut state, &old, 32), "use 2");
        let old = known(&state);
        assert_eq!(newer(&mut state, &old, 59), "use 2");
        assert_eq!(newer(&mut state, &old, 60), "fetch");
    }

    #[test]
    fn a_failed_search_for_a_newer_one_counts_too() {
        let mut state = fetched(1);
        let old = known(&state);
        assert_eq!(newer(&mut state, &old, 30), "fetch");
        land(&mut state, 30, Err("down"), 31);
        // Nobody knows whether there is another one.
        assert_eq!(newer(&mut state, &old, 59), "refuse: down");
        assert_eq!(plan(&mut state, 59), "use 1");
        assert_eq!(newer(&mut state, &old, 60), "fetch");
        land(&mut state, 60, Ok(1), 61);
        let old = known(&state);
        assert_eq!(newer(&mut state, &old, 89), "use 1");
    }

    #[test]
    fn while_the_service_fails_the_old_value_does_and_nobody_waits() {
        let mut state = fetched(1);
        assert_eq!(plan(&mut state, 600), "fetch");
        land(&mut state, 600, Err("down"), 605);
        assert_eq!(plan(&mut state, 605), "use 1");
        assert_eq!(plan(&mut state, 629), "use 1");
        assert_eq!(plan(&mut state, 630), "use 1 and fetch");
        assert_eq!(plan(&mut state, 631), "use 1");
        land(&mut state, 630, Err("down"), 635);
        assert_eq!(plan(&mut state, 659), "use 1");
        assert_eq!(plan(&mut state, 660), "use 1 and fetch");
        land(&mut state, 660, Ok(2), 661);
        assert_eq!(plan(&mut state, 661), "use 2");
    }

    #[test]
    fn a_value_is_not_used_for_ever() {
        let mut state = fetched(1);
        assert_eq!(plan(&mut state, 86_000), "fetch");
        land(&mut state, 86_000, Err("down"), 86_001);
        assert_eq!(plan(&mut state, 86_399), "use 1 and fetch");
        land(&mut state, 86_399, Err("still down"), 86_400);
        assert_eq!(plan(&mut state, 86_400), "refuse: still down");
        assert_eq!(plan(&mut state, 86_401), "fetch");
    }

    #[test]
    fn with_nothing_to_use_the_next_fetch_comes_soon_but_not_at_once() {
        let mut state = State::default();
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Err("down"), 0);
        assert_eq!(plan(&mut state, 1), "refuse: down");
        assert_eq!(plan(&mut state, 2), "fetch");
        assert_eq!(plan(&mut state, 3), "wait");
    }

    #[test]
    fn a_fetch_that_is_lost_is_made_again() {
        let mut state = State::default();
        assert_eq!(plan(&mut state, 0), "fetch");
        assert_eq!(plan(&mut state, 11), "wait");
        assert_eq!(plan(&mut state, 12), "fetch");
        // The lost one fails after all, while the other is under way.
        land(&mut state, 0, Err("late"), 13);
        assert_eq!(plan(&mut state, 13), "wait");
        land(&mut state, 12, Ok(1), 14);
        assert_eq!(plan(&mut state, 14), "use 1");
    }
}
