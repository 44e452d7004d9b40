//! Forgetting: what is over goes, and nobody honest and no replay ever misses it.

use gatepass_core::clean_up::{Forgotten, Over, ROWS};
use gatepass_core::client::Client;
use gatepass_core::grant::code::{CodeStatus, Redemption};
use gatepass_core::grant::{EndReason, GrantStatus, SessionStatus};
use gatepass_core::id::{GrantId, JwtId};
use gatepass_core::jose::Jwt;
use gatepass_core::secret::SecretHash;
use gatepass_core::time::{Lifetime, Timestamp};
use gatepass_core::token::access::Basis;

use super::{Store, World, token};
use crate::executor::join_all;
use crate::fixture::{self, NOW};

/// So many rounds in vain, one after the other, have seen all the rows that tests make.
const ENOUGH: u32 = 20;

/// The last moment at which what expires at `end` is kept, and the moment after.
pub(super) fn around(end: Timestamp, world: &World<'_, impl Store>) -> [Timestamp; 2] {
    let late = Lifetime::from_minutes(60);
    let over = end.plus(world.lifetimes.grace).plus(late);
    [over.minus(Lifetime::from_seconds(1)), over]
}

impl<S: Store> World<'_, S> {
    /// Cleans up until there is nothing left to forget at `at`.
    async fn clean_up(&self, at: Timestamp) -> Forgotten {
        self.forget(&Over::at(at, &self.lifetimes)).await
    }

    pub(super) async fn forget(&self, over: &Over) -> Forgotten {
        let mut forgotten = Forgotten::default();
        let mut in_vain = 0;
        while in_vain < ENOUGH {
            let round = self.store.clean_up(over).await.unwrap();
            let found = round != Forgotten::default();
            in_vain = if found { 0 } else { in_vain + 1 };
            forgotten = forgotten.and(round);
        }
        forgotten
    }

    async fn has_grant(&self, grant: &GrantId) -> bool {
        let access_jti = self.jti();
        let state = self
            .store
            .access_token_state(None, &token(Basis::Grant(grant), &access_jti))
            .await;
        state.unwrap().1.grant.is_some()
    }

    async fn code_status(&self, code: SecretHash) -> Option<CodeStatus> {
        let client = fixture::demo().id;
        let found = self
            .store
            .client_and_code(&client, code, None)
            .await
            .unwrap();
        found.1.map(|code| code.status)
    }

    async fn is_revoked(&self, access_jti: &JwtId) -> bool {
        let grant = GrantId::parse("no-grant").unwrap();
        let token = token(Basis::Grant(&grant), access_jti);
        let state = self.store.access_token_state(None, &token);
        state.await.unwrap().1.access_token_revoked
    }

    /// A grant that nobody uses is kept until `end` is over, and then goes with all that belongs to it.
    async fn goes(&self, made: &Redemption, end: Timestamp) {
        let [before, over] = around(end, self);
        self.clean_up(before).await;
        assert!(self.has_grant(&made.grant.id).await);
        assert!(self.session(&made.session.refresh_jti).await.is_some());
        assert!(self.code_status(made.code).await.is_some());
        self.clean_up(over).await;
        assert!(!self.has_grant(&made.grant.id).await);
        assert_eq!(self.session(&made.session.refresh_jti).await, None);
        assert_eq!(self.code_status(made.code).await, None);
    }
}

/// Sign-ins, codes on their way, revoked access tokens, what was used once: to the second.
pub async fn what_expired_is_forgotten_and_nothing_earlier<S: Store>(store: &S) {
    let world = World::new(store, "what_expired_is_forgotten_and_nothing_earlier").await;
    let (sign_in, access_jti) = (world.sign_in().await, world.jti());
    let nobody = GrantId::parse("no-grant").unwrap();
    let revoked = token(Basis::Grant(&nobody), &access_jti);
    let end = revoked.expires_at;
    store.revoke_access_token(&revoked, NOW).await.unwrap();
    let [before, over] = around(end, &world);
    for (at, is_known) in [(before, true), (over, false)] {
        world.clean_up(at).await;
        assert_eq!(world.is_revoked(&access_jti).await, is_known);
    }
    let (used, forgotten) = (SecretHash::of("used"), SecretHash::of("forgotten"));
    for id in [used, forgotten] {
        assert!(store.use_once(id, end).await.unwrap());
    }
    world.clean_up(before).await;
    assert!(!store.use_once(used, end).await.unwrap());
    world.clean_up(over).await;
    assert!(store.use_once(forgotten, end).await.unwrap());
    let code = world.code(&fixture::demo(), &sign_in.browser);
    store.insert_code(&code).await.unwrap();
    let [before, over] = around(code.expires_at, &world);
    for (at, status) in [(before, Some(CodeStatus::Unused)), (over, None)] {
        world.clean_up(at).await;
        assert_eq!(world.code_status(code.hash).await, status);
    }
    let [before, over] = around(sign_in.expires_at, &world);
    for (at, found) in [(before, Some(&sign_in)), (over, None)] {
        world.clean_up(at).await;
        let kept = store.client_and_sign_in(None, Some(&sign_in.id)).await;
        assert_eq!(kept.unwrap().1.as_ref(), found);
    }
}

