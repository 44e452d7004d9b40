//! Pushed authorization requests: kept once, the first browser's.

use gatepass_core::authorize::pushed::{Claim, LIFETIME, PushedRequest};
use gatepass_core::client::Client;
use gatepass_core::id::{BrowserId, ClientId};
use gatepass_core::secret::{BrowserBinding, SecretHash};
use gatepass_core::time::Timestamp;

use super::{Store, World};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

const PARAMETERS: &str = "client_id=demo&state=a+%26+b&login_hint=%C3%BC";

impl<S: Store> World<'_, S> {
    async fn pushed(&self, client: &Client) -> PushedRequest {
        let request = PushedRequest {
            reference: SecretHash::of(self.jti().as_str()),
            client_id: client.id.clone(),
            parameters: PARAMETERS.to_owned(),
            expires_at: NOW.plus(LIFETIME),
        };
        self.store.insert_pushed_request(&request).await.unwrap();
        request
    }

    fn browser(&self) -> BrowserId {
        BrowserBinding::from_random(self.random.bytes()).browser()
    }

    async fn claims(
        &self,
        request: &PushedRequest,
        client: &ClientId,
        browser: Option<&BrowserId>,
        at: Timestamp,
    ) -> bool {
        let claim = Claim {
            reference: request.reference,
            client,
            browser,
            at,
        };
        let found = self.store.claim_pushed_request(claim, None).await.unwrap();
        let Some(read) = found.2 else {
            return false;
        };
        assert_eq!(read.client_id, request.client_id);
        assert_eq!(read.parameters, PARAMETERS);
        assert_eq!(read.expires_at, request.expires_at);
        true
    }
}

/// Of many browsers at once one gets a pushed request, and it may come again.
pub async fn a_pushed_request_is_claimed_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "a_pushed_request_is_claimed_by_one_of_many").await;
    let client = fixture::demo();
    let request = world.pushed(&client).await;
    let browsers: Vec<_> = (0..5).map(|_| world.browser()).collect();
    let claims = browsers
        .iter()
        .map(|browser| world.claims(&request, &client.id, Some(browser), NOW));
    let got = join_all(claims).await;
    assert_eq!(got.iter().filter(|got| **got).count(), 1, "{got:?}");
    for (browser, got) in browsers.iter().zip(got) {
        let again = world.claims(&request, &client.id, Some(browser), NOW).await;
        assert_eq!(again, got);
    }
    assert!(!world.claims(&request, &client.id, None, NOW).await);
}

/// A pushed request comes with its client and whoever is signed in, in the one round trip.
pub async fn a_claim_finds_client_and_sign_in<S: Store>(store: &S) {
    let world = World::new(store, "a_claim_finds_client_and_sign_in").await;
    let (client, sign_in) = (fixture::demo(), world.sign_in().await);
    let request = world.pushed(&client).await;
    let claim = Claim {
        reference: request.reference,
        client: &client.id,
        browser: None,
        at: NOW,
    };
    let found = store.claim_pushed_request(claim, Some(&sign_in.id)).await;
    let (found, who, read) = found.unwrap();
    assert_eq!(found.unwrap().id, client.id);
    assert_eq!(who.map(|visitor| visitor.sign_in), Some(sign_in));
    assert!(read.is_some());
    let unknown = Claim {
        reference: SecretHash::of("never pushed"),
        ..claim
    };
    let (found, who, read) = store.claim_pushed_request(unknown, None).await.unwrap();
    assert!(found.is_some() && who.is_none() && read.is_none());
}

/// Without a browser nothing is claimed; an expired reference and another client's are worth nothing, and
/// the attempt changes nothing.
pub async fn a_pushed_request_is_its_clients_until_it_expires<S: Store>(store: &S) {
    let world = World::new(store, "a_pushed_request_is_its_clients_until_it_expires").await;
    let (client, other) = (fixture::demo().id, fixture::gateway().id);
    let request = world.pushed(&fixture::demo()).await;
    let (browser, expiry) = (world.browser(), request.expires_at);
    let last = Timestamp::from_seconds(expiry.seconds() - 1);
    assert!(
        !world
            .claims(&request, &other, Some(&world.browser()), NOW)
            .await
    );
    assert!(
        !world
            .claims(&request, &client, Some(&world.browser()), expiry)
            .await
    );
    assert!(world.claims(&request, &client, None, NOW).await);
    assert!(world.claims(&request, &client, Some(&browser), last).await);
    assert!(
        !world
            .claims(&request, &client, Some(&browser), expiry)
            .await
    );
}
