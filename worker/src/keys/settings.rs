//! How the signing keys are made, kept and changed.

use gatepass_core::grant::Lifetimes;
use gatepass_core::jose::SigningAlgorithm;
use gatepass_core::keys::Schedule;
use gatepass_core::time::Lifetime;
use gatepass_edge::EdgeError;
use gatepass_edge::config::{key, keys, lifetime, optional};
use worker::Env;

use super::KeyEncryption;

/// What can be set from outside.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// `GATEPASS_SIGNING_ALGORITHM`: how tokens are signed for clients that did not choose.
    pub algorithm: SigningAlgorithm,
    /// The secret `GATEPASS_KEY_ENCRYPTION_KEY`; decrypts also what was encrypted under
    /// `GATEPASS_PREVIOUS_KEY_ENCRYPTION_KEY`, one or several separated by spaces.
    pub encryption: KeyEncryption,
    /// `GATEPASS_KEY_ROTATION_PERIOD` and `GATEPASS_JWKS_CACHE_LIFETIME`, in seconds.
    pub schedule: Schedule,
}

impl KeySettings {
    /// What stands in `env`.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable or secret that is missing or wrong.
    pub fn read(env: &Env, lifetimes: &Lifetimes) -> Result<Self, EdgeError> {
        let encryption_key = key(env, "GATEPASS_KEY_ENCRYPTION_KEY")?;
        let earlier = keys(env, "GATEPASS_PREVIOUS_KEY_ENCRYPTION_KEY")?;
        let a_month = Lifetime::from_days(30);
        let jwks_lifetime = jwks_lifetime(env)?;
        Ok(Self {
            algorithm: algorithm(env)?,
            encryption: KeyEncryption::new(&encryption_key, &earlier),
            schedule: Schedule {
                rotation_period: lifetime(env, "GATEPASS_KEY_ROTATION_PERIOD", a_month)?,
                jwks_lifetime,
                isolate_lifetime: jwks_lifetime.min(Lifetime::from_minutes(1)),
                hint_lifetime: lifetimes.grant,
            },
        })
    }
}

fn algorithm(env: &Env) -> Result<SigningAlgorithm, EdgeError> {
    let name = "GATEPASS_SIGNING_ALGORITHM";
    let problem = "must be ES256, RS256, EdDSA or Ed25519";
    optional(env, name).map_or(Ok(SigningAlgorithm::ES256), |text| {
        SigningAlgorithm::parse(&text).ok_or(EdgeError::Config { name, problem })
    })
}

fn jwks_lifetime(env: &Env) -> Result<Lifetime, EdgeError> {
    let name = "GATEPASS_JWKS_CACHE_LIFETIME";
    let jwks = lifetime(env, name, Lifetime::from_minutes(10))?;
    // For as long, a key that was stolen is believed after it was replaced.
    if jwks > Lifetime::from_days(1) {
        let problem = "must be 86400 seconds at most";
        return Err(EdgeError::Config { name, problem });
    }
    Ok(jwks)
}
