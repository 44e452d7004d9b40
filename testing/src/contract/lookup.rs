//! Finding what is there, and only that.

use gatepass_core::grant::GrantStatus;
use gatepass_core::id::{ClientId, GrantId, SignInId, Subject};
use gatepass_core::secret::SecretHash;
use gatepass_core::token::access::Basis;
use gatepass_core::userinfo::User;

use super::{Store, World, token};
use crate::fixture::{self, NOW, PASSWORD_HASH};

/// Absence is `None`, never an error.
pub async fn what_is_not_there_is_none<S: Store>(store: &S) {
    let world = World::new(store, "what_is_not_there_is_none").await;
    let nobody = ClientId::parse("nobody").unwrap();
    let sign_in = SignInId::parse("no-sign-in").unwrap();
    let (client, found) = store
        .client_and_sign_in(Some(&nobody), Some(&sign_in))
        .await
        .unwrap();
    assert!(client.is_none() && found.is_none());
    let hash = SecretHash::of("no code");
    let (client, code, _) = store.client_and_code(&nobody, hash, None).await.unwrap();
    assert!(client.is_none() && code.is_none());
    assert!(store.user_by_name("nobody").await.unwrap().is_none());
    let unknown = Subject::parse("nobody").unwrap();
    assert!(store.user(&unknown).await.unwrap().is_none());
    let grant = GrantId::parse("no-grant").unwrap();
    let (client, state) = store
        .access_token_state(None, &token(Basis::Grant(&grant), &world.jti()))
        .await
        .unwrap();
    assert!(client.is_none() && state.grant.is_none() && state.user.is_none());
    assert!(!state.access_token_revoked);
    let (_, state) = store
        .access_token_state(None, &token(Basis::Client(&nobody), &world.jti()))
        .await
        .unwrap();
    assert!(state.client.is_none() && state.grant.is_none() && state.user.is_none());
    let (client, is_a_user, _) = store.client_and_namesake(&nobody, None).await.unwrap();
    assert!(client.is_none() && !is_a_user);
    let (client, session, state) = store
        .refresh_token_state(&nobody, &world.jti())
        .await
        .unwrap();
    assert!(client.is_none() && session.is_none() && state.grant.is_none());
    let demo = fixture::credentials(&fixture::demo());
    let (found, _) = world.rotate(&world.jti(), &demo, NOW).await;
    assert_eq!(found.client.unwrap().id, fixture::demo().id);
    assert!(found.presented.is_none());
}

/// Clients and users as they were put, sign-ins as they were inserted.
pub async fn clients_users_and_sign_ins_are_found<S: Store>(store: &S) {
    let world = World::new(store, "clients_users_and_sign_ins_are_found").await;
    let sign_in = world.sign_in().await;
    for expected in fixture::clients() {
        let (client, found) = store
            .client_and_sign_in(Some(&expected.id), Some(&sign_in.id))
            .await
            .unwrap();
        let client = client.unwrap();
        // A hash prints nothing, so it is compared by proving itself.
        assert_eq!(format!("{client:?}"), format!("{expected:?}"));
        let proven = fixture::credentials(&expected).authenticate(Some(client), NOW);
        assert!(proven.is_ok(), "{proven:?}");
        assert_eq!(found.as_ref(), Some(&sign_in));
    }
    let (_, without) = store
        .client_and_sign_in(Some(&fixture::demo().id), None)
        .await
        .unwrap();
    assert!(without.is_none());
    let account = store.user_by_name("demo").await.unwrap().unwrap();
    assert_eq!(
        format!("{:?}", account.user),
        format!("{:?}", fixture::user())
    );
    assert_eq!(account.password_hash.expose(), PASSWORD_HASH);
    let user = store.user(&account.user.subject).await.unwrap().unwrap();
    assert_eq!(format!("{user:?}"), format!("{:?}", fixture::user()));
}

/// By either token: the grant as it was made, its user, and what it allows.
pub async fn a_grant_is_found_by_its_tokens<S: Store>(store: &S) {
    let world = World::new(store, "a_grant_is_found_by_its_tokens").await;
    let made = world.grant(&fixture::demo()).await;
    let caller = fixture::api().id;
    let (client, session, state) = store
        .refresh_token_state(&caller, &made.session.refresh_jti)
        .await
        .unwrap();
    assert_eq!(client.unwrap().id, caller);
    assert_eq!(session, Some(made.session.clone()));
    assert_eq!(state.grant.as_ref(), Some(&made.grant));
    assert_eq!(state.user.unwrap().username, "demo");
    let (client, state) = store
        .access_token_state(
            Some(&caller),
            &token(Basis::Grant(&made.grant.id), &made.session.access_jti),
        )
        .await
        .unwrap();
    assert_eq!(client.unwrap().id, caller);
    assert_eq!(state.grant.as_ref(), Some(&made.grant));
    assert_eq!(state.user.unwrap().username, "demo");
    assert_eq!(world.status(&made.grant.id).await, GrantStatus::Active);
}

/// By its identifier and by its tokens, without any grant or user; and a user of the same name is seen.
pub async fn a_client_that_acts_for_itself_is_found<S: Store>(store: &S) {
    let world = World::new(store, "a_client_that_acts_for_itself_is_found").await;
    let (caller, itself) = (fixture::api().id, fixture::gateway().id);
    let own = token(Basis::Client(&itself), &world.jti());
    for is_revoked in [false, true] {
        let (client, state) = store.access_token_state(Some(&caller), &own).await.unwrap();
        assert_eq!(client.unwrap().id, caller);
        assert_eq!(state.client.unwrap().id, itself);
        assert!(state.grant.is_none() && state.user.is_none());
        assert_eq!(state.access_token_revoked, is_revoked);
        store.revoke_access_token(&own, NOW).await.unwrap();
    }
    let namesake = User {
        subject: fixture::persistent().id.to_subject(),
        username: "a namesake".to_owned(),
        ..fixture::user()
    };
    store.put_user(&namesake, PASSWORD_HASH).await;
    for (id, expected) in [(itself, false), (fixture::persistent().id, true)] {
        let (client, is_a_user, _) = store.client_and_namesake(&id, None).await.unwrap();
        assert_eq!((client.unwrap().id, is_a_user), (id, expected));
    }
}
