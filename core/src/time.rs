//! Points in time and lengths of time, in whole seconds.
//!
//! The core has no clock: whoever calls it says what time it is.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z (RFC 7519 §2 `NumericDate`).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: the expiry of what does not expire.
    pub const NEVER: Self = Self(253_402_300_799);

    /// The time that many seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This long after `self`; no later than [`Timestamp::NEVER`].
    #[must_use]
    pub fn plus(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_add(lifetime.0)).min(Self::NEVER)
    }

    /// This long before `self`.
    #[must_use]
    pub fn minus(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_sub(lifetime.0))
    }

    /// Whether something that began at `self` is younger than `lifetime` at `now`.
    ///
    /// A `now` before `self` counts as age zero: two isolates' clocks may differ a little.
    pub fn is_within(self, lifetime: Lifetime, now: Self) -> bool {
        now.0.saturating_sub(self.0).max(0) < lifetime.0
    }

    /// What remains until `self`; zero once it has passed.
    pub fn remaining(self, now: Self) -> Lifetime {
        Lifetime(self.0.saturating_sub(now.0).max(0))
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 §2), which does not count.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(from = "f64")]
pub(crate) struct NumericDate(pub(crate) Timestamp);

impl From<f64> for NumericDate {
    fn from(seconds: f64) -> Self {
        // What lies further ahead is how some say that a token does not end. The cast stops at the ends of its type.
        #[expect(clippy::cast_possible_truncation, reason = "a fraction does not count")]
        let whole = Timestamp::from_seconds(seconds as i64);
        Self(whole.min(Timestamp::NEVER))
    }
}

/// A length of time in seconds, never negative.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Lifetime(i64);

impl Lifetime {
    /// No time at all.
    pub const NONE: Self = Self(0);

    /// Longer than anything lasts.
    pub const UNLIMITED: Self = Self(i64::MAX);

    /// So many seconds.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self(seconds as i64)
    }

    /// So many minutes.
    pub const fn from_minutes(minutes: u32) -> Self {
        Self(minutes as i64 * 60)
    }

    /// So many days.
    pub const fn from_days(days: u32) -> Self {
        Self(days as i64 * 86_400)
    }

    /// Half of it, and no more.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }

    /// This and that.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The number of seconds, as `expires_in` gives it (RFC 6749 §5.1).
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_expires_stays_a_date_that_every_parser_reads() {
        let now = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(now.plus(Lifetime::UNLIMITED), Timestamp::NEVER);
    }

    #[test]
    fn a_lifetime_ends_exactly_at_its_end() {
        let start = Timestamp::from_seconds(100);
        let lifetime = Lifetime::from_seconds(30);
        assert!(start.is_within(lifetime, Timestamp::from_seconds(129)));
        assert!(!start.is_within(lifetime, Timestamp::from_seconds(130)));
        assert!(!start.is_within(Lifetime::from_seconds(0), start));
    }

    #[test]
    fn a_clock_that_runs_behind_does_not_make_an_age_negative() {
        let start = Timestamp::from_seconds(100);
        assert!(start.is_within(Lifetime::from_seconds(1), Timestamp::from_seconds(90)));
    }
}