/// A device code, whatever came of it.
pub async fn a_device_code_is_forgotten_when_it_has_expired<S: Store>(store: &S) {
    let name = "a_device_code_is_forgotten_when_it_has_expired";
    let world = World::new(store, name).await;
    for is_allowed in [false, true] {
        let device = world.device(is_allowed).await;
        let [before, over] = around(
            world.poll(&device, NOW).await.record.unwrap().expires_at,
            &world,
        );
        world.clean_up(before).await;
        assert!(world.poll(&device, NOW).await.record.is_some());
        world.clean_up(over).await;
        assert!(world.poll(&device, NOW).await.record.is_none());
    }
}

/// A spent generation is known for one until its token can no longer be presented, and whoever uses
/// the newest never notices that it is gone.
pub async fn a_spent_generation_stays_while_a_replay_is_possible<S: Store>(store: &S) {
    let name = "a_spent_generation_stays_while_a_replay_is_possible";
    let world = World::new(store, name).await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let (first, at) = (&made.session, NOW.plus(Lifetime::from_days(13)));
    let second = world.advance(&first.refresh_jti, &client, at).await;
    let [before, over] = around(first.expires_at, &world);
    world.clean_up(before).await;
    let spent = world.presented(&first.refresh_jti).await;
    let successor = second.refresh_jti.clone();
    assert_eq!(
        spent.session.status,
        SessionStatus::Refreshed { at, successor }
    );
    assert_eq!(spent.successors, core::slice::from_ref(&second));
    assert_eq!(spent.grant, made.grant);
    world.clean_up(over).await;
    assert_eq!(world.session(&first.refresh_jti).await, None);
    assert_eq!(
        world.session(&second.refresh_jti).await,
        Some(second.clone())
    );
    assert_eq!(world.status(&made.grant.id).await, GrantStatus::Active);
    world.advance(&second.refresh_jti, &client, over).await;
}

/// Also where the newest generation expires first, because refresh tokens live shorter by now.
pub async fn a_spent_generation_may_outlive_the_newest<S: Store>(store: &S) {
    let name = "a_spent_generation_may_outlive_the_newest";
    let world = World::new(store, name).await;
    let client = fixture::brief();
    let made = world.grant(&client).await;
    let first = &made.session;
    let (found, _) = world
        .rotate(&first.refresh_jti, &fixture::credentials(&client), NOW)
        .await;
    let successors = found.presented.unwrap().successors;
    assert!(successors[0].expires_at < first.expires_at);
    let [before, _] = around(first.expires_at, &world);
    world.clean_up(before).await;
    let spent = world.presented(&first.refresh_jti).await;
    assert_eq!((spent.grant, spent.successors), (made.grant, successors));
    let [_, over] = around(first.expires_at.plus(fixture::LONG), &world);
    world.clean_up(over).await;
    assert_eq!(world.session(&first.refresh_jti).await, None);
    assert_eq!(world.code_status(made.code).await, None);
}

/// However long a grant is used, it keeps as many generations as there are tokens that still live.
pub async fn generations_do_not_pile_up<S: Store>(store: &S) {
    let world = World::new(store, "generations_do_not_pile_up").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let mut generations = vec![made.session.refresh_jti];
    for days in (10..90).step_by(10) {
        let at = NOW.plus(Lifetime::from_days(days));
        let newest = generations.last().unwrap();
        let next = world.advance(newest, &client, at).await;
        generations.push(next.refresh_jti);
        world.clean_up(at).await;
        let mut kept = Vec::new();
        for jti in &generations {
            kept.extend(world.session(jti).await);
        }
        // A token lives for 14 days: two at a time.
        let newest = &generations[generations.len().saturating_sub(2)..];
        let kept: Vec<_> = kept
            .into_iter()
            .map(|session| session.refresh_jti)
            .collect();
        assert_eq!(kept, newest, "day {days}");
    }
}

