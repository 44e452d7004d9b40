//! How fast the provider is asked about tokens that nobody here knows.

use super::{Answered, Asker, LEASE, Moment, Turn};

/// How much longer every bad token makes the pause, and how much shorter every good one, in milliseconds.
const STEP: i64 = 100;

/// How fast the provider is asked for the sake of an address, or of all strangers: how many questions at once, and
/// after how long a pause at the longest, in milliseconds.
///
/// ```text
///   one question at a time --a good token--> one more at a time, up to the widest
///        |       ^                                |
///    a bad token +----------a bad token: half as many at a time
///        v
///     a pause
/// ```
///
/// The pause is a tenth of a second after the first bad token, and a tenth longer with each that follows; a good one
/// takes a tenth away again, and so does the time of the longest pause. So what is invented costs one question in a
/// pause, however much of it comes at once, and tokens that have expired cost others little as long as most are good.
///
/// No more questions may be under way at once than twice as many as there lately were: of good tokens that came one
/// after the other, a flood gets no more than two.
///
/// Meanwhile everybody waits; once the pause is longer than seven tenths of the longest, the first to come does, and
/// the others are sent away.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace<const WIDEST: u8, const LONGEST: i64> {
    /// How many questions are under way, and since when the last of them.
    asking: u8,
    asked_at: Moment,
    /// How many there were at most since there was none.
    busiest: u8,
    /// How many more than one there may be.
    more: u8,
    /// How long the last pause was, less what good tokens and time have taken away until then, in milliseconds.
    pause: i64,
    as_of: Moment,
    is_flood: bool,
    /// When the last pause ends.
    open_at: Moment,
    /// Until when there is somebody who waits for that.
    awaited_until: Moment,
}

impl<const WIDEST: u8, const LONGEST: i64> Pace<WIDEST, LONGEST> {
    /// What a request does; it asks only if this is noted with [`Pace::asks`].
    pub(super) fn turn(&mut self, asker: Asker, is_first: bool, now: Moment) -> Turn {
        self.recover(now);
        if now.since(self.asked_at) >= LEASE {
            self.asking = 0;
        }
        let is_flood = self.is_flood() && !is_first;
        if is_flood && now < self.awaited_until {
            return Turn::Refuse(self.awaited_until.remaining(now));
        }
        if now >= self.open_at && self.asking <= self.more {
            return Turn::Ask(asker);
        }
        if is_flood {
            // Whoever goes away without having asked is not waited for any longer.
            self.awaited_until = self.open_at.max(now).plus(LONGEST);
            return Turn::First;
        }
        Turn::Wait
    }

    /// A request asks.
    pub(super) fn asks(&mut self, is_first: bool, now: Moment) {
        if is_first {
            self.awaited_until = now;
        }
        let others = self.asking;
        self.asking = others.saturating_add(1);
        self.busiest = if others == 0 {
            1
        } else {
            self.busiest.max(self.asking)
        };
        self.asked_at = now;
    }

    /// What came of it.
    pub(super) fn answered(&mut self, answered: Answered, now: Moment) {
        self.recover(now);
        self.asking = self.asking.saturating_sub(1);
        match answered {
            Answered::Good => {
                let most = (self.busiest.saturating_mul(2))
                    .min(WIDEST)
                    .saturating_sub(1);
                self.more = self.more.saturating_add(1).min(most);
                self.lasts((self.pause - STEP).max(0));
            }
            Answered::Bad if self.more > 0 => self.more /= 2,
            Answered::Bad => {
                self.lasts((self.pause + STEP).min(LONGEST));
                self.rests(now);
            }
            // In a flood it makes no difference.
            Answered::Failed => self.rests(now),
        }
    }

    fn rests(&mut self, now: Moment) {
        self.open_at = now.plus(self.pause);
    }

    /// Whether there is a flood.
    pub(super) const fn is_flood(&self) -> bool {
        self.is_flood
    }

