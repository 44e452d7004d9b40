//! The compact serialization (RFC 7515 §3.1): three parts, each as base64url, with dots between them.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Claims, Jwt, JwtError};
use crate::json;
use crate::time::{Lifetime, Timestamp};

/// How far ahead of its time a token counts: clocks differ.
const AHEAD: Lifetime = Lifetime::from_minutes(1);

/// A token taken apart, of which nothing is believed yet.
#[derive(Debug)]
pub(crate) struct Compact<'a> {
    signed: &'a str,
    header: Claims,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes `text` apart.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`], also for a header with an extension: none is understood here (RFC 7515
    /// §4.1.11).
    pub(crate) fn parse(text: &'a str) -> Result<Self, JwtError> {
        let malformed = JwtError::Malformed;
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let header = json::object(&decoded(header)?).map_err(|_| malformed)?;
        let is_text = |name| header.get(name).is_none_or(Value::is_string);
        if header.contains_key("crit") || !["alg", "kid", "typ"].into_iter().all(is_text) {
            return Err(malformed);
        }
        Ok(Self {
            signed,
            claims: decoded(claims)?,
            signature: decoded(signature)?,
            header,
        })
    }

    /// A member of the header.
    pub(crate) fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// A member of the header that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.header(name)?.as_str()
    }

    /// Whether it says that it is of this type (RFC 7515 §4.1.9: the prefix "application/" may be left
    /// out, and case does not count).
    pub(crate) fn is_of_type(&self, token_type: &str) -> bool {
        let stated = self.text("typ").unwrap_or_default();
        let stated = stated.strip_prefix("application/").unwrap_or(stated);
        stated.eq_ignore_ascii_case(token_type)
    }

    /// The bytes that the signature covers.
    pub(crate) fn signing_input(&self) -> &'a [u8] {
        self.signed.as_bytes()
    }

    /// The signature.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What it claims, whatever it says of its time.
    ///
    /// # Errors
    ///
    /// [`JwtError::Claims`] if that is no object.
    pub(crate) fn claims(&self) -> Result<Claims, JwtError> {
        json::object(&self.claims).map_err(|_| JwtError::Claims)
    }

    /// The token, if its time has begun and is not over, or not for longer than `leeway`. Every kind of token is read by
    /// the same code first: a copy for each would weigh kilobytes.
    ///
    /// # Errors
    ///
    /// [`JwtError::Claims`], [`JwtError::Expired`] or [`JwtError::Early`].
    pub(super) fn jwt<P: DeserializeOwned>(
        &self,
        now: Timestamp,
        leeway: Lifetime,
    ) -> Result<Jwt<P>, JwtError> {
        let (claims, issued_at, expires_at) = self.stamped(now)?;
        let payload = serde_json::from_value(claims.into()).map_err(|_| JwtError::Claims)?;
        if expires_at.plus(leeway) <= now {
            return Err(JwtError::Expired);
        }
        Ok(Jwt {
            payload,
            issued_at,
            expires_at,
        })
    }

    /// The claims of its type, `iat` and `exp`, unless it counts only from later on (RFC 7519 §4.1.5).
    fn stamped(&self, now: Timestamp) -> Result<(Claims, Timestamp, Timestamp), JwtError> {
        let mut claims = self.claims()?;
        let time = |name| claims.get(name).and_then(seconds).ok_or(JwtError::Claims);
        let (issued_at, expires_at) = (time("iat")?, time("exp")?);
        let begins = claims.get("nbf").filter(|nbf| !nbf.is_null());
        if begins.is_some() && time("nbf")? > now.plus(AHEAD) {
            return Err(JwtError::Early);
        }
        claims.retain(|name, _| !matches!(name.as_str(), "iat" | "exp"));
        Ok((claims, issued_at, expires_at))
    }
}

/// A time, whose fraction does not count (RFC 7519 §2).
pub(super) fn seconds(value: &Value) -> Option<Timestamp> {
    let whole = value.as_i64().or_else(|| {
        let exact = value.as_f64().filter(|exact| exact.abs() < 1e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "a fraction does not count")]
        let whole = exact.floor() as i64;
        Some(whole)
    });
    whole.map(Timestamp::from_seconds)
}

/// The first two parts, with the dot between them.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which no type of this crate causes.
pub(super) fn unsigned<P: Serialize>(
    header: &impl Serialize,
    jwt: &Jwt<P>,
) -> Result<String, JwtError> {
    let stamped = Stamped {
        payload: &jwt.payload,
        iat: jwt.issued_at,
        exp: (jwt.expires_at >= jwt.issued_at).then_some(jwt.expires_at),
    };
    let failed = |_| JwtError::Unserializable;
    let header = serde_json::to_string(header).map_err(failed)?;
    let claims = serde_json::to_string(&stamped).map_err(failed)?;
    Ok(format!("{}.{}", encoded(&header), encoded(&claims)))
}

#[derive(Serialize)]
struct Stamped<'a, P> {
    #[serde(flatten)]
    payload: &'a P,
    iat: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Timestamp>,
}

fn encoded(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

fn decoded(part: &str) -> Result<Vec<u8>, JwtError> {
    Base64UrlUnpadded::decode_vec(part).map_err(|_| JwtError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.AAAA", encoded(header), encoded(claims))
    }

    fn refused(text: &str) -> JwtError {
        Compact::parse(text).unwrap_err()
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = token(r#"{"alg":"x","typ":"Application/JWT"}"#, r#"{"a":1}"#);
        let compact = Compact::parse(&text).unwrap();
        assert_eq!(compact.text("alg"), Some("x"));
        assert_eq!((compact.text("kid"), compact.header("a")), (None, None));
        assert_eq!(compact.signature(), [0, 0, 0]);
        assert_eq!(
            compact.signing_input(),
            text.strip_suffix(".AAAA").unwrap().as_bytes()
        );
        assert_eq!(Value::from(compact.claims().unwrap()), json!({ "a": 1 }));
        let text = token("{}", "[]");
        let other = Compact::parse(&text).unwrap();
        assert_eq!(other.claims(), Err(JwtError::Claims));
    }

    #[test]
    fn a_type_is_said_with_or_without_its_prefix() {
        for (typ, is) in [
            ("at+jwt", true),
            ("AT+JWT", true),
            ("application/at+jwt", true),
            ("jwt", false),
            ("", false),
        ] {
            let text = token(&json!({ "typ": typ }).to_string(), "{}");
            let compact = Compact::parse(&text).unwrap();
            assert_eq!(compact.is_of_type("at+jwt"), is, "{typ}");
        }
        let unsaid = token("{}", "{}");
        assert!(!Compact::parse(&unsaid).unwrap().is_of_type("at+jwt"));
    }

    #[test]
    fn what_is_not_three_parts_with_an_object_in_front_is_malformed() {
        let good = token("{}", "{}");
        assert!(Compact::parse(&good).is_ok());
        for bad in [
            "",
            ".",
            "..",
            "a.b.c",
            &good[1..],
            &format!("{good}.AAAA"),
            &format!("{good}="),
            &format!(" {good}"),
            &good.replace("AAAA", "AAAB+"),
            &token("[]", "{}"),
            &token("{", "{}"),
            &token(r#"{"crit":["b64"]}"#, "{}"),
            &token(r#"{"alg":1}"#, "{}"),
            &token(r#"{"typ":null}"#, "{}"),
            &token(r#"{"kid":[]}"#, "{}"),
        ] {
            assert_eq!(refused(bad), JwtError::Malformed, "{bad:?}");
        }
    }

    #[test]
    fn a_token_must_say_its_times() {
        let now = Timestamp::from_seconds(100);
        for (claims, expected) in [
            (r#"{"iat":1,"exp":101}"#, None),
            (r#"{"iat":1,"exp":100}"#, Some(JwtError::Expired)),
            (r#"{"iat":1}"#, Some(JwtError::Claims)),
            (r#"{"exp":101}"#, Some(JwtError::Claims)),
            (r#"{"iat":"1","exp":101}"#, Some(JwtError::Claims)),
            (r#"{"iat":1,"exp":1e300}"#, Some(JwtError::Claims)),
            (r#"{"iat":0.5,"exp":101.9}"#, None),
            (r#"{"iat":1,"exp":100.9}"#, Some(JwtError::Expired)),
            (r#"{"iat":1,"exp":1e15}"#, Some(JwtError::Claims)),
            (r#"{"iat":1,"exp":101,"nbf":160}"#, None),
            (r#"{"iat":1,"exp":101,"nbf":161}"#, Some(JwtError::Early)),
            (r#"{"iat":1,"exp":101,"nbf":"1"}"#, Some(JwtError::Claims)),
            (r#"{"iat":1,"exp":101,"nbf":null}"#, None),
            (
                r#"{"iat":1,"exp":18446744073709551615}"#,
                Some(JwtError::Claims),
            ),
            ("[]", Some(JwtError::Claims)),
            ("{", Some(JwtError::Claims)),
        ] {
            let text = token("{}", claims);
            let read = Compact::parse(&text)
                .unwrap()
                .jwt::<Value>(now, Lifetime::NONE);
            assert_eq!(read.err(), expected, "{claims}");
        }
    }

    #[test]
    fn who_is_lenient_about_the_end_is_no_stricter_about_the_beginning() {
        let now = Timestamp::from_seconds(100);
        let minute = Lifetime::from_minutes(1);
        for (claims, leeway, expected) in [
            (r#"{"iat":1,"exp":41,"nbf":160}"#, minute, None),
            (r#"{"iat":1,"exp":40}"#, minute, Some(JwtError::Expired)),
            (
                r#"{"iat":1,"exp":101,"nbf":161}"#,
                minute,
                Some(JwtError::Early),
            ),
            (r#"{"iat":1,"exp":2,"nbf":1}"#, Lifetime::UNLIMITED, None),
        ] {
            let text = token("{}", claims);
            let read = Compact::parse(&text).unwrap().jwt::<Value>(now, leeway);
            assert_eq!(read.err(), expected, "{claims}");
        }
    }
}
