//! A user's password in the hands of a client: first-party sign-in, and the password grant (RFC 6749 §4.3)
//! of apps that cannot do better yet.
//!
//! Only an administrator lets a client do either: `direct_sign_in` among its settings and first-party for
//! the one, `password` among its grant types for the other. Whether the client may is decided before the
//! password is looked at, so that nobody else can try passwords here.

use super::begin::{Consented, begin};
use super::code::NewIds;
use super::{AuthenticationMethod, Grant, GrantDetails, Session, Terms};
use crate::authorize::{Resources, UnknownResource, requested_resource};
use crate::client::{AuthenticatedClient, Client, GrantType};
use crate::dpop::{ProofRefusal, check_key};
use crate::error::ErrorCode;
use crate::form::Form;
use crate::id::{Audience, Subject};
use crate::scope::{Scope, ScopeExceeded};
use crate::secret::Password;
use crate::time::Lifetime;
use crate::token::TokenRefusal;

/// What a client sends (RFC 6749 §4.3.2).
#[derive(Debug)]
pub struct PasswordRequest {
    /// `username`.
    pub username: String,
    /// `password`.
    pub password: Password,
    /// `scope`.
    pub scope: Option<Scope>,
    /// `resource` (RFC 8707).
    pub resource: Option<Audience>,
}

/// Why nobody is signed in. A wrong password and an unknown user are not told apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PasswordRefusal {
    /// The key that the client must prove.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// More than the client may have.
    #[error("scope exceeds what this client may have")]
    Scope(#[from] ScopeExceeded),
    /// No such resource.
    #[error(transparent)]
    Target(#[from] UnknownResource),
    /// No administrator has let the client do this.
    #[error("this client may not take passwords: send the user to the authorization endpoint")]
    UnauthorizedClient,
    /// Too many wrong passwords: it was not looked at.
    #[error("too many wrong passwords for this user name: wait, then try again")]
    Wait(Lifetime),
    /// The password is not the user's, or there is no such user.
    #[error("user name and password do not match")]
    Wrong,
}

impl PasswordRefusal {
    /// The code of the wire (RFC 6749 §5.2).
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Proof(refusal) => refusal.code(),
            Self::Scope(_) => ErrorCode::InvalidScope,
            Self::Target(_) => ErrorCode::InvalidTarget,
            Self::UnauthorizedClient => ErrorCode::UnauthorizedClient,
            Self::Wait(_) => ErrorCode::TemporarilyUnavailable,
            Self::Wrong => ErrorCode::InvalidGrant,
        }
    }
}

/// What a client would get for the right password: the outcome of [`PasswordRequest::check`].
#[derive(Debug)]
pub struct Allowed {
    scope: Scope,
    audience: Audience,
}

impl PasswordRequest {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// The [`TokenRefusal`] that says what is missing or malformed.
    pub fn parse(form: &Form) -> Result<Self, TokenRefusal> {
        Ok(Self {
            username: form.required("username")?.to_owned(),
            password: Password::new(form.required("password")?),
            scope: form.optional("scope").map(Scope::parse).transpose()?,
            resource: requested_resource(form)?,
        })
    }

    /// Checks everything but the password; `directly` says whether it came by first-party sign-in.
    ///
    /// # Errors
    ///
    /// The [`PasswordRefusal`] that says what the client may not.
    pub fn check(
        &self,
        client: &AuthenticatedClient,
        directly: bool,
        resources: &Resources,
        terms: Terms<'_>,
    ) -> Result<Allowed, PasswordRefusal> {
        let client = client.client();
        if !may_take_passwords(client, directly) {
            return Err(PasswordRefusal::UnauthorizedClient);
        }
        check_key(None, client, terms.key)?;
        Ok(Allowed {
            scope: client.scope.grant(self.scope.as_ref())?,
            audience: resources.audience(self.resource.as_ref())?,
        })
    }
}

fn may_take_passwords(client: &Client, directly: bool) -> bool {
    if directly {
        client.may_sign_in_directly()
    } else {
        client.may_use(GrantType::Password)
    }
}

