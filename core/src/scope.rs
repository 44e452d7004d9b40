//! What a token allows (RFC 6749 §3.3).

use core::fmt;

use serde::{Deserialize, Serialize};

/// The scope value breaks RFC 6749 §3.3: tokens of printable ASCII without `"` and `\`, one space
/// between them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("scope must be space-separated tokens of printable ASCII without quotes or backslashes")]
pub struct InvalidScope;

/// More was asked for than may be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("scope exceeds what this client may have")]
pub struct ScopeExceeded;

/// What speaks of a user (OIDC Core §5.4, §11): whoever acts for itself cannot have it.
const OF_USERS: [&str; 6] = [
    "address",
    "email",
    "offline_access",
    "openid",
    "phone",
    "profile",
];

/// A set of scope tokens, sorted, so equal sets have equal texts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Vec<String>);

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
        let mut scope = Self::default();
        for token in text.split(' ') {
            scope.insert(Self::token(token)?);
        }
        Ok(scope)
    }

    fn insert(&mut self, token: &str) {
        if let Err(place) = self.place(token) {
            self.0.insert(place, token.to_owned());
        }
    }

    /// Where `token` is, or where it would be.
    fn place(&self, token: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|other| other.as_str().cmp(token))
    }

    fn token(text: &str) -> Result<&str, InvalidScope> {
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidScope);
        }
        Ok(text)
    }

    /// Whether it allows `token`.
    pub fn contains(&self, token: &str) -> bool {
        self.place(token).is_ok()
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
        self.filter(|token| other.contains(token))
    }

    /// The part of it that does not speak of a user.
    #[must_use]
    pub fn without_user(&self) -> Self {
        self.filter(|token| !OF_USERS.contains(&token))
    }

    /// What a request for `requested` gets from whoever may have `self`: everything if it names nothing
    /// (RFC 6749 §3.3).
    ///
    /// # Errors
    ///
    /// [`ScopeExceeded`] if it asks for more.
    pub fn grant(&self, requested: Option<&Self>) -> Result<Self, ScopeExceeded> {
        match requested {
            None => Ok(self.clone()),
            Some(requested) if requested.is_subset_of(self) => Ok(requested.clone()),
            Some(_) => Err(ScopeExceeded),
        }
    }

    /// What either allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for token in &other.0 {
            both.insert(token);
        }
        both
    }

    /// What it allows and `other` does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.filter(|token| !other.contains(token))
    }

    /// The tokens of which `keep` is true.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// Whether everything it allows, `other` allows too.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
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
    fn a_request_gets_what_it_names_or_everything_and_never_more() {
        let [all, some, more] =
            ["read write", "read", "admin read"].map(|s| Scope::parse(s).unwrap());
        assert_eq!(all.grant(None), Ok(all.clone()));
        assert_eq!(all.grant(Some(&some)), Ok(some));
        assert_eq!(all.grant(Some(&Scope::default())), Ok(Scope::default()));
        assert_eq!(all.grant(Some(&more)), Err(ScopeExceeded));
    }

    #[test]
    fn what_speaks_of_a_user_can_be_left_out() {
        let all = Scope::parse("address email offline_access openid phone profile read").unwrap();
        assert_eq!(all.without_user().to_string(), "read");
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for bad in [" read", "read  write", "read ", "a\"b", "a\\b", "a\tb", "é"] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }
}
