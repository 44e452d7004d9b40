//! What the provider has said of tokens lately.

use std::cell::RefCell;

use gatepass_core::introspect::Introspection;
use gatepass_core::json;
use gatepass_core::resource::{Recent, TokenInformation};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::remembered::{Remembered, Timing};

use super::status::Freshness;

/// What the provider has said of a token.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Its words, read.
    pub(super) said: Introspection<TokenInformation>,
    /// Its words.
    pub(super) text: String,
    /// When it was asked: a revocation after that is not in it.
    pub(super) as_of: Timestamp,
}

impl Answer {
    /// What was answered to a question of that time, if it can be read.
    pub(super) fn read(as_of: Timestamp, text: String) -> Option<Self> {
        let said = json::read(&text).ok()?;
        Some(Self { said, text, as_of })
    }

    /// As isolates share it: when, and what.
    pub(super) fn to_keep(&self) -> String {
        format!("{} {}", self.as_of.seconds(), self.text)
    }

    /// What isolates share, read.
    pub(super) fn kept(text: &str) -> Option<Self> {
        let (as_of, text) = text.split_once(' ')?;
        let as_of = Timestamp::from_seconds(as_of.parse().ok()?);
        Self::read(as_of, text.to_owned())
    }

    fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

/// How many answers are remembered about good tokens, and how many bad tokens: so that these do not drive out
/// those.
const GOOD: usize = 2_000;
const BAD: usize = 1_000;
/// For so many bytes an answer takes a place: an isolate has 128 MB for everything.
const PLACE: usize = 4_096;

/// What the provider has said of tokens lately, by their hashes.
#[derive(Debug)]
pub(super) struct Answers {
    good: RefCell<Recent<Remembered<Answer>>>,
    bad: RefCell<Recent<Timestamp>>,
    /// Those that it is being asked about, or soon, and until when others leave that to whoever does.
    asked: RefCell<Recent<Timestamp>>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            good: RefCell::new(Recent::new(GOOD)),
            bad: RefCell::new(Recent::new(BAD)),
            asked: RefCell::new(Recent::new(BAD)),
        }
    }
}

impl Answers {
    /// What was said of a token that was good when it was asked about last.
    pub(super) fn good(&self, key: &str) -> Option<Remembered<Answer>> {
        self.good.borrow().get(key).cloned()
    }

    /// Whether it was bad when it was asked about last, not longer ago than that.
    pub(super) fn is_bad(&self, key: &str, remembered_for: Lifetime, now: Timestamp) -> bool {
        let bad = self.bad.borrow();
        bad.get(key)
            .is_some_and(|at| at.is_within(remembered_for, now))
    }

    /// Whether it is being asked about.
    pub(super) fn is_asked(&self, key: &str, now: Timestamp) -> bool {
        let asked = self.asked.borrow();
        asked.get(key).is_some_and(|until| now < *until)
    }

    /// It is being asked about, or about to be, and nobody else asks before then.
    pub(super) fn begin(&self, key: &str, until: Timestamp) {
        *self.asked.borrow_mut().at(key, || until) = until;
    }

    /// It is no longer.
    pub(super) fn end(&self, key: &str) {
        self.asked.borrow_mut().forget(key);
    }

    /// This was said of it.
    pub(super) fn learn(&self, key: &str, answer: Answer, freshness: Freshness) {
        let as_of = answer.as_of;
        let places = 1 + answer.text.len() / PLACE;
        if answer.said.active {
            self.bad.borrow_mut().forget(key);
            let mut good = self.good.borrow_mut();
            let known = good.at(key, || {
                let timing = Timing {
                    // Nobody is let in on an answer that is older than the bound while the provider can be asked.
                    fresh_for: freshness.bound,
                    ..freshness.timing()
                };
                Remembered::new(timing, Some(Answer::as_of))
            });
            known.learn(answer, as_of);
            good.weigh(key, places);
        } else {
            self.good.borrow_mut().forget(key);
            *self.bad.borrow_mut().at(key, || as_of) = as_of;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_says_as_of_when_it_counts() {
        let as_of = Timestamp::from_seconds(1_800_000_000);
        let text = r#"{"active": false}"#.to_owned();
        let kept = Answer::read(as_of, text).unwrap().to_keep();
        assert_eq!(kept, r#"1800000000 {"active": false}"#);
        let read = Answer::kept(&kept).unwrap();
        assert_eq!((read.as_of, read.said.active), (as_of, false));
        for other in ["", "x {}", "1 {}", "{\"active\":true}", "1800000000"] {
            assert!(Answer::kept(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_flood_of_bad_tokens_drives_no_good_one_out() {
        let answers = Answers::default();
        let freshness = Freshness {
            bound: Lifetime::from_seconds(60),
            ..Freshness::NONE
        };
        let as_of = Timestamp::from_seconds(1_800_000_000);
        let learn = |key: &str, active: bool| {
            let text = format!(r#"{{"active":{active}}}"#);
            let answer = Answer::read(as_of, text).unwrap();
            answers.learn(key, answer, freshness);
        };
        learn("good", true);
        (0..5_000).for_each(|bad| learn(&format!("bad {bad}"), false));
        assert!(answers.good("good").is_some());
        assert!(answers.is_bad("bad 4999", freshness.bound, as_of));
        assert!(!answers.is_bad("bad 4999", Freshness::NONE.bound, as_of));
        assert!(!answers.is_bad("bad 0", freshness.bound, as_of));
        // What ends is bad from then on.
        learn("good", false);
        assert!(answers.good("good").is_none());
    }

    #[test]
    fn long_answers_do_not_take_all_the_memory() {
        let answers = Answers::default();
        let freshness = Freshness {
            bound: Lifetime::from_seconds(60),
            ..Freshness::NONE
        };
        let as_of = Timestamp::from_seconds(1_800_000_000);
        let long = format!(r#"{{"active":true,"groups":"{}"}}"#, "x".repeat(60_000));
        for token in 0..300 {
            let answer = Answer::read(as_of, long.clone()).unwrap();
            answers.learn(&format!("token {token}"), answer, freshness);
        }
        let remembered = (0..300).filter(|token| answers.good(&format!("token {token}")).is_some());
        assert_eq!(remembered.count(), GOOD / (1 + long.len() / PLACE));
        assert!(answers.good("token 299").is_some());
    }
}
