//! Who may have the provider asked about a token that nobody here knows, so that invented tokens cannot become
//! a flood of questions: neither from one address, nor from a thousand.
//!
//! ```text
//!   an address that has lately brought good tokens --its own rule---------------------------> asks
//!   any other, a stranger                          --its own rule--> that of all strangers --> asks
//! ```

mod address;
mod crowd;

use self::address::Address;
use self::crowd::Crowd;
use super::recent::Recent;
use crate::time::{Lifetime, Timestamp};

/// How long nobody asks for an address after it has brought a token that nobody issued.
const PAUSE: Lifetime = Lifetime::from_seconds(1);
/// The same while there is a flood from many: who has a part in it leaves the next second to others.
const LONG_PAUSE: Lifetime = Lifetime::from_seconds(10);
/// How long a question may take, before it counts as lost.
const LEASE: Lifetime = Lifetime::from_seconds(12);
/// How many addresses are remembered, of those that are known and of the others.
const REMEMBERED: usize = 1_000;

/// What a request does with a token that nobody here knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// It asks; whoever does says what came of it ([`Strangers::answered`]).
    Ask(Asker),
    /// It looks again in a moment: others are asking.
    Wait,
    /// The same, and from now on it is first in the queue.
    First,
    /// It goes away, and may come back after that time.
    Refuse(Lifetime),
}

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asker {
    /// An address that has lately brought good tokens.
    Known,
    /// Any other.
    Stranger,
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

/// What addresses have brought lately. Strangers drive out of memory nobody who is known.
#[derive(Debug)]
pub struct Strangers {
    known: Recent<Address>,
    others: Recent<Address>,
    crowd: Crowd,
    /// When somebody last came.
    latest: Timestamp,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            known: Recent::new(REMEMBERED),
            others: Recent::new(REMEMBERED),
            crowd: Crowd::default(),
            latest: Timestamp::from_seconds(0),
        }
    }
}

impl Strangers {
    /// Whether a request from `address` may ask now; `is_first` if it has been told [`Turn::First`].
    pub fn turn(&mut self, address: &str, is_first: bool, now: Timestamp) -> Turn {
        if self.latest > now.plus(LONG_PAUSE) {
            // The clock has gone back: nobody pays until then for what came later.
            *self = Self::default();
        }
        self.latest = now;
        let mut own = self.of(address);
        let asker = own.asker();
        let turn = match (own.turn(asker, is_first, now), asker) {
            // What it does then is the crowd's.
            (Turn::Ask(_), Asker::Stranger) => match self.crowd.turn(is_first, now) {
                turn @ Turn::Ask(_) => turn,
                other => return other,
            },
            (turn, _) => turn,
        };
        match turn {
            Turn::Ask(_) => own.asks(is_first, now),
            Turn::First | Turn::Wait | Turn::Refuse(_) => {}
        }
        // Who is refused leaves no trace: of a thousand addresses none is forgotten for it.
        if matches!(turn, Turn::Ask(_) | Turn::First) {
            self.keep(address, own);
        }
        turn
    }

    /// What came of a question.
    pub fn answered(&mut self, address: &str, asker: Asker, answered: Answered, now: Timestamp) {
        let mut own = self.of(address);
        if asker == Asker::Stranger {
            self.crowd.answered(answered, now);
        }
        let is_flood = asker == Asker::Stranger && self.crowd.is_flood();
        own.answered(answered, if is_flood { LONG_PAUSE } else { PAUSE }, now);
        self.keep(address, own);
    }

    /// An address was the first here to bring a token that another isolate has found good.
    pub fn brought_good(&mut self, address: &str) {
        let mut own = self.of(address);
        own.credit();
        self.keep(address, own);
    }

    fn of(&self, address: &str) -> Address {
        let own = self.known.get(address).or_else(|| self.others.get(address));
        own.cloned().unwrap_or_default()
    }

