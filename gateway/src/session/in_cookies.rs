//! Sessions without a database (`GATEPASS_SESSION=cookie`): session and tokens are sealed in cookies, in several if
//! they are too large for one. A renewal asks a Durable Object, the [`RefreshObject`](super::refresh::RefreshObject),
//! which keeps nothing; it and whoever asks who is signed in also look whether the provider has said that the session is
//! over ([`index::is_over`]). A call asks nobody.
//!
//! Answers overtake each other: one to a call that was under way when the user signed in as somebody else comes last.
//! So each sign-in has cookies of its own names, and in them each generation of tokens. Another cookie names the sign-in
//! that counts, and only signing in and out sets that. Of its generations that come along, the latest that can be opened
//! counts; what else there is is removed.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::gateway::cookie::{self, SameSite};
use gatepass_core::gateway::session::{Ending, Need, Plan, Session};
use gatepass_core::{form, form::Form, json};
use gatepass_edge::{EdgeError, clock, http, log, random};
use worker::{Env, Headers, Request};

use super::index::{self, Entry};
use super::refresh::{self, Grant, Renewal};
use super::{Access, Description, Ended, Kept, Ticket};
use crate::settings::Config;

const PURPOSE: &str = "gatepass session cookies";
/// `gatepass_tokens_`, the sign-in, `_`, the generation, `_`, and which part of it.
const COOKIE: &str = "gatepass_tokens_";
/// The sign-in that counts, or [`NONE`].
const CURRENT: &str = "gatepass_signed_in";
/// Whoever has signed out is not signed in again by an answer to a call that was under way then.
const NONE: &str = "nobody";
/// What fits into a cookie of 4096 bytes, beside its name and attributes.
const LONGEST_PART: usize = 3_800;
/// More than this no header has room for.
const MOST_PARTS: usize = 8;

/// A session as its cookies have it.
pub(crate) struct InCookies {
    session: Session,
    /// None when it has ended.
    tokens: Option<Kept>,
    /// By which name its cookies are told from those of other sign-ins: they alone know it.
    sign_in: String,
    /// The cookies that there are, of other sign-ins and generations, too.
    seen: Vec<String>,
}

