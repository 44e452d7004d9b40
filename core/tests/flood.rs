//! A flood of invented tokens under fire: random crowds of addresses, answers that come late and out of order, people
//! who wait and people who go away. Whatever they do, what strangers invent costs ten questions and one more with each
//! second, and nobody notices who has lately brought good tokens.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use gatepass_core::resource::{Answered, Asker, Strangers, Turn};
use gatepass_core::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Event {
    /// Time passes, and whoever is first in the queue looks again.
    Wait { seconds: i64 },
    /// So many requests with invented tokens come from as many addresses.
    Flood { from: u32, count: u32 },
    /// One of those whose question is under way gets its answer.
    Answer { which: Index },
    /// All of them do.
    AnswerAll,
    /// The honest user brings a new token.
    Honest,
    /// Whoever waits goes away.
    Leave,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..4_i64).prop_map(|seconds| Event::Wait { seconds }),
        1 => (10..40_i64).prop_map(|seconds| Event::Wait { seconds }),
        6 => (0..5_000_u32, 1..60_u32).prop_map(|(from, count)| Event::Flood { from, count }),
        4 => any::<Index>().prop_map(|which| Event::Answer { which }),
        3 => Just(Event::AnswerAll),
        2 => Just(Event::Honest),
        1 => Just(Event::Leave),
    ]
}

const HONEST: &str = "192.0.2.1";

#[derive(Default)]
struct World {
    strangers: Strangers,
    now: i64,
    /// Who waits, and whether first in the queue.
    waiting: Vec<(String, bool)>,
    asking: Vec<String>,
    asked: i64,
}

impl World {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + self.now)
    }

    fn invented(&mut self, address: String, is_first: bool) {
        match self.strangers.turn(&address, is_first, self.now()) {
            Turn::Ask(asker) => {
                assert_eq!(asker, Asker::Stranger);
                self.asked += 1;
                self.asking.push(address);
            }
            Turn::Wait => self.waiting.push((address, is_first)),
            Turn::First => self.waiting.push((address, true)),
            Turn::Refuse(_) => {}
        }
    }

    fn answer(&mut self, which: usize) {
        let address = self.asking.remove(which);
        let now = self.now();
        self.strangers
            .answered(&address, Asker::Stranger, Answered::Bad, now);
    }

    /// The honest user's own window is open, whatever others do.
    fn honest(&mut self) {
        let now = self.now();
        assert_eq!(
            self.strangers.turn(HONEST, false, now),
            Turn::Ask(Asker::Known)
        );
        self.strangers
            .answered(HONEST, Asker::Known, Answered::Good, now);
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Wait { seconds } => {
                // No question takes as long as that one is given up for lost.
                (0..self.asking.len()).for_each(|_| self.answer(0));
                self.now += seconds;
                for (address, is_first) in core::mem::take(&mut self.waiting) {
                    self.invented(address, is_first);
                }
            }
            Event::Flood { from, count } => {
                (*from..from + count).for_each(|index| self.invented(index.to_string(), false));
            }
            Event::Answer { which } if !self.asking.is_empty() => {
                self.answer(which.index(self.asking.len()));
            }
            Event::Answer { .. } => {}
            Event::AnswerAll => (0..self.asking.len()).for_each(|_| self.answer(0)),
            Event::Honest => self.honest(),
            Event::Leave => self.waiting.clear(),
        }
    }
}

proptest! {
    #[test]
    fn what_strangers_invent_costs_ten_questions_and_one_with_each_second(
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut world = World::default();
        world.strangers.brought_good(HONEST);
        for event in events {
            world.happens(&event);
            prop_assert!(world.asked <= 10 + world.now, "{} in {} seconds", world.asked, world.now);
        }
    }

    /// An expired token now and then, from whatever address, keeps no newcomer waiting.
    #[test]
    fn in_quiet_times_no_newcomer_notices_anything(
        seconds in prop::collection::vec((any::<bool>(), 0..10_usize), 1..300),
    ) {
        let mut strangers = Strangers::default();
        for (second, (expired, newcomers)) in seconds.into_iter().enumerate() {
            let now = Timestamp::from_seconds(1_800_000_000 + i64::try_from(second).unwrap());
            let mut addresses: Vec<_> = (0..newcomers).map(|index| format!("{second} {index}")).collect();
            addresses.truncate(9);
            for address in &addresses {
                prop_assert_eq!(strangers.turn(address, false, now), Turn::Ask(Asker::Stranger));
            }
            if expired {
                let address = format!("{second} expired");
                prop_assert_eq!(strangers.turn(&address, false, now), Turn::Ask(Asker::Stranger));
                strangers.answered(&address, Asker::Stranger, Answered::Bad, now);
            }
            for address in &addresses {
                strangers.answered(address, Asker::Stranger, Answered::Good, now);
            }
        }
    }
}
