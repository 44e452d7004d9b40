//! Clients that register by themselves.

use gatepass_core::client::registration::{ClientDescription, Registration};
use gatepass_core::client::{Client, ClientSettings};
use gatepass_core::grant::{EndReason, GrantStatus, SessionStatus};
use gatepass_core::id::ClientId;
use gatepass_core::secret::{ClientSecret, SecretHash};
use gatepass_core::time::Lifetime;

use super::{Store, World};
use crate::fixture::{self, NOW};

/// A confidential client that the store has registered, of its own for this contract.
async fn registered<S: Store>(world: &World<'_, S>) -> Registration {
    let id = ClientId::parse(world.jti().as_str()).unwrap();
    let registration = Registration {
        client: Client {
            id: id.clone(),
            is_first_party: false,
            settings: ClientSettings {
                about: ClientDescription {
                    client_uri: Some("https://app.example/".to_owned()),
                    ..ClientDescription::default()
                },
                ..ClientSettings::default()
            },
            ..fixture::gateway()
        },
        token: SecretHash::of("manage"),
        issued_at: NOW,
    };
    world
        .store
        .insert_registration(&registration)
        .await
        .unwrap();
    let found = world.store.registration(&id).await.unwrap().unwrap();
    assert!(found.token.matches(registration.token));
    assert_eq!(found.issued_at, NOW);
    let kept = format!("{:?}", registration.client);
    assert_eq!(format!("{:?}", found.client), kept);
    registration
}

/// A registration is found with what it was kept with, changed in everything but its proof, and only
/// registered clients are found.
pub async fn a_registration_reads_back_as_it_was_kept<S: Store>(store: &S) {
    let world = World::new(store, "a_registration_reads_back_as_it_was_kept").await;
    let Registration { client, .. } = registered(&world).await;
    let changed = Client {
        name: "Changed".to_owned(),
        authentication: fixture::demo().authentication,
        redirect_uris: fixture::demo().redirect_uris,
        ..client.clone()
    };
    store.update_registration(&changed).await.unwrap();
    let found = store.registration(&client.id).await.unwrap().unwrap();
    assert_eq!(found.client.name, "Changed");
    assert_eq!(found.client.redirect_uris, changed.redirect_uris);
    let method = client.authentication.method();
    assert_eq!(found.client.authentication.method(), method);
    let demo = store.registration(&fixture::demo().id).await.unwrap();
    assert!(demo.is_none());
}

/// While one secret takes the place of another, both refresh; then only the new one does.
pub async fn a_secret_and_the_one_before_both_refresh_for_a_while<S: Store>(store: &S) {
    let world = World::new(
        store,
        "a_secret_and_the_one_before_both_refresh_for_a_while",
    )
    .await;
    let Registration { client, .. } = registered(&world).await;
    let until = NOW.plus(Lifetime::from_seconds(60));
    let next = ClientSecret::new("the next secret");
    let old = fixture::credentials(&client);
    let new = fixture::credentials_with(&client, next.expose());
    store
        .rotate_secret(&client.id, next.hash(), until, NOW)
        .await
        .unwrap();
    for (credentials, at, counts) in [
        (&old, NOW, true),
        (&new, NOW, true),
        (&old, until, false),
        (&new, until, true),
    ] {
        let made = world.grant(&client).await;
        let (found, _) = world
            .rotate(&made.session.refresh_jti, credentials, at)
            .await;
        let proven = credentials.authenticate(found.client, at).is_ok();
        assert_eq!(proven, counts, "{at:?}");
        let spent = found.presented.unwrap().session.status != SessionStatus::Active;
        assert_eq!(spent, counts, "{at:?}");
    }
}

/// Whoever did not hear of a new secret asks again soon, and is not locked out by that.
pub async fn a_secret_survives_a_rotation_that_is_asked_for_twice<S: Store>(store: &S) {
    let world = World::new(
        store,
        "a_secret_survives_a_rotation_that_is_asked_for_twice",
    )
    .await;
    let Registration { client, .. } = registered(&world).await;
    let until = NOW.plus(Lifetime::from_seconds(600));
    let named = |text| {
        (
            ClientSecret::new(text),
            fixture::credentials_with(&client, text),
        )
    };
    let old = fixture::credentials(&client);
    let (lost, unheard) = named("a secret that was lost on its way");
    let (heard, new) = named("a secret that arrived");
    let (later, newest) = named("a secret that was asked for later");
    let soon = NOW.plus(Lifetime::from_seconds(300));
    for (secret, retried, counting, over) in [
        (&lost, soon, [&old, &unheard], &new),
        (&heard, soon, [&old, &new], &unheard),
        (&later, until, [&new, &newest], &old),
    ] {
        let rotated = store.rotate_secret(&client.id, secret.hash(), until, retried);
        rotated.await.unwrap();
        let (found, _) = store
            .client_and_sign_in(Some(&client.id), None)
            .await
            .unwrap();
        for credentials in counting {
            assert!(credentials.authenticate(found.clone(), NOW).is_ok());
        }
        assert!(over.authenticate(found, NOW).is_err());
    }
}

/// Nobody is the client any more, its grants have ended, and no others.
pub async fn an_ended_registration_ends_its_grants<S: Store>(store: &S) {
    let world = World::new(store, "an_ended_registration_ends_its_grants").await;
    let Registration { client, .. } = registered(&world).await;
    let theirs = world.grant(&client).await;
    let other = world.grant(&fixture::demo()).await;
    store.end_registration(&client.id, NOW).await.unwrap();
    assert!(store.registration(&client.id).await.unwrap().is_none());
    let (found, _) = store
        .client_and_sign_in(Some(&client.id), None)
        .await
        .unwrap();
    assert!(found.is_none());
    let ended = GrantStatus::Ended(EndReason::ClientRemoved);
    assert_eq!(world.status(&theirs.grant.id).await, ended);
    assert_eq!(world.status(&other.grant.id).await, GrantStatus::Active);
}
