//! Grants, sign-ins and access tokens end once, and alone.

use gatepass_core::grant::{EndReason, GrantStatus};
use gatepass_core::id::JwtId;
use gatepass_core::jose::Jwt;
use gatepass_core::status_list::{ALONE, ListNumber, StatusQuery};
use gatepass_core::time::Lifetime;
use gatepass_core::token::access::{AccessTokenClaims, Basis};

use super::{Store, World, token};
use crate::fixture::{self, NOW};

/// Whoever ends a grant first has said why.
pub async fn the_first_reason_for_an_end_stays<S: Store>(store: &S) {
    let world = World::new(store, "the_first_reason_for_an_end_stays").await;
    for first in [
        EndReason::Administrator,
        EndReason::CodeReplayed,
        EndReason::Replayed,
        EndReason::Revoked,
        EndReason::SignedOut,
    ] {
        let made = world.grant(&fixture::demo()).await;
        assert!(world.end(&made.grant.id, first).await);
        assert_eq!(
            world.status(&made.grant.id).await,
            GrantStatus::Ended(first)
        );
        assert!(!world.end(&made.grant.id, EndReason::Revoked).await);
        assert_eq!(
            world.status(&made.grant.id).await,
            GrantStatus::Ended(first)
        );
        let read_back = world.presented(&made.session.refresh_jti).await;
        assert_eq!(read_back.grant.status, GrantStatus::Ended(first));
    }
}

/// A theft in one browser does not disturb another.
pub async fn an_end_touches_no_other_grant<S: Store>(store: &S) {
    let world = World::new(store, "an_end_touches_no_other_grant").await;
    let sign_in = world.sign_in().await;
    let ended = world.grant_from(&fixture::demo(), &sign_in.browser).await;
    let other = world.grant_from(&fixture::demo(), &sign_in.browser).await;
    world.end(&ended.grant.id, EndReason::Replayed).await;
    assert_eq!(world.status(&other.grant.id).await, GrantStatus::Active);
    let jti = &other.session.refresh_jti;
    world.advance(jti, &fixture::demo(), NOW).await;
}

/// Every client that this browser signed in to, and no other browser.
pub async fn signing_out_ends_the_grants_of_that_browser<S: Store>(store: &S) {
    let world = World::new(store, "signing_out_ends_the_grants_of_that_browser").await;
    let (here, elsewhere) = (world.sign_in().await, world.sign_in().await);
    let first = world.grant_from(&fixture::demo(), &here.browser).await;
    let second = world.grant_from(&fixture::gateway(), &here.browser).await;
    let other = world.grant_from(&fixture::demo(), &elsewhere.browser).await;
    store.sign_out(&here.browser, NOW).await.unwrap();
    let signed_out = GrantStatus::Ended(EndReason::SignedOut);
    assert_eq!(world.status(&first.grant.id).await, signed_out);
    assert_eq!(world.status(&second.grant.id).await, signed_out);
    assert_eq!(world.status(&other.grant.id).await, GrantStatus::Active);
    let client = fixture::demo().id;
    for (sign_in, stays) in [(&here, false), (&elsewhere, true)] {
        let found = store
            .client_and_sign_in(Some(&client), Some(&sign_in.id))
            .await;
        let (_, found) = found.unwrap();
        assert_eq!(found.is_some(), stays);
    }
}

/// Each client that wants to hear of it hears once for each user, also of a grant that had ended
/// otherwise, and not of other browsers or of an earlier sign-out.
pub async fn signing_out_says_who_wants_to_hear_of_it<S: Store>(store: &S) {
    let world = World::new(store, "signing_out_says_who_wants_to_hear_of_it").await;
    let (here, elsewhere) = (world.sign_in().await, world.sign_in().await);
    let told = fixture::persistent();
    for browser in [&here.browser, &elsewhere.browser] {
        world.grant_from(&fixture::demo(), browser).await;
    }
    assert_eq!(store.sign_out(&elsewhere.browser, NOW).await.unwrap(), []);
    let replayed = world.grant_from(&told, &here.browser).await;
    world.end(&replayed.grant.id, EndReason::Replayed).await;
    world.grant_from(&told, &here.browser).await;
    let departure = told.settings.departure(&told.id, &replayed.grant.subject);
    let departures = store.sign_out(&here.browser, NOW).await.unwrap();
    assert_eq!(departures, [departure.unwrap()]);
    let other = world.sign_in().await;
    world.grant_from(&told, &other.browser).await;
    assert_eq!(store.sign_out(&other.browser, NOW).await.unwrap().len(), 1);
    assert_eq!(store.sign_out(&other.browser, NOW).await.unwrap(), []);
}

/// Signing out is no reason for what had ended before.
pub async fn signing_out_keeps_an_earlier_reason<S: Store>(store: &S) {
    let world = World::new(store, "signing_out_keeps_an_earlier_reason").await;
    let sign_in = world.sign_in().await;
    let made = world.grant_from(&fixture::demo(), &sign_in.browser).await;
    world.end(&made.grant.id, EndReason::Replayed).await;
    store.sign_out(&sign_in.browser, NOW).await.unwrap();
    let replayed = GrantStatus::Ended(EndReason::Replayed);
    assert_eq!(world.status(&made.grant.id).await, replayed);
}

/// A code issued just before signing out makes no grant after it.
pub async fn signing_out_forgets_codes_on_their_way<S: Store>(store: &S) {
    let world = World::new(store, "signing_out_forgets_codes_on_their_way").await;
    let (here, elsewhere) = (world.sign_in().await, world.sign_in().await);
    for (sign_in, is_redeemed) in [(&here, false), (&elsewhere, true)] {
        let code = world.code(&fixture::demo(), &sign_in.browser);
        store.insert_code(&code).await.unwrap();
        store.sign_out(&here.browser, NOW).await.unwrap();
        let redemption = world.redemption(&code);
        assert_eq!(
            store.redeem(&redemption).await.unwrap().is_some(),
            is_redeemed
        );
    }
}

