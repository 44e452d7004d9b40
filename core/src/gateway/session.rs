//! A session: when its token is used, renewed or refused, and when it is over.
//!
//! The rule that keeps honest users signed in: only the provider's own `invalid_grant` for the session's current
//! refresh token, a sign-out, or the session's own age ends it. A dead network or a busy provider ends nothing,
//! and a token that is still good is used meanwhile.
//!
//! ```text
//!   a call --plan--> Use                          the token, with at most a renewal beside it
//!                    Renew --renewed / failed-->  the new token, or what plan says then
//!                    Unavailable, Over            told to the browser
//! ```

use core::fmt;

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::registration::{Parties, Registration, RegistrationName};
use crate::id::Subject;
use crate::jose::Claims;
use crate::rp::failure::{Failure, WireText};
use crate::time::{Lifetime, Timestamp};

/// A token is renewed when so much of its life is left, if that is a fifth of it: while it is still good, so that
/// nobody waits.
const EARLY: Lifetime = Lifetime::from_minutes(1);
/// With so little left it could expire on its way, if that is a tenth of its life.
const TOO_LATE: Lifetime = Lifetime::from_seconds(5);
/// An API that refuses the newest token so soon after it has refused another refuses them for another reason.
const REFUSAL_DISTANCE: Lifetime = Lifetime::from_seconds(10);
/// The longest wait after failures, and the longest that a provider may ask for.
const LONGEST_PAUSE: i64 = 60;
const LONGEST_RETRY_AFTER: Lifetime = Lifetime::from_minutes(5);
/// How far behind the time of the last use may be that is kept.
const COARSE: Lifetime = Lifetime::from_minutes(1);
/// How long it is remembered why a session ended.
const REMEMBERED: Lifetime = Lifetime::from_days(7);

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Without being used.
    pub idle: Lifetime,
    /// At most.
    pub absolute: Lifetime,
}

/// Why a session is over.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "String", into = "String")]
pub enum Ending {
    /// The user has signed out.
    SignedOut,
    /// The user has signed out at the provider, which has said so.
    SignedOutAtProvider,
    /// The user has signed in again.
    Replaced,
    /// Nobody used it for too long.
    Idle,
    /// Its time was over.
    Expired,
    /// Its tokens needed renewing, and its provider is not configured any more, or otherwise.
    ProviderRemoved,
    /// The key that its tokens were encrypted with is not configured any more.
    Unreadable,
    /// The provider does not renew its tokens, for this reason.
    Refused(WireText),
}

impl Ending {
    /// As the front end is told.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SignedOut => "signed_out",
            Self::SignedOutAtProvider => "signed_out_at_provider",
            Self::Replaced => "replaced",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::ProviderRemoved => "provider_removed",
            Self::Unreadable => "unreadable",
            Self::Refused(reason) => reason.as_str(),
        }
    }

    /// Whether the configuration alone says so. Then it is told and not kept: with a configuration that was wrong for a
    /// moment, or rolled back, nobody is signed out for good.
    pub const fn is_by_configuration(&self) -> bool {
        matches!(self, Self::ProviderRemoved | Self::Unreadable)
    }
}

impl From<String> for Ending {
    fn from(text: String) -> Self {
        match text.as_str() {
            "signed_out" => Self::SignedOut,
            "signed_out_at_provider" => Self::SignedOutAtProvider,
            "replaced" => Self::Replaced,
            "idle" => Self::Idle,
            "expired" => Self::Expired,
            "provider_removed" => Self::ProviderRemoved,
            "unreadable" => Self::Unreadable,
            other => Self::Refused(WireText::of(other)),
        }
    }
}

impl From<Ending> for String {
    fn from(ending: Ending) -> Self {
        ending.as_str().to_owned()
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a call needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// An access token.
    Token,
    /// One of a later generation than this, which an API has refused.
    NewerThan(u32),
}

/// What is done for a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    /// The token is used.
    Use,
    /// The token is used, and a renewal begun if none is under way.
    UseAndRenew,
    /// The call waits for a renewal, which is begun if none is under way.
    Renew,
    /// The token that the API refused is the newest there is: what it said is handed on.
    HandOn,
    /// The token is no good, and asking for another makes sense only after this time.
    Unavailable(Lifetime),
    /// The session is over.
    Over(Ending),
}

