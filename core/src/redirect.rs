//! Where an answer may be sent (RFC 6749 §3.1.2, RFC 8252 §7.3, OAuth 2.1 §2.3).

use core::fmt;

use serde::{Deserialize, Serialize};

/// The text cannot be a redirect URI: not absolute, with a fragment, or of a scheme that runs code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("redirect_uri must be an absolute URI without a fragment")]
pub struct InvalidRedirectUri;

/// A redirect URI, kept to the letter: comparing is the point of it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Reads a redirect URI of a registration or a request.
    ///
    /// # Errors
    ///
    /// [`InvalidRedirectUri`] unless it is absolute, printable ASCII of at most 2048 characters,
    /// without a fragment, and `http` or `https` with a host or a private-use scheme.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidRedirectUri)?;
        let printable = text.len() <= 2048 && text.bytes().all(|b| (0x21..=0x7e).contains(&b));
        if !printable || text.contains(['#', '\\']) || !is_scheme(scheme) {
            return Err(InvalidRedirectUri);
        }
        let scheme = scheme.to_ascii_lowercase();
        let runs_code = ["javascript", "data", "vbscript", "file", "blob", "about"];
        let allowed = match scheme.as_str() {
            "http" | "https" => has_plain_host(rest),
            other => !runs_code.contains(&other) && !rest.is_empty(),
        };
        if allowed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRedirectUri)
        }
    }

    /// The URI's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a Content-Security-Policy source must name for a form that ends here: the origin, or the
    /// scheme, of a native app and of an IPv6 address, which CSP has no way to write.
    pub fn csp_source(&self) -> &str {
        let scheme = self.0.split_inclusive(':').next().unwrap_or_default();
        let Some(rest) = self.0.split_once("://").map(|(_, rest)| rest) else {
            return scheme;
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let after = rest.len() - end;
        match self.0.get(..self.0.len() - after) {
            Some(origin) if !origin.contains(['[', ';', ',', '\'', '"']) => origin,
            _ => scheme,
        }
    }

    /// The web origin that it belongs to; `None` for a private-use scheme.
    pub fn origin(&self) -> Option<&str> {
        let source = self.csp_source();
        source.contains("://").then_some(source)
    }

    /// Whether a client that registers by itself may have it: https, or http on a loopback host
    /// (RFC 8252 §7.3), or a private-use scheme in reverse domain order (RFC 8252 §7.1).
    pub fn is_for_strangers(&self) -> bool {
        let Some((scheme, rest)) = self.0.split_once(':') else {
            return false;
        };
        match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => {
                let host = rest.trim_start_matches('/');
                ["localhost", "127.0.0.1", "[::1]"].iter().any(|loopback| {
                    host.strip_prefix(loopback)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/', '?']))
                })
            }
            other => other.contains('.'),
        }
    }

    /// Adds parameters to the query (RFC 6749 §4.1.2).
    pub fn with_parameters<'a>(
        &self,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> String {
        let separator = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.0, crate::form::encode(pairs))
    }

    /// Checks a requested URI against the registered ones: equal to the letter, except that the port
    /// of an `http` loopback IP address is free (RFC 8252 §7.3).
    pub fn exactly(self, registered: &[Self]) -> Option<ExactRedirect> {
        let known = registered.iter().any(|known| {
            *known == self
                || without_loopback_port(&known.0)
                    .is_some_and(|parts| without_loopback_port(&self.0) == Some(parts))
        });
        known.then_some(ExactRedirect(self))
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;

    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A redirect URI that its client registered. Only [`RedirectUri::exactly`] makes one, so nothing is
/// sent anywhere else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExactRedirect(RedirectUri);

impl ExactRedirect {
    /// The URI.
    pub fn uri(&self) -> &RedirectUri {
        &self.0
    }
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// `//host…` with a host and without user information.
fn has_plain_host(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    !authority.is_empty() && !authority.starts_with(':') && !authority.contains('@')
}

/// The parts of an `http` loopback URI on both sides of the port; `None` for any other URI.
fn without_loopback_port(uri: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|host| uri.strip_prefix(host).map(|rest| (host, rest)))?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(after) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            after.get(..digits)?.parse::<u16>().ok()?;
            after.get(digits..)?
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    fn matches(registered: &str, requested: &str) -> bool {
        RedirectUri::parse(requested).is_ok_and(|r| r.exactly(&[uri(registered)]).is_some())
    }

    #[test]
    fn what_cannot_be_a_redirect_uri_is_refused() {
        for bad in [
            "",
            "/callback",
            "https:",
            "https://",
            "https://#",
            "https://a/#f",
            "//a/b",
            "https:a",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "https://a b",
            "https://user@a/",
            "https://:80/",
            "https://a\\@b/",
            "1a://x",
            "https://é/",
            "app:",
        ] {
            assert_eq!(RedirectUri::parse(bad), Err(InvalidRedirectUri), "{bad:?}");
        }
        for good in [
            "https://a",
            "http://localhost:3001/callback",
            "com.example.app:/cb",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn matching_is_to_the_letter() {
        let registered = "https://app.example/callback";
        assert!(matches(registered, registered));
        for other in [
            "https://app.example/callback/",
            "https://app.example/callback?x=1",
            "https://app.example/Callback",
            "https://APP.example/callback",
            "http://app.example/callback",
            "https://app.example:443/callback",
            "https://app.example.evil.example/callback",
            "https://app.example/callback/../x",
            "https://app.example/%63allback",
            "http://localhost:3002/callback",
        ] {
            assert!(!matches(registered, other), "{other:?}");
        }
        assert!(!matches(
            "http://localhost:3001/callback",
            "http://localhost:3002/callback"
        ));
    }

    #[test]
    fn a_loopback_address_may_use_any_port() {
        let registered = "http://127.0.0.1/callback";
        for port in ["", ":1", ":49152", ":65535"] {
            assert!(
                matches(registered, &format!("http://127.0.0.1{port}/callback")),
                "{port}"
            );
        }
        assert!(matches("http://[::1]:80/cb", "http://[::1]:9999/cb"));
        for other in [
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80x/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.2/callback",
            "https://127.0.0.1/callback",
            "http://127.0.0.1:80/other",
            "http://localhost/callback",
            "http://127.0.0.1:80callback",
        ] {
            assert!(!matches(registered, other), "{other:?}");
        }
    }

    #[test]
    fn parameters_join_an_existing_query() {
        assert_eq!(
            uri("https://a/cb").with_parameters([("code", "x y")]),
            "https://a/cb?code=x+y"
        );
        assert_eq!(
            uri("https://a/cb?b=1").with_parameters([("c", "2")]),
            "https://a/cb?b=1&c=2"
        );
    }

    #[test]
    fn a_csp_source_is_the_origin_or_the_scheme() {
        assert_eq!(
            uri("http://localhost:3001/callback").csp_source(),
            "http://localhost:3001"
        );
        assert_eq!(uri("https://a?x").csp_source(), "https://a");
        assert_eq!(uri("com.example.app:/cb").csp_source(), "com.example.app:");
        assert_eq!(uri("http://[::1]/cb").csp_source(), "http:");
        assert_eq!(uri("http://h;script-src/cb").csp_source(), "http:");
    }

    #[test]
    fn a_stranger_may_be_sent_to_https_loopback_or_its_own_scheme() {
        for good in [
            "https://app.example/cb",
            "http://localhost:8080/cb",
            "http://127.0.0.1",
            "http://[::1]/cb",
            "com.example.app:/cb",
        ] {
            assert!(uri(good).is_for_strangers(), "{good}");
        }
        for bad in [
            "http://app.example/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/",
            "myapp:/cb",
        ] {
            assert!(!uri(bad).is_for_strangers(), "{bad}");
        }
        assert_eq!(uri("https://a:1/x").origin(), Some("https://a:1"));
        assert_eq!(uri("com.example.app:/cb").origin(), None);
    }

    proptest! {
        #[test]
        fn matching_never_widens(registered in "https?://[a-z0-9.:@/?\\[\\]-]{1,24}", requested in "https?://[a-z0-9.:@/?\\[\\]-]{1,24}") {
            let Ok(registered) = RedirectUri::parse(&registered) else { return Ok(()) };
            let Ok(requested) = RedirectUri::parse(&requested) else { return Ok(()) };
            let loopback = without_loopback_port(registered.as_str()).is_some();
            if registered != requested && !loopback {
                prop_assert!(requested.exactly(&[registered]).is_none());
            }
        }
    }
}
