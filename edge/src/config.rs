//! Reading variables and secrets, with errors that name the one at fault.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::rp::metadata::is_secure;
use gatepass_core::time::Lifetime;
use wasm_bindgen::JsValue;
use worker::Env;

use crate::EdgeError;

/// Where a Worker runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Environment {
    /// On a developer's machine: development data is created, `Server-Timing` is sent.
    Development,
    /// For users.
    Production,
}

/// `GATEPASS_ENV`: `development`, or `production` if it is not set.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is set to anything else.
fn environment(env: &Env) -> Result<Environment, EdgeError> {
    match optional(env, "GATEPASS_ENV").as_deref() {
        Some("development") => Ok(Environment::Development),
        Some("production") | None => Ok(Environment::Production),
        Some(_) => Err(EdgeError::Config {
            name: "GATEPASS_ENV",
            problem: "must be development or production",
        }),
    }
}

/// Which requests have a line in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestLog {
    /// Every one.
    All,
    /// Those that are refused, and those that fail.
    Refused,
}

/// How a Worker behaves, whatever it is for.
#[derive(Clone, Copy, Debug)]
pub struct Conduct {
    /// `GATEPASS_ENV`.
    pub environment: Environment,
    /// `GATEPASS_REQUEST_LOG`.
    pub request_log: RequestLog,
}

impl Conduct {
    /// Of a Worker whose configuration cannot be read.
    pub const CAREFUL: Self = Self {
        environment: Environment::Production,
        request_log: RequestLog::All,
    };

    /// As the environment says.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] if a variable is set to anything else than it may be.
    pub fn from_env(env: &Env) -> Result<Self, EdgeError> {
        Ok(Self {
            environment: environment(env)?,
            request_log: request_log(env)?,
        })
    }
}

/// `GATEPASS_REQUEST_LOG`: `refused`, or `all` if it is not set.
fn request_log(env: &Env) -> Result<RequestLog, EdgeError> {
    let name = "GATEPASS_REQUEST_LOG";
    match optional(env, name).as_deref() {
        Some("all") | None => Ok(RequestLog::All),
        Some("refused") => Ok(RequestLog::Refused),
        Some(_) => Err(EdgeError::Config {
            name,
            problem: "must be all or refused",
        }),
    }
}

/// A variable or secret, if it is set and not empty.
pub fn optional(env: &Env, name: &'static str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &JsValue::from_str(name))
        .ok()?
        .as_string()?;
    Some(value).filter(|value| !value.is_empty())
}

/// A variable of JSON, if it is set: as text, or as a table of the wrangler configuration.
pub fn optional_json(env: &Env, name: &'static str) -> Option<String> {
    let value = js_sys::Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_object() {
        return js_sys::JSON::stringify(&value).ok()?.as_string();
    }
    optional(env, name)
}

/// A variable or secret that must be set.
///
/// # Errors
///
/// [`EdgeError::Config`] naming it.
pub fn required(env: &Env, name: &'static str) -> Result<String, EdgeError> {
    optional(env, name).ok_or(EdgeError::Config {
        name,
        problem: "is not set",
    })
}

/// A secret of 32 bytes, written as base64url.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is missing or of another length.
pub fn key(env: &Env, name: &'static str) -> Result<[u8; 32], EdgeError> {
    let problem = "must be 32 bytes as base64url, 43 characters";
    key_bytes(&required(env, name)?).ok_or(EdgeError::Config { name, problem })
}

/// Secrets of 32 bytes, each written as base64url, separated by spaces; none if it is not set.
///
/// # Errors
///
/// [`EdgeError::Config`] if one is of another length.
pub fn keys(env: &Env, name: &'static str) -> Result<Vec<[u8; 32]>, EdgeError> {
    let problem = "must be 32 bytes as base64url, 43 characters, or several separated by spaces";
    let text = optional(env, name).unwrap_or_default();
    let keys = text.split_whitespace().map(key_bytes);
    keys.collect::<Option<_>>()
        .ok_or(EdgeError::Config { name, problem })
}

fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
    (decoded == bytes.len()).then_some(bytes)
}

/// `true` or `false`; `false` if it is not set.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is set to anything else.
pub fn flag(env: &Env, name: &'static str) -> Result<bool, EdgeError> {
    match optional(env, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let problem = "must be true or false";
            Err(EdgeError::Config { name, problem })
        }
    }
}

