//! The relying party: what a client builds and how it reads the answers.
//!
//! Each step is a pair: `build` makes the request and what must be remembered for it, `process`
//! reads the answer. Nothing is hidden between the two.
//!
//! ```text
//!   metadata       where the endpoints are; is this the issuer that was asked for?
//!   authorization  build a URL and a transaction   ->  process the redirect into a code
//!   token          build a code or refresh request ->  process tokens        (id_token)
//!   session        which tokens are current, in this tab and in the store that tabs share
//!   refresh        renewing them: what to do next, until there are new ones or none
//!   failure retry  what went wrong; is it worth another try, and when
//!   sign_out       build a revocation request, an end-session URL
//! ```

pub mod authorization;
pub mod failure;
pub mod id_token;
pub mod metadata;
pub mod refresh;
pub mod retry;
pub mod session;
pub mod sign_out;
pub mod token;

use crate::form;

/// Takes texts by name, on their way to a host or a store.
pub type Write<'a> = dyn FnMut(&'static str, &str) + 'a;

/// Gives texts by name, as they come from a host or a store.
pub type Read<'a> = dyn Fn(&'static str) -> Option<&'a str> + 'a;

/// A whole number in decimal digits. Written out, as is the way back: the standard library's takes a
/// kilobyte of the browser SDK.
pub fn digits(number: i64) -> String {
    let mut text = String::new();
    let mut rest = number.unsigned_abs();
    if number < 0 {
        text.push('-');
    }
    let mut place = 1;
    while rest / place > 9 {
        place *= 10;
    }
    while place > 0 {
        text.push(char::from(
            b'0' | u8::try_from(rest / place).unwrap_or_default(),
        ));
        rest %= place;
        place /= 10;
    }
    text
}

/// Texts, one after the other. Not `concat`, which says what a panic says, and with it how numbers print.
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// What [`digits`] wrote; `None` for anything else, and for more than a clock needs.
pub fn number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let value = digits.bytes().try_fold(0_i64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + i64::from(digit))
    });
    Some(sign * value?)
}

/// The parameters that have a value, encoded.
fn parameters(parameters: &[(&str, Option<&str>)]) -> String {
    let mut encoded = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            form::append(&mut encoded, name, value);
        }
    }
    encoded
}

/// Parameters appended to an endpoint that may have a query of its own (RFC 6749 §3.1).
fn with_query(endpoint: &str, query: &str) -> String {
    let separator = if endpoint.contains('?') { "&" } else { "?" };
    joined(&[endpoint, separator, query])
}
