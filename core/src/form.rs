//! `application/x-www-form-urlencoded` parameters, of a query or a body (URL Standard §5).
//!
//! Written out here because the browser SDK carries it: the crate for it costs three times the bytes,
//! and reads text that is not UTF-8 without saying so.

use core::fmt;

/// Why parameters are refused before any of them is looked at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormError {
    /// A parameter came twice (RFC 6749 §3.1).
    #[error("the parameter {0} must not be repeated")]
    Repeated(ParameterName),
    /// A parameter that the request needs is absent or empty.
    #[error("the parameter {0} is required")]
    Missing(ParameterName),
    /// More parameters than any request has.
    #[error("there are more than 256 parameters")]
    TooMany,
    /// The percent-encoding does not decode to UTF-8.
    #[error("parameters must be UTF-8, percent-encoded")]
    NotUtf8,
}

/// The most parameters that are read: the search for repeated ones takes quadratic time.
const MOST: usize = 256;

/// A parameter's name, safe to repeat in an error message: at most 64 printable characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParameterName(String);

impl ParameterName {
    fn new(name: &str) -> Self {
        let harmless = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        let name = name.bytes().filter(harmless).take(64);
        Self(name.map(char::from).collect())
    }
}

impl fmt::Display for ParameterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parameters by name, each at most once; `resource` may repeat (RFC 8707 §2).
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Decodes a query or a body.
    ///
    /// # Errors
    ///
    /// [`FormError::Repeated`], [`FormError::TooMany`] or [`FormError::NotUtf8`].
    pub fn parse(encoded: &str) -> Result<Self, FormError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let parts = encoded.as_bytes().split(|byte| *byte == b'&');
        for part in parts.filter(|part| !part.is_empty()) {
            let mut sides = part.splitn(2, |byte| *byte == b'=');
            let name = decode(sides.next().unwrap_or_default())?;
            let value = decode(sides.next().unwrap_or_default())?;
            if pairs.len() == MOST {
                return Err(FormError::TooMany);
            }
            if name != "resource" && pairs.iter().any(|(seen, _)| *seen == name) {
                return Err(FormError::Repeated(ParameterName::new(&name)));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The parameter's value. One without a value counts as absent (RFC 6749 §3.1).
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a parameter that the request cannot do without.
    ///
    /// # Errors
    ///
    /// [`FormError::Missing`] if it is absent or empty.
    pub fn required(&self, name: &str) -> Result<&str, FormError> {
        self.optional(name)
            .ok_or_else(|| FormError::Missing(ParameterName::new(name)))
    }

    /// Every parameter, in order.
    #[cfg(feature = "gateway")]
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same parameters, encoded again.
    pub fn encode(&self) -> String {
        encode(self.0.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// The same parameters but for those of these names, encoded again.
    pub fn encode_without(&self, names: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&&**name));
        encode(kept.map(|(name, value)| (&**name, &**value)))
    }

    /// The same with this parameter, in the place of any of its name.
    #[must_use]
    pub fn with_only(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.with(name, value)
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Every value of a parameter that may repeat.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let wanted = self
            .0
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty());
        wanted.map(|(_, value)| value.as_str())
    }
}

/// Values may be secrets: only names print.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Encodes parameters, in the order given.
pub fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut encoded = String::new();
    for (name, value) in pairs {
        append(&mut encoded, name, value);
    }
    encoded
}

/// Appends one parameter to what is encoded.
pub fn append(encoded: &mut String, name: &str, value: &str) {
    if !encoded.is_empty() {
        encoded.push('&');
    }
    append_text(encoded, name);
    encoded.push('=');
    append_text(encoded, value);
}

fn append_text(encoded: &mut String, text: &str) {
    let mut push = |byte| encoded.push(char::from(byte));
    for byte in text.bytes() {
        match byte {
            b' ' => push(b'+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => push(byte),
            _ => {
                push(b'%');
                push(hex_digit(byte >> 4));
                push(hex_digit(byte & 15));
            }
        }
    }
}

/// A `%` that two hexadecimal digits do not follow stands for itself.
fn decode(encoded: &[u8]) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (first, _) => *first,
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| FormError::NotUtf8)
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'A' - 10 + value
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let form = Form::parse("scope=read+write&code=a%2Fb&empty=&code_verifier").unwrap();
        assert_eq!(form.required("scope"), Ok("read write"));
        assert_eq!(form.optional("code"), Some("a/b"));
        assert_eq!(form.optional("empty"), None);
        let missing = form.required("code_verifier").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the parameter code_verifier is required"
        );
    }

    #[test]
    fn a_repeated_parameter_is_refused_but_for_resource() {
        let refused = Form::parse("code=1&code=1").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the parameter code must not be repeated"
        );
        assert!(Form::parse("code=1&code=").is_err());
        let form = Form::parse("resource=a&resource=b").unwrap();
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_flood_of_parameters_is_refused() {
        let flood = |count: usize| {
            vec!["p"; count]
                .iter()
                .zip(1..)
                .map(|(p, i)| p.repeat(i))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(Form::parse(&flood(256)).is_ok());
        assert_eq!(Form::parse(&flood(257)).unwrap_err(), FormError::TooMany);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert_eq!(Form::parse("code=%FF").unwrap_err(), FormError::NotUtf8);
    }

    #[test]
    fn a_hostile_name_does_not_reach_the_error_message() {
        let name = "%22%0d%0a<script>".repeat(20);
        let message = Form::parse(&format!("{name}=1&{name}=2"))
            .unwrap_err()
            .to_string();
        assert!(
            !message.contains(['"', '\r', '\n']) && message.len() < 128,
            "{message}"
        );
    }

    #[test]
    fn what_is_encoded_parses_to_the_same() {
        let encoded = encode([
            ("redirect_uri", "http://localhost:3001/callback?a=b&c"),
            ("x", "ü "),
        ]);
        let form = Form::parse(&encoded).unwrap();
        assert_eq!(
            form.optional("redirect_uri"),
            Some("http://localhost:3001/callback?a=b&c")
        );
        assert_eq!(form.optional("x"), Some("ü "));
    }

    #[test]
    fn every_byte_is_encoded_as_the_url_standard_has_it() {
        let all: String = (0..=0x7f).map(char::from).collect();
        let expected: String = form_urlencoded::byte_serialize(all.as_bytes()).collect();
        assert_eq!(encode([("", &*all)]), format!("={expected}"));
        assert_eq!(encode([("ü", "€")]), "%C3%BC=%E2%82%AC");
    }

    #[test]
    fn odd_encodings_are_read_as_the_url_standard_has_it() {
        for odd in [
            "a=%",
            "a=%4",
            "a=%4g",
            "a=%%41",
            "a=b=c",
            "&&a=b&",
            "=b",
            "a",
            "a=+%2B",
            "%61=%e2%82%AC",
        ] {
            let Form(pairs) = Form::parse(odd).unwrap();
            let expected: Vec<(String, String)> = form_urlencoded::parse(odd.as_bytes())
                .into_owned()
                .collect();
            assert_eq!(pairs, expected, "{odd:?}");
        }
    }

    #[test]
    fn a_parameter_is_replaced_by_another_of_its_name() {
        let form = Form::parse("a=1&b=2")
            .unwrap()
            .with_only("a", "3")
            .with_only("c", "4");
        assert_eq!(form.encode(), "b=2&a=3&c=4");
    }
}
