//! The life of a signing key, and what is due in it.
//!
//! ```text
//!   next ────────► current ─────────► previous ────────► retired ───► forgotten
//!   published,     signs              its private half   published    (after the last ID
//!   signs          tokens             is gone; verifies  no more       token shown at sign-out)
//!   nothing yet                       what it signed
//!
//!   any of them ──► revoked: published no more, verifies nothing, never comes back
//! ```
//!
//! Whoever verifies works with a copy of the key set that is up to [`Schedule::jwks_lifetime`] old, and
//! got it from an isolate whose own copy was up to [`Schedule::isolate_lifetime`] old. So a key is
//! published that long before it signs, and as long as anything that it signed lives. Which steps a
//! store takes is decided here; that each is taken once, the store's conditions see to.

pub mod command;

use crate::id::KeyId;
use crate::jose::SigningAlgorithm;
use crate::time::{Lifetime, Timestamp};

/// What clocks may differ by, and how long a step may take from the decision to the store.
pub const MARGIN: Lifetime = Lifetime::from_minutes(1);

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyStatus {
    /// Published, and signs nothing yet.
    Next,
    /// Signs.
    Current,
    /// Signs no more, and verifies what it has signed.
    Previous,
    /// Everything it has signed has expired. It still recognizes an ID token that is shown at sign-out.
    Retired,
    /// Somebody else may have it: it verifies nothing.
    Revoked,
}

impl KeyStatus {
    const ALL: [Self; 5] = [
        Self::Next,
        Self::Current,
        Self::Previous,
        Self::Retired,
        Self::Revoked,
    ];

    /// As the store has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// Reads what the store has.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the key set names keys of this status, and tokens are verified with them.
    pub const fn is_published(self) -> bool {
        match self {
            Self::Next | Self::Current | Self::Previous => true,
            Self::Retired | Self::Revoked => false,
        }
    }

    /// Whether the private half is kept.
    pub const fn has_private_half(self) -> bool {
        match self {
            Self::Next | Self::Current => true,
            Self::Previous | Self::Retired | Self::Revoked => false,
        }
    }
}

/// What is known of a key, apart from the key itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRecord {
    /// `kid`.
    pub id: KeyId,
    /// `alg`.
    pub algorithm: SigningAlgorithm,
    /// Where it is in its life.
    pub status: KeyStatus,
    /// Since when it is in the store, and so in the key set.
    pub created_at: Timestamp,
    /// Since when it has its status.
    pub since: Timestamp,
    /// The longest that a token lives which it has signed.
    pub token_lifetime: Lifetime,
    /// Whether its private half can be decrypted, if there is one.
    pub is_readable: bool,
}

/// How long everything lasts.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a key signs.
    pub rotation_period: Lifetime,
    /// How old a copy of the key set may be that somebody verifies with: its `max-age`.
    pub jwks_lifetime: Lifetime,
    /// How old the copy of the store may be that an isolate signs with and publishes.
    pub isolate_lifetime: Lifetime,
    /// How long after its expiry an ID token may be shown at sign-out.
    pub hint_lifetime: Lifetime,
}

/// Something to do in the store. Each is conditional there: done twice, or too late, it does nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step<'a> {
    /// Make a key, unless there is one of this algorithm and status.
    Create(SigningAlgorithm, KeyStatus),
    /// `current` becomes previous, if it is still current, and `next` takes its place, if it is still next
    /// and the place is free.
    Promote {
        /// The key that signs from now on.
        next: &'a KeyId,
        /// The key that signed until now.
        current: Option<&'a KeyId>,
    },
    /// It is published no more, if it is still previous.
    Retire(&'a KeyId),
    /// It is deleted, if it has still this status.
    Forget(&'a KeyId, KeyStatus),
}

/// Why a key is not promoted before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PromotionRefusal {
    /// There is none to promote.
    #[error("there is no next key of this algorithm")]
    NoNext,
    /// Somebody may not know it yet.
    #[error("the next key is not known everywhere yet")]
    UnknownUntil(Timestamp),
}

