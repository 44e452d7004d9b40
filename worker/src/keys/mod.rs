//! The signing keys: read from D1, cached for the isolate, kept up on the way.

pub mod command;
mod maker;
mod seal;
mod settings;
mod stored;
mod upkeep;

pub use maker::KeyMaker;
pub use seal::{KeyEncryption, Sealed};
pub use settings::KeySettings;
pub use upkeep::keep_up;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gatepass_core::discovery::KeySet;
use gatepass_core::id::KeyId;
use gatepass_core::jose::{self, Claims, Jwt, JwtError, ParsedJwt, SigningAlgorithm};
use gatepass_core::keys::KeyStatus;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_edge::verify::{VerificationKey, VerificationKeys};
use gatepass_edge::webcrypto::{self, CryptoKey};
use gatepass_edge::{EdgeError, clock};
use serde::de::DeserializeOwned;

use self::stored::{StoredKey, stored_lifetime};
use crate::app::App;
use crate::config::Config;
use crate::store::KeyRow;

/// How soon a token with an unknown key may cause the next look into the store: tokens with invented
/// keys must not cause a flood.
const LOOKED_AGAIN_AFTER: Lifetime = Lifetime::from_seconds(10);

/// Longer than an isolate takes to read the keys again, and with them how long tokens live.
const LEAST_LOOK_BACK: Lifetime = Lifetime::from_minutes(10);

/// The keys as an isolate has read them.
#[derive(Debug)]
pub struct Keys {
    signing: Vec<Signer>,
    verifying: VerificationKeys,
    /// What was retired still recognizes an ID token at sign-out.
    retired: VerificationKeys,
    published: KeySet,
    rows: Vec<KeyRow>,
    read_at: Cell<Timestamp>,
}

/// A key that signs.
#[derive(Debug)]
struct Signer {
    id: KeyId,
    algorithm: SigningAlgorithm,
    key: CryptoKey,
    token_lifetime: Cell<Lifetime>,
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

impl Keys {
    /// The keys; read from the store if this isolate has not done so lately. What is due is done on
    /// the way, and a key is made where there is none for one of `algorithms`.
    ///
    /// # Errors
    ///
    /// When the store or WebCrypto fails, or no key encryption key is the one that was used.
    pub async fn of(app: &App, algorithms: &[SigningAlgorithm]) -> Result<Rc<Self>, EdgeError> {
        Self::no_older_than(app.config.keys.schedule.isolate_lifetime, app, algorithms).await
    }

    /// The isolate looks into the store before it uses any key again.
    pub fn forget() {
        KEYS.set(None);
    }

    /// The public halves, for the JWKS document.
    pub fn published(&self) -> &KeySet {
        &self.published
    }

    /// The longest that a token lives which one of them has signed.
    pub fn longest_token_lifetime(&self) -> Lifetime {
        let lifetimes = self.rows.iter().map(|row| row.token_lifetime);
        let seconds = u32::try_from(lifetimes.max().unwrap_or_default());
        // What another isolate has signed for longer it has told the store: see `no_older_than`.
        let known = seconds.map_or(Lifetime::UNLIMITED, Lifetime::from_seconds);
        known.max(LEAST_LOOK_BACK)
    }

    /// Signs a token.
    ///
    /// # Errors
    ///
    /// When the store or WebCrypto fails, or the keys were asked for without this algorithm.
    pub async fn sign(
        &self,
        app: &App,
        algorithm: SigningAlgorithm,
        token_type: &str,
        jwt: &Jwt<Claims>,
    ) -> Result<String, EdgeError> {
        let missing = EdgeError::Corrupt("no signing key is current");
        let signer = self.signer(algorithm).ok_or(missing)?;
        let lifetime = stored_lifetime(jwt.expires_at.remaining(jwt.issued_at));
        if lifetime > signer.token_lifetime.get() {
            // The key must stay published for as long: the store has to know before it signs.
            app.store.lengthen_key(&signer.id, lifetime).await?;
            signer.token_lifetime.set(lifetime);
        }
        let unsigned = jose::unsigned(token_type, algorithm, &signer.id, jwt)?;
        let signature = webcrypto::sign(algorithm, &signer.key, unsigned.signing_input()).await?;
        Ok(unsigned.attach(&signature))
    }

