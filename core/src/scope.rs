//! What a token allows (RFC 6749 §3.3).

use core::fmt;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The scope value breaks RFC 6749 §3.3: tokens of printable ASCII without `"` and `\`, one space
/// between them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("scope must be space-separated tokens of printable ASCII without quotes or backslashes")]
pub struct InvalidScope;

/// A set of scope tokens. Its text form is sorted, so equal sets have equal texts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(BTreeSet<String>);

impl Scope {
    /// Reads a space-separated list; the empty text is the empty set.
    ///
    /// # Errors
    ///
    /// [`InvalidScope`] if a token is not as RFC 6749 §3.3 has it.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ')
            .map(Self::token)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn token(text: &str) -> Result<String, InvalidScope> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        Ok(text.to_owned())
    }

    /// Whether it allows `token`.
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its tokens, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What both allow.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// Whether everything it allows, `other` allows too.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_set() {
        let scope = Scope::parse("write read read").unwrap();
        assert_eq!(scope.to_string(), "read write");
        assert!(scope.contains("read") && !scope.contains("rea"));
        assert!(Scope::parse("read").unwrap().is_subset_of(&scope));
        assert!(!scope.is_subset_of(&Scope::parse("read").unwrap()));
        assert!(Scope::parse("").unwrap().is_empty());
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for bad in [" read", "read  write", "read ", "a\"b", "a\\b", "a\tb", "é"] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }
}
