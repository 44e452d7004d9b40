//! The providers that users sign in at: what each publishes, remembered, and requests to it.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::dpop::client::Target;
use gatepass_core::gateway::provider::{self, Answer, Document, Obtained};
use gatepass_core::gateway::registration::Registration;
use gatepass_core::id::Issuer;
use gatepass_core::jose::{Claims, ParsedJwt};
use gatepass_core::json;
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::metadata::locations;
use gatepass_core::time::Lifetime;
use gatepass_edge::possession::PROOF;
use gatepass_edge::proving::ProvingKey;
use gatepass_edge::remembered::Remembered;
use gatepass_edge::verify::VerificationKeys;
use gatepass_edge::{EdgeError, fetch};

use crate::session::Kept;

pub(crate) use gatepass_core::gateway::provider::Provider as Metadata;
pub(crate) use gatepass_core::rp::metadata::Metadata as Described;

/// A provider, as far as this isolate knows it.
#[derive(Debug)]
pub(crate) struct Provider {
    issuer: Issuer,
    metadata: Remembered<Metadata>,
    keys: Remembered<VerificationKeys>,
}

thread_local! {
    /// As many as there are issuers in the configuration.
    static PROVIDERS: RefCell<Vec<Rc<Provider>>> = const { RefCell::new(Vec::new()) };
}

impl Provider {
    /// The provider of this issuer.
    pub(crate) fn of(issuer: &Issuer) -> Rc<Self> {
        PROVIDERS.with_borrow_mut(|providers| {
            if let Some(known) = providers.iter().find(|known| known.issuer == *issuer) {
                return Rc::clone(known);
            }
            let provider = Rc::new(Self {
                issuer: issuer.clone(),
                metadata: Remembered::default(),
                keys: Remembered::default(),
            });
            providers.push(Rc::clone(&provider));
            provider
        })
    }

    /// Where its endpoints are.
    pub(crate) async fn metadata(&self) -> Result<Rc<Metadata>, EdgeError> {
        let issuer = self.issuer.clone();
        self.metadata.current(|| fetch_metadata(issuer)).await
    }

    /// Its keys, the token's among them if it has published that one.
    pub(crate) async fn keys_for(
        &self,
        token: &ParsedJwt<'_>,
    ) -> Result<Rc<VerificationKeys>, EdgeError> {
        self.keys.for_token(token, || self.fetch_keys()).await
    }

    fn fetch_keys(&self) -> impl Future<Output = Result<VerificationKeys, EdgeError>> + 'static {
        let (issuer, metadata) = (self.issuer.clone(), self.metadata.clone());
        async move {
            let metadata = metadata.current(|| fetch_metadata(issuer)).await?;
            VerificationKeys::fetch(metadata.jwks_uri()).await
        }
    }
}

async fn fetch_metadata(issuer: Issuer) -> Result<Metadata, EdgeError> {
    let [likely, other] = locations(&issuer);
    let document: Document = match fetch::json(&likely).await {
        Ok(document) => document,
        Err(failure) => fetch::json(&other).await.map_err(|_| failure)?,
    };
    let refused = |error| EdgeError::Upstream(format!("{likely}: {error}"));
    provider::process(&issuer, document).map_err(refused)
}

/// What every client needs of a provider.
///
/// # Errors
///
/// None: what is remembered was looked at.
pub(crate) fn described(provider: &Metadata) -> Result<Described<'_>, EdgeError> {
    let failed = |error| EdgeError::Upstream(format!("{error}"));
    provider.metadata().map_err(failed)
}

/// Asks the token endpoint; with a key, as it is kept, for tokens that are bound to it, or to one that they are bound
/// to (RFC 9449 §5). Should it want another nonce, it is asked once more.
///
/// # Errors
///
/// The [`Failure`] for which there are no tokens.
pub(crate) async fn tokens(
    registration: &Registration,
    parameters: &[(&str, Option<&str>)],
    key: Option<&String>,
) -> Result<Obtained, Failure> {
    let unreachable = |_| Failure::Unreachable;
    let key = match key {
        Some(text) => Some(ProvingKey::read(text).await.map_err(unreachable)?),
        None => None,
    };
    let provider = Provider::of(&registration.issuer);
    let metadata = provider.metadata().await.map_err(unreachable)?;
    let endpoint = metadata.token_endpoint();
    let (body, authorization) = registration.prove(parameters);
    let own = authorization.as_deref().map(|own| ("authorization", own));
    let request = Request {
        target: Target {
            method: "POST",
            url: endpoint,
            access_token: None,
        },
        authorization: own,
        body: Some(&body),
    };
    let reply = request.send(key.as_ref()).await.map_err(unreachable)?;
    provider::tokens(&answer(&reply))
}

