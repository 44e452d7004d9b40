//! Which tokens a client holds, and which of two holders is ahead.
//!
//! ```text
//!                sign_in                 renewed
//!   signed out ----------->  signed in  --------+
//!       ^                     ^     ^           |
//!       |  sign_out, ended    |     +-----------+
//!       +---------------------+        adopt: what another tab did, by way of the store
//! ```
//!
//! What is meant is the client's side, a [`ClientSession`]; the provider's, one generation of tokens
//! under a grant, is `grant::Session`.
//!
//! Several tabs may share one session through a store. Each holds a copy, and the store holds a
//! record of the last one that was written; no order of events may bring an older copy back:
//!
//! | the record is of | and | then |
//! |---|---|---|
//! | a later sign-in | | it counts |
//! | an earlier sign-in | | the own copy counts |
//! | the same sign-in | either of the two has ended | it has ended |
//! | the same sign-in | as many renewals, or more | it counts |
//! | the same sign-in | fewer renewals | the own copy counts |

use super::failure::WireText;
use super::token::Tokens;
use super::{Read, Write, digits, number};
use crate::secret::{AccessToken, IdToken, IdempotencyKey, RefreshToken};
use crate::time::{Lifetime, Timestamp};

/// The form of the session records that this version writes and reads.
const RECORD_VERSION: &str = "2";

/// Which tokens: those of which sign-in, and after how many renewals.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Generation {
    /// When it was, in seconds; later than every sign-in that the client had seen. Zero: there was none.
    pub sign_in: i64,
    /// How often the tokens were renewed since.
    pub renewals: i64,
}

/// The time here, and at the server if its answer said so.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// By the user's clock, which may be wrong or jump.
    pub now: Timestamp,
    /// The `Date` of the answer that is looked at (RFC 9110 §6.6.1).
    pub server: Option<Timestamp>,
}

/// The tokens of one tab, or their absence.
#[derive(Debug, Default)]
pub struct ClientSession {
    generation: Generation,
    tokens: Option<Tokens>,
    /// When the access token expires, by the server's clock.
    expires_at: Option<Timestamp>,
    /// How far the server's clock is ahead of the user's, in seconds, when last seen.
    skew: i64,
    /// That of the refresh of these tokens, from its first try on.
    key: Option<IdempotencyKey>,
    ended: Option<WireText>,
}

/// When the access token should be renewed, counted from now in seconds; negative if that has passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Due {
    /// From then on it is renewed while it is still used.
    pub soon: i64,
    /// From then on a call waits for the new one.
    pub stale: i64,
}

impl Clock {
    /// The user's clock alone.
    pub fn at(now: Timestamp) -> Self {
        Self { now, server: None }
    }
}

impl ClientSession {
    /// Which tokens these are, or were.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The tokens that there are.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// Why the provider ended the session, if it did.
    pub fn ended(&self) -> Option<&WireText> {
        self.ended.as_ref()
    }

    /// The current access token.
    pub fn bearer(&self) -> Option<&AccessToken> {
        Some(&self.tokens.as_ref()?.access)
    }

    /// Says that the tokens are about to be renewed. Every try has the key that the first one had, also in
    /// another tab or after a crash: `fresh` counts only if there is none.
    pub fn name_refresh(&mut self, fresh: &str) {
        self.key.get_or_insert_with(|| IdempotencyKey::new(fresh));
    }

    /// How far the server's clock is ahead of the user's, in seconds, as its last answer had it.
    pub fn skew(&self) -> i64 {
        self.skew
    }

    /// Takes the tokens of a sign-in.
    pub fn sign_in(&mut self, tokens: Tokens, clock: Clock) {
        let next = self.generation.sign_in.saturating_add(1);
        self.generation = Generation {
            sign_in: next.max(clock.now.seconds()),
            renewals: 0,
        };
        self.ended = None;
        self.take(tokens, clock);
    }

    /// Takes renewed tokens. What the answer left out stays as it was.
    pub fn renew(&mut self, new: Tokens, clock: Clock) {
        self.generation.renewals = self.generation.renewals.saturating_add(1);
        let old = self.tokens.take();
        let (refresh, id_token) = old.map_or((None, None), |old| (old.refresh, old.id_token));
        let merged = Tokens {
            access: new.access,
            refresh: new.refresh.or(refresh),
            id_token: new.id_token.or(id_token),
            expires_in: new.expires_in,
            bound: new.bound,
        };
        self.take(merged, clock);
    }