/// A code that is issued while the browser signs out does not outlive it.
pub async fn a_code_needs_a_signed_in_browser<S: Store>(store: &S) {
    let world = World::new(store, "a_code_needs_a_signed_in_browser").await;
    let sign_in = world.sign_in().await;
    store.sign_out(&sign_in.browser, NOW).await.unwrap();
    let code = world.code(&fixture::demo(), &sign_in.browser);
    assert!(!store.insert_code(&code).await.unwrap());
    assert_eq!(store.redeem(&world.redemption(&code)).await.unwrap(), None);
}

/// However often a browser signs in, even twice over the same sign-in, signing out ends everything.
pub async fn a_browser_stays_one_through_its_sign_ins<S: Store>(store: &S) {
    let world = World::new(store, "a_browser_stays_one_through_its_sign_ins").await;
    let (earlier, elsewhere) = (world.sign_in().await, world.sign_in().await);
    let client = fixture::demo();
    let before = world.grant_from(&client, &earlier.browser).await;
    let other = world.grant_from(&client, &elsewhere.browser).await;
    world.sign_in_after(Some(&earlier.id)).await;
    let last = world.sign_in_after(Some(&earlier.id)).await;
    let found = |id| store.client_and_sign_in(Some(&client.id), Some(id));
    let (_, replaced) = found(&earlier.id).await.unwrap();
    assert!(replaced.is_none_or(|sign_in| sign_in.expires_at <= NOW));
    let (_, last) = found(&last.id).await.unwrap();
    let browser = last.unwrap().browser;
    assert_eq!(browser, earlier.browser);
    store.sign_out(&browser, NOW).await.unwrap();
    let signed_out = GrantStatus::Ended(EndReason::SignedOut);
    assert_eq!(world.status(&before.grant.id).await, signed_out);
    assert_eq!(world.status(&other.grant.id).await, GrantStatus::Active);
}

/// Revoked once or twice: that access token, not its grant, nor another of the same grant.
pub async fn a_revoked_access_token_is_known_and_alone<S: Store>(store: &S) {
    let world = World::new(store, "a_revoked_access_token_is_known_and_alone").await;
    let made = world.grant(&fixture::demo()).await;
    let of_grant = |jti: &JwtId| token(Basis::Grant(&made.grant.id), jti);
    let itself = of_grant(&made.session.access_jti);
    for _ in 0..2 {
        store.revoke_access_token(&itself, NOW).await.unwrap();
    }
    for (token, revoked) in [(itself, true), (of_grant(&world.jti()), false)] {
        let (_, state) = store.access_token_state(None, &token).await.unwrap();
        assert_eq!(state.access_token_revoked, revoked);
        assert_eq!(state.grant.unwrap().status, GrantStatus::Active);
    }
}

/// However many are revoked one by one, few are named; the others take their elder siblings with them, and
/// nobody else's tokens.
pub async fn a_family_is_revoked_in_a_bounded_number_of_rows<S: Store>(store: &S) {
    let world = World::new(store, "a_family_is_revoked_in_a_bounded_number_of_rows").await;
    let grant = world.grant(&fixture::demo()).await.grant;
    let after = |seconds| NOW.plus(Lifetime::from_seconds(seconds));
    let issued = |seconds| Jwt {
        issued_at: after(seconds),
        ..token(Basis::Grant(&grant.id), &world.jti())
    };
    let is_revoked = async |token: &Jwt<AccessTokenClaims>| {
        let state = store.access_token_state(None, token).await.unwrap().1;
        state.access_token_revoked
    };
    let alone = usize::try_from(ALONE).unwrap();
    let (young, old) = (issued(ALONE + 3), issued(0));
    let mut of_another_client = issued(0);
    of_another_client.payload.client_id = fixture::gateway().id;
    let of_another_grant = token(
        Basis::Grant(&world.grant(&fixture::demo()).await.grant.id),
        &world.jti(),
    );
    let revoked: Vec<_> = (1..=ALONE + 2).map(issued).collect();
    // The last of them comes before the one ahead of it.
    for (count, revoke) in revoked.iter().rev().enumerate() {
        store.revoke_access_token(revoke, NOW).await.unwrap();
        store.revoke_access_token(revoke, NOW).await.unwrap();
        assert_eq!(is_revoked(&old).await, count >= alone);
    }
    let query = StatusQuery {
        list: ListNumber::at("/oauth/status_lists/0").unwrap(),
        since: NOW,
        at: NOW,
    };
    let listed = store.revoked(&query).await.unwrap();
    let named = revoked
        .iter()
        .filter(|token| listed.tokens.contains(&token.payload.jti));
    assert_eq!(named.count(), alone);
    let family = old.payload.family();
    let until = listed.families.iter().filter(|(named, _)| *named == family);
    assert_eq!(
        until.map(|(_, until)| *until).collect::<Vec<_>>(),
        [after(2)]
    );
    for (token, expected) in revoked.iter().map(|token| (token, true)).chain([
        (&old, true),
        (&young, false),
        (&of_another_client, false),
        (&of_another_grant, false),
    ]) {
        assert_eq!(is_revoked(token).await, expected, "{token:?}");
    }
    // What has expired makes room.
    let later = old.expires_at;
    let next = Jwt {
        issued_at: later,
        expires_at: later.plus(world.lifetimes.access_token),
        ..token(Basis::Grant(&grant.id), &world.jti())
    };
    store.revoke_access_token(&next, later).await.unwrap();
    assert!(is_revoked(&next).await);
    assert!(!is_revoked(&young).await);
}
