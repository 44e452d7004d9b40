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
use super::registration::RegistrationName;
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
    /// Its tokens needed renewing, and its provider is not configured any more.
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
}

impl Ending {
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
        registration: RegistrationName,
        identity: Identity,
        term: Term,
        now: Timestamp,
    ) -> Self {
        Self {
            registration,
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

    /// Whether there is something to renew with, and no pause. Beyond the longest there is none: that is a clock that was
    /// wrong when it began.
    fn may_renew(&self, now: Timestamp) -> bool {
        let pause = self.retry_at.remaining(now);
        self.is_renewable && (pause.seconds() == 0 || pause > LONGEST_RETRY_AFTER)
    }

    /// The same if the provider is not configured any more: the token is used for as long as it is good, so that nobody
    /// notices a configuration that is wrong for a moment, and then the session is over.
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

    /// Takes in what a renewal brought, and what it was for. A provider that rotates nothing sends no refresh token:
    /// the old one stays.
    pub fn renewed(&mut self, need: Need, expires_in: Option<Lifetime>, now: Timestamp) {
        if let Need::NewerThan(_) = need {
            self.refused = Some(now);
        }
        self.generation = self.generation.saturating_add(1);
        self.obtained = now;
        self.expires = expires_in.map(|lifetime| now.plus(lifetime));
        self.failures = 0;
        self.retry_at = now;
    }

    /// Takes in that a renewal failed. `true` if that ends the session.
    pub fn failed(&mut self, failure: &Failure, now: Timestamp) -> bool {
        if let Some(reason) = failure.end_of_grant() {
            self.end(Ending::from(reason.as_str().to_owned()), now);
            return true;
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
mod tests {
    use super::*;
    use crate::rp::failure::ErrorResponse;
    use crate::rp::metadata::MetadataError;

    const POLICY: Policy = Policy {
        idle: Lifetime::from_minutes(60),
        absolute: Lifetime::from_days(1),
    };

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn session(expires_in: Option<u32>, has_refresh_token: bool) -> Session {
        let identity = Identity {
            subject: Subject::parse("u1").unwrap(),
            sid: None,
            user: Claims::new(),
        };
        let term = Term {
            expires_in: expires_in.map(Lifetime::from_seconds),
            has_refresh_token,
        };
        Session::begin(
            RegistrationName::parse("own").unwrap(),
            identity,
            term,
            at(0),
        )
    }

    fn plan(session: &Session, seconds: i64) -> Plan {
        session.plan(Need::Token, &POLICY, at(seconds))
    }

    fn busy(retry_after: Option<u32>) -> Failure {
        Failure::Busy {
            retry_after: retry_after.map(Lifetime::from_seconds),
        }
    }

    fn refused(error: &str) -> Failure {
        Failure::of_answer(
            400,
            None,
            Some(ErrorResponse {
                error,
                gatepass_reason: None,
            }),
        )
    }

    #[test]
    fn a_token_is_used_renewed_in_time_and_waited_for_in_the_end() {
        let session = session(Some(300), true);
        for (seconds, expected) in [
            (0, Plan::Use),
            (239, Plan::Use),
            (240, Plan::UseAndRenew),
            (294, Plan::UseAndRenew),
            (295, Plan::Renew),
            (300, Plan::Renew),
            (3_000, Plan::Renew),
        ] {
            assert_eq!(plan(&session, seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_by_a_day_keeps_nobody_from_renewing() {
        let mut session = session(Some(300), true);
        session.failed(&busy(Some(300)), at(86_400));
        session.renewed(
            Need::NewerThan(0),
            Some(Lifetime::from_seconds(300)),
            at(86_400),
        );
        assert_eq!(plan(&session, 0), Plan::Use);
        // Which the API does not take: it has the right time.
        let refused = session.plan(Need::NewerThan(1), &POLICY, at(0));
        assert_eq!(refused, Plan::Renew);
        session.failed(&busy(Some(300)), at(86_400));
        let refused = session.plan(Need::NewerThan(1), &POLICY, at(0));
        assert_eq!(refused, Plan::Renew);
        session.failed(&busy(Some(300)), at(1_000));
        let within = session.plan(Need::NewerThan(1), &POLICY, at(1_100));
        assert_eq!(within, Plan::HandOn);
    }

    #[test]
    fn what_only_the_configuration_says_gives_way_to_a_sign_out() {
        let mut session = session(Some(300), true);
        assert!(session.end(Ending::Unreadable, at(1)));
        assert!(session.is_ended_by_configuration());
        assert!(!session.end(Ending::ProviderRemoved, at(2)));
        assert!(session.end(Ending::SignedOut, at(3)));
        assert!(!session.is_ended_by_configuration());
        assert!(!session.end(Ending::Unreadable, at(4)));
        assert_eq!(session.ending(&POLICY, at(5)), Some(Ending::SignedOut));
    }

    #[test]
    fn without_its_provider_it_is_over_when_its_token_is() {
        let over = Plan::Over(Ending::ProviderRemoved);
        let planned = |session: &Session, need, seconds| {
            session.plan_without_provider(need, &POLICY, at(seconds))
        };
        let renewable = session(Some(300), true);
        for (seconds, called, refused) in [
            (0, Plan::Use, Plan::HandOn),
            (240, Plan::Use, Plan::HandOn),
            (299, Plan::Use, Plan::HandOn),
            (300, over.clone(), over.clone()),
        ] {
            assert_eq!(planned(&renewable, Need::Token, seconds), called);
            assert_eq!(planned(&renewable, Need::NewerThan(0), seconds), refused);
        }
        // Of a token that never ends, the API says when it is over.
        let endless = session(None, true);
        assert_eq!(planned(&endless, Need::Token, 3_000), Plan::Use);
        assert_eq!(planned(&endless, Need::NewerThan(0), 3_000), over);
        let mut failing = session(Some(300), true);
        failing.failed(&busy(Some(200)), at(200));
        assert_eq!(planned(&failing, Need::Token, 310), over);
        // What else ends it goes first.
        let idle = Plan::Over(Ending::Idle);
        assert_eq!(planned(&renewable, Need::Token, 3_600), idle);
    }

    #[test]
    fn a_short_life_is_divided_in_the_same_way() {
        let session = session(Some(10), true);
        for (seconds, expected) in [(7, Plan::Use), (8, Plan::UseAndRenew), (9, Plan::Renew)] {
            assert_eq!(plan(&session, seconds), expected, "{seconds}");
        }
        assert_eq!(plan(&self::session(Some(0), true), 0), Plan::Renew);
        assert_eq!(plan(&self::session(None, true), 3_000), Plan::Use);
    }

    #[test]
    fn without_a_refresh_token_the_session_lasts_as_long_as_the_access_token() {
        let session = session(Some(300), false);
        assert_eq!(plan(&session, 299), Plan::Use);
        assert_eq!(plan(&session, 300), Plan::Over(Ending::Expired));
    }

    #[test]
    fn while_the_provider_fails_a_good_token_is_used_and_a_bad_one_makes_for_patience() {
        let mut session = session(Some(300), true);
        assert!(!session.failed(&Failure::Unreachable, at(240)));
        assert_eq!(plan(&session, 240), Plan::Use);
        assert_eq!(plan(&session, 241), Plan::UseAndRenew);
        assert!(!session.failed(&Failure::TimedOut, at(298)));
        assert_eq!(plan(&session, 299), Plan::Use);
        assert_eq!(plan(&session, 300), Plan::Renew);
        assert!(!session.failed(&busy(None), at(300)));
        assert_eq!(
            plan(&session, 301),
            Plan::Unavailable(Lifetime::from_seconds(3))
        );
        assert_eq!(plan(&session, 304), Plan::Renew);
        session.renewed(Need::Token, Some(Lifetime::from_seconds(300)), at(304));
        assert_eq!((session.generation, plan(&session, 305)), (1, Plan::Use));
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_the_provider_may_ask_for_five() {
        let mut session = session(Some(0), true);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            session.failed(&Failure::Unreachable, at(0));
            assert_eq!(
                plan(&session, 0),
                Plan::Unavailable(Lifetime::from_seconds(expected))
            );
        }
        for _ in 0..100 {
            session.failed(&Failure::Unreachable, at(0));
            let pause = Plan::Unavailable(Lifetime::from_seconds(60));
            assert_eq!(plan(&session, 0), pause);
        }
        session.failed(&busy(Some(100)), at(0));
        assert_eq!(
            plan(&session, 0),
            Plan::Unavailable(Lifetime::from_seconds(100))
        );
        session.failed(&busy(Some(9_999)), at(0));
        assert_eq!(
            plan(&session, 0),
            Plan::Unavailable(Lifetime::from_minutes(5))
        );
    }

    #[test]
    fn only_invalid_grant_ends_it_and_the_reason_stays() {
        for passing in [
            Failure::Unreachable,
            Failure::TimedOut,
            busy(Some(1)),
            Failure::Unreadable { status: 200 },
            Failure::Discovery(MetadataError::OtherIssuer),
            refused("invalid_client"),
            refused("invalid_request"),
            refused("server_error"),
        ] {
            let mut session = session(Some(0), true);
            assert!(!session.failed(&passing, at(0)), "{passing:?}");
            assert!(!session.is_ended());
        }
        let mut session = session(Some(0), true);
        assert!(session.failed(&refused("invalid_grant"), at(0)));
        let ending = Ending::Refused(WireText::of("invalid_grant"));
        assert_eq!(plan(&session, 1), Plan::Over(ending.clone()));
        session.end(Ending::SignedOut, at(2));
        assert_eq!(session.ending(&POLICY, at(3)), Some(ending));
        assert_eq!(session.due_at(&POLICY), at(7 * 86_400));
    }

    #[test]
    fn a_refusal_by_an_api_makes_for_one_renewal() {
        let mut session = session(Some(300), true);
        let newer = |session: &Session, generation, seconds| {
            session.plan(Need::NewerThan(generation), &POLICY, at(seconds))
        };
        assert_eq!(newer(&session, 0, 1), Plan::Renew);
        // Whoever is refused meanwhile waits for the same renewal.
        assert_eq!(newer(&session, 0, 1), Plan::Renew);
        session.renewed(Need::NewerThan(0), Some(Lifetime::from_seconds(300)), at(2));
        // Whoever was refused with the earlier token, too, has the new one at once.
        assert_eq!(newer(&session, 0, 3), Plan::Use);
        // The new one is refused, too: not because of its age.
        assert_eq!(newer(&session, 1, 3), Plan::HandOn);
        assert_eq!(newer(&session, 1, 12), Plan::Renew);
        session.failed(&Failure::Unreachable, at(12));
        assert_eq!(newer(&session, 1, 12), Plan::HandOn);
        assert_eq!(newer(&self::session(None, false), 0, 1), Plan::HandOn);
    }

    #[test]
    fn it_ends_when_nobody_uses_it_and_when_its_time_is_over() {
        let mut session = session(None, true);
        assert_eq!(plan(&session, 3_599), Plan::Use);
        assert_eq!(plan(&session, 3_600), Plan::Over(Ending::Idle));
        assert!(!session.touch(&POLICY, at(60)));
        assert!(session.touch(&POLICY, at(61)));
        assert_eq!(session.expires_at(&POLICY), at(3_661));
        for time in 1..29 {
            session.touch(&POLICY, at(time * 3_000));
        }
        assert_eq!(session.expires_at(&POLICY), at(86_400));
        assert_eq!(plan(&session, 86_399), Plan::Use);
        assert_eq!(plan(&session, 86_400), Plan::Over(Ending::Expired));
    }

    #[test]
    fn what_comes_after_is_later() {
        let first = session(Some(300), true);
        let mut renewed = first.clone();
        renewed.renewed(Need::Token, None, at(1));
        let mut ended = renewed.clone();
        ended.end(Ending::SignedOut, at(2));
        let mut next = first.clone();
        next.began = at(1);
        let order = [first, renewed, ended, next];
        for (i, earlier) in order.iter().enumerate() {
            for (j, later) in order.iter().enumerate() {
                assert_eq!(later.is_later_than(earlier), j > i, "{i} {j}");
            }
        }
    }

    #[test]
    fn it_survives_the_store() {
        let mut session = session(Some(300), true);
        session.end(Ending::Refused(WireText::of("replayed")), at(5));
        let text = serde_json::to_string(&session).unwrap();
        let read: Session = serde_json::from_str(&text).unwrap();
        assert_eq!(read.ending(&POLICY, at(6)).unwrap().as_str(), "replayed");
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        for ending in [
            "signed_out",
            "signed_out_at_provider",
            "replaced",
            "idle",
            "expired",
            "x",
        ] {
            assert_eq!(String::from(Ending::from(ending.to_owned())), ending);
        }
    }
}
