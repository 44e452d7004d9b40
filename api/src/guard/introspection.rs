//! Asking the provider about a token (RFC 7662).

use base64ct::{Base64, Encoding};
use gatepass_core::form;
use gatepass_core::id::ClientId;
use gatepass_core::introspect::Introspection;
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, check_introspection};
use gatepass_core::secret::{AccessToken, ClientSecret};
use gatepass_edge::{EdgeError, clock, fetch};

use super::provider::Provider;

/// Who asks the provider about tokens: a client that authenticates with `client_secret_basic` and
/// may introspect.
#[derive(Debug)]
pub struct ResourceServer {
    /// The `client_id` of this resource server.
    pub client_id: ClientId,
    /// Its secret.
    pub secret: ClientSecret,
}

impl ResourceServer {
    /// Judges `token` by what the provider says of it.
    pub(super) async fn judge(
        &self,
        provider: &Provider,
        token: &AccessToken,
        expected: &Expected,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let endpoint = &provider.metadata().await?.introspection_endpoint;
        let parameters = [
            ("token", token.expose()),
            ("token_type_hint", "access_token"),
        ];
        let answer: Introspection =
            fetch::post_form(endpoint, &self.authorization(), &parameters).await?;
        Ok(check_introspection(answer, expected, clock::now()))
    }

    /// RFC 6749 §2.3.1: both are form-encoded first.
    fn authorization(&self) -> String {
        let encoded = |text: &str| form::encode([(text, "")]).trim_end_matches('=').to_owned();
        let (id, secret) = (self.client_id.as_str(), self.secret.expose());
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        format!("Basic {}", Base64::encode_string(pair.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_are_form_encoded_inside() {
        let server = ResourceServer {
            client_id: ClientId::parse("my api").unwrap(),
            secret: ClientSecret::new("a:b=c=ü"),
        };
        let encoded = server.authorization();
        let pair = Base64::decode_vec(encoded.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"my+api:a%3Ab%3Dc%3D%C3%BC");
    }
}
