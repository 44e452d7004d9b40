//! Proofs that a client makes (RFC 9449 §4.2), and what it learns from the answers to them (§8, §9).
//!
//! ```text
//!   Statement --unsigned, signed elsewhere--> DPoP header --> answer --Heard--> Server --> the next Statement
//! ```

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value, json};

use super::proof::TYPE;
use crate::jose::{self, Jwt, JwtError, SigningAlgorithm, UnsignedJwt, claims};
use crate::secret::SecretHash;
use crate::time::Timestamp;

/// How wrong a clock may be before a proof is made anew for it, in seconds.
const SKEW: u64 = 5;

/// The request that a proof is made for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address; query and fragment are left out of the proof.
    pub url: &'a str,
    /// The access token that it presents, if it does.
    pub access_token: Option<&'a str>,
}

impl Target<'_> {
    /// Whose nonces and whose clock count: scheme, host and port.
    pub fn origin(&self) -> &str {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(after_scheme..).unwrap_or_default();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        self.url.get(..after_scheme + end).unwrap_or_default()
    }
}

/// What is known of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Server {
    /// The newest nonce that it gave.
    pub nonce: Option<String>,
    /// How far its clock is ahead, in seconds.
    pub skew: i64,
}

/// An answer, as far as it concerns proofs.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Its HTTP status.
    pub status: u16,
    /// The header `DPoP-Nonce`.
    pub nonce: Option<&'a str>,
    /// The header `Date`.
    pub date: Option<Timestamp>,
    /// Why it refuses: `WWW-Authenticate`, or the body of a token endpoint.
    pub refusal: &'a str,
}

impl Server {
    /// Header and claims of a proof for this server, to be signed with the private half of `jwk`.
    ///
    /// # Errors
    ///
    /// [`JwtError::Unserializable`], which does not happen.
    pub fn statement(
        &self,
        target: &Target<'_>,
        jwk: &Map<String, Value>,
        jti: [u8; 16],
        now: Timestamp,
    ) -> Result<UnsignedJwt, JwtError> {
        let url = target.url.split(['?', '#']).next().unwrap_or_default();
        let mut payload = claims([
            ("jti", Base64UrlUnpadded::encode_string(&jti).into()),
            ("htm", target.method.into()),
            ("htu", url.into()),
        ]);
        if let Some(nonce) = &self.nonce {
            payload.insert("nonce".to_owned(), nonce.as_str().into());
        }
        if let Some(token) = target.access_token {
            let hash = SecretHash::of(token).to_base64url();
            payload.insert("ath".to_owned(), hash.into());
        }
        let header = json!({ "typ": TYPE, "alg": SigningAlgorithm::ES256.as_str(), "jwk": jwk });
        let jwt = Jwt {
            payload,
            issued_at: Timestamp::from_seconds(now.seconds().saturating_add(self.skew)),
            // A proof has none, and one that is before `iat` is not said.
            expires_at: Timestamp::from_seconds(i64::MIN),
        };
        jose::unsigned_with(&header, &jwt)
    }

    /// Takes what an answer says for the next proof, after one that was made by `used`. Whether the same request
    /// is to be made once more: the server wants a nonce that it had not, or its clock is another than was thought.
    pub fn learn(&mut self, used: &Self, heard: &Heard<'_>, now: Timestamp) -> bool {
        if let Some(nonce) = heard.nonce {
            self.nonce = Some(nonce.to_owned());
        }
        if !matches!(heard.status, 400 | 401) {
            return false;
        }
        if let Some(date) = heard.date {
            let skew = date.seconds().saturating_sub(now.seconds());
            if skew.abs_diff(self.skew) > SKEW {
                self.skew = skew;
            }
        }
        let wants = |code| heard.refusal.contains(code);
        (wants("use_dpop_nonce") && heard.nonce.is_some() && heard.nonce != used.nonce.as_deref())
            || (wants("invalid_dpop_proof") && self.skew != used.skew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpop::{NoncePolicy, Occasion, ParsedProof, ProofRefusal, Thumbprint};
    use crate::secret::AccessToken;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const URL: &str = "https://api.example:8443/api/data";

    fn jwk() -> Map<String, Value> {
        let Value::Object(jwk) = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        }) else {
            unreachable!()
        };
        jwk
    }

