//! All that a token says, for whoever needs more than the guard does.

use core::fmt;
use std::cell::OnceCell;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::jose::Claims;
use crate::json;

/// The claims of a token, or of what the provider says of it, read by their names. They are taken apart when the
/// first is read: whoever reads none pays for a copy of the text.
///
/// Only a token that was found good gives any. `Debug` shows their names alone: what they say may be
/// somebody's.
#[derive(Clone, Default)]
pub struct TokenClaims {
    source: Source,
    read: OnceCell<Claims>,
}

#[derive(Clone, Default)]
enum Source {
    #[default]
    None,
    /// The middle part of a JWT.
    Encoded(Box<str>),
    /// A JSON object.
    Json(Box<str>),
}

impl TokenClaims {
    /// Of a JWT that was verified.
    pub fn of_jwt(token: &str) -> Self {
        let encoded = token.split('.').nth(1).unwrap_or_default();
        Self::from(Source::Encoded(encoded.into()))
    }

    /// Of an answer about an active token (RFC 7662 §2.2): a JSON object.
    pub fn of_introspection(answer: &str) -> Self {
        Self::from(Source::Json(answer.into()))
    }

    /// A claim, if it is there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all().get(name)
    }

    /// A claim, if it is there and of this type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_value(self.get(name)?.clone()).ok()
    }

    /// All of them.
    pub fn all(&self) -> &Claims {
        self.read.get_or_init(|| self.source.read())
    }
}

impl From<Source> for TokenClaims {
    fn from(source: Source) -> Self {
        let read = OnceCell::new();
        Self { source, read }
    }
}

impl Source {
    fn read(&self) -> Claims {
        let read = match self {
            Self::None => None,
            Self::Encoded(text) => Base64UrlUnpadded::decode_vec(text).ok(),
            Self::Json(text) => Some(text.as_bytes().to_vec()),
        };
        let claims = read.and_then(|text| json::object(&text).ok());
        claims.unwrap_or_default()
    }
}

impl fmt::Debug for TokenClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.all().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_read_by_name_and_shown_without_what_they_say() {
        let text = r#"{"sub":"u1","roles":["editor"],"email":"anna@example.org"}"#;
        let token = format!("h.{}.s", Base64UrlUnpadded::encode_string(text.as_bytes()));
        for claims in [
            TokenClaims::of_jwt(&token),
            TokenClaims::of_introspection(text),
        ] {
            assert_eq!(claims.get("sub"), Some(&"u1".into()));
            let roles = claims.read::<Vec<String>>("roles");
            assert_eq!(roles, Some(vec!["editor".to_owned()]));
            assert_eq!(claims.read::<u32>("sub"), None);
            assert_eq!(claims.get("none"), None);
            assert_eq!(format!("{claims:?}"), r#"{"email", "roles", "sub"}"#);
        }
    }

    #[test]
    fn what_is_no_object_has_none() {
        for claims in [
            TokenClaims::default(),
            TokenClaims::of_jwt("opaque"),
            TokenClaims::of_jwt("a.é.c"),
            TokenClaims::of_introspection("[]"),
        ] {
            assert!(claims.all().is_empty());
        }
    }
}
