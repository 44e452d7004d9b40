//! The user says whether the client on the device may (RFC 8628 §3.3, §5.4).

use serde::{Deserialize, Serialize};

use super::{Approval, DeviceStatus, Polling};
use crate::authorize::SignIn;
use crate::form::Form;
use crate::grant::GrantDetails;
use crate::id::{SignInId, Subject};
use crate::jose::{self, Jwt, JwtError, SymmetricKey};
use crate::secret::{PresentedToken, SecretHash};
use crate::time::{Lifetime, Timestamp};

/// The `typ` of a confirmation.
const TYPE: &str = "device+jwt";

/// The purpose that its key is derived for.
pub const CONFIRMATION_KEY_PURPOSE: &str = "gatepass device confirmation";

/// How long the user may think about it.
const LIFETIME: Lifetime = Lifetime::from_minutes(10);

/// How long a device has, at least, to fetch its tokens after a yes: as long as two of the longest waits
/// between polls, so that the last minute is as good as any.
const FETCH_WITHIN: Lifetime = Lifetime::from_seconds(2 * Polling::LONGEST);

/// What the page that asks hands to the form that answers: whoever has it was shown the question under
/// this sign-in. No other page can make or read one, and it is worth nothing in another browser.
#[derive(Debug)]
pub struct Confirmation {
    /// The keyed hash of the code that was typed.
    pub user_code: SecretHash,
    /// Who was asked.
    pub sign_in: SignInId,
}

#[derive(Deserialize, Serialize)]
struct Claims {
    user_code: String,
    sign_in: SignInId,
}

impl Confirmation {
    /// Writes it for the form.
    ///
    /// # Errors
    ///
    /// [`JwtError::Unserializable`], which these claims do not cause.
    pub fn seal(&self, key: &SymmetricKey, now: Timestamp) -> Result<String, JwtError> {
        let payload = Claims {
            user_code: self.user_code.to_base64url(),
            sign_in: self.sign_in.clone(),
        };
        let jwt = Jwt {
            payload,
            issued_at: now,
            expires_at: now.plus(LIFETIME),
        };
        jose::sign_hs256(TYPE, key, &jwt)
    }

    /// Reads what the form sent, in the browser that is signed in as `sign_in`.
    ///
    /// # Errors
    ///
    /// The [`JwtError`] that says what is wrong; [`JwtError::Claims`] under another sign-in.
    pub fn open(
        token: &PresentedToken,
        sign_in: &SignInId,
        key: &SymmetricKey,
        now: Timestamp,
    ) -> Result<Self, JwtError> {
        let claims = jose::verify_hs256::<Claims>(TYPE, key, token.expose(), now)?.payload;
        let user_code = SecretHash::from_base64url(&claims.user_code);
        match user_code {
            Some(user_code) if claims.sign_in == *sign_in => Ok(Self {
                user_code,
                sign_in: claims.sign_in,
            }),
            _ => Err(JwtError::Claims),
        }
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// The client may.
    Allow,
    /// It may not.
    Deny,
}

impl Decision {
    /// Reads the button that was pressed.
    pub fn parse(form: &Form) -> Option<Self> {
        match form.optional("decision") {
            Some("allow") => Some(Self::Allow),
            Some("deny") => Some(Self::Deny),
            _ => None,
        }
    }
}

/// An answer on its way to the store, which takes it only as long as that sign-in lives: a yes for a
/// device that waits, a no also for one that was allowed and has not fetched its tokens yet.
#[derive(Debug)]
pub struct Answer {
    /// The keyed hash of the user code.
    pub user_code: SecretHash,
    /// Whose answer it is.
    pub sign_in: SignInId,
    /// When.
    pub at: Timestamp,
    /// The yes; `None` is a no.
    pub approval: Option<Approval>,
    /// After a yes the device has until then, at least, to fetch its tokens.
    pub fetch_until: Timestamp,
}

/// The answer of whoever confirmed.
pub fn answer(
    confirmation: Confirmation,
    decision: Decision,
    sign_in: &SignIn,
    now: Timestamp,
) -> Answer {
    let approval = Approval {
        subject: sign_in.subject.clone(),
        auth_time: sign_in.auth_time,
        details: GrantDetails {
            amr: sign_in.amr.clone(),
            ..GrantDetails::default()
        },
    };
    Answer {
        user_code: confirmation.user_code,
        sign_in: confirmation.sign_in,
        at: now,
        approval: (decision == Decision::Allow).then_some(approval),
        fetch_until: now.plus(FETCH_WITHIN),
    }
}

/// What a user is told after answering.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settled {
    /// The device has, or is about to have, access in this user's name.
    Allowed,
    /// It has not.
    Denied,
    /// The code is worth nothing any more.
    Gone,
}

