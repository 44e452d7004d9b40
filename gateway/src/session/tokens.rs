//! The tokens of a session, as they are kept: in a Durable Object sealed under a key that takes the browser's
//! cookie and the gateway's secret together.

use gatepass_core::rp::token::Tokens;
use gatepass_core::{form, form::Form};
use gatepass_edge::EdgeError;
use serde::{Deserialize, Serialize};

use crate::settings::Config;

const PURPOSE: &str = "gatepass session tokens";

/// The tokens of a session.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Kept {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) id_token: Option<String>,
    /// The key that is proved to the provider, if the session has one (RFC 9449).
    #[serde(default)]
    key: Option<String>,
    /// Whether the access token is bound to it.
    #[serde(default)]
    is_bound: bool,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

impl Kept {
    /// Those of a sign-in, or of a renewal, with the key that was proved for them.
    pub(crate) fn of(tokens: &Tokens, key: Option<String>) -> Self {
        Self {
            is_bound: tokens.bound && key.is_some(),
            key,
            access: tokens.access.expose().to_owned(),
            refresh: tokens
                .refresh
                .as_ref()
                .map(|token| token.expose().to_owned()),
            id_token: tokens
                .id_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        }
    }

    /// Those after a renewal has brought these: a provider that rotates nothing sends no refresh token, and the ID
    /// token of the sign-in stays.
    pub(crate) fn after(mut self, before: Option<Self>) -> Self {
        let (refresh, id_token) = before.map_or((None, None), |kept| (kept.refresh, kept.id_token));
        self.refresh = self.refresh.or(refresh);
        self.id_token = id_token;
        self
    }

    /// The key that the access token is presented with.
    pub(crate) fn presented_with(&self) -> Option<&String> {
        self.key.as_ref().filter(|_| self.is_bound)
    }

    /// The key that is proved for the next tokens.
    pub(crate) fn renewed_with(&self) -> Option<&String> {
        self.key.as_ref()
    }

    /// The same after a sign-in: a provider that has not bound the tokens to the key is not proved anything later
    /// either.
    pub(crate) fn begun(mut self) -> Self {
        self.key = self.key.filter(|_| self.is_bound);
        self
    }

    /// As text, to be sealed.
    pub(crate) fn written(&self) -> String {
        let bound = "1".to_owned();
        let members = [
            ("access", Some(&self.access)),
            ("refresh", self.refresh.as_ref()),
            ("id_token", self.id_token.as_ref()),
            ("key", self.key.as_ref()),
            ("bound", self.is_bound.then_some(&bound)),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_str())));
        form::encode(present)
    }

    /// Reads what [`Kept::written`] wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let form = Form::parse(text).ok()?;
        Some(Self {
            access: form.optional("access")?.to_owned(),
            refresh: form.optional("refresh").map(str::to_owned),
            id_token: form.optional("id_token").map(str::to_owned),
            key: form.optional("key").map(str::to_owned),
            is_bound: form.optional("bound").is_some(),
        })
    }

    /// Seals them for the session with this secret.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) async fn seal(&self, secret: &str, config: &Config) -> Result<String, EdgeError> {
        config.sealer.seal(PURPOSE, secret, &self.written()).await
    }

    /// Opens what [`Kept::seal`] made.
    pub(crate) async fn open(sealed: &str, secret: &str, config: &Config) -> Option<Self> {
        Self::read(&config.sealer.open(PURPOSE, secret, sealed).await?)
    }
}
