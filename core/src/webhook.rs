//! Security events that an operator's system is told of, signed as Standard Webhooks 1.0 has it.
//!
//! What is told is a row of the audit log. It is written in the transaction of what it tells about, so
//! nothing is told that did not happen.

use crate::audit::Event;
use crate::base64;
use crate::jose::SymmetricKey;
use crate::time::Timestamp;

/// What is told unless the operator says otherwise.
pub const DEFAULT_EVENTS: &str = "client_changed client_registered grant_ended keys_changed";

/// Some kinds of events.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Events(u32);

impl Events {
    /// Codes between spaces; `None` if one is no event's.
    pub fn parse(codes: &str) -> Option<Self> {
        let mut codes = codes.split_whitespace();
        let bits = codes.try_fold(0, |bits, code| {
            let event = Event::ALL.iter().find(|event| event.code() == code)?;
            Some(bits | bit(*event))
        });
        bits.map(Self)
    }

    /// Whether this kind is among them.
    pub const fn contains(self, event: Event) -> bool {
        self.0 & bit(event) != 0
    }
}

const fn bit(event: Event) -> u32 {
    1 << event as u32
}

/// The key of a secret as Standard Webhooks writes it: `whsec_`, then 32 bytes as base64.
pub fn key(secret: &str) -> Option<SymmetricKey> {
    let bytes = base64::decode(secret.strip_prefix("whsec_")?, true)?;
    bytes.try_into().ok().map(SymmetricKey::of)
}

/// The `webhook-signature` of a message: of its `webhook-id`, its `webhook-timestamp` and its body.
pub fn signature(key: &SymmetricKey, id: &str, at: Timestamp, body: &str) -> String {
    let signed = format!("{id}.{}.{body}", at.seconds());
    let tag = key.authenticate(signed.as_bytes());
    format!("v1,{}", base64::encode(&tag))
}

/// How long to wait, in seconds, before a message is sent again that was sent so often: from two seconds, four
/// times as long each time, to six hours.
pub const fn pause(tries: u32) -> u32 {
    let exponent = tries.saturating_sub(1);
    match 2_u32.checked_mul(4_u32.saturating_pow(exponent)) {
        Some(seconds) if seconds < LONGEST_PAUSE => seconds,
        _ => LONGEST_PAUSE,
    }
}

const LONGEST_PAUSE: u32 = 6 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_by_their_codes() {
        let some = Events::parse("grant_ended  keys_changed grant_ended").unwrap();
        for event in Event::ALL {
            let named = ["grant_ended", "keys_changed"].contains(&event.code());
            assert_eq!(some.contains(*event), named, "{event:?}");
        }
        assert_eq!(Events::parse(""), Some(Events::default()));
        assert_eq!(Events::parse("grant_ended grant"), None);
        assert!(Events::parse(DEFAULT_EVENTS).is_some());
    }

    #[test]
    fn a_secret_is_thirty_two_bytes_after_its_prefix() {
        let bytes = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert!(key(&format!("whsec_{bytes}")).is_some());
        for bad in [
            bytes,
            "whsec_",
            "whsec_AAEC",
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj",
        ] {
            assert!(key(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_signature_is_of_the_id_the_time_and_the_body() {
        // Made with `openssl dgst -sha256 -mac HMAC`.
        let key = key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let at = Timestamp::from_seconds(1_763_740_000);
        let signed = signature(&key, "m1", at, r#"{"type":"gatepass.grant_ended"}"#);
        assert_eq!(signed, EXPECTED);
        for (id, at, body) in [("m2", at, "a"), ("m1", at, "b")] {
            assert_ne!(
                signature(&key, id, at, body),
                signature(&key, "m1", at, "a")
            );
        }
    }

    const EXPECTED: &str = "v1,yA8Ae3offJMUZ7Sza4U5GdfGP6FUhlDKbjN35wgUJw0=";

    #[test]
    fn pauses_grow_to_six_hours() {
        let pauses: Vec<_> = (0..10).map(pause).collect();
        assert_eq!(
            pauses,
            [2, 2, 8, 32, 128, 512, 2_048, 8_192, 21_600, 21_600]
        );
        assert_eq!(pause(u32::MAX), 21_600);
    }
}
