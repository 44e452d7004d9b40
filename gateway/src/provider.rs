//! The providers that users sign in at: what each publishes, remembered, and requests to it.

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::gateway::provider::{self, Answer, Document, Obtained};
use gatepass_core::gateway::registration::Registration;
use gatepass_core::id::Issuer;
use gatepass_core::jose::ParsedJwt;
use gatepass_core::rp::failure::Failure;
use gatepass_core::rp::metadata::locations;
use gatepass_core::time::Lifetime;
use gatepass_edge::remembered::Remembered;
use gatepass_edge::verify::VerificationKeys;
use gatepass_edge::{EdgeError, fetch};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use gatepass_core::gateway::provider::Provider as Metadata;
pub(crate) use gatepass_core::rp::metadata::Metadata as Described;

/// A provider, as far as this isolate knows it.
#[derive(Debug)]
pub(crate) struct Provider {
    issuer: Issuer,
    metadata: Remembered<Metadata>,
    keys: Remembered<VerificationKeys>,
}

/// A JWKS document.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Map<String, Value>>,
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
            let set: KeySet = fetch::json(metadata.jwks_uri()).await?;
            let keys = VerificationKeys::import(&set.keys).await;
            if keys.is_empty() {
                let url = metadata.jwks_uri();
                let failure = format!("{url}: has no key for signatures that is of use here");
                return Err(EdgeError::Upstream(failure));
            }
            Ok(keys)
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

/// Asks the token endpoint.
///
/// # Errors
///
/// The [`Failure`] for which there are no tokens.
pub(crate) async fn tokens(
    registration: &Registration,
    parameters: &[(&str, Option<&str>)],
) -> Result<Obtained, Failure> {
    let provider = Provider::of(&registration.issuer);
    let unreachable = |_| Failure::Unreachable;
    let metadata = provider.metadata().await.map_err(unreachable)?;
    let reply = post(registration, metadata.token_endpoint(), parameters).await;
    provider::tokens(&answer(&reply.map_err(unreachable)?))
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
    fetch::post(endpoint, authorization.as_deref(), &body).await
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
