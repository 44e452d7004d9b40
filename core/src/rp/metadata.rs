//! The provider's metadata (RFC 8414, OpenID Connect Discovery 1.0).

use super::joined;
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
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryDocument<'a> {
    /// Whose document it is.
    pub issuer: &'a str,
    /// Where the user signs in.
    pub authorization_endpoint: &'a str,
    /// Where tokens come from.
    pub token_endpoint: &'a str,
    /// Where the user signs out (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session_endpoint: Option<&'a str>,
    /// Where else requests go: user information, revocation (RFC 7009), keys, pushed requests (RFC 9126).
    pub others: [Option<&'a str>; 4],
    /// Whether every authorization response carries `iss` (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
}

/// Metadata of the issuer that was asked for, as far as it is needed to build a request. Only [`process`] makes it;
/// to the document's other endpoints it says: they may be used.
#[derive(Debug)]
pub struct Metadata<'a> {
    pub(super) issuer: &'a str,
    pub(super) authorization_endpoint: Endpoint<'a>,
    pub(super) iss_required: bool,
    /// Where the user signs out.
    pub end_session_endpoint: Option<Endpoint<'a>>,
}

/// The URL of an endpoint: `https`, or `http` on this machine, where it never meets a network. Only
/// [`process`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a>(&'a str);

impl<'a> Endpoint<'a> {
    /// The URL's text.
    pub fn as_str(self) -> &'a str {
        self.0
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
        joined(&[issuer, "/.well-known/openid-configuration"]),
        joined(&[origin, "/.well-known/oauth-authorization-server", path]),
    ]
}

/// Takes the document that was found for `issuer`.
///
/// # Errors
///
/// The [`MetadataError`] for which it is not used.
pub fn process<'a>(
    issuer: &Issuer,
    document: &DiscoveryDocument<'a>,
) -> Result<Metadata<'a>, MetadataError> {
    if document.issuer != issuer.as_str() {
        return Err(MetadataError::OtherIssuer);
    }
    let [userinfo, revocation, keys, pushed] = document.others;
    for url in [
        Some(document.authorization_endpoint),
        Some(document.token_endpoint),
        document.end_session_endpoint,
        userinfo,
        revocation,
        keys,
        pushed,
    ] {
        if url.is_some_and(|url| !is_secure(url)) {
            return Err(MetadataError::InsecureEndpoint);
        }
    }
    Ok(Metadata {
        issuer: document.issuer,
        authorization_endpoint: Endpoint(document.authorization_endpoint),
        iss_required: document.authorization_response_iss_parameter_supported,
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
    // What is before an `@` is a user, not a host.
    let has_user = rest.bytes().any(|byte| byte == b'@');
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        let after = rest.strip_prefix(host).filter(|_| !has_user);
        after.is_some_and(|after| matches!(after.as_bytes().first(), None | Some(b':' | b'/')))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rp) const ISSUER: &str = "https://id.example";

    pub(in crate::rp) fn metadata() -> Metadata<'static> {
        process(&Issuer::parse(ISSUER).unwrap(), &DOCUMENT).unwrap()
    }

    const DOCUMENT: DiscoveryDocument<'static> = DiscoveryDocument {
        issuer: ISSUER,
        authorization_endpoint: "https://id.example/authorize",
        token_endpoint: "https://id.example/token",
        end_session_endpoint: Some("https://id.example/logout"),
        others: [None, Some("https://id.example/revoke"), None, None],
        authorization_response_iss_parameter_supported: true,
    };

    #[test]
    fn only_the_issuers_own_document_is_used() {
        let issuer = Issuer::parse(ISSUER).unwrap();
        assert!(process(&issuer, &DOCUMENT).is_ok());
        for other in [
            "https://evil.example",
            "https://id.example/",
            "https://ID.example",
            "",
        ] {
            let document = DiscoveryDocument {
                issuer: other,
                ..DOCUMENT
            };
            let refused = process(&issuer, &document).unwrap_err();
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
            "http://localhost:80@evil.example/",
            "/revoke",
            "",
        ] {
            for document in [
                DiscoveryDocument {
                    authorization_endpoint: bad,
                    ..DOCUMENT
                },
                DiscoveryDocument {
                    token_endpoint: bad,
                    ..DOCUMENT
                },
                DiscoveryDocument {
                    end_session_endpoint: Some(bad),
                    ..DOCUMENT
                },
                DiscoveryDocument {
                    others: [None, None, None, Some(bad)],
                    ..DOCUMENT
                },
            ] {
                let refused = process(&issuer, &document).unwrap_err();
                assert_eq!(refused, MetadataError::InsecureEndpoint, "{bad:?}");
            }
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
