//! Asking the provider about a token (RFC 7662).

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use base64ct::{Base64, Encoding};
use gatepass_core::form;
use gatepass_core::id::ClientId;
use gatepass_core::introspect::Introspection;
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, check_introspection};
use gatepass_core::secret::{AccessToken, ClientSecret};
use gatepass_edge::remembered::{Remembered, Timing};
use gatepass_edge::{EdgeError, clock, fetch};

use super::provider::Provider;
use super::status::Freshness;

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
    /// Judges `token` by what the provider says of it, or has said lately.
    pub(super) async fn judge(
        &self,
        provider: &Rc<Provider>,
        token: &AccessToken,
        expected: &Expected,
        freshness: Option<Freshness>,
    ) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
        let ask = || {
            let token = AccessToken::new(token.expose());
            ask(Rc::clone(provider), self.authorization(), token)
        };
        let answer = match freshness {
            None => ask().await?,
            Some(freshness) => {
                let answers = provider.answers();
                let remembered = answers.at(&token.hash().to_base64url(), freshness);
                Introspection::clone(&*remembered.current(ask).await?)
            }
        };
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

/// Asks, unless the provider has failed so often lately that it is left alone.
async fn ask(
    provider: Rc<Provider>,
    authorization: String,
    token: AccessToken,
) -> Result<Introspection, EdgeError> {
    if !provider.breaker().borrow_mut().admits(clock::now()) {
        let failure = "the provider has failed lately, and is left alone for a while";
        return Err(EdgeError::Upstream(failure.to_owned()));
    }
    let answered = asked(&provider, &authorization, &token).await;
    let mut breaker = provider.breaker().borrow_mut();
    match &answered {
        Ok(_) => breaker.succeeded(),
        Err(_) => breaker.failed(clock::now()),
    }
    answered
}

async fn asked(
    provider: &Provider,
    authorization: &str,
    token: &AccessToken,
) -> Result<Introspection, EdgeError> {
    let endpoint = &provider.metadata().await?.introspection_endpoint;
    let parameters = [
        ("token", token.expose()),
        ("token_type_hint", "access_token"),
    ];
    fetch::post_form(endpoint, authorization, &parameters).await
}

/// How many answers are remembered.
const REMEMBERED: usize = 2_000;

/// What the provider has said of tokens lately, good and bad, by their hash.
#[derive(Debug, Default)]
pub(super) struct Answers(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    answers: BTreeMap<String, Remembered<Introspection>>,
    /// The oldest goes first.
    order: VecDeque<String>,
}

impl Answers {
    fn at(&self, hash: &str, freshness: Freshness) -> Remembered<Introspection> {
        let mut known = self.0.borrow_mut();
        if let Some(answer) = known.answers.get(hash) {
            return answer.clone();
        }
        if known.order.len() >= REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.answers.remove(&oldest);
        }
        let timing = Timing {
            // Nobody is let in on an answer that is older than the bound while the provider can be asked.
            fresh_for: freshness.bound,
            ..freshness.timing()
        };
        let answer = Remembered::new(timing, None);
        known.answers.insert(hash.to_owned(), answer.clone());
        known.order.push_back(hash.to_owned());
        answer
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
