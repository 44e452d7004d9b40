//! A device asks for its codes (RFC 8628 §3.1, §3.2).

use serde::Serialize;

use super::{DeviceRecord, DeviceStatus, Polling, UserCode};
use crate::authorize::{Resources, UnknownResource, requested_resource};
use crate::client::{AuthenticatedClient, AuthenticationFailure, ClientCredentials, GrantType};
use crate::discovery::path;
use crate::error::{ErrorCode, ErrorResponse};
use crate::form::{self, Form, FormError};
use crate::grant::Terms;
use crate::id::{Audience, ClientId};
use crate::jose::SymmetricKey;
use crate::scope::{InvalidScope, Scope, ScopeExceeded};
use crate::secret::DeviceCode;

/// A device authorization request (RFC 8628 §3.1, RFC 8707 §2).
#[derive(Debug)]
pub struct DeviceAuthorizationRequest {
    /// Which client asks.
    pub credentials: ClientCredentials,
    /// `scope`.
    pub scope: Option<Scope>,
    /// `resource`.
    pub resource: Option<Audience>,
}

/// Why a device gets no codes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DeviceAuthorizationRefusal {
    /// The client is not who it says.
    #[error(transparent)]
    Client(#[from] AuthenticationFailure),
    /// In detail (RFC 9396), nothing can be asked for here: it is refused rather than left out.
    #[error("authorization_details cannot be had by device")]
    Details,
    /// The parameters.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The scope is malformed.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
    /// The scope is more than the client may have.
    #[error(transparent)]
    ScopeExceeded(#[from] ScopeExceeded),
    /// The resource.
    #[error(transparent)]
    Target(#[from] UnknownResource),
    /// The client may not use this grant type.
    #[error("the client may not use device codes")]
    UnauthorizedClient,
}

impl From<&DeviceAuthorizationRefusal> for ErrorResponse {
    fn from(refusal: &DeviceAuthorizationRefusal) -> Self {
        use DeviceAuthorizationRefusal as R;
        let code = match refusal {
            R::Client(failure) => failure.code(),
            R::Details => ErrorCode::InvalidAuthorizationDetails,
            R::Form(_) => ErrorCode::InvalidRequest,
            R::Scope(_) | R::ScopeExceeded(_) => ErrorCode::InvalidScope,
            R::Target(_) => ErrorCode::InvalidTarget,
            R::UnauthorizedClient => ErrorCode::UnauthorizedClient,
        };
        Self::new(code, refusal.to_string())
    }
}

/// What a device may ask its user for.
#[derive(Debug)]
pub struct Requested {
    client_id: ClientId,
    scope: Scope,
    audience: Audience,
}

impl DeviceAuthorizationRequest {
    /// Reads the body and the `Authorization` header.
    ///
    /// # Errors
    ///
    /// The [`DeviceAuthorizationRefusal`] that says what is missing or malformed.
    pub fn parse(
        authorization: Option<&str>,
        form: &Form,
    ) -> Result<Self, DeviceAuthorizationRefusal> {
        if form.optional("authorization_details").is_some() {
            return Err(DeviceAuthorizationRefusal::Details);
        }
        Ok(Self {
            credentials: ClientCredentials::parse(authorization, form)?,
            scope: form.optional("scope").map(Scope::parse).transpose()?,
            resource: requested_resource(form)?,
        })
    }

    /// Checks what is asked for against what the client may have.
    ///
    /// # Errors
    ///
    /// The [`DeviceAuthorizationRefusal`] that says what it may not.
    pub fn check(
        &self,
        client: &AuthenticatedClient,
        resources: &Resources,
    ) -> Result<Requested, DeviceAuthorizationRefusal> {
        let client = client.client();
        if !client.may_use(GrantType::DeviceCode) {
            return Err(DeviceAuthorizationRefusal::UnauthorizedClient);
        }
        Ok(Requested {
            client_id: client.id.clone(),
            scope: client.scope.grant(self.scope.as_ref())?,
            audience: resources.audience(self.resource.as_ref())?,
        })
    }
}

/// A fresh pair of codes.
#[derive(Debug)]
pub struct NewCodes {
    /// For the device.
    pub device_code: DeviceCode,
    /// For its user.
    pub user_code: UserCode,
}

/// What the store keeps of a pair of codes.
pub fn issue(
    requested: &Requested,
    codes: &NewCodes,
    key: &SymmetricKey,
    terms: Terms<'_>,
) -> DeviceRecord {
    DeviceRecord {
        hash: codes.device_code.hash(),
        user_code: codes.user_code.hash(key),
        client_id: requested.client_id.clone(),
        scope: requested.scope.clone(),
        audience: requested.audience.clone(),
        polling: Polling::START,
        expires_at: terms.now.plus(terms.lifetimes.device_code),
        status: DeviceStatus::Pending,
    }
}

/// The answer (RFC 8628 §3.2). It serializes secrets: write it into the response and nowhere else.
#[derive(Serialize)]
pub struct DeviceAuthorizationResponse<'a> {
    device_code: &'a str,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: i64,
    interval: u32,
}

impl core::fmt::Debug for DeviceAuthorizationResponse<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DeviceAuthorizationResponse")
            .field("verification_uri", &self.verification_uri)
            .finish_non_exhaustive()
    }
}

