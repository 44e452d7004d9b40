//! Who may have the provider asked about a token that nobody here knows, so that invented tokens cannot become
//! a flood of questions: neither from one address, nor from a thousand.
//!
//! ```text
//!   an address that has lately brought good tokens --its own pace----------------------------> asks
//!   any other, a stranger                          --its own pace--> that of all strangers --> asks
//! ```

mod pace;

use self::pace::Pace;
use super::recent::Recent;
use crate::time::Lifetime;

/// How long nobody asks for a stranger from a network that has a part in a flood from many, in milliseconds: it leaves
/// the next pauses to others.
const LONG_PAUSE: i64 = 10_000;
/// How far the clock may go back and nothing be forgotten for it, in milliseconds.
const STEP_BACK: i64 = 1_000;
/// How long a question may take, in milliseconds, before it counts as lost.
const LEASE: i64 = 16_000;
/// How many addresses are remembered, of those that are known and of the others.
const REMEMBERED: usize = 1_000;
/// How many questions at once an address may cause, and how many good tokens of it are remembered.
const WIDEST: u8 = 8;
/// The pace of one address; that of all strangers recovers twice as fast, so that one address alone can keep nobody
/// away.
type OwnPace = Pace<WIDEST, 1_000>;
type CommonPace = Pace<100, 500>;

/// Milliseconds since the epoch: what goes on in a flood takes less than a second.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(i64);

impl Moment {
    /// So many milliseconds after the epoch.
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    const fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// How many milliseconds it is later than that.
    const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long it is until then, in whole seconds, none of them too few.
    fn remaining(self, now: Self) -> Lifetime {
        let seconds = self.since(now).max(0).saturating_add(999) / 1_000;
        Lifetime::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

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

/// What an address has brought lately.
#[derive(Clone, Debug, Default)]
struct Address {
    pace: OwnPace,
    /// How many more good tokens came than bad ones: so many bad ones it may bring and is known all the same.
    credit: u8,
}

impl Address {
    const fn asker(&self) -> Asker {
        if self.credit > 0 {
            Asker::Known
        } else {
            Asker::Stranger
        }
    }

    fn brought_good(&mut self) {
        self.credit = self.credit.saturating_add(1).min(WIDEST);
    }
}

/// What addresses have brought lately. Strangers drive out of memory nobody who is known.
#[derive(Debug)]
pub struct Strangers {
    known: Recent<Address>,
    others: Recent<Address>,
    crowd: CommonPace,
    /// Networks that have a part in a flood, and until when nobody asks for strangers there.
    closed: Recent<Moment>,
    /// When somebody last came.
    latest: Moment,
}

impl Default for Strangers {
    fn default() -> Self {
        Self {
            known: Recent::new(REMEMBERED),
            others: Recent::new(REMEMBERED),
            crowd: CommonPace::default(),
            closed: Recent::new(REMEMBERED),
            latest: Moment::default(),
        }
    }
}

impl Strangers {
    /// Whether a request from `address` may ask now; `is_first` if it has been told [`Turn::First`].
    pub fn turn(&mut self, address: &str, is_first: bool, now: Moment) -> Turn {
        if self.latest.since(now) > STEP_BACK {
            // The clock has gone back: nobody pays until then for what came later.
            *self = Self::default();
        }
        self.latest = now;
        let mut own = self.of(address);
        let asker = own.asker();
        let closed = self.closed.get(network(address));
        if let (Asker::Stranger, Some(until)) = (asker, closed)
            && now < *until
        {
            return Turn::Refuse(until.remaining(now));
        }
        let mut turn = own.pace.turn(asker, is_first, now);
        if turn == Turn::Ask(Asker::Stranger) {
            turn = self.crowd.turn(asker, is_first, now);
        }
        if let Turn::Ask(asker) = turn {
            own.pace.asks(is_first, now);
            if asker == Asker::Stranger {
                self.crowd.asks(is_first, now);
            }
        }
        // Who is refused leaves no trace: of a thousand addresses none is forgotten for it.
        if matches!(turn, Turn::Ask(_) | Turn::First) {
            self.keep(address, own);
        }
        turn
    }

    /// What came of a question.
    pub fn answered(&mut self, address: &str, asker: Asker, answered: Answered, now: Moment) {
        let mut own = self.of(address);
        own.pace.answered(answered, now);
        match answered {
            Answered::Good => own.brought_good(),
            Answered::Bad => own.credit = own.credit.saturating_sub(1),
            Answered::Failed => {}
        }
        if asker == Asker::Stranger {
            self.crowd.answered(answered, now);
            if answered == Answered::Bad && self.crowd.is_flood() {
                let until = now.plus(LONG_PAUSE);
                *self.closed.at(network(address), || until) = until;
            }
        }
        self.keep(address, own);
    }

    /// An address was the first here to bring a token that another isolate has found good.
    pub fn brought_good(&mut self, address: &str) {
        let mut own = self.of(address);
        own.brought_good();
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

/// The network of an address: of IPv6 the /48, because whoever has one /64 may as well have all of that.
fn network(address: &str) -> &str {
    let parts = address.rsplit_once(':');
    parts.map_or(address, |(network, _)| network)
}

#[cfg(test)]
mod tests;
