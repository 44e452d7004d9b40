//! Who fetches, who waits and who uses what there is.

use std::rc::Rc;

use gatepass_core::time::{Lifetime, Timestamp};

/// When a value is fetched, and for how long it does.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a value is used before it is fetched again.
    pub fresh_for: Lifetime,
    /// How long it is used while that goes on in the background; then requests wait for the next. No
    /// longer than `fresh_for`, if nobody should get what is not fresh while the service answers.
    pub good_for: Lifetime,
    /// How long it is used while the service fails.
    pub usable_for: Lifetime,
    /// The least time from one fetch to the next while there is a usable value: whoever asks for a newer
    /// one must not cause a flood, and a service that fails is not hammered.
    pub distance: Lifetime,
    /// The same while there is none, and so nobody can be served.
    pub distance_in_need: Lifetime,
}

impl Timing {
    /// Of a document that changes rarely: fetched every ten minutes, used for a day while that fails,
    /// fetched anew every 30 seconds at most.
    pub const DOCUMENT: Self = Self {
        fresh_for: Lifetime::from_minutes(10),
        good_for: Lifetime::from_minutes(10),
        usable_for: Lifetime::from_days(1),
        distance: Lifetime::from_seconds(30),
        distance_in_need: Lifetime::from_seconds(2),
    };
}

/// How long a fetch may be under way before it counts as lost: longer than [`crate::fetch`] waits three times, because
/// what is fetched may be in either of two places, and say where to fetch the rest.
const LEASE: Lifetime = Lifetime::from_seconds(16);

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
    timing: Timing,
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
    as_of: Timestamp,
}