impl<'a> DeviceAuthorizationResponse<'a> {
    /// What the device is told.
    pub fn new(codes: &'a NewCodes, record: &DeviceRecord, terms: Terms<'_>) -> Self {
        let user_code = codes.user_code.to_string();
        let verification_uri = format!("{}{}", terms.issuer, path::DEVICE);
        let query = form::encode([("user_code", user_code.as_str())]);
        Self {
            device_code: codes.device_code.expose(),
            verification_uri_complete: format!("{verification_uri}?{query}"),
            verification_uri,
            user_code,
            expires_in: record.expires_at.remaining(terms.now).seconds(),
            interval: record.polling.interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::resources;
    use crate::client::Client;
    use crate::client::tests::{authenticated, public};
    use crate::grant::tests::{NOW, after, terms};
    use serde_json::json;

    fn parse(body: &str) -> Result<DeviceAuthorizationRequest, DeviceAuthorizationRefusal> {
        DeviceAuthorizationRequest::parse(None, &Form::parse(body).unwrap())
    }

    fn check(body: &str, client: Client) -> Result<Requested, DeviceAuthorizationRefusal> {
        parse(body)?.check(&authenticated(client), &resources())
    }

    fn codes() -> NewCodes {
        NewCodes {
            device_code: DeviceCode::new("d3vice"),
            user_code: UserCode::parse("WDJB-MJHT").unwrap(),
        }
    }

    #[test]
    fn a_device_is_told_where_its_user_goes_and_how_often_to_ask() {
        let requested = check("client_id=demo&scope=openid+read", public()).unwrap();
        let key = SymmetricKey::derive(&[1; 32], super::super::USER_CODE_KEY_PURPOSE);
        let codes = codes();
        let record = issue(&requested, &codes, &key, terms(NOW));
        let response = DeviceAuthorizationResponse::new(&codes, &record, terms(NOW));
        let expected = json!({
            "device_code": "d3vice",
            "user_code": "WDJB-MJHT",
            "verification_uri": "http://localhost:4000/device",
            "verification_uri_complete": "http://localhost:4000/device?user_code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 5,
        });
        assert_eq!(serde_json::to_value(&response).unwrap(), expected);
        let printed = format!("{response:?}{record:?}{codes:?}");
        assert!(!printed.contains("d3vice") && !printed.contains("WDJB"));
        assert!(record.hash.matches(DeviceCode::new("d3vice").hash()));
        assert!(record.user_code.matches(codes.user_code.hash(&key)));
        assert_eq!(record.client_id, public().id);
        assert_eq!(record.scope.to_string(), "openid read");
        assert_eq!(record.audience, resources().default);
        assert_eq!(
            (record.expires_at, record.status),
            (after(600), DeviceStatus::Pending)
        );
    }

    #[test]
    fn every_refusal_has_its_code_on_the_wire() {
        let without = Client {
            grant_types: vec![GrantType::AuthorizationCode],
            ..public()
        };
        for (body, client, code) in [
            ("", public(), "invalid_client"),
            ("client_id=demo&scope=%22", public(), "invalid_scope"),
            ("client_id=demo&scope=admin", public(), "invalid_scope"),
            ("client_id=demo&resource=x", public(), "invalid_target"),
            (
                "client_id=demo&resource=x&resource=y",
                public(),
                "invalid_target",
            ),
            ("client_id=demo", without, "unauthorized_client"),
        ] {
            let refusal = check(body, client).unwrap_err();
            assert_eq!(ErrorResponse::from(&refusal).code.as_str(), code, "{body}");
        }
        let form = Form::default().required("x").unwrap_err();
        let response = ErrorResponse::from(&DeviceAuthorizationRefusal::Form(form));
        assert_eq!(response.code.as_str(), "invalid_request");
    }
}