/// All that is kept of a session beside its tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Session {
    /// Where the user has signed in.
    pub registration: RegistrationName,
    /// Between whom its tokens are: the provider that gave them and the client that got them.
    #[serde(default)]
    parties: Option<Parties>,
    /// Between whom they were tried in vain.
    #[serde(default)]
    strangers: Option<Parties>,
    /// Who.
    pub subject: Subject,
    /// The session at the provider.
    pub sid: Option<String>,
    /// What the front end is told of the user.
    pub user: Claims,
    /// How often the tokens were renewed.
    pub generation: u32,
    began: Timestamp,
    used: Timestamp,
    /// When the access token came, and when it is no good any more.
    obtained: Timestamp,
    expires: Option<Timestamp>,
    is_renewable: bool,
    failures: u32,
    retry_at: Timestamp,
    /// When a renewal for an API's refusal last succeeded.
    refused: Option<Timestamp>,
    ended: Option<(Ending, Timestamp)>,
}

/// The access token of a session, as far as time goes.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// How long it is good, if the provider says so.
    pub expires_in: Option<Lifetime>,
    /// Whether a refresh token came along.
    pub has_refresh_token: bool,
}

impl Session {
    /// Begins with a sign-in.
    pub fn begin(
        registration: &Registration,
        identity: Identity,
        term: Term,
        now: Timestamp,
    ) -> Self {
        Self {
            registration: registration.name.clone(),
            parties: Some(registration.parties()),
            strangers: None,
            subject: identity.subject,
            sid: identity.sid,
            user: identity.user,
            generation: 0,
            began: now,
            used: now,
            obtained: now,
            expires: term.expires_in.map(|lifetime| now.plus(lifetime)),
            is_renewable: term.has_refresh_token,
            failures: 0,
            retry_at: now,
            refused: None,
            ended: None,
        }
    }

    /// What is done for a call that needs a token now.
    pub fn plan(&self, need: Need, policy: &Policy, now: Timestamp) -> Plan {
        if let Some(ending) = self.ending(policy, now) {
            return Plan::Over(ending);
        }
        if need == Need::NewerThan(self.generation) {
            let again = self
                .refused
                .is_some_and(|refused| refused <= now && refused.is_within(REFUSAL_DISTANCE, now));
            let can_renew = self.may_renew(now) && !again;
            return if can_renew { Plan::Renew } else { Plan::HandOn };
        }
        let Some(expires) = self.expires else {
            return Plan::Use;
        };
        let may_renew = self.may_renew(now);
        let part = |most: Lifetime, parts| {
            let whole = expires.remaining(self.obtained).seconds();
            most.seconds().min(whole / parts)
        };
        let left = expires.remaining(now).seconds();
        if left > part(EARLY, 5) || (left > 0 && !may_renew) {
            return Plan::Use;
        }
        if left > part(TOO_LATE, 10) {
            return Plan::UseAndRenew;
        }
        match (self.is_renewable, may_renew) {
            (_, true) => Plan::Renew,
            (true, false) => Plan::Unavailable(self.retry_at.remaining(now)),
            (false, false) => Plan::Over(Ending::Expired),
        }
    }

    /// Whether there is something to renew with, and no pause. Beyond the longest there is none: that is a clock that
    /// was wrong when it began.
    fn may_renew(&self, now: Timestamp) -> bool {
        let pause = self.retry_at.remaining(now);
        self.is_renewable && (pause.seconds() == 0 || pause > LONGEST_RETRY_AFTER)
    }

    /// The same if the provider is not configured any more, or does not know it: the token is used for as long as it is
    /// good, so that nobody notices a configuration that is wrong for a moment, and then the session is over.
    pub fn plan_without_provider(&self, need: Need, policy: &Policy, now: Timestamp) -> Plan {
        let plan = self.plan(need, policy, now);
        let is_good = self.expires.is_some() && self.is_good(now);
        match (plan, need) {
            (Plan::UseAndRenew, _) => Plan::Use,
            (Plan::Renew, Need::Token) if is_good => Plan::Use,
            (Plan::Renew, Need::NewerThan(_)) if is_good => Plan::HandOn,
            (Plan::Renew | Plan::Unavailable(_), _) => Plan::Over(Ending::ProviderRemoved),
            (plan @ (Plan::Use | Plan::HandOn | Plan::Over(_)), _) => plan,
        }
    }

    /// Whether the access token would do for a call that cannot wait any longer.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// Why the session is over, if it is.
    pub fn ending(&self, policy: &Policy, now: Timestamp) -> Option<Ending> {
        if let Some((ending, _)) = &self.ended {
            return Some(ending.clone());
        }
        if now >= self.began.plus(policy.absolute) {
            return Some(Ending::Expired);
        }
        (now >= self.used.plus(policy.idle)).then_some(Ending::Idle)
    }

