//! Development data: the users and clients of `data.json`, only with `GATEPASS_ENV=development`.

use std::cell::Cell;

use gatepass_core::secret::ClientSecret;
use gatepass_edge::config::{Environment, required};
use gatepass_edge::{EdgeError, clock, document};

use crate::app::App;

/// `{site}` stands for the demo site's origin, `secret` names the variable that holds one.
const DATA: &str = "/development/data.json";

/// The variables that `data.json` names.
const SECRETS: [&str; 3] = [
    "GATEPASS_GATEWAY_SECRET",
    "GATEPASS_API_SECRET",
    "GATEPASS_SERVICE_SECRET",
];

thread_local! {
    static IS_PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Creates the development data, once an isolate. Secrets follow `.dev.vars`.
///
/// # Errors
///
/// When D1 fails (have the migrations been applied?) or a secret is missing.
pub async fn prepare(app: &App) -> Result<(), EdgeError> {
    if app.config.conduct.environment != Environment::Development || IS_PREPARED.get() {
        return Ok(());
    }
    let mut hashes = serde_json::Map::new();
    for name in SECRETS {
        let secret = ClientSecret::new(required(&app.env, name)?);
        hashes.insert(name.to_owned(), secret.hash().to_base64url().into());
    }
    let hashes = serde_json::Value::Object(hashes).to_string();
    app.store
        .upsert_development_data(
            &document::at(DATA).unwrap_or_default(),
            &app.config.development_site,
            &hashes,
            clock::now().seconds(),
        )
        .await?;
    IS_PREPARED.set(true);
    Ok(())
}

/// The Argon2id hash of a development user's password.
#[cfg(test)]
pub fn password_hash(user: &str) -> String {
    let data: serde_json::Value = serde_json::from_str(include_str!("data.json")).unwrap();
    let users = data["users"].as_array().unwrap();
    let user = users.iter().find(|found| found["user_id"] == user).unwrap();
    user["password_hash"].as_str().unwrap().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_the_data_has_its_variable() {
        let data: serde_json::Value = serde_json::from_str(include_str!("data.json")).unwrap();
        let clients = data["clients"].as_array().unwrap().iter();
        let named: Vec<_> = clients
            .filter_map(|client| client["secret"].as_str())
            .collect();
        assert_eq!(named, SECRETS);
    }
}