impl Settled {
    /// What stands in the store after `subject` answered, also if that was not the first time.
    pub fn of(status: Option<&DeviceStatus>, subject: &Subject) -> Self {
        match status {
            Some(DeviceStatus::Denied) => Self::Denied,
            Some(DeviceStatus::Allowed(approval)) if approval.subject == *subject => Self::Allowed,
            Some(DeviceStatus::Redeemed(made)) if made.subject == *subject => Self::Allowed,
            Some(DeviceStatus::Pending | DeviceStatus::Allowed(_) | DeviceStatus::Redeemed(_))
            | None => Self::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Redeemed;
    use super::super::tests::sign_in;
    use super::*;
    use crate::grant::AuthenticationMethod;
    use crate::grant::tests::{NOW, after};
    use crate::id::{GrantId, JwtId};

    fn key() -> SymmetricKey {
        SymmetricKey::derive(&[1; 32], CONFIRMATION_KEY_PURPOSE)
    }

    fn confirmation() -> Confirmation {
        Confirmation {
            user_code: SecretHash::of("a code"),
            sign_in: sign_in().id,
        }
    }

    #[test]
    fn a_confirmation_opens_under_its_sign_in_for_ten_minutes() {
        let token = PresentedToken::new(confirmation().seal(&key(), NOW).unwrap());
        let opened = Confirmation::open(&token, &sign_in().id, &key(), after(599)).unwrap();
        assert!(opened.user_code.matches(SecretHash::of("a code")));
        assert_eq!(opened.sign_in, sign_in().id);
        let late = Confirmation::open(&token, &sign_in().id, &key(), after(600));
        assert_eq!(late.unwrap_err(), JwtError::Expired);
        let other = SignInId::parse("other").unwrap();
        let elsewhere = Confirmation::open(&token, &other, &key(), NOW);
        assert_eq!(elsewhere.unwrap_err(), JwtError::Claims);
        let forged = SymmetricKey::derive(&[2; 32], CONFIRMATION_KEY_PURPOSE);
        let forged = Confirmation::open(&token, &sign_in().id, &forged, NOW);
        assert_eq!(forged.unwrap_err(), JwtError::Signature);
    }

    #[test]
    fn a_yes_carries_who_said_it_and_how_they_signed_in() {
        let made = |decision| answer(confirmation(), decision, &sign_in(), NOW);
        let yes = made(Decision::Allow);
        let approval = yes.approval.unwrap();
        assert_eq!(approval.subject, sign_in().subject);
        assert_eq!(approval.auth_time, sign_in().auth_time);
        assert_eq!(approval.details.amr, [AuthenticationMethod::Password]);
        assert_eq!((yes.at, yes.fetch_until), (NOW, after(120)));
        assert_eq!(made(Decision::Deny).approval, None);
    }

    #[test]
    fn only_the_two_buttons_answer() {
        let parse = |body| Decision::parse(&Form::parse(body).unwrap());
        assert_eq!(parse("decision=allow"), Some(Decision::Allow));
        assert_eq!(parse("decision=deny"), Some(Decision::Deny));
        for other in ["", "decision=", "decision=Allow", "decision=yes"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn answering_twice_is_answering_once_and_nobody_hears_of_anothers_answer() {
        let (me, other) = (sign_in().subject, Subject::parse("u2").unwrap());
        let allowed = |subject: &Subject| {
            DeviceStatus::Allowed(Approval {
                subject: subject.clone(),
                auth_time: NOW,
                details: GrantDetails::default(),
            })
        };
        let redeemed = |subject: &Subject| {
            DeviceStatus::Redeemed(Redeemed {
                subject: subject.clone(),
                at: NOW,
                grant_id: GrantId::parse("g1").unwrap(),
                refresh_jti: JwtId::parse("rt-1").unwrap(),
            })
        };
        for (status, expected) in [
            (Some(allowed(&me)), Settled::Allowed),
            (Some(redeemed(&me)), Settled::Allowed),
            (Some(allowed(&other)), Settled::Gone),
            (Some(redeemed(&other)), Settled::Gone),
            (Some(DeviceStatus::Denied), Settled::Denied),
            (Some(DeviceStatus::Pending), Settled::Gone),
            (None, Settled::Gone),
        ] {
            assert_eq!(Settled::of(status.as_ref(), &me), expected, "{status:?}");
        }
    }
}
