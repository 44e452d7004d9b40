//! Token requests and their answers (RFC 6749 §4.1.3, §5.1 and §6), as a public client.

use core::fmt;

use super::authorization::Redemption;
use super::parameters;
use crate::id::ClientId;
use crate::secret::{AccessToken, IdToken, RefreshToken};
use crate::time::Lifetime;

/// The body of a successful answer (RFC 6749 §5.1), as far as a client reads it.
pub struct TokenResponse<'a> {
    /// The new access token.
    pub access_token: &'a str,
    /// `Bearer` or `DPoP`, in any case (RFC 6749 §5.1, RFC 9449 §5).
    pub token_type: &'a str,
    /// The next refresh token; absent if the old one stays.
    pub refresh_token: Option<&'a str>,
    /// Who signed in (OpenID Connect Core §3.1.3.3).
    pub id_token: Option<&'a str>,
    /// How long the access token lives, if the provider says so.
    pub expires_in: Option<Lifetime>,
}

/// Why a successful answer is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// The access token is empty, or has characters that no header can carry (RFC 6750 §2.1).
    #[error("the access token is not a token")]
    NotAToken,
    /// A token of a type that this client cannot use (RFC 6749 §7.1).
    #[error("the access token is neither of the type Bearer nor DPoP")]
    OtherType,
}

/// What opens protected resources, and what renews it.
#[derive(Debug)]
pub struct Tokens {
    /// For the next request.
    pub access: AccessToken,
    /// For the next access token, unless the provider gave none.
    pub refresh: Option<RefreshToken>,
    /// For signing out without being asked, if the provider gave one.
    pub id_token: Option<IdToken>,
    /// How long the access token lived when it was issued, if the provider said so.
    pub expires_in: Option<Lifetime>,
    /// Whether they are bound to a key that must be proved with them (RFC 9449 §5).
    pub bound: bool,
}

/// The body of the request that redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
pub fn build_code_request(
    client_id: &ClientId,
    redirect_uri: &str,
    resource: Option<&str>,
    redemption: &Redemption,
) -> String {
    parameters(&[
        ("grant_type", Some("authorization_code")),
        ("client_id", Some(client_id.as_str())),
        ("code", Some(redemption.code.expose())),
        ("redirect_uri", Some(redirect_uri)),
        ("code_verifier", Some(redemption.verifier.expose())),
        ("resource", resource),
    ])
}

/// The body of the request for new tokens (RFC 6749 §6).
pub fn build_refresh_request(
    client_id: &ClientId,
    resource: Option<&str>,
    refresh: &RefreshToken,
) -> String {
    parameters(&[
        ("grant_type", Some("refresh_token")),
        ("client_id", Some(client_id.as_str())),
        ("refresh_token", Some(refresh.expose())),
        ("resource", resource),
    ])
}

/// Takes the tokens of a successful answer.
///
/// # Errors
///
/// The [`TokenError`] for which they cannot be used.
pub fn process(response: &TokenResponse<'_>) -> Result<Tokens, TokenError> {
    let bound = response.token_type.eq_ignore_ascii_case("dpop");
    if !bound && !response.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::OtherType);
    }
    let access = response.access_token;
    if access.is_empty() || !access.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenError::NotAToken);
    }
    let refresh = response.refresh_token.filter(|token| !token.is_empty());
    Ok(Tokens {
        access: AccessToken::new(access),
        refresh: refresh.map(RefreshToken::new),
        id_token: response.id_token.map(IdToken::new),
        // Some providers say zero of a token that does not expire.
        expires_in: response
            .expires_in
            .filter(|lifetime| lifetime.seconds() > 0),
        bound,
    })
}

impl fmt::Debug for TokenResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenResponse([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;
    use crate::id::Nonce;
    use crate::rp::authorization::ReturnTo;
    use crate::secret::{AuthorizationCode, CodeVerifier};

    fn response<'a>(
        access_token: &'a str,
        token_type: &'a str,
        refresh: Option<&'a str>,
    ) -> TokenResponse<'a> {
        TokenResponse {
            access_token,
            token_type,
            refresh_token: refresh,
            id_token: None,
            expires_in: None,
        }
    }

    #[test]
    fn a_code_is_redeemed_with_its_verifier_and_no_secret() {
        let redemption = Redemption {
            code: AuthorizationCode::new("c&de"),
            verifier: CodeVerifier::new("verifier"),
            nonce: Nonce::from_random([0; 16]),
            max_age: None,
            return_to: ReturnTo::parse("/").unwrap(),
        };
        let client = ClientId::parse("demo").unwrap();
        let body = build_code_request(&client, "https://app.example/callback", None, &redemption);
        assert_eq!(
            body,
            "grant_type=authorization_code&client_id=demo&code=c%26de&\
             redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_verifier=verifier"
        );
    }

    #[test]
    fn a_refresh_request_names_the_resource_if_there_is_one() {
        let client = ClientId::parse("demo").unwrap();
        let resource = Some("https://api.example");
        let body = build_refresh_request(&client, resource, &RefreshToken::new("r"));
        let form = Form::parse(&body).unwrap();
        assert_eq!(form.optional("grant_type"), Some("refresh_token"));
        assert_eq!(form.optional("refresh_token"), Some("r"));
        assert_eq!(form.optional("client_id"), Some("demo"));
        assert_eq!(form.optional("resource"), resource);
    }

    #[test]
    fn the_token_type_may_be_written_in_any_case() {
        for token_type in ["Bearer", "bearer", "BEARER"] {
            assert!(!process(&response("a", token_type, None)).unwrap().bound);
        }
        for token_type in ["DPoP", "dpop"] {
            assert!(process(&response("a", token_type, None)).unwrap().bound);
        }
        for token_type in ["mac", ""] {
            let refused = process(&response("a", token_type, None)).unwrap_err();
            assert_eq!(refused, TokenError::OtherType, "{token_type:?}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused() {
        for bad in ["", "a b", "a\r\nx: y", "é"] {
            let refused = process(&response(bad, "Bearer", None)).unwrap_err();
            assert_eq!(refused, TokenError::NotAToken, "{bad:?}");
        }
    }

    #[test]
    fn a_lifetime_of_zero_says_nothing() {
        let lifetime = |seconds| {
            let given = TokenResponse {
                expires_in: Some(Lifetime::from_seconds(seconds)),
                ..response("a", "Bearer", None)
            };
            process(&given).unwrap().expires_in
        };
        assert_eq!(lifetime(0), None);
        assert_eq!(lifetime(1), Some(Lifetime::from_seconds(1)));
    }

    #[test]
    fn a_refresh_token_may_be_left_out_or_empty() {
        let refresh = |given| process(&response("a", "Bearer", given)).unwrap().refresh;
        assert!(refresh(None).is_none());
        assert!(refresh(Some("")).is_none());
        assert_eq!(refresh(Some("r")).unwrap().expose(), "r");
    }
}
