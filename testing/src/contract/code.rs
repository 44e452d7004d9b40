//! Authorization codes: kept once, redeemed once.

use gatepass_core::grant::Grant;
use gatepass_core::grant::code::CodeStatus;
use gatepass_core::id::Nonce;
use gatepass_core::secret::SecretHash;
use gatepass_core::token::access::Basis;

use super::{Store, World, token};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

/// Nothing is lost between the authorization and the token endpoint.
pub async fn a_code_reads_back_as_it_was_kept<S: Store>(store: &S) {
    let world = World::new(store, "a_code_reads_back_as_it_was_kept").await;
    let client = fixture::demo();
    let sign_in = world.sign_in().await;
    for nonce in [None, Some(Nonce::parse("a nonce").unwrap())] {
        let mut kept = world.code(&client, &sign_in.browser);
        kept.nonce = nonce;
        store.insert_code(&kept).await.unwrap();
        let (owner, read, _) = store
            .client_and_code(&client.id, kept.hash, None)
            .await
            .unwrap();
        assert_eq!(owner.unwrap().id, client.id);
        let read = read.unwrap();
        assert!(read.hash.matches(kept.hash));
        assert_eq!(format!("{read:?}"), format!("{kept:?}"));
    }
}

/// Of many redemptions at once exactly one wins, and only its grant and session exist.
pub async fn a_code_is_redeemed_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "a_code_is_redeemed_by_one_of_many").await;
    let client = fixture::demo();
    let sign_in = world.sign_in().await;
    let code = world.code(&client, &sign_in.browser);
    store.insert_code(&code).await.unwrap();
    let redemptions: Vec<_> = (0..5).map(|_| world.redemption(&code)).collect();
    let mut won = join_all(
        redemptions
            .iter()
            .map(|redemption| store.redeem(redemption)),
    )
    .await;
    won.push(store.redeem(&redemptions[0]).await);
    let won: Vec<_> = won.into_iter().map(Result::unwrap).collect();
    assert_eq!(won.iter().flatten().count(), 1, "{won:?}");
    for (redemption, won) in redemptions.iter().zip(won) {
        let session = world.session(&redemption.session.refresh_jti).await;
        assert_eq!(session, won.map(|_| redemption.session.clone()));
        let (_, state) = store
            .access_token_state(
                None,
                &token(
                    Basis::Grant(&redemption.grant.id),
                    &redemption.session.access_jti,
                ),
            )
            .await
            .unwrap();
        let grant = won.map(|status_index| Grant {
            status_index,
            ..redemption.grant.clone()
        });
        assert_eq!(state.grant, grant);
        if won.is_some() {
            let (_, code, _) = store
                .client_and_code(&client.id, code.hash, None)
                .await
                .unwrap();
            let redeemed = CodeStatus::Redeemed {
                at: redemption.at,
                grant_id: redemption.grant.id.clone(),
            };
            assert_eq!(code.unwrap().status, redeemed);
        }
    }
}

/// A code ends exactly at its expiry, whatever was decided before.
pub async fn an_expired_code_is_not_redeemed<S: Store>(store: &S) {
    let world = World::new(store, "an_expired_code_is_not_redeemed").await;
    let client = fixture::demo();
    let sign_in = world.sign_in().await;
    let code = world.code(&client, &sign_in.browser);
    store.insert_code(&code).await.unwrap();
    let mut redemption = world.redemption(&code);
    redemption.at = code.expires_at;
    assert_eq!(store.redeem(&redemption).await.unwrap(), None);
    assert_eq!(world.session(&redemption.session.refresh_jti).await, None);
    let (_, code, _) = store
        .client_and_code(&client.id, code.hash, None)
        .await
        .unwrap();
    assert_eq!(code.unwrap().status, CodeStatus::Unused);
}

/// Of many uses of one identifier at once exactly one is the first.
pub async fn an_identifier_is_used_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "an_identifier_is_used_by_one_of_many").await;
    let id = SecretHash::of(world.jti().as_str());
    let other = SecretHash::of(world.jti().as_str());
    let uses = join_all((0..5).map(|_| store.use_once(id, NOW))).await;
    let first = uses.into_iter().filter(|used| *used.as_ref().unwrap());
    assert_eq!(first.count(), 1);
    assert!(store.use_once(other, NOW).await.unwrap());
    assert!(!store.use_once(id, NOW).await.unwrap());
}

/// A grant that no code stands before is there with its first generation, under an index of its own.
pub async fn a_grant_begins_without_a_code<S: Store>(store: &S) {
    let world = World::new(store, "a_grant_begins_without_a_code").await;
    let client = fixture::demo();
    let sign_in = world.sign_in().await;
    let mut indexes = Vec::new();
    for _ in 0..2 {
        let made = world.redemption(&world.code(&client, &sign_in.browser));
        let (grant, session) = (&made.grant, &made.session);
        let index = store.begin_grant(grant, session).await.unwrap().unwrap();
        let loaded = store
            .refresh_token_state(&client.id, &session.refresh_jti)
            .await;
        let (_, found, state) = loaded.unwrap();
        assert_eq!(found.as_ref(), Some(session));
        let expected = Grant {
            status_index: index,
            ..grant.clone()
        };
        assert_eq!(state.grant, Some(expected));
        indexes.push(index);
    }
    let [first, second] = indexes[..] else {
        panic!("not two")
    };
    assert!(first != second);
}

/// A client and a user are looked up at once, and neither stands for the other.
pub async fn a_client_and_an_account_are_found<S: Store>(store: &S) {
    World::new(store, "a_client_and_an_account_are_found").await;
    let client = fixture::demo();
    let user = fixture::user();
    for (name, is_known) in [(user.username.as_str(), true), ("nobody", false)] {
        let found = store.client_and_account(&client.id, name, None).await;
        let (found, account, verdict) = found.unwrap();
        assert_eq!(found.unwrap().id, client.id);
        let subject = account.map(|account| account.user.subject);
        assert_eq!(subject, is_known.then(|| user.subject.clone()));
        assert!(verdict.check().is_ok());
    }
}
