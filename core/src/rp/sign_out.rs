//! Giving tokens back (RFC 7009) and ending the provider's session (OpenID Connect RP-Initiated
//! Logout 1.0).

use super::metadata::Endpoint;
use super::{parameters, with_query};
use crate::id::ClientId;
use crate::secret::{AccessToken, RefreshToken};

/// A token to give back. The provider is told its type, so that it looks in the right place first.
#[derive(Clone, Copy, Debug)]
pub enum Revocable<'a> {
    /// Only this token ends.
    Access(&'a AccessToken),
    /// Its whole grant ends.
    Refresh(&'a RefreshToken),
}

/// The body of a revocation request (RFC 7009 §2.1).
pub fn build_revocation_request(client_id: &ClientId, token: Revocable<'_>) -> String {
    let (token, hint) = match token {
        Revocable::Access(token) => (token.expose(), "access_token"),
        Revocable::Refresh(token) => (token.expose(), "refresh_token"),
    };
    parameters(&[
        ("token", Some(token)),
        ("token_type_hint", Some(hint)),
        ("client_id", Some(client_id.as_str())),
    ])
}

/// Where to send the user to sign out at the provider (OpenID Connect RP-Initiated Logout §2). With an
/// ID token the provider need not ask the user whether it was them.
pub fn build_end_session_url(
    endpoint: Endpoint<'_>,
    client_id: &ClientId,
    post_logout_redirect_uri: &str,
    id_token_hint: Option<&str>,
) -> String {
    let query = parameters(&[
        ("id_token_hint", id_token_hint),
        ("client_id", Some(client_id.as_str())),
        ("post_logout_redirect_uri", Some(post_logout_redirect_uri)),
    ]);
    with_query(endpoint.as_str(), &query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rp::metadata::tests::metadata;

    #[test]
    fn a_revocation_names_the_kind_of_token() {
        let client = ClientId::parse("demo").unwrap();
        let access = AccessToken::new("a.b");
        assert_eq!(
            build_revocation_request(&client, Revocable::Access(&access)),
            "token=a.b&token_type_hint=access_token&client_id=demo"
        );
        let refresh = RefreshToken::new("r");
        assert_eq!(
            build_revocation_request(&client, Revocable::Refresh(&refresh)),
            "token=r&token_type_hint=refresh_token&client_id=demo"
        );
    }

    #[test]
    fn the_end_session_url_says_who_asks_and_where_to_go_next() {
        let metadata = metadata();
        let endpoint = metadata.end_session_endpoint.unwrap();
        let client = ClientId::parse("demo").unwrap();
        assert_eq!(
            build_end_session_url(endpoint, &client, "https://app.example/", None),
            "https://id.example/logout?client_id=demo&\
             post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F"
        );
        let hinted = build_end_session_url(endpoint, &client, "https://app.example/", Some("a.b"));
        assert!(hinted.contains("?id_token_hint=a.b&client_id=demo&"));
    }
}
