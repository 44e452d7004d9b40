//! Back-channel logout (OIDC Back-Channel Logout 1.0): clients are told that a user has signed out of a
//! browser.
//!
//! ```text
//!   sign-out --store--> Departure for each client --logout_token--> POST --verdict--> done, or again
//! ```

use serde_json::Value;

use crate::id::{BrowserId, ClientId, Issuer, JwtId, Subject};
use crate::jose::{Claims, Jwt, SigningAlgorithm, claims};
use crate::redirect::RedirectUri;
use crate::time::{Lifetime, Timestamp};
use crate::token::id::sid;

/// The `typ` of a logout token (§2.4): nothing else is mistaken for it, nor it for anything else.
pub const TYPE: &str = "logout+jwt";

/// The event that it tells of.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a client may take it for true: as long as the tries take, and clocks that differ (§2.4).
pub const LIFETIME: Lifetime = Lifetime::from_minutes(2);

/// How long to wait before each try after the first, in milliseconds. With five seconds for each answer
/// they end within the thirty that a Worker has when its own answer is out.
pub const WAITS: [u32; 2] = [1_000, 6_000];

/// A client that a user had a session with in a browser that was signed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Departure {
    /// Who is told.
    pub client_id: ClientId,
    /// Where.
    pub uri: RedirectUri,
    /// How the client wants its ID tokens signed, and so this (§2.6).
    pub algorithm: Option<SigningAlgorithm>,
    /// Who has left.
    pub subject: Subject,
}

/// What a client is told.
pub fn logout_token(
    departure: &Departure,
    browser: &BrowserId,
    issuer: &Issuer,
    jti: &JwtId,
    now: Timestamp,
) -> Jwt<Claims> {
    let (client, subject) = (&departure.client_id, &departure.subject);
    Jwt {
        payload: claims([
            ("iss", issuer.as_str().into()),
            ("aud", client.as_str().into()),
            ("sub", subject.as_str().into()),
            ("sid", sid(browser, client, subject).into()),
            ("jti", jti.as_str().into()),
            (
                "events",
                claims([(EVENT, Value::Object(Claims::new()))]).into(),
            ),
        ]),
        issued_at: now,
        expires_at: now.plus(LIFETIME),
    }
}

/// What an answer of a client means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It has heard (§2.8).
    Delivered,
    /// It has heard and will not do it, or sends us elsewhere: once more would change nothing.
    Refused,
    /// It, or the way to it, is broken.
    Unreachable,
}

impl Verdict {
    /// Judges an answer by its status; `None` if there was none.
    pub const fn of(status: Option<u16>) -> Self {
        match status {
            Some(200..=299) => Self::Delivered,
            None | Some(408 | 429 | 500..) => Self::Unreachable,
            Some(_) => Self::Refused,
        }
    }

    /// As the log has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Whether clients may be told at this address: at an https address with a public name, so that nobody
/// has this provider speak to a machine that only its network can reach. In development also on this
/// machine.
pub fn may_be_told_at(uri: &RedirectUri, in_development: bool) -> bool {
    if let Some(rest) = uri.as_str().strip_prefix("https://") {
        return has_public_name(rest);
    }
    in_development && uri.as_str().starts_with("http://") && uri.is_for_strangers()
}

fn has_public_name(rest: &str) -> bool {
    let host = rest.split([':', '/', '?']).next().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    // The last label of an IP address begins with a digit, in whichever notation, and no top-level
    // domain does.
    let last = host.rsplit_once('.').map_or("", |(_, last)| last);
    let is_domain = last.starts_with(|first: char| first.is_ascii_alphabetic());
    is_domain && host.bytes().all(is_name) && !["localhost", "local", "internal"].contains(&last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use crate::grant::tests::{NOW, after};
    use serde_json::json;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    #[test]
    fn a_logout_token_says_who_has_left_which_session_and_has_no_nonce() {
        let browser = BrowserId::parse("b1").unwrap();
        let departure = Departure {
            client_id: ClientId::parse("demo").unwrap(),
            uri: uri("https://app.example/logout"),
            algorithm: None,
            subject: Subject::parse("u1").unwrap(),
        };
        let jti = JwtId::parse("j1").unwrap();
        let jwt = logout_token(&departure, &browser, &issuer(), &jti, NOW);
        let expected = json!({
            "iss": "http://localhost:4000",
            "aud": "demo",
            "sub": "u1",
            "sid": sid(&browser, &departure.client_id, &departure.subject),
            "jti": "j1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        assert_eq!(Value::from(jwt.payload), expected);
        assert_eq!((jwt.issued_at, jwt.expires_at), (NOW, after(120)));
    }

    #[test]
    fn only_what_may_go_better_is_tried_again() {
        for (status, verdict) in [
            (Some(200), Verdict::Delivered),
            (Some(204), Verdict::Delivered),
            (Some(301), Verdict::Refused),
            (Some(302), Verdict::Refused),
            (Some(400), Verdict::Refused),
            (Some(404), Verdict::Refused),
            (Some(408), Verdict::Unreachable),
            (Some(429), Verdict::Unreachable),
            (Some(500), Verdict::Unreachable),
            (Some(503), Verdict::Unreachable),
            (None, Verdict::Unreachable),
        ] {
            assert_eq!(Verdict::of(status), verdict, "{status:?}");
        }
    }

    #[test]
    fn nobody_has_us_speak_to_a_machine_inside() {
        for good in [
            "https://app.example/logout",
            "https://a.b.example.:8443?x=1",
            "https://xn--bcher-kva.example",
        ] {
            assert!(may_be_told_at(&uri(good), false), "{good}");
        }
        for bad in [
            "http://app.example/logout",
            "https://localhost/",
            "https://localhost./",
            "https://app.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://intranet/",
            "https://10.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://127.0.0.0x1/",
            "https://1.2.3.4./",
            "https://[::1]/",
            "https://app%2eexample/",
            "https://.../",
            "com.example.app:/logout",
        ] {
            for in_development in [true, false] {
                assert!(!may_be_told_at(&uri(bad), in_development), "{bad}");
            }
        }
        for loopback in ["http://localhost:3001/logout", "http://127.0.0.1:3001/"] {
            assert!(may_be_told_at(&uri(loopback), true), "{loopback}");
            assert!(!may_be_told_at(&uri(loopback), false), "{loopback}");
        }
    }
}
