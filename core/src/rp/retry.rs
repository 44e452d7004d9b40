//! Whether a failed request to the provider is sent again, and when.
//!
//! Repeating a refresh is safe at Gatepass: for 30 seconds the same refresh token has the same answer.
//! Later it is a replay, so the last try has to be over by then.

use super::failure::Failure;
use crate::time::Lifetime;

/// How long the host lets each try take before it counts as timed out, in milliseconds.
pub const TRY_TIMEOUT_MS: u32 = 6_000;

/// How long after the first try the host may begin another, in whole seconds. Tries and pauses of our
/// own never take so long; pauses that servers ask for may.
pub const LAST_TRY_SECONDS: u32 = 21;

/// The longest pause before each further try, in milliseconds.
const PAUSES_MS: [u32; 3] = [200, 600, 1_800];

/// Longer than this, nobody waits for a server that asks for patience.
const LONGEST_RETRY_AFTER: Lifetime = Lifetime::from_seconds(5);

/// The pause in milliseconds before another try, or `None` to give up for now.
///
/// `tries` counts those already made, from 1. `jitter` is a random byte: clients that failed
/// together do not come back together.
pub fn pause_ms(tries: usize, failure: &Failure, jitter: u8) -> Option<u32> {
    let asked = match failure {
        Failure::Refused { .. } | Failure::Discovery(_) | Failure::Token(_) => return None,
        // An answer of success that cannot be read may have rotated the token: ask for it again.
        Failure::Unreadable { status } if !(200..300).contains(status) => return None,
        Failure::Busy { retry_after } => *retry_after,
        Failure::Unreachable | Failure::TimedOut | Failure::Unreadable { .. } => None,
    };
    let longest = *PAUSES_MS.get(tries.checked_sub(1)?)?;
    let pause = longest / 2 + longest / 2 * u32::from(jitter) / 255;
    match asked {
        None => Some(pause),
        Some(asked) if asked <= LONGEST_RETRY_AFTER => {
            let asked = u32::try_from(asked.seconds()).ok()?.saturating_mul(1_000);
            Some(pause.max(asked))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Lifetimes;
    use crate::rp::failure::tests::refused;

    fn busy(retry_after: Option<u32>) -> Failure {
        Failure::Busy {
            retry_after: retry_after.map(Lifetime::from_seconds),
        }
    }

    #[test]
    fn a_passing_failure_is_tried_again_three_times_with_longer_and_longer_pauses() {
        for failure in [
            Failure::Unreachable,
            Failure::TimedOut,
            busy(None),
            Failure::Unreadable { status: 200 },
        ] {
            let pauses = |jitter| [1, 2, 3, 4].map(|tries| pause_ms(tries, &failure, jitter));
            assert_eq!(pauses(0), [Some(100), Some(300), Some(900), None]);
            assert_eq!(pauses(255), [Some(200), Some(600), Some(1_800), None]);
        }
        assert_eq!(pause_ms(0, &Failure::Unreachable, 0), None);
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it_within_bounds() {
        assert_eq!(pause_ms(1, &busy(Some(2)), 0), Some(2_000));
        assert_eq!(pause_ms(3, &busy(Some(0)), 0), Some(900));
        assert_eq!(pause_ms(1, &busy(Some(5)), 0), Some(5_000));
        assert_eq!(pause_ms(1, &busy(Some(6)), 0), None);
        assert_eq!(pause_ms(4, &busy(Some(1)), 0), None);
    }

    #[test]
    fn the_last_try_is_over_before_a_retry_counts_as_a_replay() {
        let pauses: u32 = PAUSES_MS.iter().sum();
        let tries = u32::try_from(PAUSES_MS.len()).unwrap() + 1;
        assert!(tries * TRY_TIMEOUT_MS + pauses < 28_000);
        // None of them is lost to the limit, and the limit holds: the host counts whole seconds.
        assert!((tries - 1) * TRY_TIMEOUT_MS + pauses < LAST_TRY_SECONDS * 1_000);
        const { assert!((LAST_TRY_SECONDS + 1) * 1_000 + TRY_TIMEOUT_MS <= 28_000) };
        assert!(Lifetimes::default().grace > Lifetime::from_seconds(28));
    }

    #[test]
    fn a_refusal_is_not_repeated() {
        for error in ["invalid_grant", "invalid_client"] {
            assert_eq!(pause_ms(1, &refused(error, None), 0), None);
        }
        assert_eq!(pause_ms(1, &Failure::Unreadable { status: 404 }, 0), None);
    }
}
