//! The thumbprint of a public key (RFC 7638), by which tokens are bound to it.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ProofError;
use crate::jose::{self, SigningAlgorithm};

/// The largest RSA modulus whose signatures are worth the work, in bytes.
const LARGEST_MODULUS: usize = 1024;

/// Not 43 characters of base64url that are 256 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be the SHA-256 thumbprint of a key, as base64url (RFC 7638)")]
pub struct InvalidThumbprint;

/// The SHA-256 of a public key, as base64url (RFC 7638 §3).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Takes a `dpop_jkt` (RFC 9449 §10), or what a store or a token holds.
    ///
    /// # Errors
    ///
    /// [`InvalidThumbprint`].
    pub fn parse(text: &str) -> Result<Self, InvalidThumbprint> {
        let mut bytes = [0; 32];
        let decoded = Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| InvalidThumbprint)?;
        if decoded.len() == 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidThumbprint)
        }
    }

    /// The thumbprint of a public JWK for `algorithm`. What is not exactly one key in exactly one form has
    /// none, so no key has two.
    pub(super) fn of(
        jwk: &Map<String, Value>,
        algorithm: SigningAlgorithm,
    ) -> Result<Self, ProofError> {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        let exact = |name: &'static str, value: &str| text(name) == Some(value);
        let is_key = match algorithm {
            SigningAlgorithm::ES256 => {
                exact("kty", "EC")
                    && exact("crv", "P-256")
                    && is_coordinate(text("x"))
                    && is_coordinate(text("y"))
            }
            SigningAlgorithm::RS256 => {
                exact("kty", "RSA") && is_integer(text("e"), 1..=8) && is_modulus(text("n"))
            }
            SigningAlgorithm::EdDSA | SigningAlgorithm::Ed25519 => {
                exact("kty", "OKP") && exact("crv", "Ed25519") && is_coordinate(text("x"))
            }
        };
        let name = jose::thumbprint(jwk).filter(|_| is_key);
        name.map(|name| Self(name.as_str().to_owned()))
            .ok_or(ProofError::Key)
    }

    /// The thumbprint's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn decoded(text: Option<&str>) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text?).ok()
}

fn is_coordinate(text: Option<&str>) -> bool {
    decoded(text).is_some_and(|bytes| bytes.len() == 32)
}

fn is_integer(text: Option<&str>, lengths: core::ops::RangeInclusive<usize>) -> bool {
    decoded(text).is_some_and(|bytes| {
        bytes.first().is_some_and(|first| *first != 0) && lengths.contains(&bytes.len())
    })
}

/// RFC 7518 §3.3: 2048 bits or more.
fn is_modulus(text: Option<&str>) -> bool {
    is_integer(text, 256..=LARGEST_MODULUS)
}

impl TryFrom<String> for Thumbprint {
    type Error = InvalidThumbprint;

    fn try_from(text: String) -> Result<Self, InvalidThumbprint> {
        Self::parse(&text)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a token is bound to (RFC 7800 §3.1 `cnf`, RFC 9449 §6.1).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Confirmation {
    /// `jkt`: the key whose possession must be proved.
    pub jkt: Thumbprint,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(jwk: &str, algorithm: SigningAlgorithm) -> Result<Thumbprint, ProofError> {
        Thumbprint::of(&serde_json::from_str(jwk).unwrap(), algorithm)
    }

    #[test]
    fn rfc_7638_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk =
            format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        let thumbprint = of(&jwk, SigningAlgorithm::RS256).unwrap();
        assert_eq!(
            thumbprint.as_str(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn rfc_9449_6_1_and_rfc_8037_a_3() {
        let ec = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
        let thumbprint = of(ec, SigningAlgorithm::ES256).unwrap();
        assert_eq!(
            thumbprint.as_str(),
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
        let okp =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        for algorithm in [SigningAlgorithm::EdDSA, SigningAlgorithm::Ed25519] {
            let thumbprint = of(okp, algorithm).unwrap();
            assert_eq!(
                thumbprint.as_str(),
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
            );
        }
    }

    #[test]
    fn a_key_of_another_kind_or_form_has_none() {
        let x = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
        let ec =
            |x: &str, crv: &str| format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{x}"}}"#);
        assert!(of(&ec(x, "P-256"), SigningAlgorithm::ES256).is_ok());
        for (jwk, algorithm) in [
            (ec(x, "P-384"), SigningAlgorithm::ES256),
            (ec(x, "P-256"), SigningAlgorithm::RS256),
            (ec(x, "P-256"), SigningAlgorithm::EdDSA),
            (ec("", "P-256"), SigningAlgorithm::ES256),
            (ec(&format!("{x}AA"), "P-256"), SigningAlgorithm::ES256),
            // The same 256 bits written another way.
            (
                ec(&x.replace("BFs", "BFt"), "P-256"),
                SigningAlgorithm::ES256,
            ),
            (ec(&format!("{x}="), "P-256"), SigningAlgorithm::ES256),
            (
                r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
                SigningAlgorithm::RS256,
            ),
            (r#"{"kty":"oct"}"#.to_owned(), SigningAlgorithm::ES256),
            ("{}".to_owned(), SigningAlgorithm::ES256),
        ] {
            assert_eq!(of(&jwk, algorithm), Err(ProofError::Key), "{jwk}");
        }
        let rsa = |n: Vec<u8>| {
            let n = Base64UrlUnpadded::encode_string(&n);
            of(
                &format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#),
                SigningAlgorithm::RS256,
            )
        };
        assert!(rsa(vec![1; 256]).is_ok() && rsa(vec![1; 1024]).is_ok());
        assert!(rsa(vec![1; 255]).is_err() && rsa(vec![1; 1025]).is_err());
        let zero_in_front: Vec<u8> = core::iter::once(0).chain([1; 256]).collect();
        assert!(rsa(zero_in_front).is_err());
    }

    #[test]
    fn a_thumbprint_is_256_bits() {
        let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert_eq!(Thumbprint::parse(good).unwrap().as_str(), good);
        for bad in [
            "",
            "short",
            &good[1..],
            &format!("{good}A"),
            &good.replace('-', "+"),
        ] {
            assert_eq!(Thumbprint::parse(bad), Err(InvalidThumbprint), "{bad:?}");
        }
    }
}
