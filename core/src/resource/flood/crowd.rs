//! What all strangers have brought lately, taken together.

use super::{Answered, Asker, LEASE, PAUSE, Turn};
use crate::time::Timestamp;

/// How many bad tokens of theirs are asked about before there is a flood.
const SPARE: u8 = 10;
/// How many questions at once are risked beyond that, after as many good answers in a row: when many come anew.
const WIDEST: u8 = 90;

/// What all strangers have brought lately.
///
/// ```text
///   ten may be bad --a bad one--> one fewer --...--> none left, a flood: one question at a time,
///         ^                                          after a bad one none in that second
///         +---- with each second one more, and at ten the flood is over <----+
/// ```
///
/// For the rest of such a second the first to come waits for its end, and the others are sent away. So whatever strangers
/// invent, they have ten questions asked and then one in each second. Good tokens use nothing up: who brings one waits
/// for what came before.
#[derive(Debug)]
pub(super) struct Crowd {
    /// How many bad tokens there may yet be, as of when; whether there were none left since it was full.
    left: u8,
    as_of: Timestamp,
    is_flood: bool,
    /// When the last one was found bad.
    bad_at: Timestamp,
    /// How many questions are under way, and since when the last of them.
    asking: u8,
    asked_at: Timestamp,
    /// How many good tokens came in a row.
    good: u8,
    /// Until when there is somebody who waits for the next second.
    awaited_until: Timestamp,
}

impl Default for Crowd {
    fn default() -> Self {
        let long_ago = Timestamp::from_seconds(0);
        Self {
            left: SPARE,
            as_of: long_ago,
            is_flood: false,
            bad_at: long_ago,
            asking: 0,
            asked_at: long_ago,
            good: 0,
            awaited_until: long_ago,
        }
    }
}

impl Crowd {
    /// What a request of a stranger does.
    pub(super) fn turn(&mut self, is_first: bool, now: Timestamp) -> Turn {
        self.refill(now);
        if !self.asked_at.is_within(LEASE, now) {
            self.asking = 0;
        }
        if !is_first && now < self.awaited_until {
            return Turn::Refuse(self.awaited_until.remaining(now));
        }
        if self.is_flood && now <= self.bad_at {
            if is_first {
                return Turn::Wait;
            }
            // Whoever goes away without having asked is not waited for any longer.
            self.awaited_until = now.plus(PAUSE).plus(PAUSE);
            return Turn::First;
        }
        let window = if self.is_flood {
            1
        } else {
            self.left.saturating_add(self.good)
        };
        if self.asking >= window {
            return Turn::Wait;
        }
        if is_first {
            self.awaited_until = now;
        }
        self.asking = self.asking.saturating_add(1);
        self.asked_at = now;
        Turn::Ask(Asker::Stranger)
    }

    /// What came of it.
    pub(super) fn answered(&mut self, answered: Answered, now: Timestamp) {
        self.refill(now);
        self.asking = self.asking.saturating_sub(1);
        match answered {
            Answered::Good => self.good = self.good.saturating_add(1).min(WIDEST),
            Answered::Bad => {
                self.good = 0;
                self.left = self.left.saturating_sub(1);
                self.is_flood |= self.left == 0;
                self.bad_at = now;
            }
            Answered::Failed => {}
        }
    }

    /// Whether there is a flood.
    pub(super) const fn is_flood(&self) -> bool {
        self.is_flood
    }