    fn proof(server: &Server, target: &Target<'_>) -> String {
        let unsigned = server.statement(target, &jwk(), [7; 16], NOW).unwrap();
        unsigned.attach(&[0; 64])
    }

    fn judged(text: &str, occasion: &Occasion<'_>) -> Result<Thumbprint, ProofRefusal> {
        let checked = ParsedProof::parse(text).unwrap().check(true, occasion);
        checked.map(|proof| proof.jkt)
    }

    #[test]
    fn what_it_makes_is_what_a_server_of_ours_takes() {
        let target = Target {
            method: "GET",
            url: "https://api.example:8443/api/data?a=b#c",
            access_token: Some("token"),
        };
        let text = proof(&Server::default(), &target);
        let (token, other) = (AccessToken::new("token"), AccessToken::new("other"));
        let occasion = Occasion {
            method: "GET",
            url: URL,
            access_token: Some(&token),
            nonces: NoncePolicy::Unknown,
            now: NOW,
        };
        let own = Thumbprint::of(&jwk(), SigningAlgorithm::ES256).unwrap();
        assert_eq!(judged(&text, &occasion), Ok(own));
        let elsewhere = Occasion {
            access_token: Some(&other),
            ..occasion
        };
        assert!(judged(&text, &elsewhere).is_err());
        // Another time of the server's, another time in the proof.
        let ahead = Occasion {
            now: Timestamp::from_seconds(NOW.seconds() + 3_600),
            ..occasion
        };
        assert!(judged(&text, &ahead).is_err());
        let server = Server {
            skew: 3_600,
            ..Server::default()
        };
        assert!(judged(&proof(&server, &target), &ahead).is_ok());
    }

    #[test]
    fn a_server_is_known_by_its_origin() {
        for (url, origin) in [
            (URL, "https://api.example:8443"),
            ("https://a.example?x=/y", "https://a.example"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            let target = Target {
                method: "GET",
                url,
                access_token: None,
            };
            assert_eq!(target.origin(), origin);
        }
    }

    fn heard<'a>(status: u16, nonce: Option<&'a str>, refusal: &'a str) -> Heard<'a> {
        Heard {
            status,
            nonce,
            date: None,
            refusal,
        }
    }

    #[test]
    fn a_nonce_is_kept_and_a_request_that_lacked_it_made_once_more() {
        let mut server = Server::default();
        let mut used = server.clone();
        let wanted = heard(400, Some("n1"), r#"{"error":"use_dpop_nonce"}"#);
        assert!(server.learn(&used, &wanted, NOW));
        used = server.clone();
        // It had that one.
        assert!(!server.learn(&used, &wanted, NOW));
        // The next one comes with any answer, and is none to make a request anew for.
        assert!(!server.learn(&used, &heard(200, Some("n2"), ""), NOW));
        assert_eq!(server.nonce.as_deref(), Some("n2"));
        assert!(!server.learn(
            &used,
            &heard(401, None, "DPoP error=\"use_dpop_nonce\""),
            NOW
        ));
        assert!(!server.learn(
            &used,
            &heard(401, Some("n3"), "DPoP error=\"invalid_token\""),
            NOW
        ));
        assert!(!server.learn(&used, &heard(503, Some("n4"), "use_dpop_nonce"), NOW));
        assert_eq!(server.nonce.as_deref(), Some("n4"));
    }

    #[test]
    fn a_wrong_clock_costs_one_request_more() {
        let mut server = Server::default();
        let used = server.clone();
        let refused = |seconds: i64| Heard {
            date: Some(Timestamp::from_seconds(NOW.seconds() + seconds)),
            ..heard(401, None, "DPoP error=\"invalid_dpop_proof\"")
        };
        assert!(!server.learn(&used, &refused(5), NOW));
        assert!(server.learn(&used, &refused(-400), NOW));
        assert_eq!(server.skew, -400);
        let used = server.clone();
        assert!(!server.learn(&used, &refused(-402), NOW));
        let fine = Heard {
            status: 200,
            ..refused(0)
        };
        assert!(!server.learn(&used, &fine, NOW));
        assert_eq!(server.skew, -400);
    }
}
