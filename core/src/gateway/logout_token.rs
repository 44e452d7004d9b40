//! Logout tokens (OpenID Connect Back-Channel Logout §2.4): a provider says that a user has signed out.

use serde_json::Value;

use crate::id::{ClientId, Issuer, JwtId, Subject};
use crate::jose::{Claims, Jwt};
use crate::logout::back_channel::EVENT;
use crate::time::{Lifetime, Timestamp};

/// The `typ` values that a logout token may have; it may also have none.
pub const TYPES: [&str; 2] = ["logout+jwt", "JWT"];

/// How old a logout token may be, and so how long its `jti` is remembered.
pub const OLDEST: Lifetime = Lifetime::from_minutes(10);

/// How far clocks may differ.
pub const SKEW: Lifetime = Lifetime::from_minutes(1);

/// Which sessions are over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    /// Those of this user,
    pub subject: Option<Subject>,
    /// or of this session at the provider; if both are given, those that are both.
    pub sid: Option<String>,
    /// The order is carried out once.
    pub jti: JwtId,
}

/// Why a logout token is not obeyed (§2.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LogoutTokenError {
    /// `iss` is another.
    #[error("iss is not the issuer of this registration")]
    OtherIssuer,
    /// `aud` is another.
    #[error("aud is not the client of this registration")]
    OtherAudience,
    /// It was issued too long ago, or in the future.
    #[error("iat is too long ago, or in the future")]
    Time,
    /// It tells of something else.
    #[error("events does not have the logout event")]
    Event,
    /// An ID token passed off as a logout token.
    #[error("a logout token has no nonce")]
    Nonce,
    /// Neither `sub` nor `sid`, or not in their form.
    #[error("sub or sid must be there, as text")]
    Nobody,
    /// No `jti`.
    #[error("jti must be there, as text")]
    NoId,
}

/// Checks the claims of a logout token whose signature and expiry hold.
///
/// # Errors
///
/// The first [`LogoutTokenError`].
pub fn check(
    token: &Jwt<Claims>,
    issuer: &Issuer,
    client_id: &ClientId,
    now: Timestamp,
) -> Result<Order, LogoutTokenError> {
    let claims = &token.payload;
    let text = |name| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(issuer.as_str()) {
        return Err(LogoutTokenError::OtherIssuer);
    }
    let own = client_id.as_str();
    let is_ours = match claims.get("aud") {
        Some(Value::String(one)) => one == own,
        Some(Value::Array(several)) => several.iter().any(|one| one == own),
        _ => false,
    };
    if !is_ours {
        return Err(LogoutTokenError::OtherAudience);
    }
    if token.issued_at > now.plus(SKEW) || !token.issued_at.is_within(OLDEST, now) {
        return Err(LogoutTokenError::Time);
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(LogoutTokenError::Event);
    }
    if claims.contains_key("nonce") {
        return Err(LogoutTokenError::Nonce);
    }
    let jti = text("jti").and_then(|jti| JwtId::parse(jti).ok());
    let order = Order {
        jti: jti.ok_or(LogoutTokenError::NoId)?,
        subject: text("sub").and_then(|sub| Subject::parse(sub).ok()),
        sid: text("sid").filter(|sid| !sid.is_empty()).map(str::to_owned),
    };
    let is_said = |name, read: bool| claims.contains_key(name) == read;
    let is_readable =
        is_said("sub", order.subject.is_some()) && is_said("sid", order.sid.is_some());
    if !is_readable || (order.subject.is_none() && order.sid.is_none()) {
        return Err(LogoutTokenError::Nobody);
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn token(change: impl FnOnce(&mut Claims)) -> Jwt<Claims> {
        let Value::Object(mut payload) = json!({
            "iss": "https://id.example", "aud": "app", "sub": "u1", "sid": "s1", "jti": "j1",
            "events": { EVENT: {} },
        }) else {
            unreachable!()
        };
        change(&mut payload);
        Jwt {
            payload,
            issued_at: NOW,
            expires_at: NOW.plus(Lifetime::from_minutes(2)),
        }
    }

    fn judged(token: &Jwt<Claims>) -> Result<Order, LogoutTokenError> {
        let issuer = Issuer::parse("https://id.example").unwrap();
        check(token, &issuer, &ClientId::parse("app").unwrap(), NOW)
    }

    #[test]
    fn it_names_a_user_a_session_or_both() {
        let order = judged(&token(|_| {})).unwrap();
        assert_eq!(order.subject.unwrap().as_str(), "u1");
        assert_eq!(
            (order.sid.as_deref(), order.jti.as_str()),
            (Some("s1"), "j1")
        );
        assert!(judged(&token(|claims| drop(claims.remove("sub")))).is_ok());
        assert!(judged(&token(|claims| drop(claims.remove("sid")))).is_ok());
    }

    #[test]
    fn every_check_of_section_2_6_has_its_name() {
        use LogoutTokenError as E;
        for (name, value, expected) in [
            ("iss", json!("https://evil.example"), E::OtherIssuer),
            ("aud", json!("other"), E::OtherAudience),
            ("aud", json!(["other"]), E::OtherAudience),
            ("aud", json!(null), E::OtherAudience),
            ("events", json!({}), E::Event),
            ("events", json!({ EVENT: true }), E::Event),
            ("events", json!([EVENT]), E::Event),
            ("nonce", json!("n"), E::Nonce),
            ("nonce", json!(null), E::Nonce),
            ("jti", json!(""), E::NoId),
            ("jti", json!(1), E::NoId),
            ("sub", json!(1), E::Nobody),
            ("sid", json!(""), E::Nobody),
        ] {
            let token = token(|claims| drop(claims.insert(name.to_owned(), value.clone())));
            assert_eq!(judged(&token), Err(expected), "{name} {value}");
        }
        let nobody = token(|claims| {
            claims.remove("sub");
            claims.remove("sid");
        });
        assert_eq!(judged(&nobody), Err(E::Nobody));
        for seconds in [-600, 61] {
            let mut other = token(|_| {});
            other.issued_at = Timestamp::from_seconds(NOW.seconds() + seconds);
            assert_eq!(judged(&other), Err(E::Time), "{seconds}");
        }
    }
}
