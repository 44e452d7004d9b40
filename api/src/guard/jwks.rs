//! Checking a token with the provider's published keys (RFC 7517, RFC 9068 §4).

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::jose::ParsedJwt;
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, check_jwt};
use gatepass_core::secret::AccessToken;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access;
use gatepass_edge::verify::VerificationKeys;
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
    known: VerificationKeys,
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
    if keys.known.find(&parsed).is_none() {
        keys = fresh(jwks_uri, FETCHED_AGAIN_AFTER, now).await?;
    }
    let verified = keys.known.verify_parsed(&parsed, now).await?;
    Ok(verified
        .map_err(ResourceRefusal::from)
        .and_then(|jwt| check_jwt(jwt, expected)))
}

/// The published keys, no older than `age`.
async fn fresh(url: &str, age: Lifetime, now: Timestamp) -> Result<Rc<Keys>, EdgeError> {
    let cached = KEYS.with_borrow(Clone::clone);
    let cached = cached.filter(|keys| keys.url == url && keys.fetched_at.is_within(age, now));
    if let Some(keys) = cached {
        return Ok(keys);
    }
    let set: KeySet = fetch::json(url).await?;
    let keys = Rc::new(Keys {
        url: url.to_owned(),
        fetched_at: now,
        known: VerificationKeys::import(&set.keys).await,
    });
    KEYS.set(Some(Rc::clone(&keys)));
    Ok(keys)
}
