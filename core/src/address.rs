//! Where a request comes from, as far as that says who it is.

use core::net::IpAddr;

/// The network that somebody has for themselves: an IPv4 address, or the /64 of an IPv6 address, of which
/// every household has at least one whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Network(String);

/// All Workers of everybody call from here.
const WORKERS: [u16; 4] = [0x2a06, 0x98c0, 0x3600, 0];

impl Network {
    /// The network of an address; `None` if it says nothing about who asks: this machine's own, the
    /// one that all Workers share, and what is no address.
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.parse::<IpAddr>().ok()?.to_canonical();
        if address.is_loopback() {
            return None;
        }
        match address {
            IpAddr::V4(address) => Some(Self(address.to_string())),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                if [a, b, c, d] == WORKERS {
                    return None;
                }
                Some(Self(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")))
            }
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_network() {
        let network = |text| Network::parse(text).map(|found| found.0);
        assert_eq!(network("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        let one = network("2001:db8:1:2::1");
        assert_eq!(one.as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(one, network("2001:0db8:0001:0002:ffff:ffff:ffff:ffff"));
        assert_ne!(one, network("2001:db8:1:3::1"));
    }

    #[test]
    fn what_says_nothing_about_who_asks_is_no_network() {
        for text in [
            "",
            "unknown",
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "2a06:98c0:3600::103",
            "1.2.3",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