    const fn lasts(&mut self, pause: i64) {
        self.pause = pause;
        // It is not over because a single pause is.
        let from = if self.is_flood { 5 } else { 7 };
        self.is_flood = pause > LONGEST / 10 * from;
    }

    /// What time takes away from the pause.
    fn recover(&mut self, now: Moment) {
        let recovered = now.since(self.as_of) * STEP / LONGEST;
        if recovered >= self.pause {
            self.lasts(0);
            self.as_of = now;
        } else if recovered > 0 {
            self.lasts(self.pause - recovered);
            self.as_of = self.as_of.plus(recovered * LONGEST / STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Lifetime;

    type Own = Pace<8, 1_000>;

    const ASK: Turn = Turn::Ask(Asker::Stranger);

    fn at(milliseconds: i64) -> Moment {
        Moment::from_milliseconds(1_800_000_000_000 + milliseconds)
    }

    fn refused(seconds: u32) -> Turn {
        Turn::Refuse(Lifetime::from_seconds(seconds))
    }

    impl Own {
        /// What somebody is told who is not first, and asks if that may be.
        fn comes(&mut self, now: i64) -> Turn {
            self.comes_as(false, now)
        }

        fn comes_as(&mut self, is_first: bool, now: i64) -> Turn {
            let turn = self.turn(Asker::Stranger, is_first, at(now));
            if turn == ASK {
                self.asks(is_first, at(now));
            }
            turn
        }

        /// So many come at once; how many ask.
        fn crowd(&mut self, now: i64) -> usize {
            (0..50).filter(|_| self.comes(now) == ASK).count()
        }

        fn told(&mut self, count: usize, answered: Answered, now: i64) {
            (0..count).for_each(|_| self.answered(answered, at(now)));
        }
    }

    /// So many bad tokens in so short a time that it is a flood; the pause is so long, and has just begun.
    fn flooded() -> (Own, i64) {
        let mut pace = Own::default();
        pace.told(8, Answered::Bad, 0);
        (pace, 800)
    }

    #[test]
    fn one_asks_at_first_and_one_more_for_every_good_token() {
        let mut pace = Own::default();
        for window in [1, 2, 4, 8, 8] {
            assert_eq!(pace.crowd(0), window);
            pace.told(window, Answered::Good, 0);
        }
        // A bad one, and it is half as many.
        assert_eq!(pace.crowd(0), 8);
        pace.told(1, Answered::Bad, 0);
        pace.told(7, Answered::Failed, 0);
        assert_eq!(pace.crowd(0), 4);
        // With the third, it is one.
        pace.told(3, Answered::Bad, 0);
        assert_eq!(pace.crowd(99), 0);
        pace.told(1, Answered::Failed, 99);
        assert_eq!(pace.crowd(189), 0);
        assert_eq!(pace.crowd(190), 1);
    }

    #[test]
    fn of_good_tokens_that_came_one_after_the_other_a_flood_gets_no_more_than_two() {
        let mut pace = Own::default();
        for _ in 0..100 {
            assert_eq!(pace.comes(0), ASK);
            pace.told(1, Answered::Good, 0);
        }
        assert_eq!(pace.crowd(0), 2);
        pace.told(2, Answered::Bad, 0);
        assert_eq!(pace.crowd(99), 0);
        // It is lost again by whoever needs no more.
        let mut pace = Own::default();
        for window in [1, 2, 4, 8] {
            assert_eq!(pace.crowd(0), window);
            pace.told(window, Answered::Good, 0);
        }
        assert_eq!(pace.comes(0), ASK);
        pace.told(1, Answered::Good, 0);
        assert_eq!(pace.crowd(0), 2);
    }

    #[test]
    fn every_bad_token_makes_the_pause_longer_until_it_is_a_second() {
        let mut pace = Own::default();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..60 {
            assert_eq!(pace.comes(now), ASK);
            pace.told(1, Answered::Bad, now);
            let began = now;
            while pace.turn(Asker::Stranger, true, at(now)) != ASK {
                now += 1;
            }
            pauses.push(now - began);
        }
        assert_eq!(pauses[..6], [100, 190, 271, 344, 410, 469]);
        let within = |seconds: i64| {
            let mut began = 0;
            let begins = pauses.iter().map(|pause| {
                began += pause;
                began
            });
            1 + begins.filter(|at| *at < seconds * 1_000).count()
        };
        assert_eq!([1, 10].map(within), [5, 18]);
        assert!(pauses.is_sorted());
        assert!(pauses[59] > 990 && pauses[59] <= 1_000);
    }

    #[test]
    fn time_and_good_tokens_make_it_shorter() {
        for (good, seconds, pause) in [
            (0, 0, 900),
            (1, 0, 800),
            (0, 1, 800),
            (2, 2, 500),
            (8, 0, 100),
            (9, 0, 100),
            (0, 60, 100),
        ] {
            let (mut pace, _) = flooded();
            let now = seconds * 1_000;
            pace.told(good, Answered::Good, now);
            pace.told(1, Answered::Bad, now);
            assert_eq!(pace.clone().crowd(now + pause - 1), 0, "{good} {seconds}");
            assert_eq!(pace.crowd(now + pause), 1, "{good} {seconds}");
        }
        // Also if somebody comes all the time.
        let (mut pace, _) = flooded();
        for now in 0..3_001 {
            pace.turn(Asker::Stranger, false, at(now));
        }
        assert!(!pace.is_flood());
    }

    #[test]
    fn everybody_waits_for_the_end_of_a_short_pause() {
        let mut pace = Own::default();
        pace.told(7, Answered::Bad, 0);
        assert!((0..700).all(|now| pace.comes(now) == Turn::Wait));
        assert_eq!(pace.comes(700), ASK);
        assert_eq!(pace.comes(700), Turn::Wait);
    }

    #[test]
    fn one_waits_for_the_end_of_a_long_one_and_the_others_are_sent_away() {
        let (mut pace, pause) = flooded();
        assert_eq!(pace.comes(0), Turn::First);
        assert_eq!(pace.comes(0), refused(2));
        assert_eq!(pace.comes_as(true, 0), Turn::Wait);
        // Its turn comes before that of whoever came later.
        assert_eq!(pace.comes(pause), refused(1));
        assert_eq!(pace.comes_as(true, pause), ASK);
        // While it asks, the next waits for what comes of that.
        assert_eq!(pace.comes(pause), Turn::First);
        assert_eq!(pace.comes(pause), refused(1));
        pace.told(1, Answered::Good, pause);
        assert_eq!(pace.comes_as(true, pause), ASK);
        assert_eq!(pace.crowd(pause), 1);
    }

    #[test]
    fn who_goes_away_is_not_waited_for() {
        let (mut pace, pause) = flooded();
        assert_eq!(pace.comes(0), Turn::First);
        assert_eq!(pace.comes(pause), refused(1));
        let later = pause + 1_000;
        assert_eq!(pace.comes(later), ASK);
        // The question is lost.
        assert_eq!(pace.comes(later + LEASE - 1), Turn::Wait);
        assert_eq!(pace.comes(later + LEASE), ASK);
    }

    #[test]
    fn a_provider_that_fails_is_nobodys_fault() {
        let mut pace = Own::default();
        for _ in 0..100 {
            assert_eq!(pace.comes(0), ASK);
            pace.told(1, Answered::Failed, 0);
        }
    }

    #[test]
    fn in_a_flood_a_question_that_fails_is_followed_by_a_pause_too() {
        let (mut pace, pause) = flooded();
        assert_eq!(pace.comes(pause), ASK);
        pace.told(1, Answered::Failed, pause);
        assert_eq!(pace.comes(pause), Turn::First);
        assert_eq!(pace.comes_as(true, pause + 699), Turn::Wait);
        assert_eq!(pace.comes_as(true, pause + 720), ASK);
    }
}
