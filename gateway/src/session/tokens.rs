//! The tokens of a session, as they are kept: sealed under a key that takes the browser's cookie and the
//! gateway's secret together.

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
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

impl Kept {
    /// Those of a sign-in.
    pub(crate) fn of(tokens: &Tokens) -> Self {
        Self {
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

    /// Those after a renewal: a provider that rotates nothing sends no refresh token, and the ID token of the
    /// sign-in stays.
    pub(crate) fn renewed(&self, tokens: &Tokens) -> Self {
        let new = Self::of(tokens);
        Self {
            access: new.access,
            refresh: new.refresh.or_else(|| self.refresh.clone()),
            id_token: self.id_token.clone(),
        }
    }

    /// Seals them for the session with this secret.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) async fn seal(&self, secret: &str, config: &Config) -> Result<String, EdgeError> {
        let members = [
            ("access", Some(&self.access)),
            ("refresh", self.refresh.as_ref()),
            ("id_token", self.id_token.as_ref()),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_str())));
        let text = form::encode(present);
        config.sealer.seal(PURPOSE, secret, &text).await
    }

    /// Opens what [`Kept::seal`] made.
    pub(crate) async fn open(sealed: &str, secret: &str, config: &Config) -> Option<Self> {
        let text = config.sealer.open(PURPOSE, secret, sealed).await?;
        let form = Form::parse(&text).ok()?;
        Some(Self {
            access: form.optional("access")?.to_owned(),
            refresh: form.optional("refresh").map(str::to_owned),
            id_token: form.optional("id_token").map(str::to_owned),
        })
    }
}
