//! Reading a token from the `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1).

use super::ResourceRefusal;
use crate::form::Form;
use crate::secret::AccessToken;

/// The longest token that is looked at, in bytes. A JWT whose every claim is as long as it may be
/// still fits.
const LONGEST: usize = 8 * 1024;

/// How a token is presented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// By whoever has it (RFC 6750).
    Bearer,
    /// With a proof of the key that it is bound to (RFC 9449 §7.1).
    Dpop,
}

impl Scheme {
    /// As `Authorization` and `WWW-Authenticate` have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// How the `Authorization` header says that a token is presented; nothing, if it says something else.
    pub fn of(authorization: Option<&str>) -> Option<Self> {
        let (scheme, _) = split(authorization?);
        [Self::Bearer, Self::Dpop]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.as_str()))
    }
}

/// Reads the `Authorization` header (RFC 6750 §2.1): what is not even shaped like a token is worth
/// nobody's work.
///
/// # Errors
///
/// [`ResourceRefusal::NoToken`] or [`ResourceRefusal::Malformed`].
pub fn bearer_token(authorization: Option<&str>) -> Result<AccessToken, ResourceRefusal> {
    token(authorization, Scheme::Bearer)
}

/// The same, with a token that is presented so.
///
/// # Errors
///
/// As [`bearer_token`].
pub fn token(authorization: Option<&str>, scheme: Scheme) -> Result<AccessToken, ResourceRefusal> {
    if Scheme::of(authorization) != Some(scheme) {
        // RFC 6750 §3.1: whoever uses another scheme may not know that a token is needed.
        return Err(ResourceRefusal::NoToken);
    }
    let (_, token) = split(authorization.unwrap_or_default());
    shaped(token.trim_matches(' '))
}

/// The same, or the `access_token` of a form that was posted (RFC 6750 §2.2).
///
/// # Errors
///
/// [`ResourceRefusal::NoToken`] or [`ResourceRefusal::Malformed`], also of a token in each place (§2).
pub fn presented_token(
    authorization: Option<&str>,
    scheme: Scheme,
    form: Option<&Form>,
) -> Result<AccessToken, ResourceRefusal> {
    match (
        authorization,
        form.and_then(|form| form.optional("access_token")),
    ) {
        (None, Some(token)) => shaped(token),
        (Some(_), Some(_)) => Err(ResourceRefusal::Malformed),
        (_, None) => token(authorization, scheme),
    }
}

fn shaped(token: &str) -> Result<AccessToken, ResourceRefusal> {
    if token.len() > LONGEST || !is_b64token(token) {
        return Err(ResourceRefusal::Malformed);
    }
    Ok(AccessToken::new(token))
}

fn split(header: &str) -> (&str, &str) {
    header.split_once(' ').unwrap_or((header, ""))
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
    fn a_token_is_in_the_header_or_in_the_form_and_not_in_both() {
        let form = Form::parse("access_token=a.b.c").unwrap();
        let presented = |header, form| {
            let token = presented_token(header, Scheme::Bearer, form);
            token.map(|token| token.expose().to_owned())
        };
        assert_eq!(presented(None, Some(&form)).as_deref(), Ok("a.b.c"));
        let empty = Form::default();
        assert_eq!(
            presented(Some("Bearer x"), Some(&empty)).as_deref(),
            Ok("x")
        );
        assert_eq!(presented(Some("Bearer x"), None).as_deref(), Ok("x"));
        assert_eq!(presented(None, Some(&empty)), Err(ResourceRefusal::NoToken));
        let both = presented(Some("Bearer a.b.c"), Some(&form));
        assert_eq!(both, Err(ResourceRefusal::Malformed));
        let shapeless = Form::parse("access_token=a+b").unwrap();
        assert_eq!(
            presented(None, Some(&shapeless)),
            Err(ResourceRefusal::Malformed)
        );
    }

    #[test]
    fn a_token_is_presented_as_it_is_said() {
        for (header, scheme) in [("dpop a.b", Scheme::Dpop), ("bearer a.b", Scheme::Bearer)] {
            assert_eq!(Scheme::of(Some(header)), Some(scheme));
            assert_eq!(token(Some(header), scheme).unwrap().expose(), "a.b");
        }
        assert_eq!(Scheme::of(Some("Basic YTpi")), None);
        assert_eq!(Scheme::of(None), None);
        let refused = token(Some("Bearer a.b"), Scheme::Dpop).unwrap_err();
        assert_eq!(refused, ResourceRefusal::NoToken);
        let refused = token(Some("DPoP a, b"), Scheme::Dpop).unwrap_err();
        assert_eq!(refused, ResourceRefusal::Malformed);
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
