//! What an ID token must say (OpenID Connect Core §3.1.3.7).
//!
//! Its signature is the host's to verify, with `WebCrypto`. What it says of time is compared with the
//! provider's clock, as the answer that brought it has it, and never with the user's: a clock that
//! runs an hour ahead must not keep anyone out.

use crate::id::{ClientId, Issuer, Nonce};
use crate::time::{Lifetime, Timestamp};

/// How far the clocks of a provider's machines may lie apart.
const LEEWAY: Lifetime = Lifetime::from_minutes(5);

/// The claims of an ID token, as far as a client checks them.
#[derive(Debug)]
pub struct IdTokenClaims<'a> {
    /// Who says it.
    pub iss: &'a str,
    /// To whom: one client or several.
    pub aud: Vec<&'a str>,
    /// To which of several.
    pub azp: Option<&'a str>,
    /// In answer to which request.
    pub nonce: Option<&'a str>,
    /// Since when.
    pub iat: Timestamp,
    /// Until when.
    pub exp: Timestamp,
    /// When the user was last asked for proof.
    pub auth_time: Option<Timestamp>,
    /// With which access token: half of its hash.
    pub at_hash: Option<&'a str>,
}

/// What is known of the sign-in that the ID token must belong to.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// What was sent with the request; `None` for a sign-in without one, whose ID token has none.
    pub nonce: Option<&'a Nonce>,
    /// How long ago the user may have been asked for proof, if that was asked for.
    pub max_age: Option<Lifetime>,
    /// Half of the hash of the access token that came with it (OpenID Connect Core §3.1.3.6).
    pub at_hash: Option<&'a str>,
    /// The provider's time, if its answer said it (`Date`, RFC 9110 §6.6.1).
    pub date: Option<Timestamp>,
}

/// Why an ID token is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdTokenError {
    /// It is another issuer's.
    #[error("the ID token is another issuer's")]
    OtherIssuer,
    /// It is meant for another client.
    #[error("the ID token is another client's")]
    OtherAudience,
    /// It has expired, or is not valid yet.
    #[error("the ID token is not of now")]
    OtherTime,
    /// It answers another request.
    #[error("the ID token belongs to another sign-in")]
    OtherNonce,
    /// The user was asked for proof longer ago than was wished, or it does not say when.
    #[error("the user proved who they are too long ago")]
    TooOld,
    /// It was issued with another access token.
    #[error("the ID token belongs to another access token")]
    OtherToken,
}

