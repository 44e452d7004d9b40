//! Guessing passwords: whose wrong ones count where, and how long whoever typed them waits.
//!
//! A guess comes from a **browser** and an **address**. Where the user has signed in to this account
//! before, that is a known place: wrong passwords from there count there and nowhere else, and nothing
//! that others do makes it wait. Everybody else counts twice: at their address, and together.
//!
//! | what counts | wrong passwords without a wait | first wait, then doubled | longest wait |
//! |---|---|---|---|
//! | a known browser, a known address, an address | [`Policy::tries`] | 15 seconds | [`Policy::longest_wait`] |
//! | all who are not known, together | four times as many | 15 seconds | a fifth of it |
//!
//! So nobody guesses much, and nobody locks the user out: in a browser or at an address that the user
//! has signed in with, they do not even notice. Elsewhere an attacker makes them wait the shorter of
//! the two at most, and has to come from ever more addresses to do so again.
//!
//! Nothing here knows whether there is such an account: unknown ones are counted like any other.

mod keys;

pub use keys::{BrowserMark, KEY_PURPOSE, PlaceKeys};

use crate::time::{Lifetime, Timestamp};

/// The wait after the first wrong password too many.
const FIRST_WAIT: Lifetime = Lifetime::from_seconds(15);

/// How long a wrong password counts.
const COUNTS_FOR: Lifetime = Lifetime::from_days(1);

/// How long a place stays known after a sign-in there.
pub const KNOWN_FOR: Lifetime = Lifetime::from_days(90);

/// How much more all the unknown together may try than each of them.
const TOGETHER: u32 = 4;

/// What part of the longest wait all the unknown together wait at most.
const SHORTER: i64 = 5;

/// How many guesses there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How many wrong passwords from one place go without a wait.
    pub tries: u32,
    /// The longest wait. Less than a day: so long a wrong password counts.
    pub longest_wait: Lifetime,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 5,
            longest_wait: Lifetime::from_minutes(15),
        }
    }
}

impl Policy {
    fn of_one(self) -> Budget {
        Budget {
            tries: self.tries,
            longest: self.longest_wait.seconds(),
        }
    }

    fn of_all_unknown(self) -> Budget {
        Budget {
            tries: self.tries.saturating_mul(TOGETHER),
            longest: self.longest_wait.seconds() / SHORTER,
        }
    }
}

/// A [`Policy`] for one of the things that count.
#[derive(Clone, Copy)]
struct Budget {
    tries: u32,
    /// In seconds.
    longest: i64,
}

/// What is remembered of a place; the default of one that nothing is known of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record {
    /// How many wrong passwords came from there since the last right one.
    pub failures: u32,
    /// When the last wrong one came.
    pub failed_at: Timestamp,
    /// When the last right one came.
    pub signed_in_at: Timestamp,
}

impl Default for Record {
    fn default() -> Self {
        let long_ago = Timestamp::from_seconds(0);
        Self {
            failures: 0,
            failed_at: long_ago,
            signed_in_at: long_ago,
        }
    }
}

impl Record {
    /// From when on it need not be remembered.
    pub fn expires_at(self) -> Timestamp {
        let failures = self.failed_at.plus(COUNTS_FOR);
        failures.max(self.signed_in_at.plus(KNOWN_FOR))
    }

    fn is_known(self, now: Timestamp) -> bool {
        self.signed_in_at.is_within(KNOWN_FOR, now)
    }

    fn wait(self, budget: Budget, now: Timestamp) -> Lifetime {
        let Some(too_many) = self.failures.checked_sub(budget.tries) else {
            return Lifetime::from_seconds(0);
        };
        let doubled = FIRST_WAIT.seconds() << too_many.min(20);
        let wait = u32::try_from(doubled.min(budget.longest)).unwrap_or(u32::MAX);
        let until = self.failed_at.plus(Lifetime::from_seconds(wait));
        until.remaining(now)
    }

