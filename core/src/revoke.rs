//! Token revocation (RFC 7009).

use crate::client::{AuthenticatedClient, AuthenticationFailure, ClientCredentials};
use crate::error::{ErrorCode, ErrorResponse};
use crate::form::{Form, FormError};
use crate::id::ClientId;
use crate::secret::PresentedToken;

/// A revocation request (RFC 7009 §2.1). `token_type_hint` is not needed: a token says itself what
/// it is.
#[derive(Debug)]
pub struct RevocationRequest {
    /// Who asks.
    pub credentials: ClientCredentials,
    /// What is to end.
    pub token: PresentedToken,
}

/// Why a revocation request is refused. An invalid token is not a refusal: it is as good as revoked
/// (RFC 7009 §2.2).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RevocationRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// The parameters.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Nobody has let the client sign its users in directly, nor out.
    #[error("this client may not sign its users out here: revoke the token instead")]
    NotDirect,
    /// The token was issued to another client (RFC 7009 §2.1).
    #[error("the token was issued to another client")]
    OtherClient,
}

impl From<&RevocationRefusal> for ErrorResponse {
    fn from(refusal: &RevocationRefusal) -> Self {
        let code = match refusal {
            RevocationRefusal::Client(failure) => failure.code(),
            RevocationRefusal::Form(_) => ErrorCode::InvalidRequest,
            RevocationRefusal::NotDirect => ErrorCode::UnauthorizedClient,
            RevocationRefusal::OtherClient => ErrorCode::InvalidGrant,
        };
        Self::new(code, refusal.to_string())
    }
}

impl RevocationRequest {
    /// Reads the body and the `Authorization` header.
    ///
    /// # Errors
    ///
    /// The [`RevocationRefusal`] that says what is missing or malformed.
    pub fn parse(authorization: Option<&str>, form: &Form) -> Result<Self, RevocationRefusal> {
        let token = PresentedToken::new(form.required("token")?);
        Ok(Self {
            credentials: ClientCredentials::parse(authorization, form)?,
            token,
        })
    }
}

/// Checks that a token is the caller's own (RFC 7009 §2.1).
///
/// # Errors
///
/// [`RevocationRefusal::OtherClient`].
pub fn check_owner(
    issued_to: &ClientId,
    caller: &AuthenticatedClient,
) -> Result<(), RevocationRefusal> {
    if *issued_to == caller.client().id {
        Ok(())
    } else {
        Err(RevocationRefusal::OtherClient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_client_and_a_token_of_any_kind() {
        let form = Form::parse("token=t&client_id=demo&token_type_hint=unknown").unwrap();
        let request = RevocationRequest::parse(None, &form).unwrap();
        assert_eq!(request.token.expose(), "t");
        assert_eq!(request.credentials.client_id().as_str(), "demo");
    }

    #[test]
    fn every_refusal_has_its_code_on_the_wire() {
        let refused =
            |body| RevocationRequest::parse(None, &Form::parse(body).unwrap()).unwrap_err();
        let wire = |refusal: &RevocationRefusal| {
            let code = ErrorResponse::from(refusal).code;
            (code.as_str(), code.status())
        };
        let missing = refused("client_id=demo&token=");
        assert_eq!(missing.to_string(), "the parameter token is required");
        assert_eq!(wire(&missing), ("invalid_request", 400));
        let nobody = refused("token=t");
        assert_eq!(
            nobody,
            RevocationRefusal::Client(AuthenticationFailure::Missing)
        );
        assert_eq!(wire(&nobody), ("invalid_client", 401));
        assert_eq!(
            wire(&RevocationRefusal::OtherClient),
            ("invalid_grant", 400)
        );
    }
}
