//! Token responses (RFC 6749 §5.1).

use serde::Serialize;

use crate::authorize::AuthorizationDetails;
use crate::scope::Scope;
use crate::secret::{AccessToken, IdToken, RefreshToken};
use crate::time::Lifetime;

/// What a client gets. It serializes secrets: write it into the response and nowhere else.
#[derive(Debug)]
pub struct TokenResponse {
    /// `access_token`.
    pub access_token: AccessToken,
    /// `token_type`.
    pub token_type: &'static str,
    /// `expires_in`, in seconds.
    pub expires_in: Lifetime,
    /// `refresh_token`.
    pub refresh_token: Option<RefreshToken>,
    /// `scope`.
    pub scope: Scope,
    /// `authorization_details` (RFC 9396 §7).
    pub details: AuthorizationDetails,
    /// `id_token` (OIDC Core §3.1.3.3).
    pub id_token: Option<IdToken>,
    /// `issued_token_type` (RFC 8693 §2.2.1).
    pub issued_token_type: Option<&'static str>,
}

#[derive(Serialize)]
struct Wire<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    authorization_details: &'a AuthorizationDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

impl TokenResponse {
    /// The response body.
    ///
    /// # Errors
    ///
    /// None in practice: every field is a string or a number.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Wire {
            access_token: self.access_token.expose(),
            token_type: self.token_type,
            expires_in: self.expires_in.seconds(),
            refresh_token: self.refresh_token.as_ref().map(RefreshToken::expose),
            scope: self.scope.to_string(),
            authorization_details: &self.details,
            id_token: self.id_token.as_ref().map(IdToken::expose),
            issued_token_type: self.issued_token_type,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_that_of_rfc_6749_5_1() {
        let whole = TokenResponse {
            access_token: AccessToken::new("a"),
            token_type: "Bearer",
            expires_in: Lifetime::from_minutes(5),
            refresh_token: Some(RefreshToken::new("r")),
            scope: Scope::parse("read openid").unwrap(),
            details: AuthorizationDetails::default(),
            id_token: Some(IdToken::new("i")),
            issued_token_type: None,
        };
        assert_eq!(
            whole.to_json().unwrap(),
            r#"{"access_token":"a","token_type":"Bearer","expires_in":300,"refresh_token":"r","scope":"openid read","id_token":"i"}"#
        );
        let least = TokenResponse {
            refresh_token: None,
            id_token: None,
            ..whole
        };
        assert_eq!(
            least.to_json().unwrap(),
            r#"{"access_token":"a","token_type":"Bearer","expires_in":300,"scope":"openid read"}"#
        );
    }

    #[test]
    fn it_does_not_print_its_tokens() {
        let response = TokenResponse {
            access_token: AccessToken::new("very-secret"),
            token_type: "DPoP",
            expires_in: Lifetime::from_minutes(5),
            refresh_token: Some(RefreshToken::new("very-secret")),
            scope: Scope::default(),
            details: AuthorizationDetails::default(),
            id_token: Some(IdToken::new("secret")),
            issued_token_type: None,
        };
        assert!(!format!("{response:?}").contains("very-secret"));
    }
}
