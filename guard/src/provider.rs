//! What an isolate remembers of a provider: where its endpoints are (RFC 8414, OpenID Connect Discovery) and with which
//! keys it signs (RFC 7517).

use std::cell::RefCell;
use std::rc::Rc;

use gatepass_core::id::Issuer;
use gatepass_core::jose::ParsedJwt;
use gatepass_core::resource::{Breaker, Strangers};
use gatepass_core::rp::metadata::{is_secure, locations};
use gatepass_edge::EdgeError;
use gatepass_edge::fetch::{self, Said};
use gatepass_edge::remembered::Remembered;
use gatepass_edge::verify::VerificationKeys;
use serde::Deserialize;

use super::answers::Answers;
use super::status::StatusLists;

/// What the guard needs of the provider's metadata.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: Issuer,
    /// Where it is asked about tokens, if it can be.
    pub(super) introspection_endpoint: Option<String>,
    /// Where its keys are, if it signs.
    jwks_uri: Option<String>,
}

impl Metadata {
    /// Whether it says all that there is to say.
    const fn is_whole(&self) -> bool {
        self.introspection_endpoint.is_some() && self.jwks_uri.is_some()
    }

    /// All that this one says, and what only the other one of the same issuer does.
    fn or(self, other: Self) -> Self {
        Self {
            introspection_endpoint: self.introspection_endpoint.or(other.introspection_endpoint),
            jwks_uri: self.jwks_uri.or(other.jwks_uri),
            ..self
        }
    }
}

/// A provider whose tokens are accepted.
#[derive(Debug)]
pub(super) struct Provider {
    issuer: Issuer,
    metadata: Remembered<Metadata>,
    keys: Remembered<VerificationKeys>,
    status_lists: StatusLists,
    answers: Answers,
    breaker: RefCell<Breaker>,
    strangers: RefCell<Strangers>,
}

thread_local! {
    /// As many as there are issuers in the configuration: usually one.
    static PROVIDERS: RefCell<Vec<Rc<Provider>>> = const { RefCell::new(Vec::new()) };
}

impl Provider {
    /// The provider of this issuer: one for the whole isolate, however many guards there are.
    pub(super) fn of(issuer: &Issuer) -> Rc<Self> {
        PROVIDERS.with_borrow_mut(|providers| {
            if let Some(known) = providers.iter().find(|known| known.issuer == *issuer) {
                return Rc::clone(known);
            }
            let provider = Rc::new(Self {
                issuer: issuer.clone(),
                metadata: Remembered::default(),
                keys: Remembered::default(),
                status_lists: StatusLists::default(),
                answers: Answers::default(),
                breaker: RefCell::default(),
                strangers: RefCell::default(),
            });
            providers.push(Rc::clone(&provider));
            provider
        })
    }

    /// Whose it is.
    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Its status lists.
    pub(super) fn status_lists(&self) -> &StatusLists {
        &self.status_lists
    }

    /// What it has said of tokens.
    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// How it has answered lately.
    pub(super) fn breaker(&self) -> &RefCell<Breaker> {
        &self.breaker
    }

    /// Who has brought tokens that it did not issue.
    pub(super) fn strangers(&self) -> &RefCell<Strangers> {
        &self.strangers
    }

    /// Where its endpoints are.
    pub(super) async fn metadata(&self) -> Result<Rc<Metadata>, EdgeError> {
        let issuer = self.issuer.clone();
        self.metadata.current(|| fetch_metadata(issuer)).await
    }

    /// Its keys, the token's among them if it has published that one.
    pub(super) async fn keys_for(
        &self,
        token: &ParsedJwt<'_>,
    ) -> Result<Rc<VerificationKeys>, EdgeError> {
        self.keys.for_token(token, || self.fetch_keys()).await
    }

    fn fetch_keys(&self) -> impl Future<Output = Result<VerificationKeys, EdgeError>> + 'static {
        let (issuer, metadata) = (self.issuer.clone(), self.metadata.clone());
        async move {
            let metadata = metadata.current(|| fetch_metadata(issuer)).await?;
            let address = metadata.jwks_uri.as_deref();
            let failure = || EdgeError::Upstream("the provider publishes no keys".to_owned());
            VerificationKeys::fetch(address.ok_or_else(failure)?).await
        }
    }
}

async fn fetch_metadata(issuer: Issuer) -> Result<Metadata, EdgeError> {
    let [openid, oauth] = locations(&issuer);
    let found = match metadata_at(&oauth, &issuer).await {
        Ok(Ok(found)) if found.is_whole() => return Ok(found),
        found => found,
    };
    // Many providers have the other alone, or say more there.
    match (found, metadata_at(&openid, &issuer).await) {
        (Ok(Ok(found)), Ok(Ok(other))) => Ok(found.or(other)),
        (Ok(Ok(found)), Ok(Err(_))) | (Ok(Err(_)), Ok(Ok(found))) => Ok(found),
        (Err(_), Ok(Ok(found))) if found.is_whole() => Ok(found),
        // What the other says is not known: what was known before may be more than this half.
        (Err(failure) | Ok(Err(failure)), _) | (_, Err(failure)) => Err(failure),
    }
}

/// The inner error is that there are none of this issuer, and the outer one that nobody knows.
async fn metadata_at(url: &str, issuer: &Issuer) -> Result<Result<Metadata, EdgeError>, EdgeError> {
    let said = fetch::document(url).await?;
    if let Said::Status(429 | 500..) = said {
        return said.json(url).map(Ok);
    }
    let found = said.json(url).and_then(|metadata: Metadata| {
        let wrong = |why| EdgeError::Upstream(format!("{url}: {why}"));
        check(&metadata, issuer).map_err(wrong)?;
        Ok(metadata)
    });
    Ok(found)
}

fn check(metadata: &Metadata, issuer: &Issuer) -> Result<(), &'static str> {
    // RFC 8414 §3.3
    if metadata.issuer != *issuer {
        return Err("names another issuer");
    }
    let endpoints = [&metadata.introspection_endpoint, &metadata.jwks_uri];
    if !endpoints.into_iter().flatten().all(|url| is_secure(url)) {
        return Err("has an endpoint that is not https");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issuers_own_metadata_is_used_and_only_over_tls() {
        let issuer = Issuer::parse("https://id.example").unwrap();
        let checked = |named: &str, introspection: &str, jwks: &str| {
            let metadata = Metadata {
                issuer: Issuer::parse(named).unwrap(),
                introspection_endpoint: Some(introspection.to_owned()),
                jwks_uri: Some(jwks.to_owned()),
            };
            check(&metadata, &issuer)
        };
        let (own, tls) = ("https://id.example", "https://elsewhere.example/x");
        assert_eq!(checked(own, tls, tls), Ok(()));
        for other in ["https://id.example/", "https://id.example.org"] {
            assert_eq!(checked(other, tls, tls), Err("names another issuer"));
        }
        let insecure = Err("has an endpoint that is not https");
        assert_eq!(checked(own, "http://id.example/x", tls), insecure);
        assert_eq!(checked(own, tls, "http://id.example/x"), insecure);
    }

    #[test]
    fn an_isolate_has_one_memory_for_each_issuer() {
        let issuer = |text| Issuer::parse(text).unwrap();
        let first = Provider::of(&issuer("https://a.example"));
        let other = Provider::of(&issuer("https://b.example"));
        assert!(Rc::ptr_eq(
            &first,
            &Provider::of(&issuer("https://a.example"))
        ));
        assert!(!Rc::ptr_eq(&first, &other));
    }
}
