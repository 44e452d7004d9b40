//! Tabs that share a session, under fire: random schedules of calls, refreshes, crashes, lost, late and
//! repeated messages, stolen locks, storage that fails, clocks that jump, sign-outs and sign-ins, against the
//! provider's own decisions.
//!
//! The engine is `rp::session` and `rp::refresh`. What does it for a tab here, in `tabs/world/`, is what
//! `sdk/js` does: `refresh.js` (`fly`), `session.js` (`keep`, `save`), `tab-storage.js`, `fetch.js`, `tabs.js`; change them together.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "tabs/server.rs"]
mod server;
#[path = "tabs/world/mod.rs"]
mod world;

use gatepass_core::grant::{EndReason, GrantStatus};
use proptest::prelude::*;
use world::{Fate, Storage, World};

const TABS: usize = 3;

#[derive(Clone, Debug)]
enum Event {
    /// The application of a tab makes a call.
    Call(usize),
    /// The application of a tab wants new tokens.
    Refresh(usize),
    /// A tab does what is next, if it can: what is on the wire meets this fate.
    Step(usize, Fate),
    /// Time passes, in milliseconds.
    Wait(u32),
    /// A tab is closed in whatever it does, and opened anew.
    Crash(usize),
    /// A tab is closed, and opened as a duplicate of another.
    Duplicate(usize, usize),
    /// The user signs out in a tab.
    SignOut(usize),
    /// The user signs in, perhaps once more.
    SignIn(usize),
    /// The provider ends the grant that a tab has.
    Revoke(usize),
    /// Somebody else takes the lock.
    StealLock,
    /// The storage refuses a tab, or stops refusing it.
    Storage(usize, bool),
    /// The storage is cleared.
    Clear,
    /// The network fails, or is back.
    Network(bool),
    /// The clock of the machine is set, by seconds.
    Clock(i32),
    /// What was told to a tab arrives.
    Hear(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Answered),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::ResponseLost),
        1 => Just(Fate::Repeated),
        1 => Just(Fate::Late),
        1 => prop_oneof![Just(408), Just(429), Just(500), Just(503), Just(404)].prop_map(Fate::Failed),
        1 => Just(Fate::RetryAfter(3)),
        1 => Just(Fate::Unreadable),
        1 => Just(Fate::Graceless),
    ]
}

/// The provider has done it, and nobody hears of it.
fn lost() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::ResponseLost),
        Just(Fate::Late),
        Just(Fate::Unreadable)
    ]
}

/// `rough` schedules have what may cost a session: answers that nobody gets, and storage that fails.
fn event(rough: bool) -> BoxedStrategy<Event> {
    let tab = || 0..TABS;
    let fate = if rough {
        fate().boxed()
    } else {
        prop_oneof![
            6 => Just(Fate::Answered),
            1 => Just(Fate::RequestLost),
            1 => Just(Fate::Repeated),
            1 => Just(Fate::Failed(503)),
            1 => Just(Fate::RetryAfter(3)),
        ]
        .boxed()
    };
    let wait = prop_oneof![
        6 => 0..3_000_u32, 3 => 3_000..40_000_u32, 3 => 200_000..400_000_u32, 1 => 1_000_000..9_000_000_u32,
    ];
    let smooth = prop_oneof![
        6 => tab().prop_map(Event::Call),
        1 => tab().prop_map(Event::Refresh),
        14 => (tab(), fate).prop_map(|(tab, fate)| Event::Step(tab, fate)),
        6 => wait.prop_map(Event::Wait),
        1 => tab().prop_map(Event::SignOut),
        2 => tab().prop_map(Event::SignIn),
        2 => (tab(), tab()).prop_map(|(from, to)| Event::Duplicate(from, to)),
        1 => Just(Event::StealLock),
        1 => any::<bool>().prop_map(Event::Network),
        1 => (-90_000..90_000_i32).prop_map(Event::Clock),
        3 => tab().prop_map(Event::Hear),
    ];
    if !rough {
        return smooth.boxed();
    }
    prop_oneof![
        20 => smooth,
        1 => tab().prop_map(Event::Crash),
        1 => tab().prop_map(Event::Revoke),
        1 => (tab(), any::<bool>()).prop_map(|(tab, works)| Event::Storage(tab, works)),
        1 => Just(Event::Clear),
    ]
    .boxed()
}

fn storage() -> impl Strategy<Value = Storage> {
    prop_oneof![Just(Storage::Shared), Just(Storage::Own)]
}

