//! Asking the provider about a token (RFC 7662).

use base64ct::{Base64, Encoding};
use gatepass_core::form;
use gatepass_core::introspect::Introspection;
use gatepass_core::secret::{AccessToken, ClientSecret};
use gatepass_edge::{EdgeError, fetch};

/// What the provider says of `token`.
pub(super) async fn ask(
    endpoint: &str,
    (client_id, secret): (&str, &ClientSecret),
    token: &AccessToken,
) -> Result<Introspection, EdgeError> {
    // RFC 6749 §2.3.1: both are form-encoded first.
    let encoded = |text: &str| form::encode([(text, "")]).trim_end_matches('=').to_owned();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
    let authorization = format!("Basic {}", Base64::encode_string(pair.as_bytes()));
    let parameters = [
        ("token", token.expose()),
        ("token_type_hint", "access_token"),
    ];
    fetch::post_form(endpoint, &authorization, &parameters).await
}
