//! Where a request comes from, as far as that says who it is.

/// The network that somebody has for themselves: an IPv4 address, or the /64 of an IPv6 address, of which
/// every household has at least one whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Network(String);

/// All Workers of everybody call from here.
const WORKERS: &str = "2a06:98c0:3600:0";

impl Network {
    /// The network of an address as Cloudflare writes it; `None` for this machine's own, and for what is no
    /// address.
    pub fn parse(text: &str) -> Option<Self> {
        let network = if text.contains(':') {
            // Also an IPv4 address may be written so (RFC 4291 §2.5.5.2).
            match text.strip_prefix("::ffff:") {
                Some(mapped) if mapped.contains('.') => v4(mapped)?,
                _ => v6(text)?,
            }
        } else {
            v4(text)?
        };
        Some(Self(network))
    }

    /// Whether everybody who has a Worker comes from there: it does not say who asks.
    pub fn is_of_all_workers(&self) -> bool {
        self.0 == WORKERS
    }

    /// Where it is, coarse enough to stand for many: an IPv4 /24, an IPv6 /48.
    pub fn coarse(&self) -> String {
        let (separator, rest) = if self.0.contains('.') {
            ('.', ".0/24")
        } else {
            (':', "::/48")
        };
        let (most, _) = self.0.rsplit_once(separator).unwrap_or_default();
        format!("{most}{rest}")
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn v4(text: &str) -> Option<String> {
    let is_byte = |part: &str| part.parse::<u8>().is_ok();
    let is_address = text.split('.').count() == 4 && text.split('.').all(is_byte);
    (is_address && !text.starts_with("127.")).then(|| text.to_owned())
}

/// The first four of its eight groups (RFC 4291 §2.2).
fn v6(text: &str) -> Option<String> {
    if text == "::1" {
        return None;
    }
    let (before, after) = text.split_once("::").unwrap_or((text, ""));
    let groups = |part: &'_ str| {
        if part.is_empty() {
            0
        } else {
            part.split(':').count()
        }
    };
    let left_out = 8_usize.checked_sub(groups(before) + groups(after))?;
    let is_group = |group: &str| group.len() <= 4 && group.bytes().all(|b| b.is_ascii_hexdigit());
    let all = before.split(':').chain(core::iter::repeat_n("0", left_out));
    let mut network = String::new();
    for group in all
        .chain(after.split(':'))
        .filter(|group| !group.is_empty())
        .take(4)
    {
        if !is_group(group) {
            return None;
        }
        let short = group.trim_start_matches('0');
        if !network.is_empty() {
            network.push(':');
        }
        network.push_str(if short.is_empty() { "0" } else { short });
    }
    network.make_ascii_lowercase();
    Some(network)
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
        assert_eq!(one.as_deref(), Some("2001:db8:1:2"));
        assert_eq!(one, network("2001:0db8:0001:0002:ffff:ffff:ffff:ffff"));
        assert_eq!(one, network("2001:DB8:1:2:3:4:5:6"));
        assert_ne!(one, network("2001:db8:1:3::1"));
        assert_eq!(network("2001:db8::").as_deref(), Some("2001:db8:0:0"));
        assert_eq!(network("::2:3:4:5:6:7:8").as_deref(), Some("0:2:3:4"));
    }

    #[test]
    fn all_workers_come_from_one_network() {
        let is_theirs = |text| Network::parse(text).unwrap().is_of_all_workers();
        assert!(is_theirs("2a06:98c0:3600::103"));
        assert!(is_theirs("2A06:98C0:3600:0:0:0:0:104"));
        assert!(!is_theirs("2a06:98c0:3600:1::103"));
        assert!(!is_theirs("192.0.2.7"));
    }

    #[test]
    fn a_coarse_network_is_that_of_many() {
        let coarse = |text| Network::parse(text).unwrap().coarse();
        assert_eq!(coarse("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(coarse("2001:db8:1:2::1"), "2001:db8:1::/48");
    }

    #[test]
    fn what_says_nothing_about_who_asks_is_no_network() {
        for text in [
            "",
            "unknown",
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "1.2.3",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