/// A whole number of 1 or more.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is set to anything else.
pub fn count(env: &Env, name: &'static str, default: u32) -> Result<u32, EdgeError> {
    let problem = "must be a number of 1 or more";
    match optional(env, name).map(|text| text.parse()) {
        None => Ok(default),
        Some(Ok(count)) if count > 0 => Ok(count),
        Some(_) => Err(EdgeError::Config { name, problem }),
    }
}

/// A length of time in seconds, or `never`.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is set to anything else.
pub fn lifetime(env: &Env, name: &'static str, default: Lifetime) -> Result<Lifetime, EdgeError> {
    match optional(env, name).as_deref() {
        None => Ok(default),
        Some("never") => Ok(Lifetime::UNLIMITED),
        Some(text) => text
            .parse()
            .map(Lifetime::from_seconds)
            .map_err(|_| EdgeError::Config {
                name,
                problem: "must be a number of seconds, or never",
            }),
    }
}

const ORIGIN: &str = "must be an origin such as https://id.example.com, in small letters, without a slash \
                      or :443 at the end; http only on localhost";
const ISSUER: &str = "must be an address that begins with https://, or http:// on localhost, without query or \
                      fragment";
const ORIGINS: &str = "must be origins such as https://app.example.com, separated by spaces, in small \
                       letters, without a slash or :443 at the end; http only on localhost";

/// An origin: scheme, host and port, nothing after.
///
/// # Errors
///
/// [`EdgeError::Config`] if it is missing or more than an origin, or not `https` outside localhost.
pub fn origin(env: &Env, name: &'static str) -> Result<String, EdgeError> {
    let text = required(env, name)?;
    if is_origin(&text) {
        Ok(text)
    } else {
        let problem = ORIGIN;
        Err(EdgeError::Config { name, problem })
    }
}

/// The address of a provider, exactly as its metadata and its tokens have it: it may have a path, and a slash at the
/// end (RFC 8414 §2).
///
/// # Errors
///
/// [`EdgeError::Config`] if it is missing, has a query or a fragment, or is not `https` outside localhost.
pub fn issuer(env: &Env, name: &'static str) -> Result<String, EdgeError> {
    let text = required(env, name)?;
    if is_secure(&text) && !text.contains(['?', '#', ' ']) {
        Ok(text)
    } else {
        let problem = ISSUER;
        Err(EdgeError::Config { name, problem })
    }
}

/// Origins, separated by spaces; none if it is not set.
///
/// # Errors
///
/// [`EdgeError::Config`] if one of them is not an origin, as [`origin`] has it.
pub fn origins(env: &Env, name: &'static str) -> Result<Vec<String>, EdgeError> {
    let text = optional(env, name).unwrap_or_default();
    if text.split_whitespace().all(is_origin) {
        Ok(text.split_whitespace().map(str::to_owned).collect())
    } else {
        let problem = ORIGINS;
        Err(EdgeError::Config { name, problem })
    }
}

/// Whether a text is an origin as browsers write it: scheme, host and port, in small letters and without a port that is
/// the scheme's own, nothing after; `http` on localhost only.
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let own_port = match scheme {
        "https" => 443,
        "http" if ["localhost", "127.0.0.1", "[::1]"].contains(&host) => 80,
        _ => return false,
    };
    let is_port = |port: &str| {
        let number = port.parse().unwrap_or(0_u16);
        number != 0 && number != own_port && !port.starts_with(['0', '+'])
    };
    is_host(host) && port.is_none_or(is_port)
}

fn is_host(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let allowed = |b: u8| {
        let is_plain = b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        is_plain || b == if address.is_some() { b':' } else { b'_' }
    };
    let name = address.unwrap_or(host);
    !name.is_empty() && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{is_origin, key_bytes};

    #[test]
    fn a_key_is_thirty_two_bytes_and_no_other_number() {
        assert_eq!(key_bytes(&"A".repeat(43)), Some([0; 32]));
        for bad in [0, 1, 42, 44, 64] {
            assert_eq!(key_bytes(&"A".repeat(bad)), None, "{bad}");
        }
        assert_eq!(key_bytes(&"=".repeat(43)), None);
    }

    #[test]
    fn an_origin_has_nothing_after_the_port() {
        for good in [
            "https://id.example.com",
            "http://localhost:4000",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example:8443",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https://a/",
            "http://a",
            "ftp://a",
            "https://a?b",
            "a",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "http://localhost:80",
            "https://a.example:",
            "https://a.example:0",
            "https://a.example:+1",
            "https://a.example:065",
            "https://a.example:65536",
            "https://a:b@c",
            "https://a.example\tb",
            "https://*.example",
            "https://b\u{fc}cher.example",
            "https://[]",
            "https://::1",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
