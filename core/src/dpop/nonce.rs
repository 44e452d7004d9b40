//! The server's nonces (RFC 9449 §8): not stored anywhere, and good in every isolate.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::jose::SymmetricKey;
use crate::time::{Lifetime, Timestamp};

/// The purpose that the key of the nonces is derived for.
pub const KEY_PURPOSE: &str = "gatepass dpop nonce";

/// How long a nonce is handed out. It counts for as long again, so that one from the last refresh
/// does for the next.
const SLOT: Lifetime = Lifetime::from_minutes(10);

/// Makes the nonces of a server and knows them again.
#[derive(Clone, Debug)]
pub struct NonceKey(SymmetricKey);

impl NonceKey {
    /// Nonces under this key, which is used for nothing else.
    pub fn new(key: SymmetricKey) -> Self {
        Self(key)
    }

    /// The nonce of this moment.
    pub fn current(&self, now: Timestamp) -> String {
        let tag = self.0.authenticate(&slot(now, 0));
        Base64UrlUnpadded::encode_string(&tag)
    }

    /// Whether a nonce is one of now, or of a moment ago; an isolate's clock may be ahead of this one.
    pub fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let mut bytes = [0; 32];
        let tag = Base64UrlUnpadded::decode(nonce, &mut bytes).unwrap_or_default();
        [-1, 0, 1].into_iter().fold(false, |known, offset| {
            known | self.0.authenticates(&slot(now, offset), tag)
        })
    }

    /// When a nonce that counts now counts no more.
    pub(super) fn end(now: Timestamp) -> Timestamp {
        now.plus(SLOT).plus(SLOT).plus(SLOT)
    }
}

fn slot(now: Timestamp, offset: i64) -> [u8; 8] {
    let slot = now.seconds().div_euclid(SLOT.seconds());
    slot.saturating_add(offset).to_be_bytes()
}

/// Whether proofs need a nonce.
#[derive(Clone, Copy, Debug)]
pub enum NoncePolicy<'a> {
    /// There are none: the time in the proof counts.
    Unknown,
    /// One that is there must be good. Without one the time in the proof counts, and whose clock is
    /// wrong is asked for a nonce.
    Optional(&'a NonceKey),
    /// Every proof needs one, and no clock but the server's counts.
    Required(&'a NonceKey),
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn after(seconds: u32) -> Timestamp {
        NOW.plus(Lifetime::from_seconds(seconds))
    }

    fn key(master: u8) -> NonceKey {
        NonceKey::new(SymmetricKey::derive(&[master; 32], KEY_PURPOSE))
    }

    #[test]
    fn a_nonce_counts_for_ten_minutes_at_least_and_twenty_at_most() {
        let nonce = key(1).current(NOW);
        for seconds in [0, 599, 600, 1_199] {
            assert!(key(1).accepts(&nonce, after(seconds)), "{seconds}");
        }
        assert!(!key(1).accepts(&nonce, after(1_200)));
        let late = key(1).current(after(599));
        assert!(key(1).accepts(&late, after(599 + 600)));
        assert!(!key(1).accepts(&late, after(1_200)));
    }

    #[test]
    fn it_is_another_after_ten_minutes_and_not_to_be_foreseen() {
        assert_eq!(key(1).current(NOW), key(1).current(after(599)));
        assert_ne!(key(1).current(NOW), key(1).current(after(600)));
        assert_ne!(key(1).current(NOW), key(2).current(NOW));
    }

    #[test]
    fn an_isolate_whose_clock_is_behind_knows_it_too() {
        let ahead = key(1).current(after(600));
        assert!(key(1).accepts(&ahead, after(599)));
    }

    #[test]
    fn nothing_else_is_a_nonce() {
        let good = key(1).current(NOW);
        let mut changed = good.clone();
        changed.replace_range(0..1, if good.starts_with('A') { "B" } else { "A" });
        for bad in [
            "",
            "x",
            &good[1..],
            &format!("{good}A"),
            &changed,
            &key(2).current(NOW),
        ] {
            assert!(!key(1).accepts(bad, NOW), "{bad:?}");
        }
    }

    #[test]
    fn a_nonce_under_a_key_that_was_replaced_still_counts() {
        let replacing = SymmetricKey::replacing(&[[1; 32]], &[2; 32], KEY_PURPOSE);
        let replacing = NonceKey::new(replacing);
        assert!(replacing.accepts(&key(1).current(NOW), NOW));
        assert_eq!(replacing.current(NOW), key(2).current(NOW));
    }
}
