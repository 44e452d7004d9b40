//! What a provider publishes, and how its answers are read.

use serde::Deserialize;
use serde_json::Value;

use crate::id::Issuer;
use crate::json;
use crate::rp::failure::{ErrorResponse, Failure};
use crate::rp::metadata::{self, DiscoveryDocument, Metadata, MetadataError};
use crate::rp::token::{self, TokenResponse, Tokens};
use crate::time::Lifetime;

/// A discovery document as it is published, as far as it is read here.
#[derive(Debug, Deserialize)]
pub struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
}

/// A provider as it describes itself.
#[derive(Debug)]
pub struct Provider {
    issuer: Issuer,
    document: Document,
}

impl Provider {
    /// What every client needs of it.
    ///
    /// # Errors
    ///
    /// None: [`process`] has looked.
    pub fn metadata(&self) -> Result<Metadata<'_>, MetadataError> {
        let document = &self.document;
        let described = DiscoveryDocument {
            issuer: &document.issuer,
            authorization_endpoint: &document.authorization_endpoint,
            token_endpoint: &document.token_endpoint,
            end_session_endpoint: document.end_session_endpoint.as_deref(),
            others: [
                document.userinfo_endpoint.as_deref(),
                document.revocation_endpoint.as_deref(),
                Some(&document.jwks_uri),
                document.pushed_authorization_request_endpoint.as_deref(),
            ],
            authorization_response_iss_parameter_supported: document
                .authorization_response_iss_parameter_supported,
        };
        metadata::process(&self.issuer, &described)
    }

    /// Where tokens come from.
    pub fn token_endpoint(&self) -> &str {
        &self.document.token_endpoint
    }

    /// Who the user is.
    pub fn userinfo_endpoint(&self) -> Option<&str> {
        self.document.userinfo_endpoint.as_deref()
    }

    /// Where tokens are given back (RFC 7009).
    pub fn revocation_endpoint(&self) -> Option<&str> {
        self.document.revocation_endpoint.as_deref()
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> &str {
        &self.document.jwks_uri
    }

    /// Whether it binds tokens to a key of ES256 (RFC 9449 §5.1).
    pub fn binds_tokens(&self) -> bool {
        let algorithms = self.document.dpop_signing_alg_values_supported.as_deref();
        let mut algorithms = algorithms.unwrap_or_default().iter();
        algorithms.any(|algorithm| algorithm == "ES256")
    }

    /// Where requests are pushed (RFC 9126), if it takes that.
    pub fn pushed_requests(&self) -> Option<&str> {
        self.document
            .pushed_authorization_request_endpoint
            .as_deref()
    }
}

/// Takes the document that was found for `issuer`.
///
/// # Errors
///
/// The [`MetadataError`] for which it is not used.
pub fn process(issuer: &Issuer, document: Document) -> Result<Provider, MetadataError> {
    let provider = Provider {
        issuer: issuer.clone(),
        document,
    };
    provider.metadata()?;
    Ok(provider)
}

/// Tokens, and how long the access token is good.
#[derive(Debug)]
pub struct Obtained {
    /// The tokens.
    pub tokens: Tokens,
    /// `expires_in`, if the provider says it.
    pub expires_in: Option<Lifetime>,
}

/// An answer of the provider.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its HTTP status.
    pub status: u16,
    /// `Retry-After`, if it is a number of seconds (RFC 9110 §10.2.3).
    pub retry_after: Option<Lifetime>,
    /// Its body.
    pub body: &'a str,
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    gatepass_reason: Option<String>,
}

