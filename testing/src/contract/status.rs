//! What is published of revocations (Token Status List).

use gatepass_core::client::Client;
use gatepass_core::client::registration::Registration;
use gatepass_core::grant::{EndReason, Grant};
use gatepass_core::id::ClientId;
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::status_list::{ListNumber, Revoked, SIZE, StatusIndex, StatusQuery};
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::Basis;

use super::{Store, World, token};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

fn after(seconds: u32) -> Timestamp {
    NOW.plus(Lifetime::from_seconds(seconds))
}

fn list(number: i64) -> ListNumber {
    ListNumber::at(&format!("/oauth/status_lists/{number}")).unwrap()
}

/// What the list of `index` has that happened after `since`.
async fn asked<S: Store>(store: &S, index: StatusIndex, since: u32) -> Revoked {
    let query = StatusQuery {
        list: list(index.number() / SIZE),
        since: after(since),
        at: after(since + 300),
    };
    store.revoked(&query).await.unwrap()
}

/// However many begin at once, no two grants share an index, and it stays with its grant.
pub async fn every_grant_has_an_index_of_its_own<S: Store>(store: &S) {
    let world = World::new(store, "every_grant_has_an_index_of_its_own").await;
    let sign_in = world.sign_in().await;
    let client = fixture::demo();
    let begin = |_| world.grant_from(&client, &sign_in.browser);
    let made = join_all((0..5).map(begin)).await;
    let mut indexes: Vec<_> = made.iter().map(|made| made.grant.status_index).collect();
    let device = world.allowed().await;
    let redemption = world.device_redemption(&device);
    let of_device = store.redeem_device_code(&redemption).await.unwrap();
    indexes.push(of_device.unwrap());
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!(indexes.len(), 6);
    assert!(!indexes.contains(&StatusIndex::NONE));
    for made in made {
        let (grant, session) = (made.grant, made.session);
        world.advance(&session.refresh_jti, &client, NOW).await;
        let read_back = world.presented(&session.refresh_jti).await.grant;
        assert_eq!(read_back.status_index, grant.status_index);
    }
}

/// A grant is in its list from its end on, whatever ended it, for as long as is asked, and no other is.
pub async fn a_list_has_what_ended_lately_and_no_more<S: Store>(store: &S) {
    let world = World::new(store, "a_list_has_what_ended_lately_and_no_more").await;
    let sign_in = world.sign_in().await;
    let ended = world.grant(&fixture::demo()).await.grant;
    let signed_out = world
        .grant_from(&fixture::demo(), &sign_in.browser)
        .await
        .grant;
    let standing = world.grant(&fixture::demo()).await.grant;
    store
        .end_grant(&ended.id, EndReason::Replayed, after(100))
        .await
        .unwrap();
    store.sign_out(&sign_in.browser, after(101)).await.unwrap();
    for (since, expected) in [
        (99, [true, true]),
        (100, [false, true]),
        (101, [false, false]),
    ] {
        let found = asked(store, ended.status_index, since).await.grants;
        let has = |grant: &Grant| found.contains(&grant.status_index);
        assert_eq!([has(&ended), has(&signed_out)], expected, "{since}");
        assert!(!has(&standing));
    }
    let elsewhere = StatusIndex::from_number(ended.status_index.number() + SIZE).unwrap();
    let found = asked(store, elsewhere, 99).await.grants;
    assert!(!found.contains(&ended.status_index));
}

/// Access tokens that were revoked alone, until they expire; and clients that have ended.
pub async fn a_list_names_what_ended_without_a_grant<S: Store>(store: &S) {
    let world = World::new(store, "a_list_names_what_ended_without_a_grant").await;
    let (revoked, client) = (world.jti(), world.stranger().await);
    let registration = Registration {
        token: SecretHash::of("a token"),
        issued_at: NOW,
        client: Client {
            id: ClientId::parse(world.jti().as_str()).unwrap(),
            ..client.clone()
        },
    };
    let gone = registration.client.id.clone();
    store.insert_registration(&registration).await.unwrap();
    let token = Jwt {
        expires_at: after(400),
        ..token(Basis::Client(&client.id), &revoked)
    };
    store.revoke_access_token(&token, NOW).await.unwrap();
    // A token that was exchanged is on the grant of another client, which stands.
    let grant = world.grant(&fixture::demo()).await.grant;
    let mut exchanged = super::token(Basis::Grant(&grant.id), &world.jti());
    exchanged.payload.client_id = gone.clone();
    for has_ended in [false, true] {
        let (_, state) = store.access_token_state(None, &exchanged).await.unwrap();
        assert_eq!(state.is_live(NOW), !has_ended);
        store.end_registration(&gone, after(100)).await.unwrap();
    }
    for (since, names_token, names_client) in [(99, true, true), (100, false, false)] {
        let found = asked(store, StatusIndex::NONE, since).await;
        assert_eq!(found.tokens.contains(&revoked), names_token, "{since}");
        assert_eq!(found.clients.contains(&gone), names_client, "{since}");
        assert!(!found.clients.contains(&client.id));
    }
}

/// Lists are made as grants are; one is always there before its first grant.
pub async fn lists_are_as_many_as_grants_need_and_one_more<S: Store>(store: &S) {
    let world = World::new(store, "lists_are_as_many_as_grants_need_and_one_more").await;
    let made = world.grant(&fixture::demo()).await.grant;
    let last = asked(store, StatusIndex::NONE, 0).await.last;
    assert_eq!(last, ListNumber::last(made.status_index));
    // Whichever is asked for, also one that is not there.
    let beyond = StatusIndex::from_number(100 * SIZE).unwrap();
    assert_eq!(asked(store, beyond, 0).await.last, last);
}