    fn refill(&mut self, now: Timestamp) {
        let passed = now.seconds().saturating_sub(self.as_of.seconds());
        if passed > 0 {
            let more = u8::try_from(passed).unwrap_or(SPARE);
            self.left = self.left.saturating_add(more).min(SPARE);
            self.is_flood &= self.left < SPARE;
            self.as_of = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;
    use crate::time::Lifetime;

    const ASK: Turn = Turn::Ask(Asker::Stranger);

    /// So many ask at once; how many may.
    fn asking(crowd: &mut Crowd, second: u32) -> usize {
        let turns = (0..500).map(|_| crowd.turn(false, after(second)));
        turns.filter(|turn| *turn == ASK).count()
    }

    fn answer(crowd: &mut Crowd, count: usize, answered: Answered, second: u32) {
        (0..count).for_each(|_| crowd.answered(answered, after(second)));
    }

    #[test]
    fn ten_ask_at_first_and_one_more_for_every_good_token_up_to_a_hundred() {
        let mut crowd = Crowd::default();
        for window in [10, 20, 40, 80, 100, 100] {
            assert_eq!(asking(&mut crowd, 0), window);
            answer(&mut crowd, window, Answered::Good, 0);
        }
        // One bad token, and it begins anew.
        assert_eq!(asking(&mut crowd, 0), 100);
        answer(&mut crowd, 1, Answered::Bad, 0);
        answer(&mut crowd, 99, Answered::Failed, 0);
        assert_eq!(asking(&mut crowd, 0), 9);
    }

    /// A flood has just begun.
    fn flooded() -> Crowd {
        let mut crowd = Crowd::default();
        assert_eq!(asking(&mut crowd, 0), 10);
        answer(&mut crowd, 10, Answered::Bad, 0);
        crowd
    }

    #[test]
    fn what_is_used_up_comes_back_one_with_each_second() {
        let mut crowd = Crowd::default();
        assert_eq!(asking(&mut crowd, 0), 10);
        answer(&mut crowd, 9, Answered::Bad, 0);
        answer(&mut crowd, 1, Answered::Failed, 0);
        assert_eq!(asking(&mut crowd, 0), 1);
        answer(&mut crowd, 1, Answered::Failed, 0);
        assert!(!crowd.is_flood());
        assert_eq!(asking(&mut crowd, 4), 5);
        answer(&mut crowd, 5, Answered::Failed, 4);
        assert_eq!(asking(&mut crowd, 60), 10);
    }

    #[test]
    fn a_flood_is_over_when_as_much_has_come_back_as_there_was() {
        let mut crowd = flooded();
        for second in 1..100 {
            assert_eq!(asking(&mut crowd, second), 1, "{second}");
            answer(&mut crowd, 1, Answered::Bad, second);
            assert!(crowd.is_flood());
        }
        // Nobody asks any more, and what was not used is not used later.
        assert_eq!(asking(&mut crowd, 108), 1);
        answer(&mut crowd, 1, Answered::Good, 108);
        assert!(crowd.is_flood());
        assert_eq!(asking(&mut crowd, 109), 11);
        // A clock that goes back begins nothing.
        assert_eq!(asking(&mut crowd, 108), 0);
        assert!(!crowd.is_flood());
    }

    #[test]
    fn one_waits_for_the_next_second_and_the_others_are_sent_away() {
        let mut crowd = Crowd::default();
        assert_eq!(asking(&mut crowd, 0), 10);
        assert_eq!(crowd.turn(false, after(0)), Turn::Wait);
        answer(&mut crowd, 10, Answered::Bad, 0);
        assert_eq!(crowd.turn(false, after(0)), Turn::First);
        let refused = |seconds| Turn::Refuse(Lifetime::from_seconds(seconds));
        assert_eq!(crowd.turn(false, after(0)), refused(2));
        assert_eq!(crowd.turn(true, after(0)), Turn::Wait);
        assert_eq!(crowd.turn(false, after(1)), refused(1));
        assert_eq!(crowd.turn(true, after(1)), ASK);
        // What comes of it decides about the next.
        for _ in 0..20 {
            assert_eq!(crowd.turn(false, after(1)), Turn::Wait);
            answer(&mut crowd, 1, Answered::Good, 1);
            assert_eq!(asking(&mut crowd, 1), 1);
        }
    }

    #[test]
    fn questions_that_are_lost_hold_nobody_up_for_ever() {
        let mut crowd = Crowd::default();
        assert_eq!(asking(&mut crowd, 0), 10);
        assert_eq!(crowd.turn(false, after(11)), Turn::Wait);
        assert_eq!(asking(&mut crowd, 12), 10);
    }
}
