//! The name that a key gives itself (RFC 7638).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::id::KeyId;

/// The SHA-256 of the members that make the key, in their order and without whitespace; `None` for a
/// key type that is not ours, or one that lacks a member.
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<KeyId> {
    let members: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut parts = Vec::new();
    for name in members {
        let value = Value::from(jwk.get(*name)?.as_str()?);
        parts.push(format!("\"{name}\":{value}"));
    }
    let digest = Sha256::digest(format!("{{{}}}", parts.join(",")));
    KeyId::parse(&Base64UrlUnpadded::encode_string(&digest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(jwk: &str) -> Option<String> {
        let jwk: Map<String, Value> = serde_json::from_str(jwk).unwrap();
        thumbprint(&jwk).map(|id| id.to_string())
    }

    #[test]
    fn rfc_7638_section_3_1() {
        let jwk = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(named(jwk).as_deref(), Some(expected));
    }

    #[test]
    fn rfc_8037_appendix_a_3() {
        let jwk =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(named(jwk).as_deref(), Some(expected));
    }

    #[test]
    fn only_the_members_of_the_key_count_and_all_of_them() {
        let bare = named(r#"{"kty":"EC","crv":"P-256","x":"a","y":"b"}"#);
        assert!(bare.is_some());
        let more = r#"{"y":"b","use":"sig","x":"a","d":"private","kty":"EC","crv":"P-256"}"#;
        assert_eq!(named(more), bare);
        assert_ne!(named(r#"{"kty":"EC","crv":"P-256","x":"a","y":"c"}"#), bare);
        for less in [
            "{}",
            r#"{"kty":"oct","k":"a"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"a"}"#,
            r#"{"kty":"EC","crv":"P-256","x":1,"y":"b"}"#,
        ] {
            assert_eq!(named(less), None, "{less}");
        }
    }
}
