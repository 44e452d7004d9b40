//! What is remembered of a guess is found under keyed hashes: the store holds no name that somebody typed
//! and no address, and whoever reads it cannot try out which they were.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::address::Network;
use crate::jose::SymmetricKey;

/// What the key of the hashes is derived for.
pub const KEY_PURPOSE: &str = "places of password guesses";

/// A browser's mark: 128 random bits in a cookie that it keeps when its user signs out. It opens nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BrowserMark(String);

impl BrowserMark {
    /// A new one.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(Base64UrlUnpadded::encode_string(&bytes))
    }

    /// The one that stands for whoever comes from an address without a browser: it is known where the
    /// address is.
    pub fn of_address(address: Option<&Network>, key: &SymmetricKey) -> Self {
        let address = address.map_or("", Network::as_str);
        let hash = key.authenticate(format!("no browser at {address}").as_bytes());
        Self::from_random(hash.first_chunk().copied().unwrap_or_default())
    }

    /// One of ours; `None` for anything else that a cookie may hold.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
        (decoded == bytes.len()).then(|| Self(text.to_owned()))
    }

    /// As the cookie has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Under which keys a guess is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlaceKeys {
    unknown: [u8; 32],
    browser: [u8; 32],
    address: [u8; 32],
}

impl PlaceKeys {
    /// Of a guess at the account of this name, whether there is one or not. Those who come from no
    /// address share one.
    pub fn of(
        username: &str,
        browser: &BrowserMark,
        address: Option<&Network>,
        key: &SymmetricKey,
    ) -> Self {
        let hash = |place: &str| key.authenticate(format!("{place} {username}").as_bytes());
        let address = address.map_or("", Network::as_str);
        Self {
            unknown: hash("unknown"),
            browser: hash(&format!("browser={}", browser.as_str())),
            address: hash(&format!("address={address}")),
        }
    }

    /// In the order of [`Places`](super::Places).
    pub fn to_base64url(&self) -> [String; 3] {
        [self.unknown, self.browser, self.address].map(|key| Base64UrlUnpadded::encode_string(&key))
    }

    /// Which of so many counters keeps the account.
    pub fn shard(&self, of: u8) -> u8 {
        let [first, ..] = self.unknown;
        first.checked_rem(of).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(username: &str, mark: u8, address: Option<&str>) -> PlaceKeys {
        let key = SymmetricKey::derive(&[1; 32], KEY_PURPOSE);
        let address = address.and_then(Network::parse);
        let mark = BrowserMark::from_random([mark; 16]);
        PlaceKeys::of(username, &mark, address.as_ref(), &key)
    }

    #[test]
    fn each_place_of_each_account_has_its_key() {
        let one = keys("demo", 1, Some("192.0.2.1"));
        assert_eq!(one, keys("demo", 1, Some("192.0.2.1")));
        let [unknown, browser, address] = one.to_base64url();
        assert!(unknown != browser && browser != address && unknown != address);
        let other = keys("demo", 2, Some("192.0.2.2"));
        assert_eq!(other.unknown, one.unknown);
        assert_ne!(other.browser, one.browser);
        assert_ne!(other.address, one.address);
        assert_ne!(keys("Demo", 1, None).unknown, one.unknown);
    }

    #[test]
    fn no_name_passes_for_another_place() {
        let forged = keys("unknown demo", 1, None);
        let demo = keys("demo", 1, None).to_base64url();
        assert!(forged.to_base64url().iter().all(|key| !demo.contains(key)));
    }

    #[test]
    fn a_mark_is_sixteen_bytes() {
        let mark = BrowserMark::from_random([7; 16]);
        assert_eq!(BrowserMark::parse(mark.as_str()), Some(mark));
        for bad in [
            "",
            "a",
            &"A".repeat(21),
            &"A".repeat(43),
            "../../../../../../../../",
        ] {
            assert_eq!(BrowserMark::parse(bad), None, "{bad}");
        }
    }
}
