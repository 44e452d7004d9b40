//! What an operator may ask to be done with the signing keys, as JSON.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{KeyRecord, KeyStatus, PromotionRefusal};
use crate::base64;
use crate::error::{ErrorCode, ErrorResponse};
use crate::id::KeyId;
use crate::jose::SigningAlgorithm;

/// Why a command is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandRefusal {
    /// The body is not a JSON object.
    #[error("the body must be a JSON object")]
    Body,
    /// A member of it is missing or wrong.
    #[error("{0} is missing, or not what it may be")]
    Member(&'static str),
    /// The key is not one that could sign: of another type or curve, without its private half, or at
    /// odds with its public one.
    #[error("key is not a private key for an algorithm of this provider")]
    UselessKey,
    /// RFC 7518 §3.3.
    #[error("an RSA key must have 2048 bits or more")]
    WeakKey,
    /// No key has this name, or it was revoked before.
    #[error("there is no such key")]
    NoSuchKey,
    /// It is here already, perhaps revoked, or another has its name.
    #[error("this key is here already, or another of its name")]
    KnownKey,
    /// It is too early to promote a key.
    #[error(transparent)]
    TooEarly(#[from] PromotionRefusal),
}

impl CommandRefusal {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Body | Self::Member(_) | Self::UselessKey | Self::WeakKey => 400,
            Self::NoSuchKey => 404,
            Self::KnownKey | Self::TooEarly(_) => 409,
        }
    }
}

impl From<CommandRefusal> for ErrorResponse {
    fn from(refusal: CommandRefusal) -> Self {
        Self::new(ErrorCode::InvalidRequest, refusal.to_string())
    }
}

/// Which keys somebody else may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Compromised {
    /// All that were ever made.
    All,
    /// This one.
    Key(KeyId),
}

impl Compromised {
    /// Reads `{"all":true}` or `{"kid":"..."}`.
    ///
    /// # Errors
    ///
    /// [`CommandRefusal::Body`] or [`CommandRefusal::Member`].
    pub fn parse(body: &str) -> Result<Self, CommandRefusal> {
        let body = object(body)?;
        match (body.get("all"), text(&body, "kid")?) {
            (None, Some(kid)) => key_id(kid).map(Self::Key),
            (Some(Value::Bool(true)), None) => Ok(Self::All),
            (Some(_), _) => Err(CommandRefusal::Member("all")),
            (None, None) => Err(CommandRefusal::Member("kid")),
        }
    }

    /// The algorithms that must have a new key at once.
    ///
    /// # Errors
    ///
    /// [`CommandRefusal::NoSuchKey`] if there is nothing to revoke.
    pub fn algorithms(&self, keys: &[KeyRecord]) -> Result<Vec<SigningAlgorithm>, CommandRefusal> {
        let is_meant = |key: &&KeyRecord| match self {
            Self::All => true,
            Self::Key(id) => key.id == *id && key.status != KeyStatus::Revoked,
        };
        let meant: Vec<_> = keys.iter().filter(is_meant).collect();
        if meant.is_empty() {
            return Err(CommandRefusal::NoSuchKey);
        }
        let in_use = meant.iter().filter(|key| key.status.has_private_half());
        Ok(in_use.map(|key| key.algorithm).collect())
    }
}

/// The algorithm whose next key should sign already, as in `{"alg":"RS256"}`; `None` for everyone's.
///
/// # Errors
///
/// [`CommandRefusal::Body`] or [`CommandRefusal::Member`].
pub fn parse_rotation(body: &str) -> Result<Option<SigningAlgorithm>, CommandRefusal> {
    algorithm(&object(body)?)
}

/// A key that was made elsewhere.
#[derive(Debug)]
pub struct Import {
    /// The key itself.
    pub key: ForeignKey,
    /// How it is to sign, if that is said.
    pub algorithm: Option<SigningAlgorithm>,
    /// Its name, if it has one.
    pub id: Option<KeyId>,
    /// [`KeyStatus::Next`], or [`KeyStatus::Current`] if whoever verifies knows it already.
    pub status: KeyStatus,
}

/// A private key as it was handed in.
pub enum ForeignKey {
    /// RFC 7517, RFC 8037.
    Jwk(Map<String, Value>),
    /// PKCS #8 (RFC 5958), DER.
    Pkcs8(Zeroizing<Vec<u8>>),
}

impl core::fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ForeignKey([redacted])")
    }
}

