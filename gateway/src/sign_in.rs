//! A sign-in that is under way, in a cookie: sealed, one for each, so that several tabs may sign in at once.

use gatepass_core::form::{self, Form};
use gatepass_core::gateway::cookie::{self, SameSite};
use gatepass_core::gateway::registration::RegistrationName;
use gatepass_core::rp::authorization::Transaction;
use gatepass_edge::{EdgeError, http};
use worker::{Headers, Request};

use crate::session::SessionSecret;
use crate::settings::Config;

const PURPOSE: &str = "gatepass sign-in";
const COOKIE: &str = "gatepass_sign_in_";
/// As long as the core lets a sign-in take.
const SECONDS: i64 = 3_600;
/// More than so many under way in one browser, and the oldest are given up: their cookies would fill the header.
const MOST: usize = 8;

/// A sign-in under way.
pub(crate) struct SignIn {
    pub(crate) registration: RegistrationName,
    pub(crate) transaction: Transaction,
    /// The session that it takes the place of. When the user comes back, the browser does not send its cookie.
    pub(crate) replaces: Option<SessionSecret>,
    /// The key that the code is bound to, and what comes of it (RFC 9449 §10), as it is kept.
    pub(crate) key: Option<String>,
}

impl core::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SignIn([redacted])")
    }
}

impl SignIn {
    /// Has the browser keep it.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) async fn keep(
        &self,
        request: &Request,
        headers: &Headers,
        config: &Config,
    ) -> Result<(), EdgeError> {
        let mut members = vec![("registration", self.registration.as_str().to_owned())];
        if let Some(secret) = &self.replaces {
            members.push(("replaces", secret.signed(config)));
        }
        if let Some(key) = &self.key {
            members.push(("key", key.clone()));
        }
        self.transaction
            .write_record(&mut |name, value| members.push((name, value.to_owned())));
        let text = form::encode(members.iter().map(|(name, value)| (*name, &**value)));
        let state = self.transaction.state().as_str();
        let sealed = config.sealer.seal(PURPOSE, state, &text).await?;
        let cookies = http::header(request, "Cookie").unwrap_or_default();
        let before: Vec<_> = cookie::beginning_with(&cookies, COOKIE).collect();
        // Browsers send the oldest first (RFC 6265 §5.4).
        for (rest, _) in before.iter().take((before.len() + 1).saturating_sub(MOST)) {
            headers.append("Set-Cookie", &cookie::clear(&format!("{COOKIE}{rest}")))?;
        }
        let cookie = cookie::set(&name(state), &sealed, SECONDS, SameSite::Lax);
        Ok(headers.append("Set-Cookie", &cookie)?)
    }

    /// The one that an answer with this state belongs to, if this browser has begun it.
    pub(crate) async fn of(request: &Request, state: &str, config: &Config) -> Option<Self> {
        let cookies = http::header(request, "Cookie")?;
        let sealed = cookie::read(&cookies, &name(state))?;
        let text = config.sealer.open(PURPOSE, state, sealed).await?;
        let form = Form::parse(&text).ok()?;
        Some(Self {
            registration: RegistrationName::parse(form.optional("registration")?)?,
            transaction: Transaction::from_record(state, &|name| form.optional(name))?,
            replaces: form
                .optional("replaces")
                .and_then(|text| SessionSecret::parse(text, config)),
            key: form.optional("key").map(str::to_owned),
        })
    }
}

/// The `Set-Cookie` value that removes the cookie of a sign-in: it is used once.
pub(crate) fn forget(state: &str) -> String {
    cookie::clear(&name(state))
}

/// Its cookie's name: by the beginning of the state, which alone opens nothing.
fn name(state: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let beginning: String = state.chars().take(8).filter(plain).collect();
    format!("{COOKIE}{beginning}")
}
