//! Where a protected resource describes itself (RFC 9728 §3.1).

use crate::id::Audience;

/// The well-known path, between the resource's host and its own path.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The address of the metadata of `resource`; `None` if the resource has no address of its own
/// (RFC 9728 §1.2: an `https` URL without a fragment; here also `http`, for development).
pub fn metadata_url(resource: &Audience) -> Option<String> {
    let (origin, rest) = split(resource)?;
    Some(format!("{origin}{WELL_KNOWN}{rest}"))
}

/// The path at which the server of `resource` publishes its metadata; the well-known path itself if
/// the resource has no address of its own.
pub fn metadata_path(resource: &Audience) -> String {
    let rest = split(resource).map_or("", |(_, rest)| rest);
    let (path, _) = rest.split_once('?').unwrap_or((rest, ""));
    format!("{WELL_KNOWN}{path}")
}

/// Scheme and host, and what comes after.
fn split(resource: &Audience) -> Option<(&str, &str)> {
    let resource = resource.as_str();
    let (scheme, after) = resource.split_once("://")?;
    if !matches!(scheme, "https" | "http") || after.contains('#') {
        return None;
    }
    let host = after.find(['/', '?']).unwrap_or(after.len());
    if host == 0 {
        return None;
    }
    let (origin, rest) = resource.split_at_checked(scheme.len() + 3 + host)?;
    // A slash right after the host is removed; one inside a path is part of the identifier.
    let rest = match rest.strip_prefix('/') {
        Some(after) if after.is_empty() || after.starts_with('?') => after,
        _ => rest,
    };
    Some((origin, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(resource: &str) -> Option<String> {
        metadata_url(&Audience::parse(resource).unwrap())
    }

    #[test]
    fn the_well_known_path_goes_between_host_and_path() {
        for (resource, expected) in [
            (
                "https://api.example.com",
                "https://api.example.com/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.example.com/",
                "https://api.example.com/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.example.com/v1",
                "https://api.example.com/.well-known/oauth-protected-resource/v1",
            ),
            (
                "https://api.example.com/v1/",
                "https://api.example.com/.well-known/oauth-protected-resource/v1/",
            ),
            (
                "https://api.example.com:8443/a/b?c=d/e",
                "https://api.example.com:8443/.well-known/oauth-protected-resource/a/b?c=d/e",
            ),
            (
                "https://api.example.com?k=v",
                "https://api.example.com/.well-known/oauth-protected-resource?k=v",
            ),
            (
                "https://api.example.com/?k=v",
                "https://api.example.com/.well-known/oauth-protected-resource?k=v",
            ),
            (
                "http://localhost:5000",
                "http://localhost:5000/.well-known/oauth-protected-resource",
            ),
        ] {
            assert_eq!(url(resource).as_deref(), Some(expected), "{resource}");
            // What stands there after the host, the server has to answer; a query is not its path.
            let path = metadata_path(&Audience::parse(resource).unwrap());
            let (before, after) = expected.split_once(&path).unwrap();
            assert_eq!(before.matches('/').count(), 2, "{resource}");
            assert!(after.is_empty() || after.starts_with('?'), "{resource}");
        }
    }

    #[test]
    fn a_resource_that_is_no_address_has_none() {
        for resource in [
            "api",
            "urn:example:api",
            "https://",
            "https:///v1",
            "ftp://api.example.com",
            "https://api.example.com/#part",
        ] {
            assert_eq!(url(resource), None, "{resource}");
            let path = metadata_path(&Audience::parse(resource).unwrap());
            assert_eq!(path, WELL_KNOWN);
        }
    }
}