    /// Until when it lasts if nobody uses it any more.
    pub fn expires_at(&self, policy: &Policy) -> Timestamp {
        let idle = self.used.plus(policy.idle);
        idle.min(self.began.plus(policy.absolute))
    }

    /// When to look after it: when it is over, or when nobody need know why it ended.
    pub fn due_at(&self, policy: &Policy) -> Timestamp {
        match &self.ended {
            Some((_, ended)) => ended.plus(REMEMBERED),
            None => self.expires_at(policy),
        }
    }

    /// Notes that it is used; whether that is worth keeping.
    pub fn touch(&mut self, policy: &Policy, now: Timestamp) -> bool {
        let coarse = COARSE.seconds().min(policy.idle.seconds() / 10);
        let is_due = now.seconds() - self.used.seconds() > coarse;
        if is_due {
            self.used = now;
        }
        is_due
    }

    /// Takes in what a renewal at its registration brought, and what it was for. A provider that rotates nothing sends
    /// no refresh token: the old one stays.
    pub fn renewed(
        &mut self,
        need: Need,
        expires_in: Option<Lifetime>,
        at: &Registration,
        now: Timestamp,
    ) {
        self.parties = Some(at.parties());
        self.strangers = None;
        if let Need::NewerThan(_) = need {
            self.refused = Some(now);
        }
        self.generation = self.generation.saturating_add(1);
        self.obtained = now;
        self.expires = expires_in.map(|lifetime| now.plus(lifetime));
        self.failures = 0;
        self.retry_at = now;
    }

    /// Takes in that the provider takes its refresh token no more; why the session is over, if that ends it. To another
    /// provider, or as another client, the token was never given: that says nothing of the session, and the
    /// configuration may be wrong.
    pub fn rejected(&mut self, reason: &str, at: &Registration, now: Timestamp) -> Ending {
        let parties = at.parties();
        if self.parties.as_ref().is_some_and(|own| *own != parties) {
            self.strangers = Some(parties);
            return Ending::ProviderRemoved;
        }
        let ending = Ending::from(reason.to_owned());
        self.end(ending.clone(), now);
        ending
    }

    /// Whether a provider does not know it, or not this client.
    pub fn is_unknown_at(&self, registration: &Registration) -> bool {
        self.strangers == Some(registration.parties())
    }

    /// Takes in that a renewal at its registration failed. `true` if that ends the session.
    pub fn failed(&mut self, failure: &Failure, at: &Registration, now: Timestamp) -> bool {
        if let Some(reason) = failure.end_of_grant() {
            self.rejected(reason.as_str(), at, now);
            return self.is_ended();
        }
        self.failures = self.failures.saturating_add(1);
        // More doublings than a number has bits would begin anew.
        let doubled = 1_i64 << (self.failures - 1).min(16);
        let own = u32::try_from(doubled.clamp(1, LONGEST_PAUSE)).unwrap_or(1);
        self.retry_at = now.plus(pause(failure, Lifetime::from_seconds(own)));
        false
    }

    /// Ends it, unless it has ended: the first reason counts that is worth keeping. Whether it does.
    pub fn end(&mut self, ending: Ending, now: Timestamp) -> bool {
        let counts = match &self.ended {
            None => true,
            Some((known, _)) => known.is_by_configuration() && !ending.is_by_configuration(),
        };
        if counts {
            self.ended = Some((ending, now));
        }
        counts
    }

    /// When the user signed in.
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    /// Whether it is another's successor: of a later sign-in, or after a renewal or the end.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let order = |session: &Self| (session.began, session.generation, session.is_ended());
        order(self) > order(other)
    }

    /// Whether it is as it is only by the configuration: what was kept of it before still holds under another.
    pub fn is_ended_by_configuration(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|(ending, _)| ending.is_by_configuration())
    }

    /// Whether it was ended, as opposed to being too old.
    pub fn is_ended(&self) -> bool {
        self.ended.is_some()
    }
}

/// How long nobody asks the provider after this failure: `own` at least, and what it asks for within reason.
pub fn pause(failure: &Failure, own: Lifetime) -> Lifetime {
    match failure {
        Failure::Busy {
            retry_after: Some(asked),
        } => (*asked).min(LONGEST_RETRY_AFTER).max(own),
        _ => own,
    }
}

#[cfg(test)]
mod tests;