    fn keep(&mut self, address: &str, own: Address) {
        let (here, there) = match own.asker() {
            Asker::Known => (&mut self.known, &mut self.others),
            Asker::Stranger => (&mut self.others, &mut self.known),
        };
        there.forget(address);
        *here.at(address, Address::default) = own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::tests::after;

    const HERE: &str = "198.51.100.7";
    const THERE: &str = "198.51.100.8";

    /// What so many ask at once from different addresses, of whom none is first; whoever may.
    fn asking(strangers: &mut Strangers, addresses: &[String], second: u32) -> Vec<String> {
        let may = |address: &&String| {
            let turn = strangers.turn(address, false, after(second));
            matches!(turn, Turn::Ask(_))
        };
        addresses.iter().filter(may).cloned().collect()
    }

    fn addresses(count: u32) -> Vec<String> {
        (0..count).map(|index| format!("address {index}")).collect()
    }

    fn answer(strangers: &mut Strangers, of: &[String], answered: Answered, second: u32) {
        for address in of {
            strangers.answered(address, Asker::Stranger, answered, after(second));
        }
    }

    /// A flood is under way: ten bad tokens in one second.
    fn flooded(second: u32) -> Strangers {
        let mut strangers = Strangers::default();
        let asked = asking(&mut strangers, &addresses(10), second);
        answer(&mut strangers, &asked, Answered::Bad, second);
        strangers
    }

    #[test]
    fn a_thousand_tokens_from_a_thousand_addresses_cost_ten_questions_and_then_one_a_second() {
        let (mut strangers, mut asked) = (flooded(0), 0);
        let mut first: Option<String> = None;
        for second in 1..300 {
            // Whoever is first comes back for its turn, and the others do not.
            let firsts = first.take().map(|address| (address, true));
            let others = addresses(1_000).into_iter().map(|it| (it, false));
            for (address, is_first) in firsts.into_iter().chain(others) {
                match strangers.turn(&address, is_first, after(second)) {
                    Turn::Ask(_) => {
                        asked += 1;
                        answer(&mut strangers, &[address], Answered::Bad, second);
                    }
                    Turn::First => first = Some(address),
                    Turn::Wait | Turn::Refuse(_) => {}
                }
            }
            assert_eq!(asked, second);
        }
    }

    #[test]
    fn the_flood_of_one_address_is_its_own_affair() {
        let mut strangers = Strangers::default();
        for second in 0..100 {
            let flood = strangers.turn(HERE, second > 0, after(second));
            assert_eq!(flood, Turn::Ask(Asker::Stranger));
            strangers.answered(HERE, Asker::Stranger, Answered::Bad, after(second));
            let newcomer = format!("newcomer {second}");
            let turn = strangers.turn(&newcomer, false, after(second));
            assert_eq!(turn, Turn::Ask(Asker::Stranger), "{second}");
            strangers.answered(&newcomer, Asker::Stranger, Answered::Good, after(second));
        }
    }

    #[test]
    fn who_has_lately_brought_good_tokens_does_not_notice_a_flood() {
        let mut strangers = Strangers::default();
        let one = [HERE.to_owned()];
        assert_eq!(asking(&mut strangers, &one, 0), one);
        answer(&mut strangers, &one, Answered::Good, 0);
        for second in 0..10 {
            let asked = asking(&mut strangers, &addresses(1_500), second);
            answer(&mut strangers, &asked, Answered::Bad, second);
            for _ in 0..2 {
                let turn = strangers.turn(HERE, false, after(second));
                assert_eq!(turn, Turn::Ask(Asker::Known));
            }
            for _ in 0..2 {
                strangers.answered(HERE, Asker::Known, Answered::Good, after(second));
            }
        }
    }

    #[test]
    fn a_good_token_is_worth_a_bad_one_and_no_more() {
        let mut strangers = flooded(0);
        strangers.brought_good(HERE);
        assert_eq!(
            strangers.turn(HERE, false, after(0)),
            Turn::Ask(Asker::Known)
        );
        strangers.answered(HERE, Asker::Known, Answered::Bad, after(0));
        // From now on it is a stranger like any other, after a pause of its own.
        assert_eq!(strangers.turn(THERE, false, after(0)), Turn::First);
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        let queue = Turn::Refuse(Lifetime::from_seconds(1));
        assert_eq!(strangers.turn(HERE, false, after(1)), queue);
        assert_eq!(
            strangers.turn(THERE, true, after(1)),
            Turn::Ask(Asker::Stranger)
        );
    }

    #[test]
    fn a_clock_that_goes_back_by_a_day_keeps_nobody_out_for_a_day() {
        let mut strangers = flooded(86_400);
        assert_eq!(strangers.turn(HERE, false, after(86_400)), Turn::First);
        assert_eq!(
            strangers.turn(THERE, false, after(0)),
            Turn::Ask(Asker::Stranger)
        );
        strangers.answered(THERE, Asker::Stranger, Answered::Bad, after(0));
        assert_eq!(
            strangers.turn(HERE, false, after(0)),
            Turn::Ask(Asker::Stranger)
        );
    }

    #[test]
    fn whoever_has_a_part_in_a_flood_leaves_the_next_seconds_to_others() {
        let mut strangers = flooded(0);
        assert_eq!(strangers.turn(HERE, false, after(0)), Turn::First);
        let late = asking(&mut strangers, &addresses(10), 1);
        assert_eq!(late, Vec::<String>::new());
        assert_eq!(
            strangers.turn(HERE, true, after(1)),
            Turn::Ask(Asker::Stranger)
        );
        strangers.answered(HERE, Asker::Stranger, Answered::Good, after(1));
        // A good answer leaves the turn to the next, at once.
        assert_eq!(
            strangers.turn(THERE, false, after(1)),
            Turn::Ask(Asker::Stranger)
        );
        strangers.answered(THERE, Asker::Stranger, Answered::Bad, after(1));
        let long = Turn::Refuse(LONG_PAUSE);
        assert_eq!(strangers.turn(THERE, false, after(1)), long);
        let short = Turn::Refuse(Lifetime::from_seconds(2));
        assert_eq!(strangers.turn(THERE, false, after(9)), short);
        assert_eq!(strangers.turn(THERE, false, after(10)), Turn::First);
        assert_eq!(
            strangers.turn(THERE, true, after(11)),
            Turn::Ask(Asker::Stranger)
        );
    }
}
