//! What users let clients do: remembered scope by scope, and taken back with all that came of it.

use gatepass_core::authorize::{AuthorizationDetails, Consent, SignIn};
use gatepass_core::client::Client;
use gatepass_core::grant::{EndReason, GrantStatus};
use gatepass_core::scope::Scope;

use super::{Store, World, details};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

fn answer(allowed: &str, declined: &str) -> Consent {
    let scope = |text| Scope::parse(text).unwrap();
    Consent {
        allowed: scope(allowed),
        declined: scope(declined),
        ..Consent::default()
    }
}

async fn give<S: Store>(world: &World<'_, S>, client: &Client, by: &SignIn, answer: &Consent) {
    let code = world.code(client, &by.browser);
    let kept = world
        .store
        .insert_code_and_consent(&code, answer, NOW)
        .await;
    assert!(kept.unwrap());
    let (_, found, _) = world
        .store
        .client_and_code(&client.id, code.hash, None)
        .await
        .unwrap();
    assert!(found.is_some());
}

async fn remembered<S: Store>(
    world: &World<'_, S>,
    client: &Client,
    sign_in: &SignIn,
) -> Option<Consent> {
    let found = world
        .store
        .client_and_visitor(&client.id, Some(&sign_in.id))
        .await;
    let (found, visitor) = found.unwrap();
    assert_eq!(found.unwrap().id, client.id);
    let visitor = visitor.unwrap();
    assert_eq!(visitor.sign_in, *sign_in);
    assert_eq!(visitor.username, fixture::user().username);
    visitor.consent
}

/// A later answer stands in the place of an earlier one about the same scope, and of no other: nor is
/// it known to another client.
pub async fn answers_are_remembered_scope_by_scope<S: Store>(store: &S) {
    let world = World::new(store, "answers_are_remembered_scope_by_scope").await;
    let (client, other) = (world.stranger().await, world.stranger().await);
    let sign_in = world.sign_in().await;
    assert_eq!(remembered(&world, &client, &sign_in).await, None);
    give(&world, &client, &sign_in, &answer("", "")).await;
    let asked = remembered(&world, &client, &sign_in).await;
    assert_eq!(asked, Some(answer("", "")));
    for (given, expected) in [
        (
            answer("openid read", "write"),
            answer("openid read", "write"),
        ),
        (answer("write", "read"), answer("openid write", "read")),
        (
            answer("email a.b:c/$x", ""),
            answer("openid write email a.b:c/$x", "read"),
        ),
    ] {
        give(&world, &client, &sign_in, &given).await;
        let found = remembered(&world, &client, &sign_in).await;
        assert_eq!(found, Some(expected));
    }
    assert_eq!(remembered(&world, &other, &sign_in).await, None);
    // On another device it is the same user.
    let elsewhere = world.sign_in().await;
    assert!(remembered(&world, &client, &elsewhere).await.is_some());
}

/// Details are remembered as they were allowed the last time, null and all; an answer about none leaves them.
pub async fn details_are_remembered_as_last_allowed<S: Store>(store: &S) {
    let world = World::new(store, "details_are_remembered_as_last_allowed").await;
    let client = world.stranger().await;
    let sign_in = world.sign_in().await;
    for (asked, expected) in [
        (details("payment"), details("payment")),
        (AuthorizationDetails::default(), details("payment")),
        (details("account"), details("account")),
    ] {
        let given = Consent {
            details: asked,
            ..answer("read", "")
        };
        give(&world, &client, &sign_in, &given).await;
        let found = remembered(&world, &client, &sign_in).await.unwrap();
        assert_eq!(found.details, expected);
        assert_eq!(found.allowed, given.allowed);
    }
}

/// Of answers given at once about different scopes, none is lost.
pub async fn answers_given_at_once_all_count<S: Store>(store: &S) {
    let world = World::new(store, "answers_given_at_once_all_count").await;
    let client = world.stranger().await;
    let sign_in = world.sign_in().await;
    let answers = [
        answer("openid", ""),
        answer("read", ""),
        answer("", "write"),
        answer("email", ""),
    ];
    join_all(
        answers
            .iter()
            .map(|answer| give(&world, &client, &sign_in, answer)),
    )
    .await;
    let found = remembered(&world, &client, &sign_in).await;
    assert_eq!(found, Some(answer("openid read email", "write")));
}

/// A browser that was signed out meanwhile gets no code, and its answer is not kept.
pub async fn an_answer_needs_a_signed_in_browser<S: Store>(store: &S) {
    let world = World::new(store, "an_answer_needs_a_signed_in_browser").await;
    let client = world.stranger().await;
    let sign_in = world.sign_in().await;
    store.sign_out(&sign_in.browser, NOW).await.unwrap();
    let code = world.code(&client, &sign_in.browser);
    let answer = answer("openid", "");
    let kept = store.insert_code_and_consent(&code, &answer, NOW).await;
    assert!(!kept.unwrap());
    let (_, found, _) = store
        .client_and_code(&client.id, code.hash, None)
        .await
        .unwrap();
    assert!(found.is_none());
    let again = world.sign_in().await;
    assert_eq!(remembered(&world, &client, &again).await, None);
}

/// Taken back, nothing is remembered, every grant to that client has ended, and a code on its way is
/// worth nothing. Another client keeps what it has.
pub async fn consent_taken_back_ends_what_came_of_it<S: Store>(store: &S) {
    let world = World::new(store, "consent_taken_back_ends_what_came_of_it").await;
    let (client, other) = (world.stranger().await, world.stranger().await);
    let sign_in = world.sign_in().await;
    for client in [&client, &other] {
        give(&world, client, &sign_in, &answer("openid", "")).await;
    }
    let here = world.grant_from(&client, &sign_in.browser).await;
    let elsewhere = world.grant(&client).await;
    let ended = world.grant(&client).await;
    world.end(&ended.grant.id, EndReason::Replayed).await;
    let others = world.grant_from(&other, &sign_in.browser).await;
    let code = world.code(&client, &sign_in.browser);
    assert!(store.insert_code(&code).await.unwrap());
    let user = &sign_in.subject;
    store.withdraw_consent(user, &client.id, NOW).await.unwrap();
    assert_eq!(remembered(&world, &client, &sign_in).await, None);
    let withdrawn = GrantStatus::Ended(EndReason::ConsentWithdrawn);
    for grant in [here, elsewhere] {
        assert_eq!(world.status(&grant.grant.id).await, withdrawn);
    }
    let replayed = GrantStatus::Ended(EndReason::Replayed);
    assert_eq!(world.status(&ended.grant.id).await, replayed);
    assert_eq!(store.redeem(&world.redemption(&code)).await.unwrap(), None);
    assert!(remembered(&world, &other, &sign_in).await.is_some());
    assert_eq!(world.status(&others.grant.id).await, GrantStatus::Active);
}
