//! Who has signed in: an ID token (OpenID Connect Core §3.1.3.7), and what userinfo adds (§5.3).
//!
//! Signature and type were checked before, with the provider's published keys.

use serde_json::Value;

use crate::id::{ClientId, Issuer, Subject};
use crate::jose::{Claims, Jwt};
use crate::rp::id_token::{self, Expected, IdTokenClaims, IdTokenError};
use crate::time::Timestamp;

/// What the front end is told of its user, as far as the provider says it (OpenID Connect Core §5.1).
const TOLD: [&str; 14] = [
    "sub",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "preferred_username",
    "picture",
    "email",
    "email_verified",
    "locale",
    "zoneinfo",
    "auth_time",
    "acr",
    "amr",
];

/// Whoever has signed in, and in which session at the provider.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user.
    pub subject: Subject,
    /// The session at the provider (OpenID Connect Back-Channel Logout §2.1).
    pub sid: Option<String>,
    /// What the front end is told of the user.
    pub user: Claims,
}

/// Why an ID token says nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// Its claims are not those that were asked for.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    /// It names nobody.
    #[error("the ID token has no sub")]
    Nobody,
}

/// Checks the claims of an ID token whose signature holds.
///
/// # Errors
///
/// The first [`IdentityError`].
pub fn process(
    token: &Jwt<Claims>,
    issuer: &Issuer,
    client_id: &ClientId,
    expected: Expected<'_>,
) -> Result<Identity, IdentityError> {
    let claims = &token.payload;
    let text = |name| claims.get(name).and_then(Value::as_str);
    let audiences = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let checked = IdTokenClaims {
        iss: text("iss").unwrap_or_default(),
        aud: audiences,
        azp: text("azp"),
        nonce: text("nonce"),
        iat: token.issued_at,
        exp: token.expires_at,
        auth_time: claims
            .get("auth_time")
            .and_then(Value::as_i64)
            .map(Timestamp::from_seconds),
        at_hash: claims
            .contains_key("at_hash")
            .then(|| text("at_hash").unwrap_or_default()),
    };
    id_token::process(issuer, client_id, expected, &checked)?;
    let subject = text("sub").and_then(|sub| Subject::parse(sub).ok());
    Ok(Identity {
        subject: subject.ok_or(IdentityError::Nobody)?,
        sid: text("sid").map(str::to_owned),
        user: told(claims),
    })
}

impl Identity {
    /// Adds what userinfo says, if it speaks of the same user (OpenID Connect Core §5.3.2). What the ID token has
    /// said stays.
    pub fn add(&mut self, userinfo: &Claims) {
        if userinfo.get("sub").and_then(Value::as_str) != Some(self.subject.as_str()) {
            return;
        }
        for (name, value) in told(userinfo) {
            self.user.entry(name).or_insert(value);
        }
    }
}

fn told(claims: &Claims) -> Claims {
    let mut told = claims.clone();
    told.retain(|name, _| TOLD.contains(&name.as_str()));
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Nonce;
    use crate::time::Lifetime;
    use serde_json::json;

    fn read(change: impl FnOnce(&mut Claims)) -> Result<Identity, IdentityError> {
        let Value::Object(mut claims) = json!({
            "iss": "https://id.example", "aud": ["app"], "sub": "u1", "nonce": "n1", "sid": "s1",
            "name": "Anna", "at_hash": "h", "secret_claim": 1,
        }) else {
            unreachable!()
        };
        change(&mut claims);
        let now = Timestamp::from_seconds(1_800_000_000);
        let token = Jwt {
            payload: claims,
            issued_at: now,
            expires_at: now.plus(Lifetime::from_minutes(5)),
        };
        let expected = Expected {
            nonce: Some(&Nonce::parse("n1").unwrap()),
            max_age: None,
            at_hash: Some("h"),
            date: Some(now),
        };
        let client = ClientId::parse("app").unwrap();
        let issuer = Issuer::parse("https://id.example").unwrap();
        process(&token, &issuer, &client, expected)
    }

    #[test]
    fn it_says_who_signed_in_and_no_more_than_the_page_may_know() {
        let identity = read(|_| {}).unwrap();
        assert_eq!(identity.subject.as_str(), "u1");
        assert_eq!(identity.sid.as_deref(), Some("s1"));
        assert_eq!(
            Value::from(identity.user),
            json!({ "sub": "u1", "name": "Anna" })
        );
        assert!(read(|claims| drop(claims.remove("at_hash"))).is_ok());
    }

    #[test]
    fn what_does_not_answer_this_request_is_refused() {
        use IdTokenError as E;
        let set = |name: &'static str, value: Value| {
            read(move |claims| drop(claims.insert(name.to_owned(), value)))
        };
        for (name, value, expected) in [
            ("iss", json!("https://evil.example"), E::OtherIssuer.into()),
            ("iss", json!(1), E::OtherIssuer.into()),
            ("aud", json!("other"), E::OtherAudience.into()),
            ("aud", json!(null), E::OtherAudience.into()),
            ("azp", json!("other"), E::OtherAudience.into()),
            ("nonce", json!("n2"), E::OtherNonce.into()),
            ("nonce", json!(null), E::OtherNonce.into()),
            ("sub", json!(""), IdentityError::Nobody),
            ("sub", json!(7), IdentityError::Nobody),
            ("at_hash", json!("other"), E::OtherToken.into()),
            ("at_hash", json!(null), E::OtherToken.into()),
        ] {
            assert_eq!(
                set(name, value.clone()).unwrap_err(),
                expected,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn userinfo_adds_what_is_missing_and_only_of_the_same_user() {
        let mut identity = read(|_| {}).unwrap();
        let about = |sub: &str| match json!({ "sub": sub, "name": "Other", "email": "a@b" }) {
            Value::Object(claims) => claims,
            _ => unreachable!(),
        };
        identity.add(&about("u2"));
        assert_eq!(identity.user.get("email"), None);
        identity.add(&about("u1"));
        assert_eq!(identity.user["email"], "a@b");
        assert_eq!(identity.user["name"], "Anna");
    }
}
