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
mod tests {
    use super::*;
    use SigningAlgorithm::{ES256, RS256};

    const PERIOD: Lifetime = Lifetime::from_days(30);

    fn schedule() -> Schedule {
        Schedule {
            rotation_period: PERIOD,
            jwks_lifetime: Lifetime::from_seconds(600),
            isolate_lifetime: Lifetime::from_seconds(60),
            hint_lifetime: Lifetime::from_days(90),
        }
    }

    /// What passes from the creation of a key until everybody knows it.
    const KNOWN_AFTER: i64 = 600 + 60 + 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn key(name: &str, status: KeyStatus, seconds: i64) -> KeyRecord {
        KeyRecord {
            id: KeyId::parse(name).unwrap(),
            algorithm: ES256,
            status,
            created_at: at(seconds),
            since: at(seconds),
            token_lifetime: Lifetime::from_seconds(300),
            is_readable: true,
        }
    }

    /// What is due, in words.
    fn steps(keys: &[KeyRecord], seconds: i64) -> Vec<String> {
        described(due(keys, &[ES256], &schedule(), at(seconds)))
    }

    fn described(steps: Vec<Step<'_>>) -> Vec<String> {
        let word = |step| match step {
            Step::Create(algorithm, status) => {
                format!("create {} {}", algorithm.as_str(), status.as_str())
            }
            Step::Promote { next, current } => {
                let current = current.map_or("nothing", KeyId::as_str);
                format!("{next} for {current}")
            }
            Step::Retire(key) => format!("retire {key}"),
            Step::Forget(key, _) => format!("forget {key}"),
        };
        steps.into_iter().map(word).collect()
    }

    const FIRST: [&str; 2] = ["create ES256 current", "create ES256 next"];

    #[test]
    fn where_there_is_no_key_one_signs_at_once_and_one_is_published() {
        assert_eq!(steps(&[], 0), FIRST);
        let pair = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, 0),
        ];
        assert_eq!(steps(&pair, 0), [""; 0]);
    }

    #[test]
    fn a_key_signs_for_the_rotation_period_and_then_the_next_does() {
        let keys = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, 0),
        ];
        let end = PERIOD.seconds();
        assert_eq!(steps(&keys, end - 1), [""; 0]);
        assert_eq!(steps(&keys, end), ["b for a", "create ES256 next"]);
    }

    #[test]
    fn a_key_does_not_sign_before_everybody_knows_it() {
        let late = PERIOD.seconds();
        let keys = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, late),
        ];
        assert_eq!(steps(&keys, late + KNOWN_AFTER - 1), [""; 0]);
        let known = steps(&keys, late + KNOWN_AFTER);
        assert_eq!(known, ["b for a", "create ES256 next"]);
    }

    #[test]
    fn a_key_stays_published_until_its_last_token_has_expired() {
        let keys = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, 0),
            key("c", KeyStatus::Previous, 0),
        ];
        let end = 60 + 300 + 600 + 60;
        assert_eq!(steps(&keys, end - 1), [""; 0]);
        assert_eq!(steps(&keys, end), ["retire c"]);
        let [a, b, mut c] = keys;
        c.token_lifetime = Lifetime::from_seconds(3600);
        assert_eq!(steps(&[a.clone(), b.clone(), c.clone()], end), [""; 0]);
        c.token_lifetime = Lifetime::UNLIMITED;
        assert_eq!(steps(&[a, b, c], 1_000_000), [""; 0]);
    }

    #[test]
    fn a_retired_key_is_forgotten_when_no_id_token_of_it_can_be_shown_any_more() {
        let keys = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, 0),
            key("c", KeyStatus::Retired, -90 * 86_400),
            key("d", KeyStatus::Retired, -90 * 86_400 + 1),
            key("e", KeyStatus::Revoked, -900 * 86_400),
        ];
        assert_eq!(steps(&keys, 0), ["forget c"]);
    }

    #[test]
    fn when_the_current_key_is_revoked_the_next_one_signs_at_once() {
        let keys = [
            key("a", KeyStatus::Revoked, 0),
            key("b", KeyStatus::Next, 0),
        ];
        assert_eq!(steps(&keys, 1), ["b for nothing", "create ES256 next"]);
        let keys = [
            key("a", KeyStatus::Revoked, 0),
            key("b", KeyStatus::Revoked, 0),
        ];
        assert_eq!(steps(&keys, 1), FIRST);
    }

    #[test]
    fn a_next_key_that_cannot_be_decrypted_is_made_anew_and_never_promoted() {
        let lost = KeyRecord {
            is_readable: false,
            ..key("b", KeyStatus::Next, 0)
        };
        let remade = ["forget b", "create ES256 next"];
        let keys = [key("a", KeyStatus::Current, 0), lost.clone()];
        assert_eq!(steps(&keys, PERIOD.seconds() * 2), remade);
        let early = promote_early(&keys, ES256, &schedule(), at(10_000));
        assert_eq!(early, Err(PromotionRefusal::NoNext));
        assert_eq!(
            steps(&[lost], 0),
            ["forget b", "create ES256 current", "create ES256 next"]
        );
    }

    #[test]
    fn each_algorithm_that_is_in_use_lives_its_own_life() {
        let rsa = |name, status| KeyRecord {
            algorithm: RS256,
            ..key(name, status, 0)
        };
        let keys = [rsa("a", KeyStatus::Current)];
        let mut expected = FIRST.to_vec();
        expected.push("create RS256 next");
        assert_eq!(steps(&keys, 0), expected);
        // What is left of an algorithm that nobody uses makes no new key.
        for gone in [KeyStatus::Previous, KeyStatus::Retired, KeyStatus::Revoked] {
            assert_eq!(steps(&[rsa("a", gone)], 0), FIRST);
        }
    }

    #[test]
    fn an_early_promotion_waits_until_everybody_knows_the_key() {
        let keys = [
            key("a", KeyStatus::Current, 0),
            key("b", KeyStatus::Next, 0),
        ];
        let early = |algorithm, seconds| {
            let step = promote_early(&keys, algorithm, &schedule(), at(seconds))?;
            Ok(described(vec![step]))
        };
        let waits = PromotionRefusal::UnknownUntil(at(KNOWN_AFTER));
        assert_eq!(early(ES256, KNOWN_AFTER - 1), Err(waits));
        assert_eq!(early(ES256, KNOWN_AFTER).unwrap(), ["b for a"]);
        assert_eq!(early(RS256, KNOWN_AFTER), Err(PromotionRefusal::NoNext));
    }

    #[test]
    fn a_status_keeps_its_name() {
        for status in KeyStatus::ALL {
            assert_eq!(KeyStatus::parse(status.as_str()), Some(status));
            assert!(status.is_published() || !status.has_private_half());
        }
        assert_eq!(KeyStatus::parse("Current"), None);
    }
}
