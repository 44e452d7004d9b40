//! When to leave a service alone that fails: a circuit breaker, as data.

use crate::time::{Lifetime, Timestamp};

/// After how many failures in a row nobody asks any more.
const FAILURES: u32 = 5;
/// For how long then, before one request tries again.
const PAUSE: Lifetime = Lifetime::from_seconds(5);
/// How long that one may take, before it counts as lost and another tries.
const LEASE: Lifetime = Lifetime::from_seconds(10);

/// How a service has answered lately.
///
/// ```text
///   closed --five failures in a row--> open --five seconds--> half open: one request tries
///     ^                                 ^                           |
///     +---------- it succeeds ----------|---------------------------+
///                                       +------- it fails ----------+
/// ```
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Until when nobody asks; then one tries, and pushes this on for the others.
    closed_to_all_until: Option<Timestamp>,
}

impl Breaker {
    /// Whether a request may ask the service now. Whoever may says how it went.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        match self.closed_to_all_until {
            // Further off than it ever is: the clock was wrong then.
            Some(until) if now < until && until.remaining(now) <= LEASE => false,
            Some(_) => {
                self.closed_to_all_until = Some(now.plus(LEASE));
                true
            }
            None => true,
        }
    }

    /// The service has answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It has not.
    pub fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.closed_to_all_until = Some(now.plus(PAUSE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;

    #[test]
    fn a_clock_that_goes_back_by_a_day_keeps_nobody_out_for_a_day() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(after(86_400)));
        assert!(!breaker.admits(after(86_400)));
        assert!(breaker.admits(after(0)));
        assert!(!breaker.admits(after(1)));
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.admits(after(0)));
            breaker.failed(after(0));
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| breaker.failed(after(0)));
            assert!(breaker.admits(after(0)));
            breaker.succeeded();
        }
        assert!(!open().admits(after(4)));
    }

    #[test]
    fn one_tries_again_and_what_comes_of_it_counts_for_all() {
        let mut breaker = open();
        assert!(breaker.admits(after(5)));
        assert!(!breaker.admits(after(5)));
        breaker.failed(after(6));
        assert!(!breaker.admits(after(10)));
        assert!(breaker.admits(after(11)));
        breaker.succeeded();
        assert!(breaker.admits(after(11)) && breaker.admits(after(11)));
    }

    #[test]
    fn one_that_never_comes_back_is_not_waited_for() {
        let mut breaker = open();
        assert!(breaker.admits(after(5)));
        assert!(!breaker.admits(after(14)));
        assert!(breaker.admits(after(15)));
    }
}
