//! What a grant remembers of how it came about.

use serde::{Deserialize, Serialize};

use crate::authorize::AuthorizationDetails;
use crate::dpop::Thumbprint;
use crate::scope::Scope;

/// What is carried from the sign-in through the code into the grant: a JSON object in the store, for
/// whatever no SQL condition needs.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct GrantDetails {
    /// How the user proved who they are (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<AuthenticationMethod>,
    /// What the client is told of the user in the ID token: names of claims.
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub id_token_claims: Scope,
    /// The same in userinfo, besides what the scope opens.
    #[serde(skip_serializing_if = "Scope::is_empty")]
    pub userinfo_claims: Scope,
    /// What the client may do in detail (RFC 9396).
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
    /// Whether the user was asked for access while away and declined: no refresh token is given.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub declines_offline_access: bool,
    /// The key that must be proved (RFC 9449): of a code with whatever redeems it (§10), of a grant with
    /// each refresh (§5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jkt: Option<Thumbprint>,
}

/// A way to prove who one is (RFC 8176 §2).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum AuthenticationMethod {
    /// A password.
    #[serde(rename = "pwd")]
    Password,
}

impl AuthenticationMethod {
    /// As tokens and the store have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "pwd",
        }
    }

    /// Reads what the store has.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_survive_the_store() {
        let details = GrantDetails {
            amr: vec![AuthenticationMethod::Password],
            id_token_claims: Scope::parse("name").unwrap(),
            userinfo_claims: Scope::parse("email name").unwrap(),
            authorization_details: AuthorizationDetails::default(),
            declines_offline_access: true,
            jkt: None,
        };
        let text = serde_json::to_string(&details).unwrap();
        let claims = r#""id_token_claims":"name","userinfo_claims":"email name""#;
        assert_eq!(
            text,
            format!(r#"{{"amr":["pwd"],{claims},"declines_offline_access":true}}"#)
        );
        assert_eq!(
            serde_json::from_str::<GrantDetails>(&text).unwrap(),
            details
        );
        let empty: GrantDetails = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, GrantDetails::default());
        assert_eq!(serde_json::to_string(&empty).unwrap(), "{}");
    }

    #[test]
    fn a_method_has_one_name() {
        let method = AuthenticationMethod::Password;
        assert_eq!(AuthenticationMethod::parse(method.as_str()), Some(method));
        let json = serde_json::to_string(&method).unwrap();
        assert_eq!(json, format!("\"{}\"", method.as_str()));
    }
}
