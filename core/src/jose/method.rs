//! Ways of signing, as rows of a table: which key each takes, and what `WebCrypto` calls it.
//!
//! All of them are asymmetric: `none` and HMAC have no row, and so nothing that names them is ever verified.

/// One way of signing (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Debug, Eq, PartialEq)]
pub struct SignatureMethod {
    /// The `alg` value.
    pub name: &'static str,
    /// The `kty` of its keys.
    pub key_type: &'static str,
    /// The `crv` of its keys; empty where the type has none.
    pub curve: &'static str,
    /// How `WebCrypto` calls it.
    pub cipher: &'static str,
    /// The hash function that goes with it (OIDC Core §3.1.3.6), as `WebCrypto` calls it.
    pub digest: &'static str,
    /// How long the salt is, in bytes, where there is one (RFC 7518 §3.5).
    pub salt: u8,
}

impl SignatureMethod {
    const fn new(
        name: &'static str,
        [key_type, curve]: [&'static str; 2],
        cipher: &'static str,
        (digest, salt): (&'static str, u8),
    ) -> Self {
        Self {
            name,
            key_type,
            curve,
            cipher,
            digest,
            salt,
        }
    }

    /// Whether a key with this `kty` and this `crv` is one for it.
    pub fn takes(&self, key_type: Option<&str>, curve: Option<&str>) -> bool {
        key_type == Some(self.key_type) && (self.curve.is_empty() || curve == Some(self.curve))
    }
}

const RSA: [&str; 2] = ["RSA", ""];
const EDWARDS: [&str; 2] = ["OKP", "Ed25519"];
const PKCS1: &str = "RSASSA-PKCS1-v1_5";
const PSS: &str = "RSA-PSS";
const SHA256: (&str, u8) = ("SHA-256", 0);
const SHA384: (&str, u8) = ("SHA-384", 0);
const SHA512: (&str, u8) = ("SHA-512", 0);

use SignatureMethod as Row;

pub(super) static ES256: Row = Row::new("ES256", ["EC", "P-256"], "ECDSA", SHA256);
pub(super) static RS256: Row = Row::new("RS256", RSA, PKCS1, SHA256);
pub(super) static EDDSA: Row = Row::new("EdDSA", EDWARDS, "Ed25519", SHA512);
pub(super) static ED25519: Row = Row::new("Ed25519", EDWARDS, "Ed25519", SHA512);

static ES384: Row = Row::new("ES384", ["EC", "P-384"], "ECDSA", SHA384);
static ES512: Row = Row::new("ES512", ["EC", "P-521"], "ECDSA", SHA512);
static RS384: Row = Row::new("RS384", RSA, PKCS1, SHA384);
static RS512: Row = Row::new("RS512", RSA, PKCS1, SHA512);
static PS256: Row = Row::new("PS256", RSA, PSS, ("SHA-256", 32));
static PS384: Row = Row::new("PS384", RSA, PSS, ("SHA-384", 48));
static PS512: Row = Row::new("PS512", RSA, PSS, ("SHA-512", 64));

/// What this provider signs with, and takes from its clients.
pub static OURS: [&SignatureMethod; 4] = [&ES256, &RS256, &EDDSA, &ED25519];

/// What any provider may sign with: all that `WebCrypto` verifies. Who does not name it does not carry it.
pub static STANDARD: [&SignatureMethod; 11] = [
    &ES256, &RS256, &PS256, &EDDSA, &ED25519, &ES384, &ES512, &RS384, &RS512, &PS384, &PS512,
];

/// The standard way of signing that has this `alg`.
pub fn standard(name: &str) -> Option<&'static SignatureMethod> {
    STANDARD.into_iter().find(|method| method.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::SigningAlgorithm;

    #[test]
    fn a_method_is_found_by_its_exact_name() {
        assert_eq!(standard("PS256"), Some(&PS256));
        for other in [
            "", "none", "None", "HS256", "HS512", "es256", "Ed448", "ES256K",
        ] {
            assert_eq!(standard(other), None, "{other:?}");
        }
    }

    #[test]
    fn no_method_is_symmetric_and_none_has_the_name_of_another() {
        for (index, method) in STANDARD.iter().enumerate() {
            assert!(["EC", "RSA", "OKP"].contains(&method.key_type));
            assert!(!method.name.starts_with("HS") && method.name != "none");
            let others = STANDARD.iter().skip(index + 1);
            assert!(others.into_iter().all(|other| other.name != method.name));
        }
    }

    #[test]
    fn what_we_sign_with_others_verify() {
        assert_eq!(OURS, SigningAlgorithm::ALL.map(SigningAlgorithm::method));
        assert!(OURS.iter().all(|ours| STANDARD.contains(ours)));
    }

    #[test]
    fn the_salt_of_pss_is_as_long_as_the_hash() {
        for method in STANDARD {
            let bits = method.digest.strip_prefix("SHA-").unwrap();
            let expected = if method.cipher == PSS {
                bits.parse::<u16>().unwrap() / 8
            } else {
                0
            };
            assert_eq!(u16::from(method.salt), expected, "{}", method.name);
        }
    }

    #[test]
    fn a_key_must_be_of_the_type_and_on_the_curve() {
        assert!(ES384.takes(Some("EC"), Some("P-384")));
        assert!(!ES384.takes(Some("EC"), Some("P-256")));
        assert!(!ES384.takes(Some("EC"), None));
        assert!(PS256.takes(Some("RSA"), None));
        assert!(!PS256.takes(Some("oct"), None) && !PS256.takes(None, None));
        assert!(EDDSA.takes(Some("OKP"), Some("Ed25519")));
        assert!(!EDDSA.takes(Some("OKP"), Some("Ed448")));
    }
}