impl Import {
    /// Reads `{"key":...}` with a private JWK or PKCS #8 as PEM or base64, and perhaps `alg`, `kid`, and
    /// `status`: `next` or `current`.
    ///
    /// # Errors
    ///
    /// [`CommandRefusal::Body`] or [`CommandRefusal::Member`].
    pub fn parse(body: &str) -> Result<Self, CommandRefusal> {
        let mut body = object(body)?;
        let key = match body.remove("key") {
            Some(Value::Object(jwk)) => ForeignKey::Jwk(jwk),
            Some(Value::String(pkcs8)) => ForeignKey::Pkcs8(der(&pkcs8)?),
            _ => return Err(CommandRefusal::Member("key")),
        };
        let status = match text(&body, "status")? {
            None | Some("next") => KeyStatus::Next,
            Some("current") => KeyStatus::Current,
            Some(_) => return Err(CommandRefusal::Member("status")),
        };
        let nothing = Map::new();
        let own = match &key {
            ForeignKey::Jwk(jwk) => jwk,
            ForeignKey::Pkcs8(_) => &nothing,
        };
        let said = text(&body, "kid")?.or(text(own, "kid")?);
        Ok(Self {
            algorithm: algorithm(&body)?.or(algorithm(own)?),
            id: said.map(key_id).transpose()?,
            status,
            key,
        })
    }

    /// What it may be for: what was said, else every algorithm of its type.
    pub fn candidates(&self) -> Vec<SigningAlgorithm> {
        // Ed25519 goes by the name that most verifiers know, unless the other is said.
        let usual = [
            SigningAlgorithm::ES256,
            SigningAlgorithm::RS256,
            SigningAlgorithm::EdDSA,
        ];
        self.algorithm
            .map_or(usual.to_vec(), |algorithm| vec![algorithm])
    }
}

/// Checks the public half of a key: that it is strong enough.
///
/// # Errors
///
/// [`CommandRefusal::WeakKey`] for an RSA key of less than 2048 bits.
pub fn check_strength(public: &Map<String, Value>) -> Result<(), CommandRefusal> {
    let Some(modulus) = public.get("n") else {
        return Ok(());
    };
    let modulus = modulus.as_str().map(Base64UrlUnpadded::decode_vec);
    let Some(Ok(modulus)) = modulus else {
        return Err(CommandRefusal::UselessKey);
    };
    // Without leading zeros (RFC 7518 §2), so the first byte holds the highest bit.
    let has_highest_bit = modulus.first().is_some_and(|byte| *byte >= 0x80);
    match modulus.len() {
        257.. => Ok(()),
        256 if has_highest_bit => Ok(()),
        _ => Err(CommandRefusal::WeakKey),
    }
}

fn object(body: &str) -> Result<Map<String, Value>, CommandRefusal> {
    crate::json::object(body.as_bytes()).map_err(|_| CommandRefusal::Body)
}

fn text<'a>(
    object: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'a str>, CommandRefusal> {
    match object.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(CommandRefusal::Member(member)),
    }
}

fn algorithm(object: &Map<String, Value>) -> Result<Option<SigningAlgorithm>, CommandRefusal> {
    let parse = |name| SigningAlgorithm::parse(name).ok_or(CommandRefusal::Member("alg"));
    text(object, "alg")?.map(parse).transpose()
}

/// Names stand in the header of every token.
fn key_id(text: &str) -> Result<KeyId, CommandRefusal> {
    let id = KeyId::parse(text).ok().filter(|_| text.len() <= 128);
    id.ok_or(CommandRefusal::Member("kid"))
}

