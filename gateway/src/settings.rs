//! The gateway's configuration: read once an isolate, refused with the name of what is wrong.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_edge::EdgeError;
use gatepass_edge::config::{Conduct, origin};
use worker::Env;

/// Where the gateway runs, and where the demo site's counterparts are.
#[derive(Debug)]
pub(crate) struct Config {
    /// `GATEPASS_ENV`: `development`, or `production` if not set. `GATEPASS_REQUEST_LOG`: `refused`, or
    /// `all` if not set.
    pub(crate) conduct: Conduct,
    /// `GATEPASS_ISSUER`: the provider's origin.
    pub(crate) issuer: String,
    /// `GATEPASS_API`: the API's origin.
    pub(crate) api: String,
}

thread_local! {
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

impl Config {
    /// The configuration in `env`. An isolate's never changes.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable that is missing or wrong.
    pub(crate) fn of(env: &Env) -> Result<Rc<Self>, EdgeError> {
        if let Some(config) = CONFIG.with_borrow(Clone::clone) {
            return Ok(config);
        }
        let config = Rc::new(Self {
            conduct: Conduct::from_env(env)?,
            issuer: origin(env, "GATEPASS_ISSUER")?,
            api: origin(env, "GATEPASS_API")?,
        });
        CONFIG.set(Some(Rc::clone(&config)));
        Ok(config)
    }
}