    /// Forgets the tokens at once, even while they are renewed; gives them out to be revoked. `reason`
    /// is the provider's, if it was the provider that ended the session.
    pub fn sign_out(&mut self, reason: Option<WireText>) -> Option<Tokens> {
        let tokens = self.tokens.take()?;
        self.ended = reason;
        Some(tokens)
    }

    /// When the access token should be renewed; `None` if nobody knows.
    ///
    /// The margins shrink with the token's lifetime, so that one of a few seconds is not renewed with
    /// every call.
    pub fn due(&self, now: Timestamp) -> Option<Due> {
        let tokens = self.tokens.as_ref()?;
        let (lifetime, expires_at) = (tokens.expires_in?.seconds(), self.expires_at?);
        let left = expires_at.seconds().saturating_sub(self.server_time(now));
        Some(Due {
            soon: left.saturating_sub((lifetime / 5).min(60)),
            stale: left.saturating_sub((lifetime / 20).min(10)),
        })
    }

    /// Writes what a store may hold. After a sign-out that is just that, so that a tab that slept hears of
    /// it; before the first sign-in, nothing.
    pub fn write_record(&self, write: &mut Write<'_>) {
        if self.generation == Generation::default() {
            return;
        }
        write("v", RECORD_VERSION);
        write("sign_in", &digits(self.generation.sign_in));
        write("renewals", &digits(self.generation.renewals));
        if let Some(reason) = &self.ended {
            write("ended", reason.as_str());
        }
        let Some(tokens) = &self.tokens else {
            return;
        };
        write("access", tokens.access.expose());
        if let Some(refresh) = &tokens.refresh {
            write("refresh", refresh.expose());
        }
        if let Some(id_token) = &tokens.id_token {
            write("id_token", id_token.expose());
        }
        if let (Some(lifetime), Some(expires_at)) = (tokens.expires_in, self.expires_at) {
            write("lifetime", &digits(lifetime.seconds()));
            write("expires_at", &digits(expires_at.seconds()));
        }
        if tokens.bound {
            write("bound", "1");
        }
        write("skew", &digits(self.skew));
        if let Some(key) = &self.key {
            write("key", key.expose());
        }
    }

    /// What a store holds, by name; signed out, if it holds nothing that this version can read.
    pub fn from_record(record: &Read<'_>) -> Self {
        let seconds = |name| record(name).and_then(number);
        let known = record("v") == Some(RECORD_VERSION);
        let (Some(sign_in), Some(renewals), true) =
            (seconds("sign_in"), seconds("renewals"), known)
        else {
            return Self::default();
        };
        let lifetime = seconds("lifetime").and_then(|lifetime| u32::try_from(lifetime).ok());
        Self {
            generation: Generation { sign_in, renewals },
            tokens: record("access").map(|access| Tokens {
                access: AccessToken::new(access),
                refresh: record("refresh").map(RefreshToken::new),
                id_token: record("id_token").map(IdToken::new),
                expires_in: lifetime.map(Lifetime::from_seconds),
                bound: record("bound").is_some(),
            }),
            expires_at: seconds("expires_at").map(Timestamp::from_seconds),
            skew: seconds("skew").unwrap_or_default(),
            key: record("key").map(IdempotencyKey::new),
            ended: record("ended").map(WireText::of),
        }
    }

    /// Takes what a store holds, unless the own copy is ahead: the table at the top. What cannot be
    /// read counts as absent, and absence says nothing: users clear stores, and browsers too.
    pub fn adopt(&mut self, stored: Self) {
        let (theirs, ours) = (stored.generation, self.generation);
        let over = stored.tokens.is_none();
        let counts = match theirs.sign_in.cmp(&ours.sign_in) {
            core::cmp::Ordering::Greater => true,
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => {
                self.tokens.is_some() && (over || theirs.renewals >= ours.renewals)
            }
        };
        if counts {
            *self = stored;
        }
    }

    fn take(&mut self, tokens: Tokens, clock: Clock) {
        if let Some(server) = clock.server {
            self.skew = server.seconds().saturating_sub(clock.now.seconds());
        }
        let now = Timestamp::from_seconds(self.server_time(clock.now));
        self.expires_at = tokens.expires_in.map(|lifetime| now.plus(lifetime));
        self.tokens = Some(tokens);
        self.key = None;
    }

    fn server_time(&self, now: Timestamp) -> i64 {
        now.seconds().saturating_add(self.skew)
    }
}

#[cfg(test)]
mod tests;
