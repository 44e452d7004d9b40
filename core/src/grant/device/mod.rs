//! Device authorization (RFC 8628): a device without a browser shows a short code, and its user allows it
//! in a browser elsewhere.
//!
//! ```text
//!   device                              provider                             browser
//!     | -- POST device_authorization ----> | keeps a DeviceRecord                |
//!     | <-- device code, user code ------- |                                     |
//!     |        (shows the user code)       | <-- user code, signed in ---------- |  lookup
//!     | -- polls with the device code ---> | -- "allow this client?" ----------> |
//!     | <-- authorization_pending -------- | <-- allow or deny ----------------- |  answer
//!     | -- polls again ------------------> |                                     |
//!     | <-- tokens, once ----------------- |                                     |  poll
//! ```

mod answer;
mod authorization;
mod lookup;
mod poll;
mod user_code;

pub use answer::{Answer, CONFIRMATION_KEY_PURPOSE, Confirmation, Decision, Settled, answer};
pub use authorization::{
    DeviceAuthorizationRefusal, DeviceAuthorizationRequest, DeviceAuthorizationResponse, NewCodes,
    Requested, issue,
};
pub use lookup::{Asked, Found, LookupRefusal, MOST_WRONG_CODES, ask};
pub use poll::{DevicePoll, DeviceRefusal, Made, Outcome, Polled, decide};
pub use user_code::{InvalidUserCode, USER_CODE_KEY_PURPOSE, UserCode};

use super::GrantDetails;
use crate::id::{Audience, ClientId, GrantId, JwtId, Subject};
use crate::scope::Scope;
use crate::secret::SecretHash;
use crate::time::{Lifetime, Timestamp};

/// A device code as the store holds it: neither it nor the user code can be had from there.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    /// The hash of the device code, and its key.
    pub hash: SecretHash,
    /// The keyed hash of the user code.
    pub user_code: SecretHash,
    /// The client on the device.
    pub client_id: ClientId,
    /// What it asked for.
    pub scope: Scope,
    /// Whom its tokens will be for.
    pub audience: Audience,
    /// How it polls.
    pub polling: Polling,
    /// When both codes stop to be worth anything.
    pub expires_at: Timestamp,
    /// What the user said, and what came of it.
    pub status: DeviceStatus,
}

/// How far a device authorization has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeviceStatus {
    /// Nobody has answered yet.
    Pending,
    /// A user said no.
    Denied,
    /// A user said yes.
    Allowed(Approval),
    /// The device has been given its tokens.
    Redeemed(Redeemed),
}

/// A user's yes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// The user.
    pub subject: Subject,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// How, and what else the grant takes over.
    pub details: GrantDetails,
}

/// What the first poll after a yes made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redeemed {
    /// Whose yes it was.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// The grant.
    pub grant_id: GrantId,
    /// The refresh token of its first generation.
    pub refresh_jti: JwtId,
}

/// How often a device may poll, and when it last did (RFC 8628 §3.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Polling {
    /// How long it waits between two polls, in seconds.
    pub interval: u32,
    /// When it polled last, if it has.
    pub last: Option<Timestamp>,
}

impl Polling {
    /// Before the first poll: wait five seconds (RFC 8628 §3.2).
    pub const START: Self = Self {
        interval: 5,
        last: None,
    };

    /// By how many seconds `slow_down` lengthens the wait (RFC 8628 §3.5).
    pub const SLOW_DOWN_BY: u32 = 5;

    /// The longest wait, in seconds.
    pub const LONGEST: u32 = 60;

    /// How many seconds too early a poll may arrive: the network delayed the one before it longer.
    pub const JITTER: u32 = 1;

    /// Whether a poll at `now` comes too soon.
    pub fn is_too_fast(&self, now: Timestamp) -> bool {
        let wait = Lifetime::from_seconds(self.interval.saturating_sub(Self::JITTER));
        self.last.is_some_and(|last| last.is_within(wait, now))
    }

    /// What stands after a poll at `now`.
    #[must_use]
    pub fn after(self, now: Timestamp) -> Self {
        let interval = if self.is_too_fast(now) {
            (self.interval + Self::SLOW_DOWN_BY).min(Self::LONGEST)
        } else {
            self.interval
        };
        Self {
            interval,
            last: Some(now),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::authorize::SignIn;
    use crate::grant::AuthenticationMethod;
    use crate::grant::tests::{NOW, after};
    use crate::id::{BrowserId, SignInId};
    use crate::jose::SymmetricKey;
    use crate::secret::DeviceCode;

    /// A browser that is signed in for a minute.
    pub(crate) fn sign_in() -> SignIn {
        SignIn {
            id: SignInId::parse("s1").unwrap(),
            browser: BrowserId::parse("b1").unwrap(),
            subject: Subject::parse("u1").unwrap(),
            auth_time: NOW,
            amr: vec![AuthenticationMethod::Password],
            expires_at: after(60),
        }
    }

    /// A device code of the public client, as it was made.
    pub(crate) fn record(status: DeviceStatus) -> DeviceRecord {
        let key = SymmetricKey::derive(&[1; 32], USER_CODE_KEY_PURPOSE);
        DeviceRecord {
            hash: DeviceCode::new("d3vice").hash(),
            user_code: UserCode::parse("WDJB-MJHT").unwrap().hash(&key),
            client_id: crate::client::tests::public().id,
            scope: Scope::parse("openid read").unwrap(),
            audience: Audience::parse("http://localhost:5000").unwrap(),
            polling: Polling::START,
            expires_at: after(600),
            status,
        }
    }

    #[test]
    fn whoever_waits_is_never_slowed_down() {
        let mut polling = Polling::START;
        for poll in 0..20 {
            let now = after(poll * 5);
            assert!(!polling.is_too_fast(now), "{poll}");
            polling = polling.after(now);
            assert_eq!((polling.interval, polling.last), (5, Some(now)));
        }
        // The one before was delayed on its way, this one was not.
        assert!(!polling.is_too_fast(after(19 * 5 + 4)));
    }

    #[test]
    fn each_poll_that_comes_too_soon_lengthens_the_wait_for_good() {
        let mut polling = Polling::START.after(NOW);
        for (seconds, interval) in [(3, 10), (11, 15), (12, 20)] {
            assert!(polling.is_too_fast(after(seconds)), "{seconds}");
            polling = polling.after(after(seconds));
            assert_eq!(polling.interval, interval, "{seconds}");
        }
        assert!(!polling.is_too_fast(after(31)));
        assert_eq!(polling.after(after(31)).interval, 20);
        let impatient = (0..100).fold(polling, |polling, _| polling.after(after(40)));
        assert_eq!(impatient.interval, Polling::LONGEST);
    }
}
