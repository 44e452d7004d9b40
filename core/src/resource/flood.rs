//! Who may have the provider asked about a token that nobody here knows, so that invented tokens cannot become
//! a flood of questions.

use super::recent::Recent;
use crate::time::{Lifetime, Timestamp};

/// How long nobody asks for an address after it has brought a token that nobody issued.
const PAUSE: Lifetime = Lifetime::from_seconds(1);
/// How long a question may take, before it counts as lost.
const LEASE: Lifetime = Lifetime::from_seconds(12);
/// How many questions at once an address may cause that has brought good tokens only.
const WIDEST: u8 = 8;
/// How many addresses are remembered.
const REMEMBERED: usize = 1_000;

/// What an address has brought lately.
///
/// ```text
///   one question at a time --the token is good--> one more at a time, up to eight
///             ^
///             +------ one second without any <--a token that nobody issued-- (from everywhere)
/// ```
///
/// During that second the first to come waits for its end, and the others are sent away. So a flood from one address
/// costs at most one question a second, and who brings good tokens waits for others of that address at most.
#[derive(Clone, Debug, Default)]
struct Address {
    /// How many questions are under way, and since when the last of them.
    asking: u8,
    asked_at: Option<Timestamp>,
    /// How many good tokens came in a row.
    good: u8,
    paused_until: Option<Timestamp>,
    /// Until when there is somebody who waits for the end of the pause.
    awaited_until: Option<Timestamp>,
}

/// What a request does with a token that nobody here knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// It asks; whoever does says what came of it ([`Strangers::answered`]).
    Ask,
    /// It looks again in a moment: others are asking.
    Wait,
    /// The same, and from now on it is first in the queue.
    First,
    /// It goes away, and may come back after that time.
    Refuse(Lifetime),
}

/// What came of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answered {
    /// The token is good.
    Good,
    /// Nobody issued it, or it has ended.
    Bad,
    /// Nobody knows.
    Failed,
}

/// What addresses have brought lately: the last thousand.
#[derive(Debug)]
pub struct Strangers(Recent<Address>);

impl Default for Strangers {
    fn default() -> Self {
        Self(Recent::new(REMEMBERED))
    }
}

impl Strangers {
    /// Whether a request from `address` may ask now; `is_first` if it has been told [`Turn::First`].
    pub fn turn(&mut self, address: &str, is_first: bool, now: Timestamp) -> Turn {
        self.at(address).turn(is_first, now)
    }

    /// What came of a question.
    pub fn answered(&mut self, address: &str, answered: Answered, now: Timestamp) {
        self.at(address).answered(answered, now);
    }

    fn at(&mut self, address: &str) -> &mut Address {
        self.0.at(address, Address::default)
    }
}

impl Address {
    fn turn(&mut self, is_first: bool, now: Timestamp) -> Turn {
        if self.asked_at.is_some_and(|at| !at.is_within(LEASE, now)) {
            self.asking = 0;
        }
        let awaited = self.awaited_until.filter(|until| now < *until);
        let paused = self.paused_until.filter(|until| now < *until);
        if !is_first && let Some(until) = awaited.or(paused) {
            if awaited.is_some() {
                return Turn::Refuse(until.remaining(now));
            }
            // Whoever goes away without having asked is not waited for any longer.
            self.awaited_until = Some(until.plus(PAUSE));
            return Turn::First;
        }
        if paused.is_some() || self.asking > self.good {
            return Turn::Wait;
        }
        if is_first {
            self.awaited_until = None;
        }
        self.asking = self.asking.saturating_add(1);
        self.asked_at = Some(now);
        Turn::Ask
    }

    fn answered(&mut self, answered: Answered, now: Timestamp) {
        self.asking = self.asking.saturating_sub(1);
        match answered {
            Answered::Good => self.good = self.good.saturating_add(1).min(WIDEST - 1),
            Answered::Bad => {
                self.good = 0;
                self.paused_until = Some(now.plus(PAUSE));
            }
            Answered::Failed => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;

    const HERE: &str = "198.51.100.7";
    const THERE: &str = "198.51.100.8";
    const AGAIN: Turn = Turn::Refuse(Lifetime::from_seconds(2));

    /// So many ask at once, of whom none is first; how many may.
    fn asking(strangers: &mut Strangers, count: usize, second: u32) -> usize {
        let turns = (0..count).map(|_| strangers.turn(HERE, false, after(second)));
        turns.filter(|turn| *turn == Turn::Ask).count()
    }

    #[test]
    fn one_asks_at_first_and_one_more_for_every_good_token() {
        let mut strangers = Strangers::default();
        for window in [1, 2, 4, 8, 8] {
            assert_eq!(asking(&mut strangers, 20, 0), window);
            for _ in 0..window {
                strangers.answered(HERE, Answered::Good, after(0));
            }
        }
        strangers.answered(HERE, Answered::Bad, after(0));
        assert_eq!(asking(&mut strangers, 20, 0), 0);
        // Another address is another's affair.
        assert_eq!(strangers.turn(THERE, false, after(0)), Turn::Ask);
    }

    #[test]
    fn a_flood_costs_one_question_a_second() {
        let mut strangers = Strangers::default();
        let mut asked = 0_u32;
        for second in 0..60 {
            for _ in 0..100 {
                let is_first = second > 0 && asked <= second;
                if strangers.turn(HERE, is_first, after(second)) == Turn::Ask {
                    asked += 1;
                    strangers.answered(HERE, Answered::Bad, after(second));
                }
            }
        }
        assert_eq!(asked, 60);
    }

    #[test]
    fn one_waits_for_the_end_of_the_pause_and_the_others_are_sent_away() {
        let mut strangers = Strangers::default();
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::Ask);
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::Wait);
        strangers.answered(HERE, Answered::Bad, after(0));
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        assert_eq!(strangers.turn(HERE, false, after(0)), AGAIN);
        assert_eq!(strangers.turn(HERE, true, after(0)), Turn::Wait);
        // Its turn comes before that of whoever came later.
        let later = strangers.turn(HERE, false, after(1));
        assert_eq!(later, Turn::Refuse(Lifetime::from_seconds(1)));
        assert_eq!(strangers.turn(HERE, true, after(1)), Turn::Ask);
        strangers.answered(HERE, Answered::Good, after(1));
        assert_eq!(asking(&mut strangers, 20, 1), 2);
    }

    #[test]
    fn who_goes_away_is_not_waited_for() {
        let mut strangers = Strangers::default();
        strangers.answered(HERE, Answered::Bad, after(0));
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        assert_eq!(asking(&mut strangers, 1, 1), 0);
        assert_eq!(strangers.turn(HERE, false, after(2)), Turn::Ask);
        // The question is lost.
        assert_eq!(strangers.turn(HERE, false, after(13)), Turn::Wait);
        assert_eq!(strangers.turn(HERE, false, after(14)), Turn::Ask);
    }

    #[test]
    fn a_provider_that_fails_is_nobodys_fault() {
        let mut strangers = Strangers::default();
        for _ in 0..10 {
            assert_eq!(strangers.turn(HERE, false, after(0)), Turn::Ask);
            strangers.answered(HERE, Answered::Failed, after(0));
        }
    }
}
