//! Key rotation under fire: random histories of scheduled runs, isolates with copies of the store,
//! and verifiers with copies of the key set. Whoever verifies with a copy that is no older than it
//! may be knows the key of every token that is still good.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use gatepass_core::id::KeyId;
use gatepass_core::jose::SigningAlgorithm::{self, ES256};
use gatepass_core::keys::{self, KeyRecord, KeyStatus, MARGIN, Schedule, Step};
use gatepass_core::time::{Lifetime, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes.
    Wait { seconds: u32 },
    /// A scheduled run decides; its steps reach the store only later, perhaps after another's.
    Decide { isolate: Index },
    /// The steps decided longest ago reach the store.
    Act,
    /// An isolate issues a token.
    Issue { isolate: Index, lifetime: u32 },
    /// A verifier that holds a token asks an isolate for the key set, if its copy is too old.
    Verify { verifier: Index, isolate: Index },
    /// An operator wants the next key to sign already.
    PromoteEarly,
}

fn event() -> impl Strategy<Value = Event> {
    let index = any::<Index>;
    prop_oneof![
        4 => wait().prop_map(|seconds| Event::Wait { seconds }),
        2 => index().prop_map(|isolate| Event::Decide { isolate }),
        2 => Just(Event::Act),
        6 => (index(), lifetime()).prop_map(|(isolate, lifetime)| Event::Issue { isolate, lifetime }),
        6 => (index(), index()).prop_map(|(verifier, isolate)| Event::Verify { verifier, isolate }),
        1 => Just(Event::PromoteEarly),
    ]
}

/// Around the lifetimes of the copies, around that of tokens, and around the rotation period.
fn wait() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..60_u32, 4 => 0..400_u32, 2 => 400..2_000_u32, 1 => 2_000..20_000_u32]
}

/// Mostly as configured, sometimes longer: a client may have its own, and the configuration changes.
fn lifetime() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(300_u32), 1 => 1..4_000_u32, 1 => 1..300_u32]
}

prop_compose! {
    fn schedule()(
        rotation in prop_oneof![1..100_u32, 100..20_000_u32],
        jwks in prop_oneof![0..60_u32, 0..600_u32],
        isolate in prop_oneof![0..60_u32, 0..600_u32],
        hint in 0..20_000_u32,
    ) -> Schedule {
        Schedule {
            rotation_period: Lifetime::from_seconds(rotation),
            jwks_lifetime: Lifetime::from_seconds(jwks),
            isolate_lifetime: Lifetime::from_seconds(isolate),
            hint_lifetime: Lifetime::from_seconds(hint),
        }
    }
}

/// What came of a step while it was only decided.
#[derive(Clone, Debug)]
enum Decided {
    Create(SigningAlgorithm, KeyStatus),
    Promote(KeyId, Option<KeyId>),
    Retire(KeyId),
    Forget(KeyId, KeyStatus),
}

impl From<Step<'_>> for Decided {
    fn from(step: Step<'_>) -> Self {
        match step {
            Step::Create(algorithm, status) => Self::Create(algorithm, status),
            Step::Promote { next, current } => Self::Promote(next.clone(), current.cloned()),
            Step::Retire(key) => Self::Retire(key.clone()),
            Step::Forget(key, status) => Self::Forget(key.clone(), status),
        }
    }
}

/// A copy of the store or of the key set.
#[derive(Clone, Debug)]
struct Copy<T> {
    taken_at: Timestamp,
    content: T,
}

struct Token {
    key: KeyId,
    expires_at: Timestamp,
}

struct World {
    schedule: Schedule,
    now: Timestamp,
    keys: Vec<KeyRecord>,
    made: u32,
    decided: Vec<(Timestamp, Vec<Decided>)>,
    isolates: [Option<Copy<Vec<KeyRecord>>>; 3],
    verifiers: [Option<Copy<BTreeSet<KeyId>>>; 3],
    tokens: Vec<Token>,
}