impl InCookies {
    /// Begins with a sign-in. The way back from another site comes without the cookies of an earlier session: they are
    /// removed when they come along.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) fn begin(session: Session, tokens: Kept) -> Result<Self, EdgeError> {
        let bytes: [u8; 6] = random::bytes()?;
        Ok(Self {
            session,
            tokens: Some(tokens),
            sign_in: Base64UrlUnpadded::encode_string(&bytes),
            seen: Vec::new(),
        })
    }

    /// The latest that a request brings along of the sign-in that counts.
    pub(crate) async fn of(request: &Request, config: &Config) -> Option<Self> {
        let cookies = http::header(request, "Cookie")?;
        let current = cookie::read(&cookies, CURRENT);
        let mut latest: Option<Self> = None;
        for (rest, _) in cookie::beginning_with(&cookies, COOKIE) {
            let Some(of) = rest.strip_suffix("_0") else {
                continue;
            };
            let (sign_in, _) = of.rsplit_once('_').unwrap_or_default();
            if current.is_some_and(|current| current != sign_in) {
                continue;
            }
            let Some(sealed) = joined(&cookies, of) else {
                continue;
            };
            let Some(mut found) = Self::open(&sealed, config).await else {
                continue;
            };
            sign_in.clone_into(&mut found.sign_in);
            let is_later = |known: &Self| found.session.is_later_than(&known.session);
            if latest.as_ref().is_none_or(is_later) {
                latest = Some(found);
            }
        }
        let mut latest = latest?;
        latest.seen = seen(&cookies);
        Some(latest)
    }

    /// What the session says of itself, with its cookies if it has just ended.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`].
    pub(crate) async fn describe(
        &mut self,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<Description, EdgeError> {
        if !self.hear(env, config, headers).await? && self.has_company() {
            self.keep(headers, config).await?;
        }
        Ok(Description {
            expires_at: self.session.expires_at(&config.policy),
            ending: config.ending(&self.session, clock::now()),
            registration: self.session.registration.clone(),
            user: self.session.user.clone(),
        })
    }

    /// Ends it if the provider has said that it is over. Whether it has; if that cannot be learnt, it goes on.
    async fn hear(
        &mut self,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<bool, EdgeError> {
        let session = &self.session;
        if session.is_ended() {
            return Ok(false);
        }
        let entry = Entry {
            registration: &session.registration,
            subject: session.subject.as_str(),
            sid: session.sid.as_deref(),
            session: "",
        };
        match index::is_over(env, &entry, session.began()).await {
            Ok(false) => return Ok(false),
            Ok(true) => {}
            Err(error) => {
                log::fetch_failed(&error);
                return Ok(false);
            }
        }
        self.end(Ending::SignedOutAtProvider);
        self.keep(headers, config).await?;
        Ok(true)
    }

    /// What there is for a call, with the cookies of what has changed.
    ///
    /// # Errors
    ///
    /// When the Durable Object cannot be reached, or the cookies cannot be made.
    pub(crate) async fn access(
        &mut self,
        need: Need,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<Access, EdgeError> {
        let now = clock::now();
        match config.plan(&self.session, need, now) {
            Plan::Over(ending) => {
                if !self.session.is_ended() && !ending.is_by_configuration() {
                    self.end(ending.clone());
                    self.keep(headers, config).await?;
                }
                Ok(Access::Over(Some(ending)))
            }
            Plan::HandOn => Ok(Access::HandOn),
            Plan::Unavailable(wait) => Ok(Access::Unavailable(wait.seconds())),
            Plan::Use => {
                if self.session.touch(&config.policy, now) || self.has_company() {
                    self.keep(headers, config).await?;
                }
                Ok(self.ticket())
            }
            Plan::UseAndRenew | Plan::Renew => self.renew(need, env, config, headers).await,
        }
    }

    async fn renew(
        &mut self,
        need: Need,
        env: &Env,
        config: &Config,
        headers: &Headers,
    ) -> Result<Access, EdgeError> {
        if self.hear(env, config, headers).await? {
            return Ok(Access::Over(Some(Ending::SignedOutAtProvider)));
        }
        let kept = self.tokens.as_ref();
        let Some((kept, grant)) = kept.and_then(|kept| Some((kept, Grant::refreshing(kept)?)))
        else {
            return Ok(Access::HandOn);
        };
        let Some(at) = config.registration(&self.session.registration) else {
            return Ok(Access::HandOn);
        };
        let key = kept.renewed_with();
        let renewal = refresh::ask(env, at, grant, key).await?;
        let now = clock::now();
        match renewal {
            Renewal::Tokens { tokens, expires_in } => {
                let before = self.tokens.take();
                self.tokens = Some(tokens.after(before));
                self.session.touch(&config.policy, now);
                self.session.renewed(need, expires_in, at, now);
                self.keep(headers, config).await?;
                Ok(self.ticket())
            }
            Renewal::Over { reason } => {
                self.session.rejected(&reason, at, now);
                if self.session.is_ended() {
                    self.tokens = None;
                }
                self.keep(headers, config).await?;
                Ok(match config.plan(&self.session, need, now) {
                    Plan::Over(ending) => Access::Over(Some(ending)),
                    Plan::HandOn => Access::HandOn,
                    Plan::Unavailable(wait) => Access::Unavailable(wait.seconds()),
                    Plan::Use | Plan::UseAndRenew | Plan::Renew => self.ticket(),
                })
            }
            Renewal::Failed { .. } if need != Need::Token => Ok(Access::HandOn),
            Renewal::Failed { .. } if self.session.is_good(now) => Ok(self.ticket()),
            Renewal::Failed { seconds } => Ok(Access::Unavailable(seconds.into())),
        }
    }

    /// Ends it: what is left to do for it.
    pub(crate) fn end(&mut self, ending: Ending) -> Ended {
        let tokens = self.tokens.take();
        self.session.end(ending, clock::now());
        let (refresh_token, id_token) =
            tokens.map_or((None, None), |kept| (kept.refresh, kept.id_token));
        Ended {
            registration: self.session.registration.clone(),
            subject: self.session.subject.clone(),
            sid: self.session.sid.clone(),
            refresh_token,
            id_token,
        }
    }

    /// Whether it has ended, or is too old.
    pub(crate) fn is_over(&self, config: &Config) -> bool {
        self.session.ending(&config.policy, clock::now()).is_some()
    }

    /// Whether there are cookies that are not its own as it is.
    fn has_company(&self) -> bool {
        let own = self.name("");
        self.seen.iter().any(|name| !name.starts_with(&own))
    }

    /// The `Set-Cookie` value that has the browser keep that this is the sign-in that counts.
    pub(crate) fn signed_in(&self, config: &Config) -> String {
        current(&self.sign_in, config)
    }

    /// Has the browser keep it, and nothing of other generations and sign-ins.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Crypto`]; [`EdgeError::Upstream`] if the provider's tokens are too large for cookies.
    pub(crate) async fn keep(
        &mut self,
        headers: &Headers,
        config: &Config,
    ) -> Result<(), EdgeError> {
        let sealed = self.seal(config).await?;
        let parts: Vec<_> = sealed.as_bytes().chunks(LONGEST_PART).collect();
        if parts.len() > MOST_PARTS {
            let failure = "the provider's tokens are too large for cookies";
            return Err(EdgeError::Upstream(failure.to_owned()));
        }
        let seconds = config.policy.absolute.seconds();
        let names: Vec<_> = (0..parts.len()).map(|index| self.name(index)).collect();
        for old in self.seen.iter().filter(|old| !names.contains(old)) {
            headers.append("Set-Cookie", &cookie::clear(old))?;
        }
        for (index, (name, part)) in names.iter().zip(&parts).enumerate() {
            let part = core::str::from_utf8(part).unwrap_or_default();
            // The first says how many there are.
            let value = if index == 0 {
                format!("{}.{part}", parts.len())
            } else {
                part.to_owned()
            };
            let cookie = cookie::set(name, &value, seconds, SameSite::Strict);
            headers.append("Set-Cookie", &cookie)?;
        }
        self.seen = names;
        Ok(())
    }

    fn name(&self, index: impl core::fmt::Display) -> String {
        let (sign_in, generation) = (&self.sign_in, self.session.generation);
        format!("{COOKIE}{sign_in}_{generation}_{index}")
    }

    fn ticket(&self) -> Access {
        match &self.tokens {
            Some(kept) => Access::Token(Ticket {
                access_token: kept.access.clone(),
                generation: self.session.generation,
                key: kept.presented_with().cloned(),
            }),
            None => Access::Over(None),
        }
    }

    async fn seal(&self, config: &Config) -> Result<String, EdgeError> {
        let record = serde_json::to_string(&self.session)?;
        let tokens = self.tokens.as_ref().map(Kept::written);
        let members = [("record", Some(&record)), ("tokens", tokens.as_ref())];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_str())));
        config
            .sealer
            .seal(PURPOSE, "", &form::encode(present))
            .await
    }

    async fn open(sealed: &str, config: &Config) -> Option<Self> {
        let text = config.sealer.open(PURPOSE, "", sealed).await?;
        let form = Form::parse(&text).ok()?;
        Some(Self {
            session: json::read(form.optional("record")?).ok()?,
            tokens: form.optional("tokens").and_then(Kept::read),
            sign_in: String::new(),
            seen: Vec::new(),
        })
    }
}

