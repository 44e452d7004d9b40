//! Opaque access tokens: kept with what they stand on, found by their hash.

use gatepass_core::clean_up::Over;
use gatepass_core::client::{AccessTokenFormat, Client, ClientSettings, GrantType};
use gatepass_core::grant::{Allowed, EndReason, Lifetimes, Terms, Wish};
use gatepass_core::id::ClientId;
use gatepass_core::jose::Jwt;
use gatepass_core::scope::Scope;
use gatepass_core::secret::AccessToken;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_core::token::opaque::Offer;

use super::{Store, World};
use crate::fixture::{self, NOW};

fn offer(token: &AccessToken, wish: &Wish, now: Timestamp) -> Offer {
    let terms = Terms {
        issuer: &fixture::issuer(),
        lifetimes: &Lifetimes::default(),
        now,
        key: None,
    };
    Offer::new(token, wish, terms)
}

impl<S: Store> World<'_, S> {
    /// A client that has opaque access tokens, which live for a minute.
    async fn opaque_client(&self, format: AccessTokenFormat) -> Client {
        let client = Client {
            id: ClientId::parse(self.jti().as_str()).unwrap(),
            settings: ClientSettings {
                access_token_format: format,
                access_token_lifetime: Some(60),
                ..ClientSettings::default()
            },
            ..fixture::demo()
        };
        self.store.put_client(&client).await;
        client
    }

    fn opaque(&self) -> AccessToken {
        AccessToken::new(self.jti().as_str())
    }

    /// What a token allows, and whether it is live.
    async fn allowed_by(&self, token: &AccessToken) -> Option<(Jwt<AccessTokenClaims>, bool)> {
        let (client, found) = self.store.access_token(None, token.hash()).await.unwrap();
        let found = found?;
        assert_eq!(client.unwrap().id, found.jwt.payload.client_id);
        let is_live = found.state.is_live(found.jwt.issued_at);
        Some((found.jwt, is_live))
    }
}

/// With the first generation and with the next: it says what the grant says, or less, lives as long as its
/// client has settled, and ends with its grant.
pub async fn an_opaque_token_comes_with_its_generation<S: Store>(store: &S) {
    let world = World::new(store, "an_opaque_token_comes_with_its_generation").await;
    let client = world.opaque_client(AccessTokenFormat::Opaque).await;
    let (first, second) = (world.opaque(), world.opaque());
    let made = world
        .grant_with(&client, |made| {
            made.access_token = Some(offer(&first, &Wish::default(), NOW));
        })
        .await;
    let (token, is_live) = world.allowed_by(&first).await.unwrap();
    assert!(is_live);
    let minute = Lifetime::from_seconds(60);
    let terms = Terms {
        issuer: &fixture::issuer(),
        lifetimes: &Lifetimes {
            access_token: minute,
            ..Lifetimes::default()
        },
        now: NOW,
        key: None,
    };
    let jti = token.payload.jti.clone();
    assert_eq!(jti.as_str(), first.hash().to_base64url());
    let mut expected = access::issue(&made.grant, Allowed::all(&made.grant), jti, terms);
    expected.payload.status = None;
    assert_eq!(token, expected);
    let (scope, later) = (Scope::parse("read").unwrap(), NOW.plus(minute));
    let less = Wish {
        scope: Some(scope.clone()),
        ..Wish::default()
    };
    let mut next = world.next(later);
    next.access_token = Some(offer(&second, &less, later));
    let presented = &made.session.refresh_jti;
    let credentials = fixture::credentials(&client);
    let rotation = |next| gatepass_core::grant::refresh::Rotation {
        presented,
        credentials: &credentials,
        next,
        at: later,
        proof: None,
    };
    store.rotate(&rotation(next)).await.unwrap();
    let (token, is_live) = world.allowed_by(&second).await.unwrap();
    assert!(is_live);
    assert_eq!(
        (token.payload.scope, token.expires_at),
        (scope, later.plus(minute))
    );
    // What is not the next generation's is not kept.
    let late = world.opaque();
    let mut again = world.next(later);
    again.access_token = Some(offer(&late, &Wish::default(), later));
    store.rotate(&rotation(again)).await.unwrap();
    assert!(world.allowed_by(&late).await.is_none());
    world.end(&made.grant.id, EndReason::SignedOut).await;
    assert!(!world.allowed_by(&second).await.unwrap().1);
}

