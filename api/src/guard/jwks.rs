//! Checking a token with the provider's published keys (RFC 7517, RFC 9068 §4).

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::id::KeyId;
use gatepass_core::jose::{JwtError, ParsedJwt, SigningAlgorithm};
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, check_jwt};
use gatepass_core::secret::AccessToken;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access;
use gatepass_edge::webcrypto::{self, CryptoKey};
use gatepass_edge::{EdgeError, fetch};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How long keys are used before they are fetched again.
const CACHED_FOR: Lifetime = Lifetime::from_minutes(10);
/// How soon an unknown key may cause the next fetch: tokens with invented keys must not cause a
/// flood.
const FETCHED_AGAIN_AFTER: Lifetime = Lifetime::from_seconds(30);

/// A JWKS document.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
}

#[derive(Debug)]
struct Keys {
    url: String,
    fetched_at: Timestamp,
    known: Vec<(KeyId, SigningAlgorithm, CryptoKey)>,
}

impl Keys {
    fn find(&self, token: &ParsedJwt<'_>) -> Option<&(KeyId, SigningAlgorithm, CryptoKey)> {
        let (key_id, algorithm) = (token.key_id()?, token.algorithm()?);
        self.known
            .iter()
            .find(|(id, alg, _)| *id == key_id && *alg == algorithm)
    }
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

/// Judges `token` without asking the provider, unless its keys are not known yet.
pub(super) async fn judge(
    jwks_uri: &str,
    token: &AccessToken,
    expected: &Expected,
    now: Timestamp,
) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
    let parsed = match ParsedJwt::parse(access::TYPE, token.expose()) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.into())),
    };
    let mut keys = fresh(jwks_uri, CACHED_FOR, now).await?;
    if keys.find(&parsed).is_none() {
        keys = fresh(jwks_uri, FETCHED_AGAIN_AFTER, now).await?;
    }
    let Some((_, algorithm, key)) = keys.find(&parsed) else {
        return Ok(Err(JwtError::Signature.into()));
    };
    let (message, signature) = (parsed.signing_input(), parsed.signature());
    let is_valid = webcrypto::verify(*algorithm, key, message, signature).await?;
    let verified = parsed
        .verified(is_valid, now)
        .map_err(ResourceRefusal::from);
    Ok(verified.and_then(|jwt| check_jwt(jwt, expected)))
}

/// The published keys, no older than `age`.
async fn fresh(url: &str, age: Lifetime, now: Timestamp) -> Result<Rc<Keys>, EdgeError> {
    let cached = KEYS.with_borrow(Clone::clone);
    let cached = cached.filter(|keys| keys.url == url && keys.fetched_at.is_within(age, now));
    if let Some(keys) = cached {
        return Ok(keys);
    }
    let set: KeySet = fetch::json(url).await?;
    let mut known = Vec::new();
    for jwk in &set.keys {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        let key_id = text("kid").and_then(|id| KeyId::parse(id).ok());
        let algorithm = text("alg").and_then(SigningAlgorithm::parse);
        // Keys for other algorithms and purposes are not ours to judge by.
        let (Some(key_id), Some(algorithm)) = (key_id, algorithm) else {
            continue;
        };
        if let Ok(key) = webcrypto::import_public(algorithm, jwk).await {
            known.push((key_id, algorithm, key));
        }
    }
    let keys = Rc::new(Keys {
        url: url.to_owned(),
        fetched_at: now,
        known,
    });
    KEYS.set(Some(Rc::clone(&keys)));
    Ok(keys)
}