/// Checks the claims of the ID token that came with the tokens.
///
/// # Errors
///
/// The first [`IdTokenError`] in the order of OpenID Connect Core §3.1.3.7.
pub fn process(
    issuer: &Issuer,
    client_id: &ClientId,
    expected: Expected<'_>,
    claims: &IdTokenClaims<'_>,
) -> Result<(), IdTokenError> {
    let client_id = client_id.as_str();
    if claims.iss != issuer.as_str() {
        return Err(IdTokenError::OtherIssuer);
    }
    let other_party = match claims.azp {
        Some(azp) => azp != client_id,
        None => claims.aud.len() > 1,
    };
    if other_party || !claims.aud.contains(&client_id) {
        return Err(IdTokenError::OtherAudience);
    }
    // It answers a request of now, which the nonce says: without a date, it is issued now.
    let now = expected.date.unwrap_or(claims.iat);
    if claims.iat >= claims.exp || now >= claims.exp.plus(LEEWAY) || claims.iat > now.plus(LEEWAY) {
        return Err(IdTokenError::OtherTime);
    }
    if claims.nonce != expected.nonce.map(Nonce::as_str) {
        return Err(IdTokenError::OtherNonce);
    }
    if let Some(max_age) = expected.max_age {
        let proved = claims.auth_time.ok_or(IdTokenError::TooOld)?;
        if proved.plus(max_age).plus(LEEWAY) < now {
            return Err(IdTokenError::TooOld);
        }
    }
    match claims.at_hash {
        Some(at_hash) if Some(at_hash) != expected.at_hash => Err(IdTokenError::OtherToken),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rp::metadata::tests::ISSUER;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(NOW.seconds() + seconds)
    }

    fn nonce() -> Nonce {
        Nonce::from_random([2; 16])
    }

    /// What comes of the claims and expectations of an ordinary sign-in, changed by `change`.
    fn check(
        change: impl FnOnce(&mut IdTokenClaims<'static>, &mut Expected<'_>),
    ) -> Result<(), IdTokenError> {
        let nonce = nonce();
        let mut claims = IdTokenClaims {
            iss: ISSUER,
            aud: vec!["demo"],
            azp: None,
            nonce: Some("AgICAgICAgICAgICAgICAg"),
            iat: NOW,
            exp: at(600),
            auth_time: None,
            at_hash: None,
        };
        let mut expected = Expected {
            nonce: Some(&nonce),
            max_age: None,
            at_hash: Some("half"),
            date: Some(NOW),
        };
        change(&mut claims, &mut expected);
        let client_id = ClientId::parse("demo").unwrap();
        let issuer = Issuer::parse(ISSUER).unwrap();
        process(&issuer, &client_id, expected, &claims)
    }

    #[test]
    fn issuer_audience_and_nonce_must_be_the_requests_own() {
        assert_eq!(check(|_, _| ()), Ok(()));
        assert_eq!(
            check(|claims, _| claims.iss = "https://id.example/"),
            Err(IdTokenError::OtherIssuer)
        );
        for audiences in [vec![], vec!["other"], vec![""]] {
            let refused = check(|claims, _| claims.aud = audiences);
            assert_eq!(refused, Err(IdTokenError::OtherAudience));
        }
        for missing in [None, Some("other"), Some("")] {
            let refused = check(|claims, _| claims.nonce = missing);
            assert_eq!(refused, Err(IdTokenError::OtherNonce));
        }
    }

    #[test]
    fn one_that_answers_a_request_is_not_taken_for_one_that_answers_none() {
        let refused = check(|_, expected| expected.nonce = None);
        assert_eq!(refused, Err(IdTokenError::OtherNonce));
        let taken = check(|claims, expected| {
            claims.nonce = None;
            expected.nonce = None;
        });
        assert_eq!(taken, Ok(()));
    }

    #[test]
    fn among_several_audiences_the_authorized_party_is_named() {
        for (azp, outcome) in [
            (None, Err(IdTokenError::OtherAudience)),
            (Some("demo"), Ok(())),
            (Some("api"), Err(IdTokenError::OtherAudience)),
        ] {
            let checked = check(|claims, _| {
                claims.aud = vec!["api", "demo"];
                claims.azp = azp;
            });
            assert_eq!(checked, outcome, "{azp:?}");
        }
        let refused = check(|claims, _| claims.azp = Some("other"));
        assert_eq!(refused, Err(IdTokenError::OtherAudience));
    }

    #[test]
    fn it_is_of_now_by_the_providers_clock_give_or_take_five_minutes() {
        let leeway = LEEWAY.seconds();
        for (iat, exp, good) in [
            (0, 600, true),
            (0, 0, false),
            (0, -1, false),
            (leeway, leeway + 1, true),
            (leeway + 1, leeway + 2, false),
            (-600, 1 - leeway, true),
            (-600, -leeway, false),
        ] {
            let checked = check(|claims, _| (claims.iat, claims.exp) = (at(iat), at(exp)));
            assert_eq!(checked.is_ok(), good, "{iat} {exp}");
        }
        // A provider whose dates cannot be read says by `iat` what time it is.
        let checked = check(|claims, expected| {
            expected.date = None;
            (claims.iat, claims.exp) = (at(-9_000), at(-8_400));
        });
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn a_wish_for_fresh_proof_is_not_answered_with_old_or_unknown() {
        let leeway = LEEWAY.seconds();
        for (max_age, auth_time, outcome) in [
            (Some(60), Some(-60 - leeway), Ok(())),
            (Some(60), Some(-61 - leeway), Err(IdTokenError::TooOld)),
            (Some(60), None, Err(IdTokenError::TooOld)),
            (Some(0), Some(0), Ok(())),
            (None, Some(-90_000), Ok(())),
        ] {
            let checked = check(|claims, expected| {
                expected.max_age = max_age.map(Lifetime::from_seconds);
                claims.auth_time = auth_time.map(at);
            });
            assert_eq!(checked, outcome, "{max_age:?} {auth_time:?}");
        }
    }

    #[test]
    fn it_belongs_to_the_access_token_that_it_names() {
        for (claimed, known, outcome) in [
            (Some("half"), Some("half"), Ok(())),
            (Some("flah"), Some("half"), Err(IdTokenError::OtherToken)),
            (Some("half"), None, Err(IdTokenError::OtherToken)),
            (None, Some("half"), Ok(())),
        ] {
            let checked = check(|claims, expected| {
                claims.at_hash = claimed;
                expected.at_hash = known;
            });
            assert_eq!(checked, outcome, "{claimed:?} {known:?}");
        }
    }
}