/// A client whose tokens are JWTs leaves no row.
pub async fn an_opaque_token_is_only_for_clients_that_have_such<S: Store>(store: &S) {
    let world = World::new(store, "an_opaque_token_is_only_for_clients_that_have_such").await;
    let client = world.opaque_client(AccessTokenFormat::Jwt).await;
    let token = world.opaque();
    let offered = offer(&token, &Wish::default(), NOW);
    world
        .grant_with(&client, |made| made.access_token = Some(offered))
        .await;
    assert!(world.allowed_by(&token).await.is_none());
    let device = world.allowed().await;
    let redemption = super::Redemption {
        access_token: Some(offer(&token, &Wish::default(), NOW)),
        ..world.device_redemption(&device)
    };
    store.redeem_device_code(&redemption).await.unwrap();
    assert!(world.allowed_by(&token).await.is_none());
}

/// Of whoever acts for itself, too; and who asks is found with it.
pub async fn an_opaque_token_that_is_kept_by_itself_reads_back<S: Store>(store: &S) {
    let world = World::new(store, "an_opaque_token_that_is_kept_by_itself_reads_back").await;
    let made = world.grant(&fixture::demo()).await;
    let terms = Terms {
        issuer: &fixture::issuer(),
        lifetimes: &world.lifetimes,
        now: NOW,
        key: None,
    };
    let of_user = access::issue(&made.grant, Allowed::all(&made.grant), world.jti(), terms);
    let mut of_client = of_user.clone();
    of_client.payload.grant_id = None;
    let service = Client {
        grant_types: vec![GrantType::ClientCredentials],
        ..world.opaque_client(AccessTokenFormat::Opaque).await
    };
    store.put_client(&service).await;
    of_client.payload.client_id = service.id;
    for kept in [of_user, of_client] {
        let token = world.opaque();
        store
            .insert_access_token(token.hash(), &kept)
            .await
            .unwrap();
        assert_eq!(world.allowed_by(&token).await, Some((kept, true)));
        let asks = fixture::api().id;
        let (caller, _) = store.access_token(Some(&asks), token.hash()).await.unwrap();
        assert_eq!(caller.unwrap().id, asks);
    }
    let nothing = world.opaque();
    let asks = fixture::api().id;
    let (caller, found) = store
        .access_token(Some(&asks), nothing.hash())
        .await
        .unwrap();
    assert_eq!((caller.unwrap().id, found.is_none()), (asks, true));
}

/// Revoked, it is as if it had never been.
pub async fn an_opaque_token_that_is_deleted_is_gone<S: Store>(store: &S) {
    let world = World::new(store, "an_opaque_token_that_is_deleted_is_gone").await;
    let client = world.opaque_client(AccessTokenFormat::Opaque).await;
    let token = world.opaque();
    let offered = offer(&token, &Wish::default(), NOW);
    let made = world
        .grant_with(&client, |made| made.access_token = Some(offered))
        .await;
    store.delete_access_token(token.hash()).await.unwrap();
    assert!(world.allowed_by(&token).await.is_none());
    world.advance(&made.session.refresh_jti, &client, NOW).await;
}

/// Like anything else that has expired.
pub async fn an_expired_opaque_token_is_forgotten<S: Store>(store: &S) {
    let world = World::new(store, "an_expired_opaque_token_is_forgotten").await;
    let client = world.opaque_client(AccessTokenFormat::Opaque).await;
    let token = world.opaque();
    let offered = offer(&token, &Wish::default(), NOW);
    world
        .grant_with(&client, |made| made.access_token = Some(offered))
        .await;
    let end = NOW.plus(Lifetime::from_seconds(60));
    let [before, over] = super::clean_up::around(end, &world);
    world.forget(&Over::at(before, &world.lifetimes)).await;
    assert!(world.allowed_by(&token).await.is_some());
    world.forget(&Over::at(over, &world.lifetimes)).await;
    assert!(world.allowed_by(&token).await.is_none());
}
