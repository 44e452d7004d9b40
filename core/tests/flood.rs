//! A flood of invented tokens under fire: random crowds of addresses, answers that come late and out of order, people
//! who wait and people who go away. Whatever they do, what strangers invent costs one question at a time, with a pause
//! after each that grows to half a second, and nobody notices who has lately brought good tokens.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use gatepass_core::resource::{Answered, Asker, Moment, Strangers, Turn};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    /// Time passes, and whoever waits looks again.
    Wait { milliseconds: i64 },
    /// So many requests with invented tokens come from as many addresses.
    Flood { from: u32, count: u32 },
    /// The question that is under way is answered.
    Answer,
    /// The honest user brings a new token.
    Honest,
    /// Whoever waits goes away.
    Leave,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..400_i64).prop_map(|milliseconds| Event::Wait { milliseconds }),
        1 => (1_000..40_000_i64).prop_map(|milliseconds| Event::Wait { milliseconds }),
        6 => (0..5_000_u32, 1..60_u32).prop_map(|(from, count)| Event::Flood { from, count }),
        5 => Just(Event::Answer),
        2 => Just(Event::Honest),
        1 => Just(Event::Leave),
    ]
}

const HONEST: &str = "192.0.2.1";
/// How long a question takes at most, in milliseconds, before it is given up for lost.
const SLOWEST: i64 = 11_000;

#[derive(Default)]
struct World {
    strangers: Strangers,
    now: i64,
    /// Who waits, and whether first in the queue.
    waiting: Vec<(String, bool)>,
    /// Whose question is under way, and since when.
    asking: Option<(String, i64)>,
    asked: i64,
    /// When the last answer came.
    answered: Option<i64>,
}

impl World {
    fn now(&self) -> Moment {
        Moment::from_milliseconds(1_800_000_000_000 + self.now)
    }

    fn invented(&mut self, address: String, is_first: bool) {
        match self.strangers.turn(&address, is_first, self.now()) {
            Turn::Ask(asker) => {
                assert_eq!(asker, Asker::Stranger);
                assert_eq!(self.asking, None, "two at once");
                assert!(
                    self.answered.is_none_or(|at| self.now - at >= 100),
                    "no pause"
                );
                self.asked += 1;
                self.asking = Some((address, self.now));
            }
            Turn::Wait => self.waiting.push((address, is_first)),
            Turn::First => self.waiting.push((address, true)),
            Turn::Refuse(_) => {}
        }
    }

    fn answer(&mut self) {
        if let Some((address, _)) = self.asking.take() {
            let now = self.now();
            self.strangers
                .answered(&address, Asker::Stranger, Answered::Bad, now);
            self.answered = Some(self.now);
        }
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
            Event::Wait { milliseconds } => {
                self.now += milliseconds;
                if self
                    .asking
                    .as_ref()
                    .is_some_and(|(_, since)| self.now - since > SLOWEST)
                {
                    self.now -= milliseconds;
                    self.answer();
                    self.now += milliseconds;
                }
                for (address, is_first) in core::mem::take(&mut self.waiting) {
                    self.invented(address, is_first);
                }
            }
            Event::Flood { from, count } => {
                (*from..from + count).for_each(|index| self.invented(index.to_string(), false));
            }
            Event::Answer => self.answer(),
            Event::Honest => self.honest(),
            Event::Leave => self.waiting.clear(),
        }
    }
}

proptest! {
    #[test]
    fn what_strangers_invent_costs_one_question_in_a_pause(
        events in prop::collection::vec(event(), 1..300),
    ) {
        let mut world = World::default();
        world.strangers.brought_good(HONEST);
        for event in events {
            world.happens(&event);
            // The pause grows to half a second.
            prop_assert!(world.asked <= 7 + world.now / 500, "{} in {} ms", world.asked, world.now);
        }
    }

    /// Whoever mixes with a crowd of honest newcomers has no more asked about than that crowd has paid for.
    #[test]
    fn each_good_token_pays_for_two_invented_ones_and_the_rest_is_one_in_a_pause(
        steps in prop::collection::vec((1..300_i64, prop::collection::vec(any::<bool>(), 0..40)), 1..200),
    ) {
        let (mut strangers, mut now, mut came) = (Strangers::default(), 0, 0);
        let (mut good, mut bad) = (0, 0);
        let mut asking: Vec<(String, Answered)> = Vec::new();
        for (milliseconds, tokens) in steps {
            now += milliseconds;
            let at = Moment::from_milliseconds(1_800_000_000_000 + now);
            for (address, answered) in asking.drain(..) {
                strangers.answered(&address, Asker::Stranger, answered, at);
            }
            for is_good in tokens {
                came += 1;
                let address = format!("newcomer {came}");
                if strangers.turn(&address, false, at) != Turn::Ask(Asker::Stranger) {
                    continue;
                }
                let (count, answered) =
                    if is_good { (&mut good, Answered::Good) } else { (&mut bad, Answered::Bad) };
                *count += 1;
                asking.push((address, answered));
            }
            prop_assert!(bad <= 1 + now / 100 + 2 * good, "{bad} with {good} in {now} ms");
        }
    }

    /// Of expired tokens now and then, from whatever address, a newcomer notices a tenth of a second.
    #[test]
    fn in_quiet_times_newcomers_wait_for_moments(
        seconds in prop::collection::vec((any::<bool>(), 0..10_usize), 1..300),
    ) {
        let mut strangers = Strangers::default();
        for (second, (expired, newcomers)) in seconds.into_iter().enumerate() {
            let mut now = 1_800_000_000_000 + 1_000 * i64::try_from(second).unwrap();
            let mut comes = |address: String, answered: Answered| {
                let began = now;
                let mut turn = strangers.turn(&address, false, Moment::from_milliseconds(now));
                while turn == Turn::Wait {
                    now += 1;
                    turn = strangers.turn(&address, false, Moment::from_milliseconds(now));
                }
                assert_eq!(turn, Turn::Ask(Asker::Stranger));
                strangers.answered(&address, Asker::Stranger, answered, Moment::from_milliseconds(now));
                now - began
            };
            if expired {
                prop_assert_eq!(comes(format!("{second} expired"), Answered::Bad), 0);
            }
            for index in 0..newcomers {
                let waited = comes(format!("{second} {index}"), Answered::Good);
                let longest = if index == 0 { 100 } else { 0 };
                prop_assert!(waited <= longest, "{waited}");
            }
        }
    }
}