    async fn no_older_than(
        age: Lifetime,
        app: &App,
        algorithms: &[SigningAlgorithm],
    ) -> Result<Rc<Self>, EdgeError> {
        let now = clock::now();
        let cached = KEYS.with_borrow(Clone::clone);
        let is_fresh =
            |keys: &&Rc<Self>| keys.read_at.get().is_within(age, now) && keys.have_all(algorithms);
        if let Some(keys) = cached.as_ref().filter(is_fresh) {
            return Ok(Rc::clone(keys));
        }
        let rows = keep_up(app, algorithms, now).await?;
        let keys = match cached.filter(|keys| keys.rows == rows) {
            Some(keys) => keys,
            None => Rc::new(Self::import(rows, &app.config).await?),
        };
        keys.read_at.set(now);
        KEYS.set(Some(Rc::clone(&keys)));
        Ok(keys)
    }

    async fn import(rows: Vec<KeyRow>, config: &Config) -> Result<Self, EdgeError> {
        let encryption = &config.keys.encryption;
        let (mut signing, mut published) = (Vec::new(), Vec::new());
        let (mut verifying, mut retired) = (Vec::new(), Vec::new());
        for row in &rows {
            let key = StoredKey::parse(row, encryption)?;
            let record = &key.record;
            if record.status == KeyStatus::Revoked {
                continue;
            }
            let (id, algorithm) = (record.id.clone(), record.algorithm);
            let public =
                VerificationKey::import(Some(id.clone()), algorithm.method(), &key.public).await?;
            if record.status.is_published() {
                published.push(key.published_jwk());
                verifying.push(public);
            } else {
                retired.push(public);
            }
            if let (KeyStatus::Current, Some(private)) = (record.status, &key.private) {
                let private = encryption.open(&id, private).await?;
                signing.push(Signer {
                    key: webcrypto::import_private(algorithm, &private).await?,
                    token_lifetime: Cell::new(record.token_lifetime),
                    id,
                    algorithm,
                });
            }
        }
        Ok(Self {
            signing,
            verifying: verifying.into_iter().collect(),
            retired: retired.into_iter().collect(),
            published: KeySet { keys: published },
            rows,
            read_at: Cell::new(Timestamp::from_seconds(0)),
        })
    }

    fn signer(&self, algorithm: SigningAlgorithm) -> Option<&Signer> {
        self.signing.iter().find(|key| key.algorithm == algorithm)
    }

    fn have_all(&self, algorithms: &[SigningAlgorithm]) -> bool {
        let have = |algorithm: &SigningAlgorithm| self.signer(*algorithm).is_some();
        algorithms.iter().all(have)
    }

    /// Whether the store may have the key of `token`, as far as this isolate cannot know.
    fn may_lack(&self, token: &ParsedJwt<'_>) -> bool {
        let named = token.key_id();
        named.is_some_and(|id| !self.rows.iter().any(|row| row.key_id == id.as_str()))
    }
}

/// Reads a token that [`Keys::sign`] made: type, key, signature, claims, expiry.
///
/// # Errors
///
/// The inner [`JwtError`] if the token is at fault.
pub async fn verify<P: DeserializeOwned>(
    app: &App,
    token_type: &str,
    token: &str,
    now: Timestamp,
) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
    let token = match ParsedJwt::parse(token_type, token) {
        Ok(token) => token,
        Err(error) => return Ok(Err(error)),
    };
    keys_for(app, &token)
        .await?
        .verifying
        .verify_parsed(&token, now, Lifetime::NONE)
        .await
}

/// Reads an ID token that is shown at sign-out: however old, it still says who asks (OIDC RP-Initiated
/// Logout §4).
///
/// # Errors
///
/// The inner [`JwtError`] if the token is at fault.
pub async fn verify_hint<P: DeserializeOwned>(
    app: &App,
    token_type: &str,
    token: &str,
) -> Result<Result<Jwt<P>, JwtError>, EdgeError> {
    let token = match ParsedJwt::parse(token_type, token) {
        Ok(token) => token,
        Err(error) => return Ok(Err(error)),
    };
    let keys = keys_for(app, &token).await?;
    let set = match keys.verifying.find(&token) {
        Some(_) => &keys.verifying,
        None => &keys.retired,
    };
    set.verify_parsed(&token, clock::now(), Lifetime::UNLIMITED)
        .await
}

/// The keys, among them the token's, if there is such a key at all: another isolate may just have made
/// it.
async fn keys_for(app: &App, token: &ParsedJwt<'_>) -> Result<Rc<Keys>, EdgeError> {
    let keys = app.keys().await?;
    if keys.may_lack(token) {
        let wanted = [app.config.keys.algorithm];
        return Keys::no_older_than(LOOKED_AGAIN_AFTER, app, &wanted).await;
    }
    Ok(keys)
}