/// What is due now: for every algorithm that is in use, and for `wanted`, so that each has one key that
/// signs and one that is ready to.
pub fn due<'a>(
    keys: &'a [KeyRecord],
    wanted: &[SigningAlgorithm],
    schedule: &Schedule,
    now: Timestamp,
) -> Vec<Step<'a>> {
    let is_in_use = |algorithm: &SigningAlgorithm| {
        wanted.contains(algorithm) || keys.iter().any(|key| key.serves(*algorithm))
    };
    let algorithms = SigningAlgorithm::ALL.into_iter().filter(is_in_use);
    let mut steps: Vec<_> = algorithms
        .flat_map(|algorithm| of_algorithm(keys, algorithm, schedule, now))
        .collect();
    steps.extend(keys.iter().filter_map(|key| key.end(schedule, now)));
    steps
}

/// The next key of `algorithm` takes the current one's place before its time.
///
/// # Errors
///
/// [`PromotionRefusal`] if there is none, or somebody may not know it yet.
pub fn promote_early<'a>(
    keys: &'a [KeyRecord],
    algorithm: SigningAlgorithm,
    schedule: &Schedule,
    now: Timestamp,
) -> Result<Step<'a>, PromotionRefusal> {
    let next = find(keys, algorithm, KeyStatus::Next)
        .filter(|next| next.is_readable)
        .ok_or(PromotionRefusal::NoNext)?;
    let known = next.known_everywhere_at(schedule);
    if known > now {
        return Err(PromotionRefusal::UnknownUntil(known));
    }
    Ok(promote(keys, next))
}

fn of_algorithm<'a>(
    keys: &'a [KeyRecord],
    algorithm: SigningAlgorithm,
    schedule: &Schedule,
    now: Timestamp,
) -> Vec<Step<'a>> {
    let create = |status| Step::Create(algorithm, status);
    let current = find(keys, algorithm, KeyStatus::Current);
    let next = find(keys, algorithm, KeyStatus::Next);
    let readable = next.filter(|next| next.is_readable);
    let mut steps = Vec::new();
    if let (Some(lost), None) = (next, readable) {
        // It has signed nothing: another is as good.
        steps.push(Step::Forget(&lost.id, KeyStatus::Next));
    }
    match (current, readable) {
        (None, None) => steps.extend([create(KeyStatus::Current), create(KeyStatus::Next)]),
        (None, Some(next)) => steps.extend([promote(keys, next), create(KeyStatus::Next)]),
        (Some(_), None) => steps.push(create(KeyStatus::Next)),
        (Some(current), Some(next)) => {
            let over = current.since.plus(schedule.rotation_period) <= now;
            if over && next.known_everywhere_at(schedule) <= now {
                steps.extend([promote(keys, next), create(KeyStatus::Next)]);
            }
        }
    }
    steps
}

fn find(keys: &[KeyRecord], algorithm: SigningAlgorithm, status: KeyStatus) -> Option<&KeyRecord> {
    keys.iter()
        .find(|key| key.algorithm == algorithm && key.status == status)
}

fn promote<'a>(keys: &'a [KeyRecord], next: &'a KeyRecord) -> Step<'a> {
    let current = find(keys, next.algorithm, KeyStatus::Current);
    Step::Promote {
        next: &next.id,
        current: current.map(|current| &current.id),
    }
}

impl KeyRecord {
    fn serves(&self, algorithm: SigningAlgorithm) -> bool {
        self.algorithm == algorithm && self.status.has_private_half()
    }

    /// From when on every copy of the key set has it.
    fn known_everywhere_at(&self, schedule: &Schedule) -> Timestamp {
        self.created_at
            .plus(schedule.isolate_lifetime)
            .plus(schedule.jwks_lifetime)
            .plus(MARGIN)
    }

    /// Its way out, if it is time.
    fn end(&self, schedule: &Schedule, now: Timestamp) -> Option<Step<'_>> {
        match self.status {
            KeyStatus::Next | KeyStatus::Current | KeyStatus::Revoked => None,
            KeyStatus::Previous => {
                // An isolate may have signed with it for a while after it became previous.
                let over = self
                    .since
                    .plus(schedule.isolate_lifetime)
                    .plus(self.token_lifetime)
                    .plus(schedule.jwks_lifetime)
                    .plus(MARGIN);
                (over <= now).then_some(Step::Retire(&self.id))
            }
            KeyStatus::Retired => {
                let over = self.since.plus(schedule.hint_lifetime);
                (over <= now).then_some(Step::Forget(&self.id, KeyStatus::Retired))
            }
        }
    }
}

#[cfg(test)]
mod tests;
