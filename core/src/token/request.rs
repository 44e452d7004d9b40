//! Token requests (RFC 6749 §4.1.3, §4.4.2 and §6, RFC 8628 §3.4, RFC 8693 §2.1).

use crate::authorize::{AuthorizationDetails, InvalidDetails, requested_resource};
use crate::client::{ClientCredentials, GrantType};
use crate::form::Form;
use crate::grant::Wish;
use crate::grant::client_credentials::ClientCredentialsRequest;
use crate::grant::code::{CodeRefusal, CodeRequest};
use crate::grant::password::PasswordRequest;
use crate::grant::token_exchange::TokenExchangeRequest;
use crate::redirect::RedirectUri;
use crate::scope::{InvalidScope, Scope};
use crate::secret::{AuthorizationCode, CodeVerifier, DeviceCode, IdempotencyKey, RefreshToken};
use crate::token::TokenRefusal;

/// What a client sends to the token endpoint.
#[derive(Debug)]
pub struct TokenRequest {
    /// Who it says it is.
    pub credentials: ClientCredentials,
    /// What it offers for tokens.
    pub grant: GrantRequest,
}

/// What a client offers for tokens.
#[derive(Debug)]
pub enum GrantRequest {
    /// `grant_type=authorization_code`.
    AuthorizationCode(CodeRequest),
    /// `grant_type=client_credentials`.
    ClientCredentials(ClientCredentialsRequest),
    /// `grant_type=urn:ietf:params:oauth:grant-type:device_code`.
    DeviceCode(DeviceCode),
    /// `grant_type=password`, or first-party sign-in.
    Password(PasswordRequest),
    /// `grant_type=refresh_token`.
    RefreshToken(RefreshRequest),
    /// `grant_type=urn:ietf:params:oauth:grant-type:token-exchange`.
    TokenExchange(TokenExchangeRequest),
}

/// A refresh request (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshRequest {
    /// `refresh_token`.
    pub token: RefreshToken,
    /// `idempotency_key`: that of the first try, if this is another.
    pub key: Option<IdempotencyKey>,
    /// `scope` and `authorization_details`: less than was granted, for this access token only.
    pub wish: Wish,
}

impl TokenRequest {
    /// Reads the body and the `Authorization` header. `implied` is the grant type of an endpoint that
    /// has only one and does not ask for it.
    ///
    /// # Errors
    ///
    /// The [`TokenRefusal`] that says what is missing or malformed.
    pub fn parse(
        authorization: Option<&str>,
        form: &Form,
        implied: Option<GrantType>,
    ) -> Result<Self, TokenRefusal> {
        let grant_type = match (form.optional("grant_type"), implied) {
            (None, Some(implied)) => implied,
            _ => GrantType::parse(form.required("grant_type")?)
                .ok_or(TokenRefusal::UnsupportedGrantType)?,
        };
        let credentials = ClientCredentials::parse(authorization, form)?;
        let details = AuthorizationDetails::read(form.optional("authorization_details"))?;
        let grant = match grant_type {
            GrantType::AuthorizationCode => GrantRequest::AuthorizationCode(CodeRequest {
                code: AuthorizationCode::new(form.required("code")?),
                redirect_uri: redirect_uri(form)?,
                verifier: CodeVerifier::new(form.required("code_verifier")?),
                wish: Wish {
                    scope: None,
                    details,
                },
            }),
            GrantType::ClientCredentials => {
                GrantRequest::ClientCredentials(ClientCredentialsRequest {
                    scope: scope(form)?,
                    resource: requested_resource(form)?,
                    details: details.unwrap_or_default(),
                })
            }
            // What cannot be given is refused, not ignored.
            GrantType::DeviceCode | GrantType::Password | GrantType::TokenExchange
                if details.is_some() =>
            {
                return Err(InvalidDetails.into());
            }
            GrantType::DeviceCode => {
                GrantRequest::DeviceCode(DeviceCode::new(form.required("device_code")?))
            }
            // Its token comes from the authorization endpoint.
            GrantType::Implicit => return Err(TokenRefusal::UnsupportedGrantType),
            GrantType::Password => GrantRequest::Password(PasswordRequest::parse(form)?),
            GrantType::RefreshToken => GrantRequest::RefreshToken(RefreshRequest {
                token: RefreshToken::new(form.required("refresh_token")?),
                key: idempotency_key(form)?,
                wish: Wish {
                    scope: scope(form)?,
                    details,
                },
            }),
            GrantType::TokenExchange => {
                GrantRequest::TokenExchange(TokenExchangeRequest::parse(form)?)
            }
        };
        Ok(Self { credentials, grant })
    }
}

fn scope(form: &Form) -> Result<Option<Scope>, InvalidScope> {
    form.optional("scope").map(Scope::parse).transpose()
}

fn idempotency_key(form: &Form) -> Result<Option<IdempotencyKey>, TokenRefusal> {
    let sent = form.optional("idempotency_key");
    sent.map(|sent| IdempotencyKey::parse(sent).ok_or(TokenRefusal::IdempotencyKey))
        .transpose()
}

