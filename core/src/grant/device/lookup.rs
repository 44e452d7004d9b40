//! A user who is signed in types the code of a device (RFC 8628 §3.3, §5.1).

use super::{DeviceRecord, DeviceStatus};
use crate::authorize::SignIn;
use crate::client::Client;
use crate::time::Timestamp;
use crate::userinfo::User;

/// From so many wrong codes on a sign-in may try no more: with twenty letters in eight places, and even
/// with a million devices waiting, whoever guesses is right once in thousands of sign-ins.
pub const MOST_WRONG_CODES: u32 = 10;

/// What the store holds of a user code that somebody typed.
#[derive(Debug)]
pub struct Found {
    /// Who typed it.
    pub sign_in: Option<SignIn>,
    /// The user who is signed in.
    pub user: Option<User>,
    /// How many wrong codes were typed under that sign-in, this one included.
    pub wrong_codes: u32,
    /// The device that shows the code, and its client.
    pub device: Option<(DeviceRecord, Client)>,
}

/// What the user is asked: whether this client, on the device that shows the code, may do this.
#[derive(Debug)]
pub struct Asked {
    /// Who is asked.
    pub sign_in: SignIn,
    /// Who that is to people.
    pub username: String,
    /// The client.
    pub client: Client,
    /// What it asks for.
    pub record: DeviceRecord,
}

/// Why the user is not asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LookupRefusal {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignInFirst,
    /// Too many wrong codes.
    #[error("too many wrong codes were typed")]
    TooMany,
    /// No device that waits shows this code: none ever did, it was answered, or its time is over. Which
    /// of these is nobody's business.
    #[error("no device waits with this code")]
    Unknown,
}

/// Decides whether the user is asked.
///
/// # Errors
///
/// The [`LookupRefusal`] that says why not.
pub fn ask(found: Found, now: Timestamp) -> Result<Asked, LookupRefusal> {
    let live = found.sign_in.filter(|sign_in| sign_in.expires_at > now);
    let (sign_in, user) = live.zip(found.user).ok_or(LookupRefusal::SignInFirst)?;
    if found.wrong_codes >= MOST_WRONG_CODES {
        return Err(LookupRefusal::TooMany);
    }
    let waits =
        |record: &DeviceRecord| record.status == DeviceStatus::Pending && record.expires_at > now;
    let device = found.device.filter(|(record, _)| waits(record));
    let (record, client) = device.ok_or(LookupRefusal::Unknown)?;
    Ok(Asked {
        sign_in,
        username: user.username,
        client,
        record,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{record, sign_in};
    use super::*;
    use crate::client::tests::public;
    use crate::grant::tests::{NOW, after};

    fn found(status: DeviceStatus) -> Found {
        Found {
            sign_in: Some(sign_in()),
            user: Some(User {
                subject: sign_in().subject,
                username: "anna".to_owned(),
                name: None,
                email: None,
                email_verified: false,
            }),
            wrong_codes: 0,
            device: Some((record(status), public())),
        }
    }

    fn refused(found: Found, now: Timestamp) -> LookupRefusal {
        ask(found, now).unwrap_err()
    }

    #[test]
    fn whoever_is_signed_in_is_asked_about_a_device_that_waits() {
        let asked = ask(found(DeviceStatus::Pending), NOW).unwrap();
        assert_eq!(asked.client.id, public().id);
        assert_eq!(
            (asked.sign_in, asked.username.as_str()),
            (sign_in(), "anna")
        );
        assert_eq!(asked.record.scope.to_string(), "openid read");
    }

    #[test]
    fn nobody_learns_anything_without_a_sign_in() {
        let nobody = Found {
            sign_in: None,
            ..found(DeviceStatus::Pending)
        };
        assert_eq!(refused(nobody, NOW), LookupRefusal::SignInFirst);
        let ended = found(DeviceStatus::Pending);
        assert_eq!(
            refused(ended, sign_in().expires_at),
            LookupRefusal::SignInFirst
        );
    }

    #[test]
    fn an_unknown_an_answered_and_an_expired_code_are_not_told_apart() {
        let unknown = Found {
            device: None,
            ..found(DeviceStatus::Pending)
        };
        assert_eq!(refused(unknown, NOW), LookupRefusal::Unknown);
        assert_eq!(
            refused(found(DeviceStatus::Denied), NOW),
            LookupRefusal::Unknown
        );
        let in_time = Found {
            device: Some((
                DeviceRecord {
                    expires_at: after(1),
                    ..record(DeviceStatus::Pending)
                },
                public(),
            )),
            ..found(DeviceStatus::Pending)
        };
        assert_eq!(refused(in_time, after(1)), LookupRefusal::Unknown);
    }

    #[test]
    fn too_many_wrong_codes_make_the_right_one_worthless_too() {
        let after_wrong = |wrong_codes| Found {
            wrong_codes,
            ..found(DeviceStatus::Pending)
        };
        assert!(ask(after_wrong(MOST_WRONG_CODES - 1), NOW).is_ok());
        assert_eq!(
            refused(after_wrong(MOST_WRONG_CODES), NOW),
            LookupRefusal::TooMany
        );
    }
}