/// Nothing can continue it, whether or not it was ended: it goes when the last tokens have expired.
pub async fn a_grant_goes_with_its_newest_generation<S: Store>(store: &S) {
    let world = World::new(store, "a_grant_goes_with_its_newest_generation").await;
    for reason in [None, Some(EndReason::SignedOut)] {
        let made = world.grant(&fixture::demo()).await;
        if let Some(reason) = reason {
            world.end(&made.grant.id, reason).await;
        }
        let access_token = world.lifetimes.access_token;
        let end = made.session.expires_at.plus(access_token);
        world.goes(&made, end).await;
    }
}

/// The access tokens of a client with lifetimes of its own are waited for, too.
pub async fn a_grant_stays_as_long_as_its_access_tokens<S: Store>(store: &S) {
    let world = World::new(store, "a_grant_stays_as_long_as_its_access_tokens").await;
    let made = world.grant(&fixture::brief()).await;
    let end = made.session.expires_at.plus(fixture::LONG);
    world.goes(&made, end).await;
}

/// The grant of a persistent client lives as long as its one refresh token.
pub async fn a_persistent_grant_stays_until_it_expires<S: Store>(store: &S) {
    let world = World::new(store, "a_persistent_grant_stays_until_it_expires").await;
    let lives_as_long = |made: &mut Redemption| made.session.expires_at = made.grant.expires_at;
    let made = world
        .grant_with(&fixture::persistent(), lives_as_long)
        .await;
    world.goes(&made, made.grant.expires_at).await;
}

/// A client that comes back with a token of a grant that ended hears why, as long as the token lives.
pub async fn an_ended_grant_keeps_its_reason<S: Store>(store: &S) {
    let world = World::new(store, "an_ended_grant_keeps_its_reason").await;
    let client: Client = fixture::demo();
    let made = world.grant(&client).await;
    let second = world.advance(&made.session.refresh_jti, &client, NOW).await;
    world.end(&made.grant.id, EndReason::Replayed).await;
    let [before, _] = around(second.expires_at, &world);
    world.clean_up(before).await;
    for jti in [&made.session.refresh_jti, &second.refresh_jti] {
        let found = world.presented(jti).await;
        assert_eq!(found.grant.status, GrantStatus::Ended(EndReason::Replayed));
    }
}

/// A second use of a code ends what the first one made, as long as there is something to end.
pub async fn a_redeemed_code_stays_as_long_as_its_grant<S: Store>(store: &S) {
    let world = World::new(store, "a_redeemed_code_stays_as_long_as_its_grant").await;
    let client = fixture::demo();
    let made = world.grant(&client).await;
    let mut newest = made.session.refresh_jti.clone();
    for days in [10, 20, 30] {
        let at = NOW.plus(Lifetime::from_days(days));
        newest = world.advance(&newest, &client, at).await.refresh_jti;
        world.clean_up(at).await;
        let redeemed = CodeStatus::Redeemed {
            at: NOW,
            grant_id: made.grant.id.clone(),
        };
        assert_eq!(world.code_status(made.code).await, Some(redeemed));
    }
}

/// A round is bounded, and the next one goes on where it stopped.
pub async fn a_clean_up_goes_on_where_it_stopped<S: Store>(store: &S) {
    let world = World::new(store, "a_clean_up_goes_on_where_it_stopped").await;
    // So long ago that it concerns no other contract.
    let over = Over {
        expired: Timestamp::from_seconds(1_000),
        access_token: world.lifetimes.access_token,
    };
    let nobody = GrantId::parse("no-grant").unwrap();
    let expired = |_| Jwt {
        expires_at: over.expired,
        ..token(Basis::Grant(&nobody), &world.jti())
    };
    let tokens: Vec<_> = (0..=ROWS).map(expired).collect();
    let revoke = |token| store.revoke_access_token(token, over.expired);
    for revoked in join_all(tokens.iter().map(revoke)).await {
        revoked.unwrap();
    }
    let first = store.clean_up(&over).await.unwrap();
    assert!(first.revoked_access_tokens <= ROWS, "{first:?}");
    let forgotten = first.and(world.forget(&over).await);
    let expected = Forgotten {
        revoked_access_tokens: ROWS + 1,
        ..Forgotten::default()
    };
    assert_eq!(forgotten, expected);
}