    fn after_a_wrong_one(self, now: Timestamp) -> Self {
        let counts = self.failed_at.is_within(COUNTS_FOR, now);
        let failures = if counts { self.failures } else { 0 };
        Self {
            failures: failures.saturating_add(1),
            failed_at: now,
            ..self
        }
    }

    fn after_a_right_one(now: Timestamp) -> Self {
        Self {
            signed_in_at: now,
            ..Self::default()
        }
    }
}

/// What is remembered of everything that a guess counts for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// All who are not known at this account, together.
    pub unknown: Record,
    /// The browser, at this account.
    pub browser: Record,
    /// The address, at this account.
    pub address: Record,
}

impl Places {
    /// Whether the password of this guess is looked at.
    ///
    /// # Errors
    ///
    /// How long until one is.
    pub fn admit(self, policy: Policy, now: Timestamp) -> Result<Attempt, Lifetime> {
        let from = if self.browser.is_known(now) {
            From::KnownBrowser
        } else if self.address.is_known(now) {
            From::KnownAddress
        } else {
            From::Elsewhere
        };
        let wait = match from {
            From::KnownBrowser => self.browser.wait(policy.of_one(), now),
            From::KnownAddress => self.address.wait(policy.of_one(), now),
            From::Elsewhere => {
                let together = self.unknown.wait(policy.of_all_unknown(), now);
                together.max(self.address.wait(policy.of_one(), now))
            }
        };
        if wait > Lifetime::from_seconds(0) {
            return Err(wait);
        }
        Ok(Attempt { places: self, from })
    }
}

/// Where a guess comes from.
#[derive(Clone, Copy, Debug)]
enum From {
    KnownBrowser,
    KnownAddress,
    Elsewhere,
}

/// A guess whose password is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    places: Places,
    from: From,
}

impl Attempt {
    /// What is to be remembered if the password is wrong.
    #[must_use]
    pub fn wrong(self, now: Timestamp) -> Places {
        let Places {
            unknown,
            browser,
            address,
        } = self.places;
        match self.from {
            From::KnownBrowser => Places {
                browser: browser.after_a_wrong_one(now),
                ..self.places
            },
            From::KnownAddress => Places {
                address: address.after_a_wrong_one(now),
                ..self.places
            },
            From::Elsewhere => Places {
                unknown: unknown.after_a_wrong_one(now),
                address: address.after_a_wrong_one(now),
                ..self.places
            },
        }
    }

