//! Refresh tokens: one successor each, and nothing spent in vain.

use gatepass_core::client::ClientCredentials;
use gatepass_core::form::Form;
use gatepass_core::grant::refresh::{LONGEST_CHAIN, Rotation};
use gatepass_core::grant::{EndReason, SessionStatus};
use gatepass_core::time::{Lifetime, Timestamp};

use super::{Store, World};
use crate::executor::join_all;
use crate::fixture::{self, NOW, SECRET};

const ONE_SECOND: Lifetime = Lifetime::from_seconds(1);

/// Just before `at`.
fn before(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.seconds() - 1)
}

/// Of many rotations at once exactly one creates the next generation; all read it back.
pub async fn a_session_is_rotated_by_one_of_many<S: Store>(store: &S) {
    let world = World::new(store, "a_session_is_rotated_by_one_of_many").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let credentials = fixture::credentials(&client);
    let presented = &made.session.refresh_jti;
    let rotations: Vec<_> = (0..5)
        .map(|_| Rotation {
            presented,
            credentials: &credentials,
            next: world.next(NOW),
            at: NOW,
            proof: None,
        })
        .collect();
    let found = join_all(rotations.iter().map(|rotation| store.rotate(rotation))).await;
    let mut successors = Vec::new();
    for found in found {
        let found = found.unwrap();
        assert_eq!(found.client.unwrap().id, client.id);
        let read_back = found.presented.unwrap();
        assert_eq!(read_back.grant, made.grant);
        assert_eq!(read_back.successors.len(), 1);
        successors.extend(read_back.successors);
    }
    successors.dedup();
    let [next] = successors.as_slice() else {
        panic!("not the same generation for everyone: {successors:?}")
    };
    assert_eq!(next.generation, 2);
    assert_eq!(next.grant_id, made.grant.id);
    assert_eq!(
        (next.issued_at, &next.status),
        (NOW, &SessionStatus::Active)
    );
    assert_eq!(next.expires_at, NOW.plus(world.lifetimes.refresh_token));
    let mut created = 0;
    for rotation in &rotations {
        let offered = &rotation.next;
        if let Some(session) = world.session(&offered.refresh_jti).await {
            assert_eq!((&session, &session.access_jti), (next, &offered.access_jti));
            created += 1;
        }
    }
    assert_eq!(created, 1);
}

/// The same rotation twice is one: a platform may send again what it has no answer to.
pub async fn a_rotation_that_arrives_twice_is_one<S: Store>(store: &S) {
    let world = World::new(store, "a_rotation_that_arrives_twice_is_one").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let credentials = fixture::credentials(&client);
    let rotation = Rotation {
        presented: &made.session.refresh_jti,
        credentials: &credentials,
        next: world.next(NOW),
        at: NOW,
        proof: None,
    };
    let first = store.rotate(&rotation).await.unwrap().presented.unwrap();
    assert_eq!(first.successors.len(), 1);
    let second = store.rotate(&rotation).await.unwrap().presented.unwrap();
    assert_eq!(
        (second.session, second.successors),
        (first.session, first.successors)
    );
}

/// Asked again, sooner or later, a spent session answers with the successor it has.
pub async fn a_spent_session_keeps_its_successor<S: Store>(store: &S) {
    let world = World::new(store, "a_spent_session_keeps_its_successor").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let next = world.advance(&made.session.refresh_jti, &client, NOW).await;
    let later = NOW.plus(Lifetime::from_days(1));
    for at in [NOW, NOW.plus(ONE_SECOND), later] {
        let credentials = fixture::credentials(&client);
        let (found, offered) = world
            .rotate(&made.session.refresh_jti, &credentials, at)
            .await;
        let read_back = found.presented.unwrap();
        let refreshed = SessionStatus::Refreshed {
            at: NOW,
            successor: next.refresh_jti.clone(),
        };
        assert_eq!(read_back.session.status, refreshed);
        assert_eq!(
            read_back.successors.as_slice(),
            core::slice::from_ref(&next)
        );
        assert_eq!(world.session(&offered).await, None);
    }
}

/// The presented generation, then those after it in the order in which they were made.
pub async fn a_chain_reads_back_oldest_first<S: Store>(store: &S) {
    let world = World::new(store, "a_chain_reads_back_oldest_first").await;
    let client = fixture::gateway();
    let made = world.grant(&client).await;
    let second = world.advance(&made.session.refresh_jti, &client, NOW).await;
    let third = world.advance(&second.refresh_jti, &client, NOW).await;
    let chain = world.presented(&made.session.refresh_jti).await;
    assert_eq!(chain.session.generation, 1);
    let generations: Vec<_> = chain.successors.iter().map(|s| s.generation).collect();
    assert_eq!(generations, [2, 3]);
    assert_eq!(chain.successors.last(), Some(&third));
    let chain = world.presented(&second.refresh_jti).await;
    assert_eq!(chain.session.generation, 2);
    assert_eq!(chain.successors, [third]);
}

/// At most [`LONGEST_CHAIN`] generations, the ones right after the presented.
pub async fn a_long_chain_reads_back_in_part<S: Store>(store: &S) {
    let world = World::new(store, "a_long_chain_reads_back_in_part").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let mut newest = made.session.clone();
    for _ in 0..LONGEST_CHAIN + 2 {
        newest = world.advance(&newest.refresh_jti, &client, NOW).await;
    }
    let chain = world.presented(&made.session.refresh_jti).await;
    let generations: Vec<_> = chain.successors.iter().map(|s| s.generation).collect();
    let expected: Vec<_> = (2..=LONGEST_CHAIN + 1).collect();
    assert_eq!(generations, expected);
}