impl World {
    fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            now: Timestamp::from_seconds(1_800_000_000),
            keys: Vec::new(),
            made: 0,
            decided: Vec::new(),
            isolates: [const { None }; 3],
            verifiers: [const { None }; 3],
            tokens: Vec::new(),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wait { seconds } => self.wait(seconds),
            Event::Decide { isolate } => {
                let keys = self.read(isolate.index(self.isolates.len()));
                self.decide(&keys);
            }
            Event::Act => self.act(),
            Event::Issue { isolate, lifetime } => {
                self.issue(isolate.index(self.isolates.len()), lifetime);
            }
            Event::Verify { verifier, isolate } => {
                let verifier = verifier.index(self.verifiers.len());
                self.verify(verifier, isolate.index(self.isolates.len()));
            }
            Event::PromoteEarly => {
                let keys = self.keys.clone();
                if let Ok(step) = keys::promote_early(&keys, ES256, &self.schedule, self.now) {
                    self.decided.push((self.now, vec![step.into()]));
                }
            }
        }
    }

    /// Steps do not take longer than the margin allows.
    fn wait(&mut self, seconds: u32) {
        let until = self.now.plus(Lifetime::from_seconds(seconds));
        while let Some((decided_at, _)) = self.decided.first()
            && decided_at.plus(MARGIN) < until
        {
            self.act();
        }
        self.now = until;
    }

    fn decide(&mut self, keys: &[KeyRecord]) {
        let steps = keys::due(keys, &[ES256], &self.schedule, self.now);
        let steps = steps.into_iter().map(Decided::from).collect();
        self.decided.push((self.now, steps));
    }

    fn act(&mut self) {
        if self.decided.is_empty() {
            return;
        }
        let (decided_at, steps) = self.decided.remove(0);
        for step in steps {
            self.step(step, decided_at);
        }
    }

    /// As the statements of the store have it, with the times of the decision.
    fn step(&mut self, step: Decided, at: Timestamp) {
        match step {
            Decided::Create(algorithm, status) => self.create(algorithm, status, at),
            Decided::Promote(next, current) => self.promote(&next, current.as_ref(), at),
            Decided::Retire(id) => {
                if let Some(key) = self.find(&id, KeyStatus::Previous) {
                    (key.status, key.since) = (KeyStatus::Retired, at);
                }
            }
            Decided::Forget(id, status) => {
                self.keys.retain(|key| key.id != id || key.status != status);
            }
        }
    }

    fn create(&mut self, algorithm: SigningAlgorithm, status: KeyStatus, at: Timestamp) {
        if self.keys.iter().any(|key| key.status == status) {
            return;
        }
        self.made += 1;
        self.keys.push(KeyRecord {
            id: KeyId::parse(&format!("k{}", self.made)).unwrap(),
            algorithm,
            status,
            created_at: at,
            since: at,
            token_lifetime: Lifetime::from_seconds(1),
            is_readable: true,
        });
    }

    fn promote(&mut self, next: &KeyId, current: Option<&KeyId>, at: Timestamp) {
        if self.find(next, KeyStatus::Next).is_none() {
            return;
        }
        if let Some(current) = current
            && let Some(key) = self.find(current, KeyStatus::Current)
        {
            (key.status, key.since) = (KeyStatus::Previous, at);
        }
        if self.keys.iter().any(|key| key.status == KeyStatus::Current) {
            return;
        }
        if let Some(key) = self.find(next, KeyStatus::Next) {
            (key.status, key.since) = (KeyStatus::Current, at);
        }
    }

    fn find(&mut self, id: &KeyId, status: KeyStatus) -> Option<&mut KeyRecord> {
        self.keys
            .iter_mut()
            .find(|key| key.id == *id && key.status == status)
    }

    /// The isolate's copy, taken anew if it is too old or has no key that signs.
    fn read(&mut self, isolate: usize) -> Vec<KeyRecord> {
        let lifetime = self.schedule.isolate_lifetime;
        let signs = |keys: &[KeyRecord]| keys.iter().any(|key| key.status == KeyStatus::Current);
        if let Some(copy) = &self.isolates[isolate]
            && copy.taken_at.is_within(lifetime, self.now)
            && signs(&copy.content)
        {
            return copy.content.clone();
        }
        if !signs(&self.keys) {
            let keys = self.keys.clone();
            self.decide(&keys);
            while !self.decided.is_empty() {
                self.act();
            }
        }
        self.isolates[isolate] = Some(Copy {
            taken_at: self.now,
            content: self.keys.clone(),
        });
        self.keys.clone()
    }

    fn issue(&mut self, isolate: usize, lifetime: u32) {
        let lifetime = Lifetime::from_seconds(lifetime);
        let keys = self.read(isolate);
        let signer = keys.iter().find(|key| key.status == KeyStatus::Current);
        let signer = signer.expect("an isolate that issues has a key");
        if signer.token_lifetime < lifetime {
            // Before it signs: the store must know how long the key is needed.
            let key = self.keys.iter_mut().find(|key| key.id == signer.id);
            let key = key.expect("the key of a token is still there");
            key.token_lifetime = key.token_lifetime.max(lifetime);
        }
        self.tokens.push(Token {
            key: signer.id.clone(),
            expires_at: self.now.plus(lifetime),
        });
    }

    fn verify(&mut self, verifier: usize, isolate: usize) {
        let lifetime = self.schedule.jwks_lifetime;
        let now = self.now;
        let usable = |copy: &Copy<_>| copy.taken_at.is_within(lifetime, now);
        if !self.verifiers[verifier].as_ref().is_some_and(usable) {
            let published = self.read(isolate).into_iter();
            let published = published.filter(|key| key.status.is_published());
            self.verifiers[verifier] = Some(Copy {
                taken_at: now,
                content: published.map(|key| key.id).collect(),
            });
        }
        self.tokens.retain(|token| token.expires_at > now);
        let copy = self.verifiers[verifier].as_ref().unwrap();
        for token in &self.tokens {
            assert!(
                copy.content.contains(&token.key),
                "{} of {} is not in the copy {:?}; the store has {:?}",
                token.key,
                token.expires_at.seconds(),
                copy,
                self.keys
            );
        }
    }

    fn check(&self) {
        let count = |status| self.keys.iter().filter(|key| key.status == status).count();
        assert!(count(KeyStatus::Current) <= 1 && count(KeyStatus::Next) <= 1);
        let has_begun = self.made > 0;
        assert!(
            !has_begun || count(KeyStatus::Current) == 1,
            "{:?}",
            self.keys
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_good_token_is_verified_by_every_copy_that_may_still_be_used(
        schedule in schedule(),
        events in proptest::collection::vec(event(), 1..200),
    ) {
        let mut world = World::new(schedule);
        for event in events {
            world.happen(event);
            world.check();
        }
    }

    #[test]
    fn whoever_runs_often_enough_rotates_in_time_and_keeps_few_keys(
        schedule in schedule(),
        waits in proptest::collection::vec(0..120_u32, 1..400),
    ) {
        let mut world = World::new(schedule);
        for seconds in waits {
            world.read(0);
            let keys = world.keys.clone();
            world.decide(&keys);
            world.act();
            let current = world.keys.iter().find(|key| key.status == KeyStatus::Current).unwrap();
            let known_after = schedule.jwks_lifetime.seconds() + schedule.isolate_lifetime.seconds() + 60;
            let longest = schedule.rotation_period.seconds().max(known_after) + 120;
            prop_assert!(world.now.seconds() - current.since.seconds() <= longest);
            world.wait(seconds);
        }
        let is_over = |key: &&KeyRecord| key.status == KeyStatus::Previous
            && world.now.seconds() - key.since.seconds() > 300 + 600 + 600 + 60 + 240;
        prop_assert_eq!(world.keys.iter().find(is_over), None);
    }
}