/// What is no redirect URI cannot be the one that the code was sent to.
fn redirect_uri(form: &Form) -> Result<Option<RedirectUri>, CodeRefusal> {
    let sent = form.optional("redirect_uri").map(RedirectUri::parse);
    sent.transpose().map_err(|_| CodeRefusal::RedirectMismatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AuthenticationFailure;
    use crate::error::{ErrorCode, ErrorResponse};

    fn parse(body: &str, implied: Option<GrantType>) -> Result<TokenRequest, TokenRefusal> {
        TokenRequest::parse(None, &Form::parse(body).unwrap(), implied)
    }

    fn refused(body: &str) -> (ErrorCode, String) {
        let response = ErrorResponse::from(&parse(body, None).unwrap_err());
        (response.code, response.description)
    }

    #[test]
    fn a_code_request_is_read() {
        let body = "grant_type=authorization_code&client_id=demo&code=c&code_verifier=v\
                    &redirect_uri=http%3A%2F%2Flocalhost%2F";
        let request = parse(body, None).unwrap();
        assert_eq!(request.credentials.client_id().as_str(), "demo");
        let GrantRequest::AuthorizationCode(code) = request.grant else {
            panic!("not a code request")
        };
        assert_eq!(code.code.expose(), "c");
        assert_eq!(code.verifier.expose(), "v");
        let redirect_uri = code.redirect_uri.unwrap();
        assert_eq!(redirect_uri.as_str(), "http://localhost/");
    }

    #[test]
    fn a_refresh_request_is_read_and_need_not_name_itself_where_it_is_implied() {
        for (grant_type, implied) in [
            ("grant_type=refresh_token&", None),
            ("grant_type=refresh_token&", Some(GrantType::RefreshToken)),
            ("", Some(GrantType::RefreshToken)),
        ] {
            let body = format!("{grant_type}client_id=demo&refresh_token=r&scope=read");
            let GrantRequest::RefreshToken(refresh) = parse(&body, implied).unwrap().grant else {
                panic!("not a refresh request")
            };
            assert_eq!(refresh.token.expose(), "r");
            assert_eq!(refresh.wish.scope, Some(Scope::parse("read").unwrap()));
        }
    }

    #[test]
    fn a_refresh_may_be_named_by_a_key_that_cannot_be_guessed() {
        let body = |key: &str| {
            format!("grant_type=refresh_token&client_id=demo&refresh_token=r&idempotency_key={key}")
        };
        let key = |text: &str| match parse(&body(text), None).unwrap().grant {
            GrantRequest::RefreshToken(refresh) => refresh.key,
            _ => panic!("not a refresh request"),
        };
        let long = "k".repeat(22);
        assert_eq!(key(&long).unwrap().expose(), long);
        assert!(key("").is_none());
        let expected = "idempotency_key must have 22 characters or more";
        let expected = (ErrorCode::InvalidRequest, expected.to_owned());
        assert_eq!(refused(&body(&"k".repeat(21))), expected);
    }

    const DEVICE: &str =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=demo";

    #[test]
    fn a_poll_of_a_device_is_read() {
        let request = parse(&format!("{DEVICE}&device_code=d"), None).unwrap();
        let GrantRequest::DeviceCode(code) = request.grant else {
            panic!("not a poll")
        };
        assert_eq!(code.expose(), "d");
    }

    #[test]
    fn a_client_credentials_request_is_read() {
        let body = "grant_type=client_credentials&client_id=demo&scope=read\
                    &resource=https%3A%2F%2Fother.example";
        let GrantRequest::ClientCredentials(request) = parse(body, None).unwrap().grant else {
            panic!("not a client credentials request")
        };
        assert_eq!(request.scope, Some(Scope::parse("read").unwrap()));
        assert_eq!(request.resource.unwrap().as_str(), "https://other.example");
        let two = "grant_type=client_credentials&client_id=demo&resource=a&resource=b";
        assert_eq!(refused(two).0, ErrorCode::InvalidTarget);
        let malformed = "grant_type=client_credentials&client_id=demo&scope=%22";
        assert_eq!(refused(malformed).0, ErrorCode::InvalidScope);
    }

    #[test]
    fn what_is_missing_is_named() {
        let code = "grant_type=authorization_code&client_id=demo";
        for (body, name) in [
            ("client_id=demo", "grant_type"),
            (code, "code"),
            (&format!("{code}&code_verifier=v"), "code"),
            (&format!("{code}&code=c"), "code_verifier"),
            ("grant_type=refresh_token&client_id=demo", "refresh_token"),
            (DEVICE, "device_code"),
        ] {
            let expected = format!("the parameter {name} is required");
            assert_eq!(
                refused(body),
                (ErrorCode::InvalidRequest, expected),
                "{body}"
            );
        }
    }

    #[test]
    fn a_request_of_nobody_is_refused() {
        let refusal = parse("grant_type=refresh_token&refresh_token=r", None).unwrap_err();
        assert_eq!(
            refusal,
            TokenRefusal::Client(AuthenticationFailure::Missing)
        );
        assert_eq!(ErrorResponse::from(&refusal).code, ErrorCode::InvalidClient);
    }

    #[test]
    fn other_grant_types_are_unsupported_even_where_one_is_implied() {
        for other in ["Password", "implicit", "device_code", "Refresh_Token"] {
            let body = format!("grant_type={other}&client_id=demo&refresh_token=r");
            assert_eq!(refused(&body).0, ErrorCode::UnsupportedGrantType, "{other}");
            let implied = parse(&body, Some(GrantType::RefreshToken)).unwrap_err();
            assert_eq!(implied, TokenRefusal::UnsupportedGrantType, "{other}");
        }
    }
}