/// Reads the answer of the token endpoint.
///
/// # Errors
///
/// The [`Failure`] for which there are no tokens.
pub fn tokens(answer: &Answer<'_>) -> Result<Obtained, Failure> {
    if !(200..300).contains(&answer.status) {
        return Err(refusal(answer));
    }
    let unreadable = |_| Failure::Unreadable {
        status: answer.status,
    };
    let success: Success = json::read(answer.body).map_err(unreadable)?;
    // RFC 6749 §5.1 has a number; some providers write it as text.
    let expires_in = success.expires_in.and_then(|seconds| match seconds {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let expires_in = expires_in.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    let expires_in = expires_in.map(Lifetime::from_seconds);
    let tokens = token::process(&TokenResponse {
        access_token: &success.access_token,
        token_type: &success.token_type,
        refresh_token: success.refresh_token.as_deref(),
        id_token: success.id_token.as_deref(),
        expires_in,
    })?;
    Ok(Obtained { tokens, expires_in })
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

/// Reads the `request_uri` of the answer to a pushed request (RFC 9126 §2.2).
///
/// # Errors
///
/// The [`Failure`] for which there is none.
pub fn request_uri(answer: &Answer<'_>) -> Result<String, Failure> {
    if !(200..300).contains(&answer.status) {
        return Err(refusal(answer));
    }
    let pushed: Result<Pushed, _> = json::read(answer.body);
    pushed
        .map(|pushed| pushed.request_uri)
        .map_err(|_| Failure::Unreadable {
            status: answer.status,
        })
}

fn refusal(answer: &Answer<'_>) -> Failure {
    let refusal: Option<Refusal> = json::read(answer.body).ok();
    let body = refusal.as_ref().map(|refusal| ErrorResponse {
        error: &refusal.error,
        gatepass_reason: refusal.gatepass_reason.as_deref(),
    });
    Failure::of_answer(answer.status, answer.retry_after, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn provider() -> Provider {
        read(document()).unwrap()
    }

    fn document() -> Value {
        json!({
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/keys",
            "something_else": true,
        })
    }

    fn read(document: Value) -> Result<Provider, MetadataError> {
        let document = serde_json::from_value(document).unwrap();
        process(&Issuer::parse("https://id.example").unwrap(), document)
    }

    #[test]
    fn only_the_issuers_own_document_with_safe_addresses_is_used() {
        assert!(provider().pushed_requests().is_none());
        for (name, value, expected) in [
            (
                "issuer",
                "https://other.example",
                MetadataError::OtherIssuer,
            ),
            (
                "jwks_uri",
                "http://id.example/keys",
                MetadataError::InsecureEndpoint,
            ),
            (
                "token_endpoint",
                "http://10.0.0.1/",
                MetadataError::InsecureEndpoint,
            ),
            (
                "end_session_endpoint",
                "javascript:1",
                MetadataError::InsecureEndpoint,
            ),
            (
                "pushed_authorization_request_endpoint",
                "/par",
                MetadataError::InsecureEndpoint,
            ),
        ] {
            let mut document = document();
            document[name] = value.into();
            assert_eq!(read(document).unwrap_err(), expected, "{name}");
        }
    }

    #[test]
    fn tokens_are_bound_where_a_key_of_ours_is_taken() {
        for (algorithms, expected) in [
            (json!(null), false),
            (json!([]), false),
            (json!(["RS256", "EdDSA"]), false),
            (json!(["RS256", "ES256"]), true),
        ] {
            let mut document = document();
            document["dpop_signing_alg_values_supported"] = algorithms;
            assert_eq!(read(document).unwrap().binds_tokens(), expected);
        }
        assert!(!provider().binds_tokens());
    }

    fn answer(status: u16, body: &str) -> Result<Obtained, Failure> {
        tokens(&Answer {
            status,
            retry_after: None,
            body,
        })
    }

    #[test]
    fn a_lifetime_is_read_as_number_and_as_text() {
        for (expires_in, expected) in [
            ("300", Some(300)),
            ("\"60\"", Some(60)),
            ("null", None),
            ("-1", None),
            ("\"x\"", None),
        ] {
            let body = format!(
                r#"{{"access_token":"a","token_type":"bearer","expires_in":{expires_in}}}"#
            );
            let obtained = answer(200, &body).unwrap();
            assert_eq!(
                obtained.expires_in,
                expected.map(Lifetime::from_seconds),
                "{expires_in}"
            );
        }
    }

    #[test]
    fn only_the_providers_own_refusal_ends_a_grant() {
        let refused = answer(
            400,
            r#"{"error":"invalid_grant","gatepass_reason":"replayed"}"#,
        );
        assert_eq!(
            refused.unwrap_err().end_of_grant().unwrap().as_str(),
            "replayed"
        );
        for (status, body) in [
            (200, "<html>"),
            (400, "<html>"),
            (500, r#"{"error":"invalid_grant"}"#),
            (429, r#"{"error":"invalid_grant"}"#),
            (401, r#"{"error":"invalid_client"}"#),
            (200, r#"{"access_token":"a","token_type":"mac"}"#),
        ] {
            assert!(
                answer(status, body).unwrap_err().end_of_grant().is_none(),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_pushed_request_has_a_name() {
        let pushed = |status, body| {
            request_uri(&Answer {
                status,
                retry_after: None,
                body,
            })
        };
        assert_eq!(
            pushed(201, r#"{"request_uri":"urn:x","expires_in":60}"#).unwrap(),
            "urn:x"
        );
        assert!(pushed(201, "{}").is_err());
        assert!(pushed(400, r#"{"error":"invalid_request"}"#).is_err());
    }
}