/// What userinfo says (OpenID Connect Core §5.3), asked with the access token that has just come.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if there is no whole answer in time, [`EdgeError::Upstream`] if it says nothing.
pub(crate) async fn userinfo(endpoint: &str, tokens: &Kept) -> Result<Claims, EdgeError> {
    let key = match tokens.presented_with() {
        Some(text) => Some(ProvingKey::read(text).await?),
        None => None,
    };
    let authorization = authorization(&tokens.access, key.is_some());
    let request = Request {
        target: Target {
            method: "GET",
            url: endpoint,
            access_token: Some(&tokens.access),
        },
        authorization: Some(("authorization", &authorization)),
        body: None,
    };
    let reply = request.send(key.as_ref()).await?;
    let said = json::object(reply.body.as_bytes());
    match (reply.status, said) {
        (200, Ok(claims)) => Ok(claims),
        (status, _) => Err(EdgeError::Upstream(format!("{endpoint}: status {status}"))),
    }
}

/// How a token is presented (RFC 6750 §2.1, RFC 9449 §7.1).
pub(crate) fn authorization(access_token: &str, is_bound: bool) -> String {
    let scheme = if is_bound { "DPoP" } else { "Bearer" };
    format!("{scheme} {access_token}")
}

/// A request that may take a proof.
struct Request<'a> {
    target: Target<'a>,
    authorization: Option<(&'static str, &'a str)>,
    body: Option<&'a str>,
}

impl Request<'_> {
    async fn send(&self, key: Option<&ProvingKey>) -> Result<fetch::Reply, EdgeError> {
        let Some(key) = key else {
            return self.once(None).await;
        };
        let proof = key.prove(&self.target).await?;
        let reply = self.once(Some(&proof.text)).await?;
        if !proof.learn(&reply) {
            return Ok(reply);
        }
        let proof = key.prove(&self.target).await?;
        let reply = self.once(Some(&proof.text)).await?;
        proof.learn(&reply);
        Ok(reply)
    }

    async fn once(&self, proof: Option<&str>) -> Result<fetch::Reply, EdgeError> {
        let proof = proof.map(|proof| (PROOF, proof));
        let headers: Vec<_> = self.authorization.into_iter().chain(proof).collect();
        fetch::ask(self.target.url, self.target.method, &headers, self.body).await
    }
}

/// Posts a request of this client.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if there is no whole answer in time.
pub(crate) async fn post(
    registration: &Registration,
    endpoint: &str,
    parameters: &[(&str, Option<&str>)],
) -> Result<fetch::Reply, EdgeError> {
    let (body, authorization) = registration.prove(parameters);
    let own = authorization.as_deref().map(|own| ("authorization", own));
    fetch::ask(endpoint, "POST", own.as_slice(), Some(&body)).await
}

/// A reply as the core reads it.
pub(crate) fn answer(reply: &fetch::Reply) -> Answer<'_> {
    let retry_after = reply.retry_after.as_deref();
    Answer {
        status: reply.status,
        retry_after: retry_after
            .and_then(|seconds| seconds.parse().ok())
            .map(Lifetime::from_seconds),
        body: &reply.body,
    }
}

/// Gives a refresh token back (RFC 7009), which ends the grant at the provider. That it does not work is no reason
/// to keep anybody signed in.
pub(crate) async fn revoke(registration: &Registration, refresh_token: &str) {
    let provider = Provider::of(&registration.issuer);
    let Ok(metadata) = provider.metadata().await else {
        return;
    };
    let Some(endpoint) = metadata.revocation_endpoint() else {
        return;
    };
    let parameters = [
        ("token", Some(refresh_token)),
        ("token_type_hint", Some("refresh_token")),
    ];
    let given_back = post(registration, endpoint, &parameters).await;
    drop(given_back);
}