    /// What is to be remembered if it is right: browser and address are known from now on. What others
    /// have tried stays counted.
    #[must_use]
    pub fn right(self, now: Timestamp) -> Places {
        Places {
            browser: Record::after_a_right_one(now),
            address: Record::after_a_right_one(now),
            ..self.places
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::{NOW, after};

    const POLICY: Policy = Policy {
        tries: 5,
        longest_wait: Lifetime::from_minutes(15),
    };

    fn known(now: Timestamp) -> Record {
        Record::after_a_right_one(now)
    }

    /// Guesses wrong as soon as it may, `times` times: how long it waited before each.
    fn guess(places: &mut Places, times: usize, now: &mut Timestamp) -> Vec<i64> {
        (0..times)
            .map(|_| {
                let wait = match places.admit(POLICY, *now) {
                    Ok(_) => Lifetime::from_seconds(0),
                    Err(wait) => wait,
                };
                *now = now.plus(wait);
                *places = places.admit(POLICY, *now).unwrap().wrong(*now);
                wait.seconds()
            })
            .collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let (mut places, mut now) = (Places::default(), NOW);
        let waits = guess(&mut places, 14, &mut now);
        assert_eq!(
            waits,
            [0, 0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900]
        );
    }

    #[test]
    fn a_wait_ends_to_the_second() {
        let (mut places, mut now) = (Places::default(), NOW);
        guess(&mut places, 5, &mut now);
        for (later, wait) in [(0, Some(15)), (14, Some(1)), (15, None), (900, None)] {
            let admitted = places.admit(POLICY, after(later));
            assert_eq!(admitted.err().map(Lifetime::seconds), wait, "{later}");
        }
    }

    #[test]
    fn all_the_unknown_together_wait_less_long() {
        let (mut places, mut now) = (Places::default(), NOW);
        let mut waits = vec![];
        for _ in 0..30 {
            // Each time from another address.
            places.address = Record::default();
            waits.extend(guess(&mut places, 1, &mut now));
        }
        assert!(waits[..20].iter().all(|wait| *wait == 0), "{waits:?}");
        assert_eq!(waits[20..], [15, 30, 60, 120, 180, 180, 180, 180, 180, 180]);
    }

    #[test]
    fn whoever_is_known_does_not_notice_what_others_do() {
        let (mut attacker, mut now) = (Places::default(), NOW);
        guess(&mut attacker, 40, &mut now);
        let at = |browser, address| Places {
            unknown: attacker.unknown,
            browser,
            address,
        };
        let stranger = Record::default();
        assert!(at(stranger, stranger).admit(POLICY, now).is_err());
        assert!(at(known(NOW), stranger).admit(POLICY, now).is_ok());
        assert!(at(stranger, known(NOW)).admit(POLICY, now).is_ok());
        // Also at the very address that the attacker comes from.
        assert!(at(known(NOW), attacker.address).admit(POLICY, now).is_ok());
    }

    #[test]
    fn a_known_place_has_a_budget_too_and_spends_no_others() {
        for places in [
            Places {
                browser: known(NOW),
                ..Places::default()
            },
            Places {
                address: known(NOW),
                ..Places::default()
            },
        ] {
            let (mut spent, mut now) = (places, NOW);
            let waits = guess(&mut spent, 7, &mut now);
            assert_eq!(waits, [0, 0, 0, 0, 0, 15, 30]);
            assert_eq!(spent.unknown, Record::default());
        }
    }

    #[test]
    fn a_right_password_makes_the_place_known_and_leaves_what_others_have_tried() {
        let (mut places, mut now) = (Places::default(), NOW);
        guess(&mut places, 4, &mut now);
        let right = places.admit(POLICY, now).unwrap().right(now);
        assert_eq!(right.browser, known(now));
        assert_eq!(right.address, known(now));
        assert_eq!(right.unknown, places.unknown);
    }

    #[test]
    fn a_place_is_known_for_so_long_and_wrong_passwords_count_for_a_day() {
        let day = 86_400;
        let mut places = Places {
            browser: known(NOW),
            unknown: Record {
                failures: 1_000,
                failed_at: after(90 * day),
                ..Record::default()
            },
            ..Places::default()
        };
        assert!(places.admit(POLICY, after(90 * day - 1)).is_ok());
        assert!(places.admit(POLICY, after(90 * day)).is_err());
        let later = after(91 * day);
        places = places.admit(POLICY, later).unwrap().wrong(later);
        assert_eq!(places.unknown.failures, 1);
        assert_eq!(places.unknown.expires_at(), after(92 * day));
        assert_eq!(known(NOW).expires_at(), after(90 * day));
    }

    #[test]
    fn a_day_of_guessing_is_not_worth_it() {
        let (mut places, mut now, mut guesses) = (Places::default(), NOW, 0);
        while now < after(86_400) {
            // A new address for every guess: more than any attacker has.
            places.address = Record::default();
            guess(&mut places, 1, &mut now);
            guesses += 1;
        }
        assert!((450..=510).contains(&guesses), "{guesses}");
    }

    #[test]
    fn nothing_overflows() {
        let record = Record {
            failures: u32::MAX,
            failed_at: NOW,
            ..Record::default()
        };
        let places = Places {
            unknown: record,
            address: record,
            ..Places::default()
        };
        assert_eq!(places.admit(POLICY, NOW).unwrap_err(), POLICY.longest_wait);
        assert_eq!(record.after_a_wrong_one(NOW).failures, u32::MAX);
    }
}
