//! Signing a browser in with what somebody typed, wherever that leads.

use gatepass_core::authorize::SignIn;
use gatepass_core::form::Form;
use gatepass_core::grant::AuthenticationMethod;
use gatepass_core::id::{BrowserId, SignInId};
use gatepass_core::secret::SignInCookie;
use gatepass_core::store::AuthorizeStore;
use gatepass_core::time::Timestamp;
use gatepass_edge::random;

use super::{Outcome, sign_in_cookie};
use crate::app::App;
use crate::password;

/// The same words for a wrong password and for an unknown user.
const WRONG: &str = "User name and password do not match.";

/// What somebody typed.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

/// A browser that has just been signed in.
pub(super) struct SignedIn {
    pub(super) id: SignInId,
    /// The `Set-Cookie` value.
    pub(super) cookie: String,
}

impl<'a> Typed<'a> {
    pub(super) fn of(form: &'a Form) -> Self {
        Self {
            username: form.optional("username").unwrap_or_default(),
            password: form.optional("password").unwrap_or_default(),
        }
    }

    /// Signs `browser` in; a refusal is what to tell the user.
    pub(super) async fn sign_in(
        self,
        browser: &BrowserId,
        earlier: Option<&SignInId>,
        app: &App,
        now: Timestamp,
    ) -> Outcome<SignedIn, &'static str> {
        if self.username.is_empty() || self.password.is_empty() {
            return Ok(Err("Enter your user name and your password."));
        }
        let account = app.store.user_by_name(self.username).await?;
        let hash = account.as_ref().map(|account| &account.password_hash);
        let is_right = password::verify(&app.env, self.password, hash).await?;
        let Some(account) = account.filter(|_| is_right) else {
            return Ok(Err(WRONG));
        };
        // A new cookie at each sign-in: one planted before is worth nothing.
        let cookie = SignInCookie::from_random(random::bytes()?);
        let sign_in = SignIn {
            id: cookie.id(),
            browser: browser.clone(),
            subject: account.user.subject,
            auth_time: now,
            amr: vec![AuthenticationMethod::Password],
            expires_at: now.plus(app.config.sign_in_lifetime),
        };
        app.store.insert_sign_in(&sign_in, earlier).await?;
        Ok(Ok(SignedIn {
            id: sign_in.id,
            cookie: sign_in_cookie(app).set(cookie.expose(), app.config.issuer.as_str()),
        }))
    }
}
