//! Who the user is: the standard claims (OIDC Core §5.1), and what a client is told of them.

use serde_json::Value;

use crate::id::{ClientId, Issuer, Subject};
use crate::jose::{Claims, claims};
use crate::scope::Scope;
use crate::secret::PasswordHash;

/// The `typ` of signed userinfo: no ID token is mistaken for it, nor it for one.
pub const TYPE: &str = "userinfo+jwt";

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

/// Every claim about a user, and the scope that opens it (OIDC Core §5.4).
const CLAIMS: [(&str, &str); 4] = [
    ("name", "profile"),
    ("preferred_username", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
];

/// The claims that a client asks for one by one (OIDC Core §5.5), by their names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClaimNames {
    /// For the ID token.
    pub id_token: Scope,
    /// For userinfo, besides what the scope opens.
    pub userinfo: Scope,
}

impl ClaimNames {
    /// Those that `allowed` opens.
    #[must_use]
    pub fn within(&self, allowed: &Scope) -> Self {
        let open = |names: &Scope| names.filter(|name| is_open(name, allowed));
        Self {
            id_token: open(&self.id_token),
            userinfo: open(&self.userinfo),
        }
    }

    /// What opens them.
    pub fn scope(&self) -> Scope {
        let named = |name| self.id_token.contains(name) || self.userinfo.contains(name);
        let openers = CLAIMS.iter().filter(|(name, _)| named(name));
        let openers = openers.map(|(_, opener)| *opener).collect::<Vec<_>>();
        Scope::parse(&openers.join(" ")).unwrap_or_default()
    }
}

fn is_open(name: &str, scope: &Scope) -> bool {
    let mut openers = CLAIMS.iter().filter(|(known, _)| *known == name);
    openers.any(|(_, opener)| scope.contains(opener))
}

/// Tells about `user` what `scope` opens, and the claims of these names. What is not known is left out.
pub fn tell(user: User, scope: &Scope, names: &Scope, into: &mut Claims) {
    let tells = |name: &str| names.contains(name) || is_open(name, scope);
    let verified = user.email.is_some().then_some(user.email_verified);
    let known = [
        ("name", user.name.map(Value::from)),
        ("preferred_username", Some(user.username.into())),
        ("email", user.email.map(Value::from)),
        ("email_verified", verified.map(Value::from)),
    ];
    for (name, value) in known {
        if let Some(value) = value.filter(|_| tells(name)) {
            into.insert(name.to_owned(), value);
        }
    }
}

/// The answer about `user` (OIDC Core §5.3.2).
pub fn user_info(user: User, scope: &Scope, names: &Scope) -> Claims {
    let mut info = claims([("sub", user.subject.as_str().into())]);
    tell(user, scope, names, &mut info);
    info
}

/// The same for a client that wants it signed (OIDC Core §5.3.2): it says who says so, and to whom.
#[must_use]
pub fn addressed(mut info: Claims, issuer: &Issuer, client: &ClientId) -> Claims {
    info.insert("iss".to_owned(), issuer.as_str().into());
    info.insert("aud".to_owned(), client.as_str().into());
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::issuer;
    use serde_json::json;

    fn user() -> User {
        User {
            subject: Subject::parse("u1").unwrap(),
            username: "anna".to_owned(),
            name: Some("Anna Example".to_owned()),
            email: Some("anna@example.com".to_owned()),
            email_verified: true,
        }
    }

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn names(id_token: &str, userinfo: &str) -> ClaimNames {
        ClaimNames {
            id_token: scope(id_token),
            userinfo: scope(userinfo),
        }
    }

    fn told(user: User, opened: &str) -> Value {
        user_info(user, &scope(opened), &Scope::default()).into()
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

    #[test]
    fn claims_that_are_named_come_besides_and_each_where_it_was_asked_for() {
        let named = names("name", "email");
        let info = Value::from(user_info(user(), &scope("openid"), &named.userinfo));
        assert_eq!(info, json!({ "sub": "u1", "email": "anna@example.com" }));
        let mut id_token = Claims::new();
        tell(user(), &Scope::default(), &named.id_token, &mut id_token);
        assert_eq!(Value::from(id_token), json!({ "name": "Anna Example" }));
    }

    #[test]
    fn names_stay_within_what_is_allowed_and_say_what_opens_them() {
        let named = names("name email", "preferred_username");
        assert_eq!(named.scope(), scope("email profile"));
        assert_eq!(named.within(&scope("openid email")), names("email", ""));
        assert_eq!(named.within(&scope("openid")), ClaimNames::default());
        assert_eq!(names("nickname", "").scope(), Scope::default());
    }

    #[test]
    fn signed_it_says_who_says_so_and_to_whom() {
        let client = ClientId::parse("demo").unwrap();
        let info = user_info(user(), &scope("openid"), &Scope::default());
        let expected = json!({ "iss": "http://localhost:4000", "aud": "demo", "sub": "u1" });
        assert_eq!(Value::from(addressed(info, &issuer(), &client)), expected);
    }
}
