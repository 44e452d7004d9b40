//! The provider's metadata (RFC 8414, OpenID Connect Discovery 1.0).

use crate::id::Issuer;

/// Why a discovery document is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MetadataError {
    /// The document is another issuer's (RFC 8414 §3.3).
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// An endpoint is not an `https` URL, nor an `http` one of this machine.
    #[error("the discovery document has an endpoint that is not https")]
    InsecureEndpoint,
}

/// The discovery document, as far as a client reads it (RFC 8414 §2).
#[derive(Debug)]
pub struct DiscoveryDocument {
    /// Whose document it is.
    pub issuer: String,
    /// Where the user signs in.
    pub authorization_endpoint: String,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// Who the user is (OpenID Connect Discovery §3).
    pub userinfo_endpoint: Option<String>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// Where the user signs out (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session_endpoint: Option<String>,
    /// Whether every authorization response carries `iss` (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
}

/// Metadata of the issuer that was asked for. Only [`process`] makes it.
#[derive(Debug)]
pub struct Metadata {
    pub(super) issuer: Issuer,
    pub(super) authorization_endpoint: Endpoint,
    pub(super) iss_required: bool,
    /// Where tokens come from.
    pub token_endpoint: Endpoint,
    /// Who the user is.
    pub userinfo_endpoint: Option<Endpoint>,
    /// Where tokens are given back.
    pub revocation_endpoint: Option<Endpoint>,
    /// Where the user signs out.
    pub end_session_endpoint: Option<Endpoint>,
}

/// The URL of an endpoint: `https`, or `http` on this machine, where it never meets a network. Only
/// [`process`] makes one.
#[derive(Debug)]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two addresses at which `issuer` may publish its document, the likelier first.
///
/// OpenID Connect Discovery §4 appends to the issuer's path; RFC 8414 §3.1 inserts before it, which
/// is the same for the usual issuer without a path.
pub fn locations(issuer: &Issuer) -> [String; 2] {
    let issuer = issuer.as_str();
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    // After the two slashes of the scheme, the third begins the path.
    let mut slashes = issuer.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    let path = slashes.nth(2).map(|(position, _)| position);
    let (origin, path) = path
        .and_then(|path| issuer.split_at_checked(path))
        .unwrap_or((issuer, ""));
    [
        [issuer, "/.well-known/openid-configuration"].concat(),
        [origin, "/.well-known/oauth-authorization-server", path].concat(),
    ]
}

/// Takes the document that was found for `issuer`.
///
/// # Errors
///
/// The [`MetadataError`] for which it is not used.
pub fn process(issuer: &Issuer, document: DiscoveryDocument) -> Result<Metadata, MetadataError> {
    if document.issuer != issuer.as_str() {
        return Err(MetadataError::OtherIssuer);
    }
    if !is_secure(&document.authorization_endpoint) || !is_secure(&document.token_endpoint) {
        return Err(MetadataError::InsecureEndpoint);
    }
    for url in [
        &document.userinfo_endpoint,
        &document.revocation_endpoint,
        &document.end_session_endpoint,
    ] {
        if url.as_deref().is_some_and(|url| !is_secure(url)) {
            return Err(MetadataError::InsecureEndpoint);
        }
    }
    Ok(Metadata {
        issuer: issuer.clone(),
        authorization_endpoint: Endpoint(document.authorization_endpoint),
        iss_required: document.authorization_response_iss_parameter_supported,
        token_endpoint: Endpoint(document.token_endpoint),
        userinfo_endpoint: document.userinfo_endpoint.map(Endpoint),
        revocation_endpoint: document.revocation_endpoint.map(Endpoint),
        end_session_endpoint: document.end_session_endpoint.map(Endpoint),
    })
}

/// Whether a URL keeps what is sent to it from the network: `https`, or this machine's `http`.
pub fn is_secure(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        let after = rest.strip_prefix(host);
        after.is_some_and(|after| matches!(after.as_bytes().first(), None | Some(b':' | b'/')))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rp) const ISSUER: &str = "https://id.example";

    pub(in crate::rp) fn metadata() -> Metadata {
        process(&Issuer::parse(ISSUER).unwrap(), document(ISSUER)).unwrap()
    }

    fn document(issuer: &str) -> DiscoveryDocument {
        DiscoveryDocument {
            issuer: issuer.to_owned(),
            authorization_endpoint: [issuer, "/authorize"].concat(),
            token_endpoint: [issuer, "/token"].concat(),
            userinfo_endpoint: None,
            revocation_endpoint: Some([issuer, "/revoke"].concat()),
            end_session_endpoint: Some([issuer, "/logout"].concat()),
            authorization_response_iss_parameter_supported: true,
        }
    }

    #[test]
    fn only_the_issuers_own_document_is_used() {
        let issuer = Issuer::parse(ISSUER).unwrap();
        let found = process(&issuer, document(ISSUER)).unwrap();
        assert_eq!(found.token_endpoint.as_str(), "https://id.example/token");
        for other in [
            "https://evil.example",
            "https://id.example/",
            "https://ID.example",
            "",
        ] {
            let refused = process(&issuer, document(other)).unwrap_err();
            assert_eq!(refused, MetadataError::OtherIssuer, "{other:?}");
        }
    }

    #[test]
    fn an_endpoint_on_the_open_network_is_refused() {
        let issuer = Issuer::parse(ISSUER).unwrap();
        for bad in [
            "http://id.example/revoke",
            "javascript:alert(1)",
            "http://localhost.evil.example/",
            "/revoke",
            "",
        ] {
            let mut document = document(ISSUER);
            document.revocation_endpoint = Some(bad.to_owned());
            let refused = process(&issuer, document).unwrap_err();
            assert_eq!(refused, MetadataError::InsecureEndpoint, "{bad:?}");
        }
        for good in [
            "http://localhost:4000/revoke",
            "http://127.0.0.1/revoke",
            "http://[::1]:80/",
        ] {
            assert!(is_secure(good), "{good}");
        }
    }

    #[test]
    fn the_document_is_looked_for_where_both_standards_put_it() {
        let at = |issuer| locations(&Issuer::parse(issuer).unwrap());
        assert_eq!(
            at("https://id.example/tenant"),
            [
                "https://id.example/tenant/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/tenant",
            ]
        );
        assert_eq!(
            at("http://localhost:4000"),
            [
                "http://localhost:4000/.well-known/openid-configuration",
                "http://localhost:4000/.well-known/oauth-authorization-server",
            ]
        );
    }
}
