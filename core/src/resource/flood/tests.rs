use super::*;

const HERE: &str = "198.51.100.7";
const THERE: &str = "198.51.100.8";
const ASK: Turn = Turn::Ask(Asker::Stranger);

fn at(milliseconds: i64) -> Moment {
    Moment::from_milliseconds(1_800_000_000_000 + milliseconds)
}

fn after(seconds: i64) -> Moment {
    at(seconds * 1_000)
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("address {index}")).collect()
}

impl Strangers {
    /// An address brings a token that is good, or bad; whether it is asked about, at once.
    fn brings(&mut self, address: &str, answered: Answered, now: Moment) -> Turn {
        let turn = self.turn(address, false, now);
        if let Turn::Ask(asker) = turn {
            self.answered(address, asker, answered, now);
        }
        turn
    }
}

/// A flood is under way: as many bad tokens as that takes, of which the last was just found to be one.
fn flooded(now: Moment) -> Strangers {
    let mut strangers = Strangers::default();
    for address in addresses(5) {
        strangers.answered(&address, Asker::Stranger, Answered::Bad, now);
    }
    strangers
}

#[test]
fn a_thousand_tokens_from_a_thousand_addresses_cost_one_question_in_a_pause() {
    let (mut strangers, crowd) = (Strangers::default(), addresses(1_000));
    let mut asked = Vec::new();
    for now in (0..60_000).step_by(20) {
        for address in &crowd {
            if strangers.brings(address, Answered::Bad, at(now)) == ASK {
                asked.push(now);
            }
        }
    }
    let within = |seconds: i64| asked.iter().filter(|now| **now < seconds * 1_000).count();
    assert_eq!([1, 10, 60].map(within), [5, 23, 123]);
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 100));
}

#[test]
fn the_flood_of_one_address_costs_the_others_moments() {
    let mut strangers = Strangers::default();
    let mut longest = 0;
    for now in 0..60_000 {
        strangers.brings(HERE, Answered::Bad, at(now));
        // From the thirtieth second on: how long a newcomer would wait.
        if now > 30_000 {
            let mut soon = 0;
            let may = |soon| {
                strangers
                    .crowd
                    .clone()
                    .turn(Asker::Stranger, false, at(now + soon))
            };
            while may(soon) != ASK {
                soon += 1;
            }
            longest = longest.max(soon);
        }
    }
    assert!((100..=200).contains(&longest), "{longest}");
}

#[test]
fn who_has_lately_brought_good_tokens_does_not_notice_a_flood() {
    let mut strangers = Strangers::default();
    assert_eq!(strangers.brings(HERE, Answered::Good, at(0)), ASK);
    for second in 0..10 {
        for address in addresses(1_500) {
            strangers.brings(&address, Answered::Bad, after(second));
        }
        let known = Turn::Ask(Asker::Known);
        let turns = [0; 2].map(|_| strangers.turn(HERE, false, after(second)));
        assert_eq!(turns, [known; 2]);
        for _ in turns {
            strangers.answered(HERE, Asker::Known, Answered::Good, after(second));
        }
    }
}

#[test]
fn when_many_come_anew_with_good_tokens_a_hundred_are_asked_about_at_once() {
    let mut strangers = Strangers::default();
    for window in [1, 2, 4, 8, 16, 32, 64, 100, 100] {
        let crowd: Vec<_> = (0..300).map(|index| format!("{window} {index}")).collect();
        let may = |address: &&String| strangers.turn(address, false, at(0)) == ASK;
        let asking: Vec<_> = crowd.iter().filter(may).collect();
        assert_eq!(asking.len(), window);
        for address in asking {
            strangers.answered(address, Asker::Stranger, Answered::Good, at(0));
        }
    }
}

#[test]
fn a_good_token_is_worth_a_bad_one_and_no_more() {
    let mut strangers = flooded(at(0));
    strangers.brought_good(HERE);
    let known = Turn::Ask(Asker::Known);
    assert_eq!(strangers.brings(HERE, Answered::Bad, at(0)), known);
    // From now on it is a stranger like any other, after a pause of its own.
    assert_eq!(strangers.turn(HERE, false, at(99)), Turn::Wait);
    assert_eq!(strangers.turn(HERE, false, at(100)), Turn::First);
    assert_eq!(
        strangers.turn(THERE, false, at(100)),
        Turn::Refuse(Lifetime::from_seconds(1))
    );
}

