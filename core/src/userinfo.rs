//! Who the user is (OIDC Core §5.3).

use serde::Serialize;

use crate::id::Subject;
use crate::scope::Scope;
use crate::secret::PasswordHash;

/// A user as the store holds one.
#[derive(Clone, Debug)]
pub struct User {
    /// The key, and `sub` to every client.
    pub subject: Subject,
    /// What the user signs in with.
    pub username: String,
    /// The full name.
    pub name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// Whether the user has shown that the address is theirs.
    pub email_verified: bool,
}

/// A user, and what their password is compared with.
#[derive(Debug)]
pub struct Account {
    /// Who.
    pub user: User,
    /// The hash of the password.
    pub password_hash: PasswordHash,
}

/// The claims that a scope opens (OIDC Core §5.4).
#[derive(Debug, Serialize)]
pub struct UserInfo {
    sub: Subject,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl UserInfo {
    /// What a token with `scope` may know of `user`.
    pub fn of(user: User, scope: &Scope) -> Self {
        let profile = scope.contains("profile");
        let email = user.email.filter(|_| scope.contains("email"));
        Self {
            sub: user.subject,
            name: user.name.filter(|_| profile),
            preferred_username: profile.then_some(user.username),
            email_verified: email.is_some().then_some(user.email_verified),
            email,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user() -> User {
        User {
            subject: Subject::parse("u1").unwrap(),
            username: "anna".to_owned(),
            name: Some("Anna Example".to_owned()),
            email: Some("anna@example.com".to_owned()),
            email_verified: true,
        }
    }

    fn told(user: User, scope: &str) -> Value {
        let info = UserInfo::of(user, &Scope::parse(scope).unwrap());
        serde_json::to_value(info).unwrap()
    }

    #[test]
    fn each_scope_opens_its_claims_and_no_others() {
        assert_eq!(told(user(), "openid read"), json!({ "sub": "u1" }));
        assert_eq!(
            told(user(), "openid profile"),
            json!({ "sub": "u1", "name": "Anna Example", "preferred_username": "anna" })
        );
        assert_eq!(
            told(user(), "openid email"),
            json!({ "sub": "u1", "email": "anna@example.com", "email_verified": true })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let unknown = User {
            name: None,
            email: None,
            ..user()
        };
        let expected = json!({ "sub": "u1", "preferred_username": "anna" });
        assert_eq!(told(unknown, "openid profile email"), expected);
    }
}