/// Another client, a wrong secret, another method or no proof at all.
pub async fn whoever_fails_to_prove_the_client_spends_nothing<S: Store>(store: &S) {
    let world = World::new(store, "whoever_fails_to_prove_the_client_spends_nothing").await;
    let client = fixture::gateway();
    let made = world.grant(&client).await;
    let parse = |header: Option<&str>, body: &str| {
        ClientCredentials::parse(header, &Form::parse(body).unwrap()).unwrap()
    };
    let id = &client.id;
    let secret = gatepass_core::form::encode([("client_secret", SECRET)]);
    for (case, credentials) in [
        ("another client", fixture::credentials(&fixture::demo())),
        (
            "another confidential client",
            fixture::credentials(&fixture::api()),
        ),
        (
            "a wrong secret",
            parse(Some(&fixture::basic(id, "wrong")), ""),
        ),
        ("an empty secret", parse(Some(&fixture::basic(id, "")), "")),
        (
            "another method",
            parse(None, &format!("client_id={id}&{secret}")),
        ),
        ("no proof", parse(None, &format!("client_id={id}"))),
        ("an unknown client", parse(None, "client_id=nobody")),
    ] {
        world.spends_nothing(&made.session, &credentials, NOW).await;
        assert_eq!(
            world.session(&made.session.refresh_jti).await.as_ref(),
            Some(&made.session),
            "{case}"
        );
    }
    world.advance(&made.session.refresh_jti, &client, NOW).await;
    let public = world.grant(&fixture::demo()).await;
    let demo = fixture::demo().id;
    for credentials in [
        parse(Some(&fixture::basic(&demo, "")), ""),
        parse(None, &format!("client_id={demo}&{secret}")),
    ] {
        world
            .spends_nothing(&public.session, &credentials, NOW)
            .await;
    }
}

/// The registration counts at every refresh.
pub async fn a_client_that_may_not_refresh_spends_nothing<S: Store>(store: &S) {
    let world = World::new(store, "a_client_that_may_not_refresh_spends_nothing").await;
    let client = fixture::without_refresh();
    let made = world.grant(&client).await;
    let credentials = fixture::credentials(&client);
    world.spends_nothing(&made.session, &credentials, NOW).await;
}

/// The refresh token of a persistent client is not replaced.
pub async fn a_persistent_session_stays<S: Store>(store: &S) {
    let world = World::new(store, "a_persistent_session_stays").await;
    let client = fixture::persistent();
    let made = world.grant(&client).await;
    let credentials = fixture::credentials(&client);
    world.spends_nothing(&made.session, &credentials, NOW).await;
}

/// A refresh token ends exactly at its expiry.
pub async fn an_expired_session_stays<S: Store>(store: &S) {
    let world = World::new(store, "an_expired_session_stays").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let (jti, end) = (&made.session.refresh_jti, made.session.expires_at);
    let credentials = fixture::credentials(&client);
    world.spends_nothing(&made.session, &credentials, end).await;
    world.advance(jti, &client, before(end)).await;
}

/// A grant ends exactly at its expiry, even if a session under it claims more.
pub async fn a_session_of_an_expired_grant_stays<S: Store>(store: &S) {
    let world = World::new(store, "a_session_of_an_expired_grant_stays").await;
    let client = fixture::demo();
    let end = NOW.plus(Lifetime::from_minutes(1));
    let made = world
        .grant_with(&client, |r| r.grant.expires_at = end)
        .await;
    let credentials = fixture::credentials(&client);
    world.spends_nothing(&made.session, &credentials, end).await;
    world
        .advance(&made.session.refresh_jti, &client, before(end))
        .await;
}

/// What has ended is not continued.
pub async fn a_session_of_an_ended_grant_stays<S: Store>(store: &S) {
    let world = World::new(store, "a_session_of_an_ended_grant_stays").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    world.end(&made.grant.id, EndReason::Administrator).await;
    let credentials = fixture::credentials(&client);
    world.spends_nothing(&made.session, &credentials, NOW).await;
}

/// The expiry that a rotation asks for is cut to the grant's.
pub async fn a_generation_never_outlives_its_grant<S: Store>(store: &S) {
    let world = World::new(store, "a_generation_never_outlives_its_grant").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let mut newest = made.session.clone();
    // Every ten days: the last one asks for a fortnight that the grant does not have.
    for days in (10..90).step_by(10) {
        let at = NOW.plus(Lifetime::from_days(days));
        newest = world.advance(&newest.refresh_jti, &client, at).await;
        let wanted = at.plus(world.lifetimes.refresh_token);
        assert_eq!(newest.expires_at, wanted.min(made.grant.expires_at));
    }
    assert_eq!(newest.expires_at, made.grant.expires_at);
}

/// A client's own lifetime stands in the place of everyone's.
pub async fn a_generation_lives_as_long_as_its_client_settled<S: Store>(store: &S) {
    let world = World::new(store, "a_generation_lives_as_long_as_its_client_settled").await;
    let made = world.grant(&fixture::brief()).await;
    let credentials = fixture::credentials(&fixture::brief());
    let (found, offered) = world
        .rotate(&made.session.refresh_jti, &credentials, NOW)
        .await;
    let successors = found.presented.unwrap().successors;
    let [next] = successors.as_slice() else {
        panic!("not one successor: {successors:?}")
    };
    assert_eq!(next.refresh_jti, offered);
    assert_eq!(next.expires_at, NOW.plus(fixture::BRIEF));
}