/// The grant of a user whose password was right, and its first generation. It belongs to no browser of the
/// provider's: signing out of one does not end it.
pub fn grant(
    allowed: Allowed,
    subject: Subject,
    client: &AuthenticatedClient,
    ids: NewIds,
    terms: Terms<'_>,
) -> (Grant, Session) {
    let consented = Consented {
        browser: ids.grant.to_browser(),
        subject,
        client_id: client.client().id.clone(),
        scope: allowed.scope,
        audience: allowed.audience,
        auth_time: terms.now,
        details: GrantDetails {
            amr: vec![AuthenticationMethod::Password],
            ..GrantDetails::default()
        },
    };
    begin(consented, client.client(), ids, terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::resources;
    use crate::client::ClientSettings;
    use crate::client::tests::{authenticated, public};
    use crate::error::ErrorResponse;
    use crate::grant::tests::{NOW, terms};
    use crate::id::{GrantId, JwtId};

    const BODY: &str = "username=anna&password=s3cret+pass";

    fn asked(body: &str) -> PasswordRequest {
        PasswordRequest::parse(&Form::parse(body).unwrap()).unwrap()
    }

    fn check(client: Client, directly: bool, body: &str) -> Result<Allowed, PasswordRefusal> {
        asked(body).check(&authenticated(client), directly, &resources(), terms(NOW))
    }

    fn client(direct_sign_in: bool, is_first_party: bool, grant_type: GrantType) -> Client {
        Client {
            is_first_party,
            grant_types: vec![grant_type],
            settings: ClientSettings {
                direct_sign_in,
                ..ClientSettings::default()
            },
            ..public()
        }
    }

    #[test]
    fn only_an_administrator_lets_a_client_take_passwords() {
        use GrantType::{AuthorizationCode as Code, Password};
        for (client, directly, may) in [
            (client(true, true, Code), true, true),
            (client(true, false, Code), true, false),
            (client(false, true, Code), true, false),
            (client(false, true, Password), true, false),
            (client(false, false, Password), false, true),
            (client(true, true, Code), false, false),
        ] {
            let refused = check(client, directly, BODY).err();
            let expected = (!may).then_some(PasswordRefusal::UnauthorizedClient);
            assert_eq!(refused, expected);
        }
    }

    #[test]
    fn it_gets_no_more_than_it_may_have() {
        let direct = || client(true, true, GrantType::AuthorizationCode);
        let allowed = check(direct(), true, &format!("{BODY}&scope=read")).unwrap();
        assert_eq!(allowed.scope.to_string(), "read");
        assert_eq!(allowed.audience, resources().default);
        for (more, code) in [
            ("scope=admin", ErrorCode::InvalidScope),
            (
                "resource=https%3A%2F%2Fevil.example",
                ErrorCode::InvalidTarget,
            ),
        ] {
            let refusal = check(direct(), true, &format!("{BODY}&{more}")).unwrap_err();
            assert_eq!(refusal.code(), code);
        }
    }

    #[test]
    fn a_grant_of_a_password_belongs_to_no_browser() {
        let direct = authenticated(client(true, true, GrantType::AuthorizationCode));
        let allowed = asked(BODY).check(&direct, true, &resources(), terms(NOW));
        let ids = NewIds {
            grant: GrantId::parse("g1").unwrap(),
            refresh_jti: JwtId::parse("r1").unwrap(),
            access_jti: JwtId::parse("a1").unwrap(),
        };
        let subject = Subject::parse("u1").unwrap();
        let (made, session) = grant(allowed.unwrap(), subject, &direct, ids, terms(NOW));
        assert_eq!(made.browser, GrantId::parse("g1").unwrap().to_browser());
        assert_eq!((made.auth_time, made.created_at), (NOW, NOW));
        assert_eq!(made.details.amr, [AuthenticationMethod::Password]);
        assert_eq!((session.generation, session.grant_id), (1, made.id));
    }

    #[test]
    fn what_is_missing_is_named_and_the_password_does_not_print() {
        assert!(!format!("{:?}", asked(BODY)).contains("s3cret"));
        for (body, name) in [
            ("password=x", "username"),
            ("username=x&password=", "password"),
        ] {
            let refusal = PasswordRequest::parse(&Form::parse(body).unwrap()).unwrap_err();
            let response = ErrorResponse::from(&refusal);
            assert_eq!(response.code, ErrorCode::InvalidRequest);
            assert_eq!(
                response.description,
                format!("the parameter {name} is required")
            );
        }
    }
}
