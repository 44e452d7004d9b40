//! Identifiers: public names that are compared, stored and logged freely.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use crate::secret::SecretHash;

/// The longest identifier taken from outside, in bytes.
const LONGEST: usize = 1024;

/// The text is empty, over 1024 bytes, or has a character outside printable ASCII
/// (RFC 6749 Appendix A `VSCHAR`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be 1 to 1024 printable ASCII characters")]
pub struct InvalidIdentifier;

fn checked(text: &str) -> Result<String, InvalidIdentifier> {
    let printable = text.bytes().all(|b| (0x20..=0x7e).contains(&b));
    if text.is_empty() || text.len() > LONGEST || !printable {
        return Err(InvalidIdentifier);
    }
    Ok(text.to_owned())
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes an identifier from outside or from a store.
            ///
            /// # Errors
            ///
            /// [`InvalidIdentifier`] unless it is 1 to 1024 printable ASCII characters.
            pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
                checked(text).map(Self)
            }

            /// 128 random bits as base64url, 22 characters.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(Base64UrlUnpadded::encode_string(&bytes))
            }

            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentifier;

            fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
                Self::parse(&text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

identifiers! {
    /// Whom a token is meant for (RFC 7519 §4.1.3 `aud`).
    Audience;
    /// One browser at the provider, through all its sign-ins: signing out ends what came from it.
    BrowserId;
    /// A registered client (RFC 6749 §2.2).
    ClientId;
    /// One consent of one user to one client in one browser: the unit of revocation.
    GrantId;
    /// Whoever issues tokens, as an origin URL without a trailing slash (RFC 8414 §2).
    Issuer;
    /// One JWT (RFC 7519 §4.1.7 `jti`).
    JwtId;
    /// A signing key (RFC 7517 §4.5 `kid`).
    KeyId;
    /// Ties an ID token to the request for it (OIDC Core §3.1.2.1 `nonce`).
    Nonce;
    /// One sign-in of one browser at the provider: the hash of its cookie, as a store holds it.
    SignInId;
    /// What a client sends with a request and gets back with the answer (RFC 6749 §4.1.1 `state`).
    State;
    /// The user a token speaks of (RFC 7519 §4.1.2 `sub`).
    Subject;
}

impl BrowserId {
    pub(crate) fn from_hash(hash: SecretHash) -> Self {
        Self(hash.to_base64url())
    }
}

impl ClientId {
    /// The client as the subject of a token: one that acts for itself (RFC 9068 §2.2).
    pub fn to_subject(&self) -> Subject {
        Subject(self.0.clone())
    }
}

impl GrantId {
    /// The browser of a grant that came from none: one of its own, out of which nobody signs.
    #[cfg(feature = "server")]
    pub(crate) fn to_browser(&self) -> BrowserId {
        BrowserId(self.0.clone())
    }
}

impl JwtId {
    #[cfg(feature = "server")]
    pub(crate) fn from_hash(hash: SecretHash) -> Self {
        Self(hash.to_base64url())
    }
}

impl SignInId {
    pub(crate) fn from_hash(hash: SecretHash) -> Self {
        Self(hash.to_base64url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_printable_ascii_of_bounded_length() {
        assert_eq!(
            ClientId::parse("gatepass-demo").unwrap().as_str(),
            "gatepass-demo"
        );
        let longest = "x".repeat(1024);
        assert!(ClientId::parse(&longest).is_ok());
        for bad in ["", "line\nbreak", "naïve", "nul\0", &"x".repeat(1025)] {
            assert_eq!(ClientId::parse(bad), Err(InvalidIdentifier), "{bad:?}");
        }
    }
}
