//! Development data: users and clients with well-known names, only with
//! `GATEPASS_ENV=development`.

use std::cell::Cell;

use gatepass_core::secret::ClientSecret;
use gatepass_edge::config::{Environment, required};
use gatepass_edge::{EdgeError, clock};
use serde_json::{Value, json};

use crate::app::App;

/// Argon2id of `demo-password`.
pub const DEMO_PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBhc3MtZGVtby11c2Vy$e7ccZOBdjxQVRKtAgnCrtCsTM8xCEZVpQ2p0F89aeDY";
/// Argon2id of `admin-password`.
pub const ADMIN_PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBhc3MtYWRtaW4tdXNl$Pbd/gkdBWzG/y4aSbpajuVzLh/wKP6YDQrgPFNBxSO8";

const SCOPE: &str = "openid profile email offline_access read write";

thread_local! {
    static IS_PREPARED: Cell<bool> = const { Cell::new(false) };
}

/// Creates the development data, once an isolate. Secrets follow `.dev.vars`.
///
/// # Errors
///
/// When D1 fails (have the migrations been applied?) or a secret is missing.
pub async fn prepare(app: &App) -> Result<(), EdgeError> {
    if app.config.environment != Environment::Development || IS_PREPARED.get() {
        return Ok(());
    }
    let (clients, users) = (clients(app)?.to_string(), users().to_string());
    app.store
        .upsert_development_data(&clients, &users, clock::now().seconds())
        .await?;
    IS_PREPARED.set(true);
    Ok(())
}

fn clients(app: &App) -> Result<Value, EdgeError> {
    let secret_hash = |name: &'static str| {
        Ok::<_, EdgeError>(
            ClientSecret::new(required(&app.env, name)?)
                .hash()
                .to_base64url(),
        )
    };
    let site = &app.config.development_site;
    let both = "authorization_code refresh_token";
    Ok(json!([
        {
            "client_id": "gatepass-demo", "name": "Gatepass demo", "auth_method": "none",
            "redirect_uris": format!("{site}/callback"),
            "post_logout_redirect_uris": format!("{site}/"), "origins": site,
            "scope": SCOPE, "grant_types": both, "may_introspect": 0,
        },
        {
            "client_id": "gatepass-gateway", "name": "Gatepass gateway",
            "auth_method": "client_secret_basic",
            "secret_hash": secret_hash("GATEPASS_GATEWAY_SECRET")?,
            "redirect_uris": format!("{site}/login/oauth2/code/gatepass"),
            "post_logout_redirect_uris": format!("{site}/"), "origins": "",
            "scope": SCOPE, "grant_types": both, "may_introspect": 0,
        },
        {
            "client_id": "gatepass-api", "name": "Gatepass API",
            "auth_method": "client_secret_basic",
            "secret_hash": secret_hash("GATEPASS_API_SECRET")?,
            "redirect_uris": "", "post_logout_redirect_uris": "", "origins": "",
            "scope": "", "grant_types": "", "may_introspect": 1,
        },
        {
            "client_id": "gatepass-service", "name": "Gatepass service",
            "auth_method": "client_secret_basic",
            "secret_hash": secret_hash("GATEPASS_SERVICE_SECRET")?,
            "redirect_uris": "", "post_logout_redirect_uris": "", "origins": "",
            "scope": "read write", "grant_types": "client_credentials", "may_introspect": 0,
        },
        {
            "client_id": "gatepass-cli", "name": "Gatepass command line", "auth_method": "none",
            "redirect_uris": "http://127.0.0.1/callback", "post_logout_redirect_uris": "",
            "origins": "", "scope": SCOPE, "grant_types": both, "may_introspect": 0,
        },
    ]))
}

fn users() -> Value {
    json!([
        {
            "user_id": "demo", "username": "demo", "password_hash": DEMO_PASSWORD_HASH,
            "name": "Demo User", "email": "demo@example.com",
        },
        {
            "user_id": "admin", "username": "admin", "password_hash": ADMIN_PASSWORD_HASH,
            "name": "Administrator", "email": "admin@example.com",
        },
    ])
}
