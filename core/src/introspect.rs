//! Token introspection (RFC 7662).

use serde::{Deserialize, Serialize};

use crate::authorize::AuthorizationDetails;
use crate::client::{
    AuthenticatedClient, AuthenticationFailure, Client, ClientCredentials, GrantType,
};
use crate::dpop::Confirmation;
use crate::error::{ErrorCode, ErrorResponse};
use crate::form::{Form, FormError};
use crate::grant::{Grant, Session};
use crate::id::{ClientId, Issuer};
use crate::jose::{Claims, Jwt, JwtError, claims};
use crate::secret::PresentedToken;
use crate::time::Timestamp;
use crate::token::access::AccessTokenClaims;
use crate::token::actor::Actor;
use crate::userinfo::User;

/// An introspection request (RFC 7662 §2.1). `token_type_hint` is not needed: a token says itself
/// what it is.
#[derive(Debug)]
pub struct IntrospectionRequest {
    /// Who asks.
    pub credentials: ClientCredentials,
    /// About what.
    pub token: PresentedToken,
}

/// The `typ` of a signed answer (RFC 9701 §5): no access token is mistaken for it, nor it for one.
pub const SIGNED_TYPE: &str = "token-introspection+jwt";

/// The content type of a signed answer.
pub const SIGNED: &str = "application/token-introspection+jwt";

/// Whether an `Accept` header asks for a signed answer (RFC 9701 §4).
pub fn accepts_signed(accept: &str) -> bool {
    let mut types = accept.split(',').map(|range| range.split(';').next());
    types.any(|essence| essence.is_some_and(|text| text.trim().eq_ignore_ascii_case(SIGNED)))
}

/// Why an introspection request is refused. An invalid token is not a refusal but `active: false`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IntrospectionRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The parameters.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A public client could be anyone, and a stranger may not try tokens out (RFC 7662 §2.1).
    #[error("this client may not introspect tokens")]
    NotAllowed,
}

impl From<&IntrospectionRefusal> for ErrorResponse {
    fn from(refusal: &IntrospectionRefusal) -> Self {
        let code = match refusal {
            IntrospectionRefusal::Client(failure) => failure.code(),
            IntrospectionRefusal::Form(_) => ErrorCode::InvalidRequest,
            IntrospectionRefusal::NotAllowed => ErrorCode::UnauthorizedClient,
        };
        Self::new(code, refusal.to_string())
    }
}

impl IntrospectionRequest {
    /// Reads the body and the `Authorization` header.
    ///
    /// # Errors
    ///
    /// The [`IntrospectionRefusal`] that says what is missing or malformed.
    pub fn parse(authorization: Option<&str>, form: &Form) -> Result<Self, IntrospectionRefusal> {
        let token = PresentedToken::new(form.required("token")?);
        Ok(Self {
            credentials: ClientCredentials::parse(authorization, form)?,
            token,
        })
    }
}

/// Checks that this client may ask: about any token if it is a resource server, else about its own.
///
/// # Errors
///
/// [`IntrospectionRefusal::NotAllowed`] for a client without a secret.
pub fn check_caller(client: &AuthenticatedClient) -> Result<(), IntrospectionRefusal> {
    if client.is_confidential() {
        Ok(())
    } else {
        Err(IntrospectionRefusal::NotAllowed)
    }
}

/// The answer (RFC 7662 §2.2).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Introspection<D = Details> {
    /// Whether the token may be accepted now.
    pub active: bool,
    /// What else there is to say of an active token.
    #[serde(flatten)]
    pub details: Option<D>,
}

/// What an active token allows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Details {
    /// `iss`.
    pub iss: String,
    /// `sub`.
    pub sub: String,
    /// `aud`: of an access token the resource, of a refresh token the provider.
    pub aud: String,
    /// `client_id`.
    pub client_id: String,
    /// `scope`.
    pub scope: String,
    /// `jti`.
    pub jti: String,
    /// `exp`.
    pub exp: Timestamp,
    /// `iat`.
    pub iat: Timestamp,
    /// `auth_time` (RFC 9470 §6.2): when the user last proved who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// `acr` (RFC 9470 §6.2): how surely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// `token_type`: `Bearer` or `DPoP` for an access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// `cnf`: the key that must be proved (RFC 9449 §6.2); of a refresh token the one that its grant is
    /// bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// `username`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `act` (RFC 8693 §4.1), if another than the user acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// `authorization_details` (RFC 9396 §9.2).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
}

impl Introspection {
    /// The answer about anything that is not a live token of this provider, or not the caller's
    /// business.
    pub fn inactive() -> Self {
        Self {
            active: false,
            details: None,
        }
    }