/// The `Set-Cookie` value that has the browser keep that nobody is signed in.
pub(crate) fn signed_out(config: &Config) -> String {
    current(NONE, config)
}

fn current(sign_in: &str, config: &Config) -> String {
    let seconds = config.policy.absolute.seconds();
    cookie::set(CURRENT, sign_in, seconds, SameSite::Strict)
}

/// Removes every cookie of it that a request brings along.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub(crate) fn clear(request: &Request, headers: &Headers) -> Result<(), EdgeError> {
    let cookies = http::header(request, "Cookie").unwrap_or_default();
    for name in seen(&cookies) {
        headers.append("Set-Cookie", &cookie::clear(&name))?;
    }
    Ok(())
}

fn seen(cookies: &str) -> Vec<String> {
    let found = cookie::beginning_with(cookies, COOKIE);
    found.map(|(rest, _)| format!("{COOKIE}{rest}")).collect()
}

/// The parts of one generation of a sign-in, put together; `None` if one is missing.
fn joined(cookies: &str, of: &str) -> Option<String> {
    let part = |index| cookie::read(cookies, &format!("{COOKIE}{of}_{index}"));
    let (count, first) = part(0)?.split_once('.')?;
    let count: usize = count.parse().ok().filter(|count| *count <= MOST_PARTS)?;
    let mut sealed = first.to_owned();
    for index in 1..count {
        sealed.push_str(part(index)?);
    }
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn parts_are_put_together_if_none_is_missing() {
        let cookies = "__Host-gatepass_tokens_a_1_0=2.abc; __Host-gatepass_tokens_a_1_1=def; \
                       __Host-gatepass_tokens_a_2_0=2.x; __Host-gatepass_tokens_b_1_0=9.x";
        assert_eq!(joined(cookies, "a_1").as_deref(), Some("abcdef"));
        for of in ["a_0", "a_2", "b_1", "1"] {
            assert_eq!(joined(cookies, of), None, "{of}");
        }
    }
}
