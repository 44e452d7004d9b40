//! Reading a bearer token (RFC 6750 §2.1).

use super::ResourceRefusal;
use crate::secret::AccessToken;

/// The longest token that is looked at, in bytes. A JWT whose every claim is as long as it may be
/// still fits.
const LONGEST: usize = 8 * 1024;

/// Reads the `Authorization` header (RFC 6750 §2.1): what is not even shaped like a token is worth
/// nobody's work.
///
/// # Errors
///
/// [`ResourceRefusal::NoToken`] or [`ResourceRefusal::Malformed`].
pub fn bearer_token(authorization: Option<&str>) -> Result<AccessToken, ResourceRefusal> {
    let header = authorization.ok_or(ResourceRefusal::NoToken)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        // RFC 6750 §3.1: whoever uses another scheme may not know that a token is needed.
        return Err(ResourceRefusal::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.len() > LONGEST || !is_b64token(token) {
        return Err(ResourceRefusal::Malformed);
    }
    Ok(AccessToken::new(token))
}

/// `b64token`: letters, digits and `-._~+/`, at least one, and `=` at the end only.
fn is_b64token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    let unpadded = text.trim_end_matches('=');
    !unpadded.is_empty() && unpadded.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_in_any_case_of_the_scheme() {
        for header in [
            "Bearer aZ0-._~+/=",
            "bearer aZ0-._~+/=",
            "BEARER  aZ0-._~+/= ",
        ] {
            assert_eq!(bearer_token(Some(header)).unwrap().expose(), "aZ0-._~+/=");
        }
        for header in [None, Some(""), Some("Basic YTpi"), Some("DPoP a.b.c")] {
            let refused = bearer_token(header).unwrap_err();
            assert_eq!(refused, ResourceRefusal::NoToken, "{header:?}");
        }
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,b",
            "Bearer ü",
            "Bearer \"a\"",
            "Bearer =",
            "Bearer a=b",
            "Bearer a\t",
            "Bearer a%20b",
        ] {
            let refused = bearer_token(Some(header)).unwrap_err();
            assert_eq!(refused, ResourceRefusal::Malformed, "{header:?}");
        }
    }

    #[test]
    fn a_token_is_of_bounded_length() {
        let header = |length| format!("Bearer {}", "a".repeat(length));
        let longest = bearer_token(Some(&header(LONGEST))).unwrap();
        assert_eq!(longest.expose().len(), LONGEST);
        let refused = bearer_token(Some(&header(LONGEST + 1))).unwrap_err();
        assert_eq!(refused, ResourceRefusal::Malformed);
    }
}
