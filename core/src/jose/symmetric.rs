//! HS256, for tokens that only this provider reads.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use super::{Compact, Jwt, JwtError, compact};
use crate::time::{Lifetime, Timestamp};

/// A key for one purpose, derived from a master key so that a token of one purpose never passes
/// for another's; and the keys that it has replaced, whose tokens are still read.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SymmetricKey {
    current: [u8; 32],
    replaced: Vec<[u8; 32]>,
}

impl SymmetricKey {
    /// A key that somebody else has as well.
    pub const fn of(bytes: [u8; 32]) -> Self {
        Self {
            current: bytes,
            replaced: Vec::new(),
        }
    }

    /// HMAC-SHA256 of the purpose under the master key (RFC 5869 §2.3, one block).
    pub fn derive(master: &[u8; 32], purpose: &str) -> Self {
        Self::replacing(&[], master, purpose)
    }

    /// The key that `master` gives for `purpose`, in the place of those that `earlier` master keys
    /// gave.
    pub fn replacing(earlier: &[[u8; 32]], master: &[u8; 32], purpose: &str) -> Self {
        let derive = |master| mac(master, &[purpose.as_bytes(), &[1]]);
        Self {
            current: derive(master),
            replaced: earlier.iter().map(derive).collect(),
        }
    }

    /// Authenticates `message`.
    pub fn authenticate(&self, message: &[u8]) -> [u8; 32] {
        mac(&self.current, &[message])
    }

    /// Whether `tag` authenticates `message`, under this key or one that it has replaced; in constant
    /// time.
    pub fn authenticates(&self, message: &[u8], tag: &[u8]) -> bool {
        let keys = core::iter::once(&self.current).chain(&self.replaced);
        keys.fold(false, |known, key| {
            known | bool::from(mac(key, &[message]).as_slice().ct_eq(tag))
        })
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey([redacted])")
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length; this constructor cannot fail for a 32-byte one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Signs with HS256. The same claims under the same key give the same bytes.
///
/// # Errors
///
/// [`JwtError::Unserializable`], which no type of this crate causes.
pub fn sign_hs256<P: Serialize>(
    token_type: &str,
    key: &SymmetricKey,
    jwt: &Jwt<P>,
) -> Result<String, JwtError> {
    let header = Header {
        alg: ALGORITHM,
        typ: token_type,
    };
    let mut token = compact::unsigned(&header, jwt)?;
    let tag = key.authenticate(token.as_bytes());
    token.push('.');
    token.push_str(&Base64UrlUnpadded::encode_string(&tag));
    Ok(token)
}

/// HMAC with SHA-256 (RFC 7518 §3.2).
const ALGORITHM: &str = "HS256";

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'a str,
}

/// Checks a token that [`sign_hs256`] made with this key or one that it has replaced: type first, then
/// signature, claims and expiry.
///
/// # Errors
///
/// The [`JwtError`] that says what is wrong.
pub fn verify_hs256<P: DeserializeOwned>(
    token_type: &str,
    key: &SymmetricKey,
    token: &str,
    now: Timestamp,
) -> Result<Jwt<P>, JwtError> {
    let token = Compact::parse(token)?;
    if token.text("typ") != Some(token_type) || token.text("alg") != Some(ALGORITHM) {
        return Err(JwtError::Type);
    }
    if !key.authenticates(token.signing_input(), token.signature()) {
        return Err(JwtError::Signature);
    }
    token.jwt(now, Lifetime::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::tests::{NOW, Payload, jwt};

    fn key(purpose: &str) -> SymmetricKey {
        SymmetricKey::derive(&[9; 32], purpose)
    }

    #[test]
    fn hs256_is_deterministic_and_reads_back() {
        let token = sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap();
        assert_eq!(token, sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap());
        assert_eq!(verify_hs256("rt+jwt", &key("a"), &token, NOW), Ok(jwt()));
    }

    #[test]
    fn each_way_of_being_wrong_has_its_name() {
        let token = sign_hs256("rt+jwt", &key("a"), &jwt()).unwrap();
        let verify = |typ, k, token: &str, now| {
            verify_hs256::<Payload>(typ, &k, token, Timestamp::from_seconds(now)).unwrap_err()
        };
        assert_eq!(verify("rt+jwt", key("b"), &token, 150), JwtError::Signature);
        assert_eq!(verify("state+jwt", key("a"), &token, 150), JwtError::Type);
        assert_eq!(verify("rt+jwt", key("a"), &token, 200), JwtError::Expired);
        assert_eq!(verify("rt+jwt", key("a"), "", 150), JwtError::Malformed);
        assert_eq!(
            verify("rt+jwt", key("a"), "a.b.c", 150),
            JwtError::Malformed
        );
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(
            verify("rt+jwt", key("a"), &format!("{signed}."), 150),
            JwtError::Signature
        );
    }

    #[test]
    fn keys_of_two_purposes_differ() {
        assert_ne!(key("a").authenticate(b"x"), key("b").authenticate(b"x"));
        assert_eq!(format!("{:?}", key("a")), "SymmetricKey([redacted])");
    }

    #[test]
    fn what_a_replaced_key_signed_is_read_and_nothing_new_is_signed_with_it() {
        let (old, older) = ([8; 32], [7; 32]);
        let replacing = SymmetricKey::replacing(&[old, older], &[9; 32], "a");
        for master in [old, older, [9; 32]] {
            let token = sign_hs256("rt+jwt", &SymmetricKey::derive(&master, "a"), &jwt()).unwrap();
            assert_eq!(verify_hs256("rt+jwt", &replacing, &token, NOW), Ok(jwt()));
        }
        let signed = |key| sign_hs256("rt+jwt", key, &jwt()).unwrap();
        assert_eq!(signed(&replacing), signed(&key("a")));
        assert_eq!(replacing.authenticate(b"x"), key("a").authenticate(b"x"));
    }

    #[test]
    fn what_was_authenticated_is_known_again_also_under_a_replaced_key() {
        let tag = key("a").authenticate(b"x");
        assert!(key("a").authenticates(b"x", &tag));
        assert!(!key("a").authenticates(b"y", &tag) && !key("b").authenticates(b"x", &tag));
        assert!(!key("a").authenticates(b"x", &tag[1..]) && !key("a").authenticates(b"x", b""));
        let replacing = SymmetricKey::replacing(&[[9; 32]], &[8; 32], "a");
        assert!(replacing.authenticates(b"x", &tag));
        assert_ne!(replacing.authenticate(b"x"), tag);
    }

    #[test]
    fn a_replaced_key_is_held_to_the_same_purpose_type_and_expiry() {
        let replacing = SymmetricKey::replacing(&[[8; 32]], &[9; 32], "a");
        let old = |purpose| SymmetricKey::derive(&[8; 32], purpose);
        let refused = |typ, purpose, seconds| {
            let token = sign_hs256("rt+jwt", &old(purpose), &jwt()).unwrap();
            let now = Timestamp::from_seconds(seconds);
            verify_hs256::<Payload>(typ, &replacing, &token, now).unwrap_err()
        };
        assert_eq!(refused("rt+jwt", "b", 150), JwtError::Signature);
        assert_eq!(refused("state+jwt", "a", 150), JwtError::Type);
        assert_eq!(refused("rt+jwt", "a", 200), JwtError::Expired);
        let strange = sign_hs256("rt+jwt", &SymmetricKey::derive(&[6; 32], "a"), &jwt()).unwrap();
        let refused = verify_hs256::<Payload>("rt+jwt", &replacing, &strange, NOW);
        assert_eq!(refused, Err(JwtError::Signature));
    }
}
