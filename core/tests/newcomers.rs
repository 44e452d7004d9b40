//! How long honest people wait whom an isolate does not know yet: when many come at once, when some of them or all bring
//! an expired token first, and when others flood the place. They come as the guard's requests do: who waits looks again
//! every twentieth of a second, who is refused comes back when told to. The provider answers in another twentieth.

#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use gatepass_core::resource::{Answered, Asker, Moment, Strangers, Turn};

/// How often time goes on, how long the provider takes, and how long who waits sleeps, in milliseconds.
const TICK: i64 = 10;
const ANSWER: i64 = 50;
const NAP: i64 = 50;
/// How long a request waits at most, and how long who is told 401 takes to refresh.
const PATIENCE: i64 = 10_000;
const REFRESH: i64 = 100;

#[derive(Clone)]
struct Visitor {
    address: String,
    /// Whether what it brings is good.
    is_good: bool,
    is_honest: bool,
    came: i64,
    /// When its request began.
    began: i64,
    looks_at: i64,
    is_first: bool,
}

impl Visitor {
    /// Its next request begins then.
    fn begins(&mut self, at: i64) {
        (self.began, self.looks_at, self.is_first) = (at, at, false);
    }
}

/// What honest people went through.
#[derive(Debug, Default)]
struct Seen {
    waited: Vec<i64>,
    turned_away: usize,
    /// How many questions were asked, and how many were under way at most.
    asked: usize,
    at_once: usize,
}

impl Seen {
    fn longest(&self) -> i64 {
        self.waited.iter().copied().max().unwrap_or_default()
    }

    /// How long nine in ten waited at most.
    fn most(&mut self) -> i64 {
        self.waited.sort_unstable();
        self.waited[self.waited.len() * 9 / 10]
    }
}

fn honest(address: String, is_good: bool, came: i64) -> Visitor {
    let (is_honest, is_first) = (true, false);
    Visitor {
        address,
        is_good,
        is_honest,
        came,
        began: came,
        looks_at: came,
        is_first,
    }
}

fn invented(address: String, came: i64) -> Visitor {
    Visitor {
        is_honest: false,
        ..honest(address, false, came)
    }
}

#[derive(Default)]
struct Isolate {
    strangers: Strangers,
    now: i64,
    /// Whose questions are under way, and when they are answered.
    asking: Vec<(Visitor, Asker, i64)>,
    seen: Seen,
}

impl Isolate {
    fn at(&self) -> Moment {
        Moment::from_milliseconds(1_800_000_000_000 + self.now)
    }

    /// Whoever waits looks whether it may ask; says whether it goes on waiting.
    fn looks(&mut self, who: &mut Visitor) -> bool {
        match self.strangers.turn(&who.address, who.is_first, self.at()) {
            Turn::Ask(asker) => {
                self.seen.asked += 1;
                self.asking.push((who.clone(), asker, self.now + ANSWER));
                return false;
            }
            Turn::First => who.is_first = true,
            Turn::Wait => {}
            Turn::Refuse(after) => {
                self.seen.turned_away += usize::from(who.is_honest);
                who.begins(self.now + 1_000 * after.seconds());
                return who.is_honest;
            }
        }
        let waited = self.now - who.began;
        who.looks_at = self.now + waited.clamp(TICK, NAP);
        who.is_honest || waited < PATIENCE
    }

    /// The provider answers; who comes again with a new token.
    fn answers(&mut self) -> Vec<Visitor> {
        let (now, at) = (self.now, self.at());
        let due: Vec<_> = self
            .asking
            .extract_if(.., |(.., due)| *due <= now)
            .collect();
        let mut again = Vec::new();
        for (mut who, asker, _) in due {
            let bad_or_good = [Answered::Bad, Answered::Good];
            let answered = bad_or_good[usize::from(who.is_good)];
            self.strangers.answered(&who.address, asker, answered, at);
            if who.is_honest && who.is_good {
                self.seen.waited.push(now - who.came);
            } else if who.is_honest {
                who.is_good = true;
                who.begins(now + REFRESH);
                again.push(who);
            }
        }
        again
    }
}

