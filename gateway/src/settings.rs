//! The gateway's variables.

use gatepass_edge::{EdgeError, config};
use worker::Env;

/// Where the demo site's counterparts are.
#[derive(Debug)]
pub(crate) struct Config {
    /// The provider's origin.
    pub(crate) issuer: String,
    /// The API's origin.
    pub(crate) api: String,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Config`] naming the variable that is missing or wrong.
    pub(crate) fn read(env: &Env) -> Result<Self, EdgeError> {
        Ok(Self {
            issuer: config::origin(env, "GATEPASS_ISSUER")?,
            api: config::origin(env, "GATEPASS_API")?,
        })
    }
}