#[test]
fn a_clock_that_goes_back_by_a_day_keeps_nobody_out_for_a_day() {
    let mut strangers = flooded(after(86_400));
    assert_eq!(strangers.turn(HERE, false, after(86_400)), Turn::First);
    assert_eq!(strangers.brings(THERE, Answered::Bad, at(0)), ASK);
    assert_eq!(strangers.turn(HERE, false, at(100)), ASK);
}

#[test]
fn whoever_has_a_part_in_a_flood_leaves_the_next_pauses_to_others() {
    let mut strangers = flooded(at(0));
    // It waits for the queue of all, which the others have to respect.
    assert_eq!(strangers.turn(HERE, false, at(0)), Turn::First);
    let mut late = addresses(20).into_iter().skip(5);
    assert!(
        late.all(|address| matches!(strangers.turn(&address, false, at(500)), Turn::Refuse(_)))
    );
    assert_eq!(strangers.turn(HERE, true, at(500)), ASK);
    strangers.answered(HERE, Asker::Stranger, Answered::Good, at(500));
    // A good answer leaves the turn to the next, at once.
    assert_eq!(strangers.turn(THERE, false, at(500)), ASK);
    strangers.answered(THERE, Asker::Stranger, Answered::Bad, at(500));
    let refused = |seconds| Turn::Refuse(Lifetime::from_seconds(seconds));
    assert_eq!(strangers.turn(THERE, false, at(500)), refused(10));
    assert_eq!(strangers.turn(THERE, false, at(9_499)), refused(2));
    assert_eq!(strangers.turn(THERE, false, at(10_499)), refused(1));
    assert_eq!(strangers.turn(THERE, false, at(10_500)), ASK);
}

#[test]
fn whoever_has_many_networks_of_ipv6_has_one_part_in_a_flood() {
    let mut strangers = flooded(at(0));
    let [one, sibling, other] = ["2001:db8:1:1", "2001:db8:1:2", "2001:db8:2:1"];
    assert_eq!(strangers.brings(one, Answered::Bad, at(500)), ASK);
    let refused = Turn::Refuse(Lifetime::from_seconds(10));
    assert_eq!(strangers.turn(sibling, false, at(500)), refused);
    assert_eq!(strangers.turn(other, false, at(500)), Turn::First);
    // Who has brought a good token is no part of it.
    strangers.brought_good(sibling);
    let known = Turn::Ask(Asker::Known);
    assert_eq!(strangers.turn(sibling, false, at(500)), known);
}

/// Twenty newcomers a second, of whom every third brings an expired token, and a provider that takes 20 ms to answer.
#[test]
fn many_expired_tokens_among_good_ones_are_no_flood() {
    let (mut strangers, mut waiting) = (Strangers::default(), Vec::new());
    let mut asking: Vec<(String, Answered, i64)> = Vec::new();
    let (mut came, mut longest) = (0, 0);
    for now in (0..60_000).step_by(10) {
        let (due, later): (Vec<_>, Vec<_>) = asking.into_iter().partition(|(_, _, at)| *at <= now);
        asking = later;
        for (address, answered, _) in due {
            strangers.answered(&address, Asker::Stranger, answered, at(now));
        }
        if now % 50 == 0 {
            came += 1;
            waiting.push((came, now));
        }
        waiting.retain(|(number, since)| {
            let address = format!("newcomer {number}");
            match strangers.turn(&address, false, at(now)) {
                Turn::Ask(_) => {
                    longest = longest.max(now - since);
                    let answered = if number % 3 == 0 {
                        Answered::Bad
                    } else {
                        Answered::Good
                    };
                    asking.push((address, answered, now + 20));
                    false
                }
                Turn::Wait => true,
                turn => panic!("{number}: {turn:?}"),
            }
        });
    }
    assert!(longest <= 100, "{longest}");
}
