//! Client credentials (RFC 6749 §4.4): a client that acts for itself.
//!
//! There is no user, so there is no grant: the token stands as long as its client may have such ones,
//! and nothing refreshes it (RFC 6749 §4.4.3).

use crate::authorize::{AuthorizationDetails, InvalidDetails, Resources, UnknownResource};
use crate::client::{AuthenticatedClient, GrantType};
use crate::dpop::{ProofRefusal, Thumbprint, check_key};
use crate::error::ErrorCode;
use crate::id::{Audience, ClientId, Subject};
use crate::scope::{Scope, ScopeExceeded};

/// What a client asks for (RFC 6749 §4.4.2, RFC 8707 §2).
#[derive(Debug)]
pub struct ClientCredentialsRequest {
    /// `scope`.
    pub scope: Option<Scope>,
    /// `resource`.
    pub resource: Option<Audience>,
    /// `authorization_details` (RFC 9396 §6).
    pub details: AuthorizationDetails,
}

/// Why a client may not act for itself.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientCredentialsRefusal {
    /// It may not ask for such details.
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// Nobody could tell its tokens from those of a user with the same identifier (RFC 9700 §4.15).
    #[error("a user goes by this client's identifier, so it cannot act for itself")]
    GoesByAUsersName,
    /// It must prove a key.
    #[error(transparent)]
    Proof(#[from] ProofRefusal),
    /// It has no secret (RFC 6749 §4.4).
    #[error("only a client that proves who it is may act for itself")]
    PublicClient,
    /// The scope is more than it may have, or speaks of a user.
    #[error("scope exceeds what this client may have without a user")]
    Scope(#[from] ScopeExceeded),
    /// No such resource.
    #[error(transparent)]
    Target(#[from] UnknownResource),
    /// It may not use this grant type.
    #[error("the client may not use client credentials")]
    UnauthorizedClient,
}

impl ClientCredentialsRefusal {
    /// The code of the wire (RFC 6749 §5.2).
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Details(_) => ErrorCode::InvalidAuthorizationDetails,
            Self::GoesByAUsersName | Self::PublicClient | Self::UnauthorizedClient => {
                ErrorCode::UnauthorizedClient
            }
            Self::Proof(refusal) => refusal.code(),
            Self::Scope(_) => ErrorCode::InvalidScope,
            Self::Target(_) => ErrorCode::InvalidTarget,
        }
    }
}

/// A client that may act for itself: the outcome of [`decide`].
#[derive(Clone, Debug)]
pub struct ActingForItself {
    /// Who.
    pub id: ClientId,
    /// The same, as a subject.
    pub subject: Subject,
    /// What the token allows.
    pub scope: Scope,
    /// Where.
    pub audience: Audience,
    /// What it allows in detail.
    pub details: AuthorizationDetails,
}

/// Decides whether a client may act for itself. `is_a_user` says whether a user goes by its identifier.
///
/// # Errors
///
/// The [`ClientCredentialsRefusal`] that says what is wrong.
pub fn decide(
    client: &AuthenticatedClient,
    is_a_user: bool,
    request: &ClientCredentialsRequest,
    resources: &Resources,
    key: Option<&Thumbprint>,
) -> Result<ActingForItself, ClientCredentialsRefusal> {
    let proven = client.is_confidential();
    let client = client.client();
    if !client.may_use(GrantType::ClientCredentials) {
        return Err(ClientCredentialsRefusal::UnauthorizedClient);
    }
    if !proven {
        return Err(ClientCredentialsRefusal::PublicClient);
    }
    check_key(None, client, key)?;
    if is_a_user {
        return Err(ClientCredentialsRefusal::GoesByAUsersName);
    }
    Ok(ActingForItself {
        id: client.id.clone(),
        subject: client.id.to_subject(),
        scope: client.scope.without_user().grant(request.scope.as_ref())?,
        audience: resources.audience(request.resource.as_ref())?,
        details: request.details.clone().of(client)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::resources;
    use crate::client::Client;
    use crate::client::tests::{authenticated, confidential, public};

    fn asking(scope: Option<&str>, resource: Option<&str>) -> ClientCredentialsRequest {
        ClientCredentialsRequest {
            scope: scope.map(|scope| Scope::parse(scope).unwrap()),
            resource: resource.map(|resource| Audience::parse(resource).unwrap()),
            details: AuthorizationDetails::default(),
        }
    }

    fn answer(
        client: Client,
        request: &ClientCredentialsRequest,
    ) -> Result<ActingForItself, ClientCredentialsRefusal> {
        decide(&authenticated(client), false, request, &resources(), None)
    }

    #[test]
    fn a_client_acts_for_itself_and_for_nobody_else() {
        let allowed = answer(confidential(), &asking(Some("read"), None)).unwrap();
        assert_eq!(allowed.id, confidential().id);
        assert_eq!(allowed.subject.as_str(), "gateway");
        assert_eq!(allowed.scope.to_string(), "read");
        assert_eq!(allowed.audience, resources().default);
        let other = answer(confidential(), &asking(None, Some("https://other.example")));
        assert_eq!(other.unwrap().audience.as_str(), "https://other.example");
    }

    #[test]
    fn without_a_user_no_scope_speaks_of_one() {
        let allowed = answer(confidential(), &asking(None, None)).unwrap();
        assert_eq!(allowed.scope.to_string(), "read write");
        for scope in ["openid", "read profile", "email", "offline_access"] {
            let refusal = answer(confidential(), &asking(Some(scope), None)).unwrap_err();
            assert_eq!(
                refusal,
                ClientCredentialsRefusal::Scope(ScopeExceeded),
                "{scope}"
            );
        }
    }

    #[test]
    fn nobody_gets_more_than_is_registered() {
        let refused = |client, request| answer(client, &request).unwrap_err();
        let more = refused(confidential(), asking(Some("read admin"), None));
        assert_eq!(more, ClientCredentialsRefusal::Scope(ScopeExceeded));
        let elsewhere = refused(confidential(), asking(None, Some("https://evil.example")));
        assert_eq!(elsewhere, ClientCredentialsRefusal::Target(UnknownResource));
        let unproven = refused(public(), asking(None, None));
        assert_eq!(unproven, ClientCredentialsRefusal::PublicClient);
        let without = Client {
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            ..confidential()
        };
        let unregistered = refused(without, asking(None, None));
        assert_eq!(unregistered, ClientCredentialsRefusal::UnauthorizedClient);
    }

    #[test]
    fn a_client_that_goes_by_a_users_name_cannot_pass_for_that_user() {
        let client = authenticated(confidential());
        let refusal = decide(&client, true, &asking(None, None), &resources(), None).unwrap_err();
        assert_eq!(refusal, ClientCredentialsRefusal::GoesByAUsersName);
    }
}
