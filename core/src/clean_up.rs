//! Forgetting: what nobody can ask for any more need not be stored.
//!
//! | row | is forgotten |
//! |---|---|
//! | a code that was not redeemed | when it has expired |
//! | a redeemed code | with its grant: until then a second use ends the grant |
//! | a spent generation | when its refresh token has expired: until then a replay must be known for one |
//! | the newest generation | with its grant |
//! | a grant, also one that has ended | when every refresh token issued under it has expired, and the last access token too |
//! | a client whose registration ended | with its last grant |
//! | a device code, a sign-in, a pushed request, a revoked access token, an opaque access token, what may be used once | when it has expired |
//!
//! Something has expired, here, when [`LATE`] has passed since, and the grace time in which a retry
//! still counts. So nobody honest ever notices that a row is gone, and a thief finds none missing.

use serde::{Deserialize, Serialize};

use crate::grant::Lifetimes;
use crate::time::{Lifetime, Timestamp};

/// How many rows of each table one round looks at, and forgets at most.
pub const ROWS: u32 = 500;

/// How many rounds one run goes at most.
pub const ROUNDS: u32 = 50;

/// How long after its end a row still stays: clocks differ, and a request may be under way.
const LATE: Lifetime = Lifetime::from_minutes(60);

/// What is over by now.
#[derive(Clone, Copy, Debug)]
pub struct Over {
    /// What expired at this time or before it can be presented by nobody.
    pub expired: Timestamp,
    /// How long an access token may outlive the newest generation of its grant; a client's own
    /// lifetime ([`ClientSettings`](crate::client::ClientSettings)) stands in its place.
    pub access_token: Lifetime,
}

impl Over {
    /// What is over at `now`, where things live as long as `lifetimes` say.
    pub fn at(now: Timestamp, lifetimes: &Lifetimes) -> Self {
        Self {
            expired: now.minus(LATE).minus(lifetimes.grace),
            access_token: lifetimes.access_token,
        }
    }
}

/// How many rows were forgotten.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Forgotten {
    /// Clients that had ended their registration.
    pub clients: u32,
    /// Authorization codes.
    pub codes: u32,
    /// Device codes.
    pub device_codes: u32,
    /// Grants.
    pub grants: u32,
    /// Opaque access tokens.
    pub opaque_access_tokens: u32,
    /// Pushed authorization requests.
    pub pushed_requests: u32,
    /// Revoked access tokens.
    pub revoked_access_tokens: u32,
    /// Generations.
    pub sessions: u32,
    /// Sign-ins.
    pub sign_ins: u32,
    /// What was used and may not be used again.
    pub used_once: u32,
}

impl Forgotten {
    /// These and those.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self {
            clients: self.clients + others.clients,
            codes: self.codes + others.codes,
            device_codes: self.device_codes + others.device_codes,
            grants: self.grants + others.grants,
            opaque_access_tokens: self.opaque_access_tokens + others.opaque_access_tokens,
            pushed_requests: self.pushed_requests + others.pushed_requests,
            revoked_access_tokens: self.revoked_access_tokens + others.revoked_access_tokens,
            sessions: self.sessions + others.sessions,
            sign_ins: self.sign_ins + others.sign_ins,
            used_once: self.used_once + others.used_once,
        }
    }

    /// Whether another round is worth its while: half of what this one looked at in some table was
    /// over.
    ///
    /// Keys are random, so a round sees a fair sample of its table. While this holds, rounds go on; so
    /// a table keeps no more than about twice the rows that are in use.
    pub fn is_much(self) -> bool {
        let counts = [
            self.clients,
            self.codes,
            self.device_codes,
            self.grants,
            self.opaque_access_tokens,
            self.pushed_requests,
            self.revoked_access_tokens,
            self.sessions,
            self.sign_ins,
            self.used_once,
        ];
        counts.into_iter().any(|count| count >= ROWS / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::{NOW, after};

    #[test]
    fn what_expired_is_over_an_hour_and_the_grace_time_later() {
        let over = Over::at(after(3_630), &Lifetimes::default());
        assert_eq!(over.expired, NOW);
        assert_eq!(over.access_token, Lifetimes::default().access_token);
    }

    #[test]
    fn with_a_grace_time_that_never_ends_nothing_is_ever_over() {
        let lifetimes = Lifetimes {
            grace: Lifetime::UNLIMITED,
            ..Lifetimes::default()
        };
        let over = Over::at(NOW, &lifetimes);
        assert!(over.expired < Timestamp::from_seconds(0));
    }

    #[test]
    fn another_round_is_worth_it_from_half_a_window_on() {
        let sessions = |sessions| Forgotten {
            sessions,
            ..Forgotten::default()
        };
        assert!(!sessions(ROWS / 2 - 1).is_much());
        assert!(sessions(ROWS / 2).is_much());
        assert!(!Forgotten::default().is_much());
    }

    #[test]
    fn counts_add_up() {
        let once = Forgotten {
            clients: 1,
            codes: 2,
            grants: 3,
            opaque_access_tokens: 9,
            pushed_requests: 8,
            revoked_access_tokens: 4,
            sessions: 5,
            sign_ins: 6,
            used_once: 7,
            device_codes: 8,
        };
        let twice = Forgotten {
            clients: 2,
            codes: 4,
            grants: 6,
            opaque_access_tokens: 18,
            pushed_requests: 16,
            revoked_access_tokens: 8,
            sessions: 10,
            sign_ins: 12,
            used_once: 14,
            device_codes: 16,
        };
        assert_eq!(once.and(once), twice);
    }
}