    /// The same, said by `issuer` to `caller` alone (RFC 9701 §5): without `sub` and `exp`, so that nobody takes
    /// it for a token.
    ///
    /// # Errors
    ///
    /// [`JwtError::Unserializable`], which no answer causes.
    pub fn addressed(
        &self,
        issuer: &Issuer,
        caller: &ClientId,
        now: Timestamp,
    ) -> Result<Jwt<Claims>, JwtError> {
        let answer = serde_json::to_value(self).map_err(|_| JwtError::Unserializable)?;
        Ok(Jwt {
            payload: claims([
                ("iss", issuer.as_str().into()),
                ("aud", caller.as_str().into()),
                ("token_introspection", answer),
            ]),
            issued_at: now,
            expires_at: Timestamp::from_seconds(0),
        })
    }

    /// The answer about an access token whose signature and expiry were checked.
    pub fn of_access_token(
        token: Jwt<AccessTokenClaims>,
        state: &TokenState,
        caller: &AuthenticatedClient,
        now: Timestamp,
    ) -> Self {
        let claims = token.payload;
        if !state.is_live(now) || !may_know(caller, &claims.client_id) {
            return Self::inactive();
        }
        Self::active(Details {
            iss: claims.iss.to_string(),
            sub: claims.sub.to_string(),
            aud: claims.aud.to_string(),
            client_id: claims.client_id.to_string(),
            scope: claims.scope.to_string(),
            jti: claims.jti.to_string(),
            exp: token.expires_at,
            iat: token.issued_at,
            auth_time: claims.auth_time,
            token_type: Some(claims.token_type().to_owned()),
            acr: claims.acr,
            cnf: claims.cnf,
            username: state.user.as_ref().map(|user| user.username.clone()),
            act: claims.act,
            authorization_details: claims.authorization_details,
        })
    }

    /// The answer about a refresh token whose signature and expiry were checked.
    pub fn of_refresh_token(
        session: &Session,
        state: &TokenState,
        caller: &AuthenticatedClient,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Self {
        let unused = session.status == crate::grant::SessionStatus::Active;
        let Some(grant) = state.live_grant(caller, now).filter(|_| unused) else {
            return Self::inactive();
        };
        Self::active(Details {
            iss: issuer.to_string(),
            sub: grant.subject.to_string(),
            aud: issuer.to_string(),
            client_id: grant.client_id.to_string(),
            scope: grant.scope.to_string(),
            jti: session.refresh_jti.to_string(),
            exp: session.expires_at,
            iat: session.issued_at,
            auth_time: Some(grant.auth_time),
            acr: None,
            token_type: None,
            cnf: grant.details.jkt.clone().map(|jkt| Confirmation { jkt }),
            username: state.user.as_ref().map(|user| user.username.clone()),
            act: None,
            authorization_details: grant.details.authorization_details.clone(),
        })
    }

    fn active(details: Details) -> Self {
        Self {
            active: true,
            details: Some(details),
        }
    }
}

/// What the store knows of what a token stands on.
#[derive(Debug, Default)]
pub struct TokenState {
    /// The grant, if it stands on one that is known.
    pub grant: Option<Grant>,
    /// The grant's user.
    pub user: Option<User>,
    /// The client that acts for itself, if it stands on one that is known.
    pub client: Option<Client>,
    /// The access token itself was revoked, or its client has ended, or lost what it got it with. Its grant
    /// may stand: a token that was exchanged (RFC 8693) is on the grant of another client.
    pub access_token_revoked: bool,
}

impl TokenState {
    /// The grant and its user, if an access token in this state is good now.
    pub fn live_user(self, now: Timestamp) -> Option<(Grant, User)> {
        let grant = self.grant.filter(|grant| grant.stands(now));
        grant.zip(self.user).filter(|_| !self.access_token_revoked)
    }

    /// Whether an access token in this state is good now.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.stands(now) && !self.access_token_revoked
    }

    /// Whether what the token stands on is good now.
    fn stands(&self, now: Timestamp) -> bool {
        let grant = self.grant.as_ref().is_some_and(|grant| grant.stands(now));
        let client = self.client.as_ref();
        grant || client.is_some_and(|client| client.may_use(GrantType::ClientCredentials))
    }

    /// The grant, if it stands and the caller may know of it.
    fn live_grant(&self, caller: &AuthenticatedClient, now: Timestamp) -> Option<&Grant> {
        let grant = self.grant.as_ref()?;
        (grant.stands(now) && may_know(caller, &grant.client_id)).then_some(grant)
    }
}

/// A resource server may know of every token, another client of its own.
fn may_know(caller: &AuthenticatedClient, client_id: &ClientId) -> bool {
    caller.client().may_introspect || caller.client().id == *client_id
}

#[cfg(test)]
mod tests;