/// Lets them all come, until everybody honest is in.
fn let_come(mut visitors: Vec<Visitor>) -> Seen {
    let people = visitors.iter().filter(|who| who.is_honest).count();
    let mut isolate = Isolate::default();
    while isolate.seen.waited.len() < people {
        visitors.extend(isolate.answers());
        visitors.retain_mut(|who| who.looks_at > isolate.now || isolate.looks(who));
        let at_once = isolate.asking.len();
        isolate.seen.at_once = isolate.seen.at_once.max(at_once);
        isolate.now += TICK;
        assert!(isolate.now < 600_000, "{:?}", isolate.seen);
    }
    isolate.seen
}

/// So many people, one after the other within a time, of whom every so-manieth brings an expired token first.
fn people(count: i64, within: i64, expired: Option<i64>) -> Vec<Visitor> {
    let person = |index| {
        let is_good = expired.is_none_or(|every| index % every != 0);
        honest(format!("person {index}"), is_good, index * within / count)
    };
    (0..count).map(person).collect()
}

/// So many invented tokens a second for two minutes, and a newcomer every second.
fn besieged(a_second: i64, address: impl Fn(i64) -> String) -> Seen {
    let mut visitors = people(90, 90_000, None);
    let flood = (0..120 * a_second).map(|index| invented(address(index), index * 1_000 / a_second));
    visitors.extend(flood);
    let_come(visitors)
}

#[test]
fn five_hundred_who_come_at_once_are_in_within_a_second() {
    let seen = let_come(people(500, 1, None));
    assert_eq!((seen.asked, seen.at_once, seen.turned_away), (500, 100, 0));
    assert!(seen.longest() <= 1_000, "{}", seen.longest());
}

#[test]
fn a_few_expired_tokens_among_them_make_that_two() {
    let seen = let_come(people(500, 1, Some(20)));
    assert_eq!((seen.asked, seen.turned_away), (525, 0));
    assert!(seen.longest() <= 2_000, "{}", seen.longest());
}

#[test]
fn of_fifty_a_second_every_third_may_bring_an_expired_token() {
    let mut seen = let_come(people(500, 10_000, Some(3)));
    assert_eq!(seen.turned_away, 0);
    assert!(seen.most() <= 1_000 && seen.longest() <= 3_000, "{seen:?}");
}

#[test]
fn when_everybodys_token_has_expired_eight_a_second_are_let_in_again() {
    let mut seen = let_come(people(480, 60_000, Some(1)));
    assert_eq!(seen.turned_away, 0);
    assert!(
        seen.most() <= 3_000 && seen.longest() <= PATIENCE,
        "{seen:?}"
    );
}

#[test]
fn an_expired_token_costs_those_who_share_its_address_a_moment() {
    let mut office = people(60, 1, Some(60));
    for who in &mut office {
        "192.0.2.1".clone_into(&mut who.address);
    }
    let seen = let_come(office);
    assert_eq!((seen.asked, seen.at_once, seen.turned_away), (61, 8, 0));
    assert!(seen.longest() <= 1_000, "{}", seen.longest());
}

#[test]
fn a_flood_from_one_address_keeps_no_newcomer_for_longer_than_moments() {
    let seen = besieged(50, |_| "198.51.100.1".to_owned());
    assert_eq!(seen.turned_away, 0);
    assert!(seen.longest() <= 300, "{}", seen.longest());
}

#[test]
fn a_flood_from_a_few_or_from_all_of_one_ipv6_network_keeps_newcomers_for_seconds() {
    let few = besieged(50, |index| format!("198.51.100.{}", index % 5));
    let wide = besieged(50, |index| format!("2001:db8:1:{index:x}"));
    for mut seen in [few, wide] {
        assert!(seen.most() <= 5_000 && seen.longest() <= 10_000, "{seen:?}");
    }
}
