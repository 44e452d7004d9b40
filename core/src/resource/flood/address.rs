//! What one address has brought lately.

use super::{Answered, Asker, LEASE, PAUSE, Turn};
use crate::time::{Lifetime, Timestamp};

/// How many questions at once an address may cause that has brought good tokens only, and how many good tokens of it
/// are remembered.
const WIDEST: u8 = 8;

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
pub(super) struct Address {
    /// How many questions are under way, and since when the last of them.
    asking: u8,
    asked_at: Option<Timestamp>,
    /// How many good tokens came in a row.
    good: u8,
    /// How many more good tokens came than bad ones: so many bad ones it may bring and is known all the same.
    credit: u8,
    paused_until: Option<Timestamp>,
    /// Until when there is somebody who waits for the end of the pause.
    awaited_until: Option<Timestamp>,
}

impl Address {
    /// Whether it is known.
    pub(super) const fn asker(&self) -> Asker {
        if self.credit > 0 {
            Asker::Known
        } else {
            Asker::Stranger
        }
    }

    /// What a request does; it asks only if this is noted with [`Address::asks`].
    pub(super) fn turn(&mut self, asker: Asker, is_first: bool, now: Timestamp) -> Turn {
        if self.asked_at.is_some_and(|at| !at.is_within(LEASE, now)) {
            self.asking = 0;
        }
        let awaited = self.awaited_until.filter(|until| now < *until);
        let paused = self.paused_until.filter(|until| now < *until);
        let pause = paused.map(|until| until.remaining(now));
        if let Some(long) = pause.filter(|pause| *pause > PAUSE) {
            return Turn::Refuse(long);
        }
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
        Turn::Ask(asker)
    }

    /// A request asks.
    pub(super) fn asks(&mut self, is_first: bool, now: Timestamp) {
        if is_first {
            self.awaited_until = None;
        }
        self.asking = self.asking.saturating_add(1);
        self.asked_at = Some(now);
    }

    /// What came of it; how long nobody asks for it if that was bad.
    pub(super) fn answered(&mut self, answered: Answered, pause: Lifetime, now: Timestamp) {
        self.asking = self.asking.saturating_sub(1);
        match answered {
            Answered::Good => {
                self.good = self.good.saturating_add(1).min(WIDEST - 1);
                self.credit();
            }
            Answered::Bad => {
                self.good = 0;
                self.credit = self.credit.saturating_sub(1);
                self.paused_until = Some(now.plus(pause));
            }
            Answered::Failed => {}
        }
    }

    /// It has brought a good token.
    pub(super) fn credit(&mut self) {
        self.credit = self.credit.saturating_add(1).min(WIDEST);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Strangers;
    use super::*;
    use crate::grant::tests::after;

    const HERE: &str = "198.51.100.7";
    const THERE: &str = "198.51.100.8";
    const AGAIN: Turn = Turn::Refuse(Lifetime::from_seconds(2));
    const ASK: Turn = Turn::Ask(Asker::Stranger);

    /// So many ask at once, of whom none is first; how many may.
    fn asking(strangers: &mut Strangers, count: usize, second: u32) -> usize {
        let turns = (0..count).map(|_| strangers.turn(HERE, false, after(second)));
        turns.filter(|turn| matches!(turn, Turn::Ask(_))).count()
    }

    #[test]
    fn one_asks_at_first_and_one_more_for_every_good_token() {
        let mut strangers = Strangers::default();
        for window in [1, 2, 4, 8, 8] {
            assert_eq!(asking(&mut strangers, 20, 0), window);
            for _ in 0..window {
                strangers.answered(HERE, Asker::Known, Answered::Good, after(0));
            }
        }
        strangers.answered(HERE, Asker::Known, Answered::Bad, after(0));
        assert_eq!(asking(&mut strangers, 20, 0), 0);
        // Another address is another's affair.
        assert_eq!(strangers.turn(THERE, false, after(0)), ASK);
    }

    #[test]
    fn a_flood_costs_one_question_a_second() {
        let mut strangers = Strangers::default();
        let mut asked = 0_u32;
        for second in 0..60 {
            for _ in 0..100 {
                let is_first = second > 0 && asked <= second;
                if strangers.turn(HERE, is_first, after(second)) == ASK {
                    asked += 1;
                    strangers.answered(HERE, Asker::Stranger, Answered::Bad, after(second));
                }
            }
        }
        assert_eq!(asked, 60);
    }

    #[test]
    fn one_waits_for_the_end_of_the_pause_and_the_others_are_sent_away() {
        let mut strangers = Strangers::default();
        assert_eq!(strangers.turn(HERE, false, after(0)), ASK);
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::Wait);
        strangers.answered(HERE, Asker::Stranger, Answered::Bad, after(0));
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        assert_eq!(strangers.turn(HERE, false, after(0)), AGAIN);
        assert_eq!(strangers.turn(HERE, true, after(0)), Turn::Wait);
        // Its turn comes before that of whoever came later.
        let later = strangers.turn(HERE, false, after(1));
        assert_eq!(later, Turn::Refuse(Lifetime::from_seconds(1)));
        assert_eq!(strangers.turn(HERE, true, after(1)), ASK);
        strangers.answered(HERE, Asker::Stranger, Answered::Good, after(1));
        assert_eq!(asking(&mut strangers, 20, 1), 2);
    }

    #[test]
    fn who_goes_away_is_not_waited_for() {
        let mut strangers = Strangers::default();
        strangers.answered(HERE, Asker::Stranger, Answered::Bad, after(0));
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        assert_eq!(asking(&mut strangers, 1, 1), 0);
        assert_eq!(strangers.turn(HERE, false, after(2)), ASK);
        // The question is lost.
        assert_eq!(strangers.turn(HERE, false, after(13)), Turn::Wait);
        assert_eq!(strangers.turn(HERE, false, after(14)), ASK);
    }

    #[test]
    fn a_provider_that_fails_is_nobodys_fault() {
        let mut strangers = Strangers::default();
        for _ in 0..100 {
            assert_eq!(strangers.turn(HERE, false, after(0)), ASK);
            strangers.answered(HERE, Asker::Stranger, Answered::Failed, after(0));
        }
    }
}