/// PEM (RFC 7468 §10), or the base64 within it.
fn der(text: &str) -> Result<Zeroizing<Vec<u8>>, CommandRefusal> {
    let mut encoded = Zeroizing::new(String::new());
    for line in text.lines().map(str::trim) {
        if !line.starts_with("-----") {
            encoded.extend(line.split_whitespace());
        }
    }
    let der = base64::decode(&encoded, true).ok_or(CommandRefusal::Member("key"))?;
    Ok(Zeroizing::new(der))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Lifetime, Timestamp};
    use CommandRefusal::{Body, Member};

    #[test]
    fn what_is_compromised_is_said_in_one_way() {
        let key = |kid| Compromised::Key(KeyId::parse(kid).unwrap());
        assert_eq!(Compromised::parse(r#"{"kid":"a"}"#), Ok(key("a")));
        assert_eq!(Compromised::parse(r#"{"all":true}"#), Ok(Compromised::All));
        let long = format!(r#"{{"kid":"{}"}}"#, "x".repeat(129));
        for (body, refusal) in [
            ("", Body),
            ("[]", Body),
            ("{}", Member("kid")),
            (r#"{"kid":""}"#, Member("kid")),
            (r#"{"kid":7}"#, Member("kid")),
            (long.as_str(), Member("kid")),
            (r#"{"all":false}"#, Member("all")),
            (r#"{"all":true,"kid":"a"}"#, Member("all")),
        ] {
            assert_eq!(Compromised::parse(body), Err(refusal), "{body}");
        }
    }

    #[test]
    fn only_what_signs_or_will_has_to_be_made_anew() {
        let record = |name, algorithm, status| KeyRecord {
            id: KeyId::parse(name).unwrap(),
            algorithm,
            status,
            created_at: Timestamp::from_seconds(0),
            since: Timestamp::from_seconds(0),
            token_lifetime: Lifetime::from_seconds(1),
            is_readable: false,
        };
        let keys = [
            record("a", SigningAlgorithm::ES256, KeyStatus::Current),
            record("b", SigningAlgorithm::RS256, KeyStatus::Previous),
            record("c", SigningAlgorithm::EdDSA, KeyStatus::Revoked),
        ];
        let renewed = |kid: &str| Compromised::Key(KeyId::parse(kid).unwrap()).algorithms(&keys);
        assert_eq!(renewed("a"), Ok(vec![SigningAlgorithm::ES256]));
        assert_eq!(renewed("b"), Ok(vec![]));
        assert_eq!(renewed("c"), Err(CommandRefusal::NoSuchKey));
        assert_eq!(renewed("d"), Err(CommandRefusal::NoSuchKey));
        let all = Compromised::All.algorithms(&keys);
        assert_eq!(all, Ok(vec![SigningAlgorithm::ES256]));
        let nothing = Compromised::All.algorithms(&[]);
        assert_eq!(nothing, Err(CommandRefusal::NoSuchKey));
    }

    #[test]
    fn a_rotation_may_name_its_algorithm() {
        assert_eq!(parse_rotation("{}"), Ok(None));
        let rsa = parse_rotation(r#"{"alg":"RS256"}"#);
        assert_eq!(rsa, Ok(Some(SigningAlgorithm::RS256)));
        for wrong in [r#"{"alg":"none"}"#, r#"{"alg":null}"#] {
            assert_eq!(parse_rotation(wrong), Err(Member("alg")), "{wrong}");
        }
    }

    #[test]
    fn a_jwk_says_itself_what_it_is_unless_the_command_does() {
        let import = |more: &str| {
            let jwk = r#"{"kty":"OKP","kid":"own","alg":"EdDSA","d":"x"}"#;
            Import::parse(&format!(r#"{{"key":{jwk}{more}}}"#))
        };
        let own = import("").unwrap();
        assert_eq!(own.id.unwrap().as_str(), "own");
        assert_eq!(own.algorithm, Some(SigningAlgorithm::EdDSA));
        assert_eq!(own.status, KeyStatus::Next);
        let said = import(r#","kid":"said","alg":"Ed25519","status":"current""#).unwrap();
        assert_eq!(said.candidates(), [SigningAlgorithm::Ed25519]);
        assert_eq!(said.id.unwrap().as_str(), "said");
        assert_eq!(said.status, KeyStatus::Current);
        for (more, member) in [
            (r#","status":"previous""#, "status"),
            (r#","status":null"#, "status"),
            (r#","kid":"""#, "kid"),
            (r#","alg":"ES384""#, "alg"),
        ] {
            assert_eq!(import(more).unwrap_err(), Member(member), "{more}");
        }
        assert!(!format!("{:?}", import("")).contains("\"d\""));
    }

    #[test]
    fn pkcs8_may_be_pem_or_its_base64() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\\nAQID\\nBA==\\n-----END PRIVATE KEY-----\\n",
            "AQIDBA==",
            " AQID BA== ",
        ] {
            let import = Import::parse(&format!(r#"{{"key":"{text}"}}"#)).unwrap();
            let ForeignKey::Pkcs8(der) = &import.key else {
                panic!("not PKCS #8")
            };
            assert_eq!(**der, [1, 2, 3, 4], "{text}");
            assert_eq!(import.candidates().len(), 3);
            assert!(import.id.is_none());
        }
        for wrong in [r#""AQID-_==""#, "7", "null", "[]"] {
            let refused = Import::parse(&format!(r#"{{"key":{wrong}}}"#)).unwrap_err();
            assert_eq!(refused, Member("key"), "{wrong}");
        }
        assert_eq!(Import::parse("{}").unwrap_err(), Member("key"));
    }

    #[test]
    fn an_rsa_key_has_two_thousand_and_forty_eight_bits() {
        let rsa = |modulus: &[u8]| {
            let n = Base64UrlUnpadded::encode_string(modulus);
            let jwk = Map::from_iter([("n".to_owned(), Value::from(n))]);
            check_strength(&jwk)
        };
        assert_eq!(rsa(&[0x80; 256]), Ok(()));
        assert_eq!(rsa(&[0x01; 257]), Ok(()));
        assert_eq!(rsa(&[0x7f; 256]), Err(CommandRefusal::WeakKey));
        assert_eq!(rsa(&[0xff; 128]), Err(CommandRefusal::WeakKey));
        assert_eq!(check_strength(&Map::new()), Ok(()));
    }

    #[test]
    fn each_refusal_has_its_status() {
        let too_early = PromotionRefusal::UnknownUntil(Timestamp::from_seconds(1));
        for (refusal, status) in [
            (Body, 400),
            (Member("kid"), 400),
            (CommandRefusal::UselessKey, 400),
            (CommandRefusal::WeakKey, 400),
            (CommandRefusal::NoSuchKey, 404),
            (CommandRefusal::KnownKey, 409),
            (CommandRefusal::TooEarly(too_early), 409),
            (CommandRefusal::TooEarly(PromotionRefusal::NoNext), 409),
        ] {
            assert_eq!(refusal.status(), status, "{refusal}");
        }
    }
}
