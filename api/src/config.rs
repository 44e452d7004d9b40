//! The API's configuration: read once an isolate, refused with the name of what is wrong.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::resource::metadata_path;
use gatepass_core::time::Lifetime;
use gatepass_edge::EdgeError;
use gatepass_edge::config::{Conduct, lifetime, optional, origins};
use gatepass_edge::d1::{Database, RoundTrips};
use gatepass_guard::{Guard, SignIn};
use worker::Env;

/// Everything that can be set from outside.
#[derive(Debug)]
pub struct Config {
    /// `GATEPASS_ENV`: `development`, or `production` if not set. `GATEPASS_REQUEST_LOG`: `refused`, or
    /// `all` if not set.
    pub conduct: Conduct,
    /// `GATEPASS_ISSUER`, `GATEPASS_AUDIENCE`, `GATEPASS_VALIDATION`, `GATEPASS_CLIENT_ID`,
    /// `GATEPASS_DPOP` and the secrets `GATEPASS_API_SECRET` and `GATEPASS_DPOP_NONCE_KEY`.
    pub guard: Guard,
    /// How the user must have signed in to change the profile. `GATEPASS_UPDATE_MAX_AGE`: how long ago at most.
    /// `GATEPASS_UPDATE_ACR_VALUES`: how surely, as values of `acr` with spaces between them.
    pub update_sign_in: SignIn,
    /// The path of the API's metadata, which follows from its audience (RFC 9728 §3.1).
    pub metadata_path: String,
    allowed_origins: Vec<String>,
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

impl Config {
    /// The configuration in `env`. An isolate's never changes.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable, secret or binding that is missing or wrong.
    pub fn of(env: &Env) -> Result<Rc<Self>, EdgeError> {
        if let Some(config) = CONFIG.with_borrow(Clone::clone) {
            return Ok(config);
        }
        let config = Rc::new(Self::read(env)?);
        CONFIG.set(Some(Rc::clone(&config)));
        Ok(config)
    }

    /// Whether web pages of this origin may call the API: `GATEPASS_ALLOWED_ORIGINS`.
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|known| known == origin)
    }

    fn read(env: &Env) -> Result<Self, EdgeError> {
        let conduct = Conduct::from_env(env)?;
        Database::new(env, "DB", RoundTrips::default())?;
        let guard = Guard::from_env(env)?;
        let update_max_age = lifetime(env, "GATEPASS_UPDATE_MAX_AGE", Lifetime::UNLIMITED)?;
        Ok(Self {
            conduct,
            metadata_path: metadata_path(&guard.expected().audience),
            guard,
            update_sign_in: SignIn {
                max_age: Some(update_max_age).filter(|age| *age < Lifetime::UNLIMITED),
                acr_values: optional(env, "GATEPASS_UPDATE_ACR_VALUES"),
            },
            allowed_origins: origins(env, "GATEPASS_ALLOWED_ORIGINS")?,
        })
    }
}
