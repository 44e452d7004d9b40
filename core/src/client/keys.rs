//! The public keys of a client (RFC 7591 §2 `jwks`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most keys of one client.
const MOST: usize = 8;

/// A JWK set (RFC 7517 §5).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClientKeys {
    /// One public JWK each.
    pub keys: Vec<Map<String, Value>>,
}

impl ClientKeys {
    /// What is wrong with them, to be said after the member's name: a private key must not be here, and
    /// each must say which one it is, and for which algorithm.
    pub fn problem(&self) -> Option<&'static str> {
        if self.keys.is_empty() || self.keys.len() > MOST {
            return Some("must hold one to eight keys");
        }
        let private = ["d", "p", "q", "dp", "dq", "qi", "k"];
        if self
            .keys
            .iter()
            .any(|key| private.iter().any(|name| key.contains_key(*name)))
        {
            return Some("must hold public keys only: the private one is known to others now");
        }
        let says =
            |key: &Map<String, Value>, name: &str| key.get(name).is_some_and(Value::is_string);
        let described = |key| ["kty", "kid", "alg"].iter().all(|name| says(key, name));
        (!self.keys.iter().all(described)).then_some("must hold keys with kty, kid and alg")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(keys: &str) -> Option<&'static str> {
        serde_json::from_str::<ClientKeys>(keys).unwrap().problem()
    }

    #[test]
    fn keys_are_public_and_say_which_they_are() {
        let good = r#"{"kty":"EC","kid":"a","alg":"ES256","crv":"P-256","x":"x","y":"y"}"#;
        assert_eq!(problem(&format!(r#"{{"keys":[{good}]}}"#)), None);
        for bad in [
            "",
            r#"{"kty":"EC","kid":"a"}"#,
            r#"{"kty":"EC","alg":"ES256"}"#,
            r#"{"kty":"EC","kid":"a","alg":"ES256","d":"secret"}"#,
            r#"{"kty":"oct","kid":"a","alg":"HS256","k":"secret"}"#,
        ] {
            assert!(
                problem(&format!(r#"{{"keys":[{bad}]}}"#)).is_some(),
                "{bad}"
            );
        }
        let many = [good; 9].join(",");
        assert!(problem(&format!(r#"{{"keys":[{many}]}}"#)).is_some());
    }
}