fn happen(world: &mut World, event: &Event) {
    match *event {
        Event::Call(tab) => world.call(tab),
        Event::Refresh(tab) => world.wish(tab),
        Event::Step(tab, fate) => world.step(tab, fate),
        Event::Wait(milliseconds) => world.wait_long(milliseconds.into()),
        Event::Crash(tab) => world.crash(tab),
        Event::Duplicate(from, to) => world.duplicate(from, to),
        Event::SignOut(tab) => world.sign_out(tab),
        Event::SignIn(tab) => world.sign_in(tab),
        Event::Revoke(tab) => world.revoke(tab),
        Event::StealLock => world.lock = None,
        Event::Storage(tab, works) => world.set_storage(tab, works),
        Event::Clear => world.clear(),
        Event::Network(works) => world.online = works,
        Event::Clock(seconds) => world.set_clock(seconds.into()),
        Event::Hear(tab) => world.hear(tab),
    }
    world.check();
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

fn run(bound: bool, storage: Storage, events: &[Event]) -> World {
    let mut world = World::new(TABS, bound);
    world.storage = storage;
    world.sign_in(0);
    for event in events {
        happen(&mut world, event);
    }
    world.heal();
    world
}

fn replayed(world: &World) -> usize {
    let ended = world.grants.iter().map(|grant| world.server.status(grant));
    ended
        .filter(|status| *status == GrantStatus::Ended(EndReason::Replayed))
        .count()
}

proptest! {
    #![proptest_config(cases(6_000))]

    /// Whatever happens: no session ends but by the user's or the provider's word, every refresh is over in
    /// bounded time after a bounded number of requests, no token is sent late that any tab knows to be spent,
    /// and once all is well, whoever has a grant that stands can call.
    #[test]
    fn nobody_is_signed_out_but_by_the_user_or_the_provider(
        bound: bool,
        storage in storage(),
        events in prop::collection::vec(event(true), 1..80),
    ) {
        run(bound, storage, &events);
    }
}

proptest! {
    #![proptest_config(cases(6_000))]

    /// As long as every answer comes to somebody and the storage works, nothing that tabs do to one another
    /// ever looks like a theft, with locks and without.
    #[test]
    fn tabs_never_look_like_thieves(
        bound: bool,
        locks: bool,
        storage in storage(),
        events in prop::collection::vec(event(false), 1..80),
    ) {
        let mut world = World::new(TABS, bound);
        world.locks = locks;
        world.storage = storage;
        world.sign_in(0);
        for event in &events {
            happen(&mut world, event);
        }
        world.heal();
        prop_assert_eq!(replayed(&world), 0);
    }
}

proptest! {
    #![proptest_config(cases(6_000))]

    /// Nor does anything that the network does, or a tab that crashes in whatever it does, for as long as the
    /// storage works: a try has the key of the try before, however late it comes.
    #[test]
    fn no_lost_answer_looks_like_a_theft(
        events in prop::collection::vec(
            prop_oneof![
                20 => event(false),
                4 => (0..TABS, lost()).prop_map(|(tab, fate)| Event::Step(tab, fate)),
                2 => (0..TABS).prop_map(Event::Crash),
            ],
            1..80,
        ),
    ) {
        let mut world = World::new(TABS, false);
        world.sign_in(0);
        for event in &events {
            happen(&mut world, event);
        }
        world.heal();
        prop_assert_eq!(replayed(&world), 0);
    }
}

/// The burst and the staggered race: every tab has the same old token, and all meet the 401.
#[test]
fn three_tabs_that_meet_a_401_make_one_request() {
    let mut world = World::new(TABS, false);
    world.sign_in(0);
    for tab in 0..TABS {
        world.hear(tab);
    }
    let before = world.server.requests;
    world.expire();
    for tab in 0..TABS {
        for _ in 0..5 {
            world.call(tab);
        }
    }
    world.heal();
    assert_eq!(world.server.requests, before + 1);
}

/// Two tabs without locks send the same token. One answer is on its way while the other tab goes on: what
/// comes and what is held differ, and either may be the newer.
fn two_that_differ(newer_is_lost: bool) {
    let mut world = World::new(2, false);
    world.locks = false;
    world.sign_in(0);
    world.hear(1);
    world.wish(0);
    world.wish(1);
    // Both have sent it; the second is answered, and asks once more.
    world.step(0, Fate::Answered);
    for _ in 0..3 {
        world.step(1, Fate::Answered);
    }
    if !newer_is_lost {
        world.step(0, Fate::Answered);
    }
    world.wish(1);
    world.step(1, Fate::Answered);
    if newer_is_lost {
        world.step(1, Fate::ResponseLost);
        world.crash(1);
    } else {
        world.step(1, Fate::Answered);
        world.step(1, Fate::Answered);
    }
    world.step(0, Fate::Answered);
    world.step(0, Fate::Answered);
    world.heal();
    assert_eq!(replayed(&world), 0);
}

#[test]
fn an_answer_that_is_older_than_what_another_tab_has_is_not_kept() {
    two_that_differ(false);
}

#[test]
fn an_answer_that_is_newer_than_what_another_tab_has_is_not_thrown_away() {
    two_that_differ(true);
}

/// A duplicate that sleeps through every renewal of the others, of which none is left.
#[test]
fn a_duplicate_that_has_slept_has_what_was_renewed_last() {
    let mut world = World::new(2, false);
    world.storage = Storage::Own;
    world.sign_in(0);
    world.duplicate(0, 1);
    for _ in 0..3 {
        world.expire();
        world.call(0);
        while world.is_busy(0) {
            world.step(0, Fate::Answered);
            world.wait(100);
        }
    }
    world.crash(1);
    let before = world.server.requests;
    world.call(1);
    world.heal();
    assert_eq!(world.server.requests, before);
    assert_eq!(replayed(&world), 0);
}