impl<T> State<T> {
    /// Nothing is known yet.
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            known: None,
            began: None,
            is_under_way: false,
            failure: None,
        }
    }

    /// What a request does that needs the value, and one other than `old` if that is given.
    pub(super) fn plan(&mut self, old: Option<&Rc<T>>, now: Timestamp) -> Plan<T> {
        self.forget(now);
        let timing = self.timing;
        let Some(Known { value, as_of }) = &self.known else {
            return self.fetch(timing.distance_in_need, now, None);
        };
        let value = Rc::clone(value);
        match old {
            None if as_of.is_within(timing.fresh_for, now) => Plan::Use(value),
            Some(old) if !Rc::ptr_eq(old, &value) => Plan::Use(value),
            // The service fails: nobody waits for what will hardly come.
            None if self.failure.is_some() || as_of.is_within(timing.good_for, now) => {
                if self.begin(timing.distance, now) {
                    Plan::UseAndFetch(value)
                } else {
                    Plan::Use(value)
                }
            }
            None | Some(_) => self.fetch(timing.distance, now, Some(value)),
        }
    }

    /// The fetch that began then has ended; what it brought counts as of a time.
    pub(super) fn land(&mut self, began: Timestamp, outcome: Result<(Rc<T>, Timestamp), String>) {
        if self.began == Some(began) {
            self.is_under_way = false;
        }
        match outcome {
            Ok((value, as_of)) => {
                self.failure = None;
                self.known = Some(Known { value, as_of });
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// What is known, if it may be used while the service fails.
    pub(super) fn fallback(&mut self, now: Timestamp) -> Option<Rc<T>> {
        self.forget(now);
        self.known.as_ref().map(|known| Rc::clone(&known.value))
    }

    /// Somebody else has fetched this; what is known already counts if it is as new.
    pub(super) fn learn(&mut self, value: Rc<T>, as_of: Timestamp) {
        let is_newer = |known: &Known<T>| known.as_of < as_of;
        if self.known.as_ref().is_none_or(is_newer) {
            self.known = Some(Known { value, as_of });
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

    /// What lies so far ahead was noted when the clock was wrong.
    fn set_right(&mut self, now: Timestamp) {
        let soon = now.plus(LEASE);
        if self.began.is_some_and(|began| began > soon) {
            self.began = None;
            self.is_under_way = false;
        }
        if let Some(known) = self.known.as_mut().filter(|known| known.as_of > soon) {
            known.as_of = now;
        }
    }

    /// Gives up what has taken too long, and what is too old.
    fn forget(&mut self, now: Timestamp) {
        self.set_right(now);
        let lost = self.began.is_some_and(|began| !began.is_within(LEASE, now));
        if self.is_under_way && lost {
            self.is_under_way = false;
            self.failure = Some("a fetch has not come to an end".to_owned());
        }
        let usable_for = self.timing.usable_for;
        self.known
            .take_if(|known| !known.as_of.is_within(usable_for, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_by_a_day_neither_keeps_from_fetching_nor_makes_anything_last() {
        let day = 86_400;
        let mut state = State::new(Timing::DOCUMENT);
        assert_eq!(plan(&mut state, day), "fetch");
        land(&mut state, day, Err("down"), day);
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Ok(1), day);
        assert_eq!(plan(&mut state, 1), "use 1");
        assert_eq!(plan(&mut state, 601), "fetch");
        assert_eq!(plan(&mut state, 612), "wait");
    }

    /// A state that has fetched `value` at second 0.
    fn fetched(value: u32) -> State<u32> {
        let mut state = State::new(Timing::DOCUMENT);
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Ok(value), 0);
        state
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + second)
    }

    fn land(state: &mut State<u32>, began: i64, outcome: Result<u32, &str>, second: i64) {
        let outcome = outcome.map(|value| (Rc::new(value), at(second)));
        state.land(at(began), outcome.map_err(str::to_owned));
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
        let mut state = State::new(Timing::DOCUMENT);
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
        let mut state = State::new(Timing::DOCUMENT);
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Err("down"), 0);
        assert_eq!(plan(&mut state, 1), "refuse: down");
        assert_eq!(plan(&mut state, 2), "fetch");
        assert_eq!(plan(&mut state, 3), "wait");
    }

    const SHORT: Timing = Timing {
        fresh_for: Lifetime::from_seconds(5),
        good_for: Lifetime::from_seconds(10),
        usable_for: Lifetime::from_seconds(40),
        distance: Lifetime::from_seconds(1),
        distance_in_need: Lifetime::from_seconds(1),
    };

    #[test]
    fn what_is_good_but_not_fresh_is_used_while_one_fetches() {
        let mut state = State::new(SHORT);
        assert_eq!(plan(&mut state, 0), "fetch");
        land(&mut state, 0, Ok(1), 0);
        assert_eq!(plan(&mut state, 4), "use 1");
        assert_eq!(plan(&mut state, 5), "use 1 and fetch");
        assert_eq!(plan(&mut state, 9), "use 1");
        // Its time is over, and the service has not failed: it is waited for.
        assert_eq!(plan(&mut state, 10), "wait");
        land(&mut state, 5, Err("down"), 10);
        assert_eq!(plan(&mut state, 10), "use 1 and fetch");
        land(&mut state, 10, Err("down"), 11);
        assert_eq!(plan(&mut state, 39), "use 1 and fetch");
        land(&mut state, 39, Err("down"), 39);
        assert_eq!(plan(&mut state, 40), "fetch");
        land(&mut state, 40, Err("still down"), 40);
        assert_eq!(plan(&mut state, 40), "refuse: still down");
    }

    #[test]
    fn what_others_have_fetched_counts_as_of_then() {
        let mut state = State::new(SHORT);
        state.learn(Rc::new(1), at(0));
        assert_eq!(plan(&mut state, 4), "use 1");
        state.learn(Rc::new(2), at(3));
        state.learn(Rc::new(3), at(2));
        assert_eq!(plan(&mut state, 5), "use 2");
        assert_eq!(plan(&mut state, 13), "fetch");
        land(&mut state, 13, Err("down"), 14);
        // Whoever has fetched in vain makes do with it, too.
        assert_eq!(state.fallback(at(14)), Some(Rc::new(2)));
        assert_eq!(state.fallback(at(43)), None);
    }

    #[test]
    fn a_value_is_as_old_as_it_says() {
        let mut state = State::new(SHORT);
        assert_eq!(plan(&mut state, 0), "fetch");
        state.land(at(0), Ok((Rc::new(1), at(-8))));
        assert_eq!(plan(&mut state, 1), "use 1 and fetch");
        state.land(at(1), Ok((Rc::new(2), at(1))));
        assert_eq!(plan(&mut state, 2), "use 2");
    }

    #[test]
    fn a_fetch_that_is_lost_is_made_again() {
        let mut state = State::new(Timing::DOCUMENT);
        assert_eq!(plan(&mut state, 0), "fetch");
        assert_eq!(plan(&mut state, 15), "wait");
        assert_eq!(plan(&mut state, 16), "fetch");
        // The lost one fails after all, while the other is under way.
        land(&mut state, 0, Err("late"), 17);
        assert_eq!(plan(&mut state, 17), "wait");
        land(&mut state, 16, Ok(1), 18);
        assert_eq!(plan(&mut state, 18), "use 1");
    }
}
