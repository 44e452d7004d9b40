//! Strings that prove something to whoever holds them.
//!
//! They do not print, are not cloned by accident and never meet `==`: what is kept is their
//! [`SecretHash`], and that compares in constant time.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::id::{BrowserId, SignInId};

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            /// Takes what a client presented or a generator made.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// 256 random bits as base64url, 43 characters.
            pub fn from_random(bytes: [u8; 32]) -> Self {
                Self(Base64UrlUnpadded::encode_string(&bytes))
            }

            /// The secret itself, for putting on the wire and nowhere else.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What a store may hold in its place.
            pub fn hash(&self) -> SecretHash {
                SecretHash::of(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    )+};
}

secrets! {
    /// Opens a protected resource (RFC 6749 §1.4).
    AccessToken;
    /// Redeemed once for tokens (RFC 6749 §1.3.1).
    AuthorizationCode;
    /// Ties a sign-in to the browser that began it: the value of the binding cookie.
    BrowserBinding;
    /// Proves a confidential client's identity (RFC 6749 §2.3.1).
    ClientSecret;
    /// Proves that whoever redeems a code also asked for it (RFC 7636 §4.1).
    CodeVerifier;
    /// What a device polls with for its tokens (RFC 8628 §3.2).
    DeviceCode;
    /// Says that a refresh is the same as an earlier one whose answer was lost: the client made it for that
    /// one, and kept it.
    IdempotencyKey;
    /// Says who signed in (OIDC Core §2); shown again at sign-out, it says who asks.
    IdToken;
    /// What a user proves who they are with.
    Password;
    /// The hash of a password, as the password hasher wrote it: worth an attack by itself.
    PasswordHash;
    /// A token of any kind, as somebody asks about it.
    PresentedToken;
    /// What a browser carries in the place of a request that its client pushed (RFC 9126 §2.2).
    PushedReference;
    /// Obtains new access tokens (RFC 6749 §1.5). Opaque to clients.
    RefreshToken;
    /// Manages the registration of a client (RFC 7592 §3).
    RegistrationToken;
    /// The value of the cookie that keeps a browser signed in at the provider.
    SignInCookie;
    /// Carries a validated authorization request through the sign-in page.
    StateToken;
}

impl BrowserBinding {
    /// A binding as this provider makes them; `None` for anything else that a cookie may hold.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
        (decoded == bytes.len()).then(|| Self::new(text))
    }

    /// The key of the browser that holds the binding, unless it has one from an earlier sign-in.
    pub fn browser(&self) -> BrowserId {
        BrowserId::from_hash(self.hash())
    }
}

impl IdempotencyKey {
    /// A key that cannot be guessed: as many characters as 128 random bits have in base64url, or more.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() >= 22).then(|| Self::new(text))
    }
}

impl SignInCookie {
    /// The key of the sign-in that the cookie stands for.
    pub fn id(&self) -> SignInId {
        SignInId::from_hash(self.hash())
    }
}

/// The SHA-256 of a secret with enough entropy that no salt is needed.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes `text`.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// What a keyed hash gave.
    #[cfg(feature = "server")]
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be sorted by.
    #[cfg(feature = "server")]
    pub(crate) const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// As a store holds it: base64url, 43 characters.
    pub fn to_base64url(self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Reads what [`SecretHash::to_base64url`] wrote; `None` for anything else.
    pub fn from_base64url(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len();
        (decoded == bytes.len()).then_some(Self(bytes))
    }

    /// Whether both are the hash of one secret, in constant time.
    pub fn matches(self, other: Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let token = RefreshToken::new("very secret");
        assert_eq!(format!("{token:?}"), "RefreshToken([redacted])");
        assert_eq!(format!("{:?}", token.hash()), "SecretHash([redacted])");
    }

    #[test]
    fn a_hash_survives_the_store() {
        let hash = ClientSecret::from_random([7; 32]).hash();
        let stored = SecretHash::from_base64url(&hash.to_base64url()).unwrap();
        assert!(stored.matches(hash));
        assert!(!stored.matches(ClientSecret::from_random([8; 32]).hash()));
    }

    #[test]
    fn only_a_whole_hash_is_read_back() {
        assert!(SecretHash::from_base64url("").is_none());
        assert!(SecretHash::from_base64url("c2hvcnQ").is_none());
        assert!(SecretHash::from_base64url(&"A".repeat(44)).is_none());
    }
}
