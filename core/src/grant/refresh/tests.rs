use super::*;
use crate::authorize::AuthorizationDetails;
use crate::client::tests::{confidential, credentials, public};
use crate::dpop::CheckedProof;
use crate::grant::GrantDetails;
use crate::grant::tests::{NOW, after, grant, jti, session, spent};
use crate::scope::Scope;
use crate::secret::SecretHash;
use crate::time::Lifetime;

/// What the store holds of `client`'s grant; the presented generation first.
fn found<const N: usize>(client: Client, generations: [Session; N]) -> Found {
    let grant = grant(&client);
    found_under(client, grant, generations)
}

fn found_under<const N: usize>(client: Client, grant: Grant, generations: [Session; N]) -> Found {
    let mut generations = generations.into_iter();
    let session = generations.next().unwrap();
    let successors = generations.collect();
    Found {
        client: Some(client),
        presented: Some(Presented {
            grant,
            session,
            successors,
        }),
        proof: ProofVerdict::Counts,
    }
}

/// What the client whom the store found is told, if it is the one that asks.
fn answer(found: Found, now: Timestamp) -> Result<JwtId, RefreshRefusal> {
    let credentials = credentials(found.client.as_ref().unwrap());
    answer_to(&credentials, found, now)
}

/// What whoever asks with `credentials` is told: a repeat, for which the store created nothing.
fn answer_to(
    credentials: &ClientCredentials,
    found: Found,
    now: Timestamp,
) -> Result<JwtId, RefreshRefusal> {
    judged(
        credentials,
        "not created",
        found,
        &Lifetimes::default(),
        now,
    )
}

fn judged(
    credentials: &ClientCredentials,
    offered: &str,
    found: Found,
    lifetimes: &Lifetimes,
    at: Timestamp,
) -> Result<JwtId, RefreshRefusal> {
    let rotation = Rotation {
        presented: &jti(1),
        credentials,
        next: NextSession {
            refresh_jti: JwtId::parse(offered).unwrap(),
            access_jti: JwtId::parse("at-new").unwrap(),
            expires_at: at.plus(lifetimes.refresh_token),
            access_token: None,
        },
        at,
        proof: None,
    };
    Ok(decide(found, &rotation, lifetimes)?.session.refresh_jti)
}

fn replayed() -> Result<JwtId, RefreshRefusal> {
    Err(RefreshRefusal::Replayed(grant(&public()).id))
}

#[test]
fn whoever_advanced_the_grant_gets_the_successor_even_with_no_grace_time() {
    let lifetimes = Lifetimes {
        grace: Lifetime::from_seconds(0),
        ..Lifetimes::default()
    };
    for client in [public(), confidential()] {
        let credentials = credentials(&client);
        let first = found(client.clone(), [spent(1, NOW), session(2)]);
        let first = judged(&credentials, "rt-2", first, &lifetimes, NOW);
        assert_eq!(first, Ok(jti(2)));
    }
    let credentials = credentials(&public());
    let second = found(public(), [spent(1, NOW), session(2)]);
    let second = judged(&credentials, "not created", second, &lifetimes, NOW);
    assert_eq!(second, replayed());
}

#[test]
fn a_retry_within_the_grace_time_gets_the_same_successor() {
    for seconds in [0, 1, 29] {
        let again = found(public(), [spent(1, NOW), session(2)]);
        assert_eq!(answer(again, after(seconds)), Ok(jti(2)), "{seconds}");
    }
}

#[test]
fn a_clock_that_runs_behind_the_one_that_rotated_is_within_the_grace_time() {
    let again = found(public(), [spent(1, after(5)), session(2)]);
    assert_eq!(answer(again, NOW), Ok(jti(2)));
}

#[test]
fn a_retry_gets_the_newest_generation_if_its_successor_was_refreshed_too() {
    let moved_on = || {
        [
            spent(1, NOW),
            spent(2, after(10)),
            spent(3, after(20)),
            session(4),
        ]
    };
    assert_eq!(answer(found(public(), moved_on()), after(29)), Ok(jti(4)));
    assert_eq!(
        answer(found(confidential(), moved_on()), after(29)),
        Ok(jti(4))
    );
}

#[test]
fn from_the_grace_time_on_a_public_client_is_taken_for_a_thief() {
    for seconds in [30, 31, 600] {
        let late = found(public(), [spent(1, NOW), session(2)]);
        assert_eq!(answer(late, after(seconds)), replayed(), "{seconds}");
    }
}

#[test]
fn from_the_grace_time_on_a_proven_client_gets_the_successor_that_nobody_used() {
    for seconds in [30, 31, 600] {
        let lost = found(confidential(), [spent(1, NOW), session(2)]);
        assert_eq!(answer(lost, after(seconds)), Ok(jti(2)), "{seconds}");
    }
}

/// What is told to whoever sends `key` with a generation that was refreshed with `first`.
fn with_key(
    first: &str,
    key: &str,
    more: &[Session],
    seconds: u32,
) -> Result<JwtId, RefreshRefusal> {
    let successor = |key| successor_of(&jti(1), &IdempotencyKey::new(key));
    let next = |status| Session {
        refresh_jti: successor(first),
        status,
        ..session(2)
    };
    let (status, successors) = match more {
        [] => (SessionStatus::Active, vec![]),
        more => (spent(2, NOW).status, more.to_vec()),
    };
    let mut found = found(public(), [spent(1, NOW), next(status)]);
    let presented = found.presented.as_mut().unwrap();
    presented.successors.extend(successors);
    presented.session.status = SessionStatus::Refreshed {
        at: NOW,
        successor: successor(first),
    };
    let credentials = credentials(&public());
    judged(
        &credentials,
        successor(key).as_str(),
        found,
        &Lifetimes::default(),
        after(seconds),
    )
}

#[test]
fn from_the_grace_time_on_the_same_refresh_gets_its_successor_if_nobody_used_it() {
    let successor = successor_of(&jti(1), &IdempotencyKey::new("mine"));
    for seconds in [0, 29, 30, 600] {
        let again = with_key("mine", "mine", &[], seconds);
        assert_eq!(again, Ok(successor.clone()), "{seconds}");
    }
    assert_eq!(with_key("mine", "another", &[], 29), Ok(successor));
    assert_eq!(with_key("mine", "another", &[], 30), replayed());
    assert_eq!(with_key("mine", "mine", &[session(3)], 29), Ok(jti(3)));
    assert_eq!(with_key("mine", "mine", &[session(3)], 30), replayed());
}

#[test]
fn what_a_refresh_creates_follows_from_its_token_and_its_key() {
    let made = |generation, key| successor_of(&jti(generation), &IdempotencyKey::new(key));
    assert_eq!(made(1, "a"), made(1, "a"));
    assert_ne!(made(1, "a"), made(2, "a"));
    assert_ne!(made(1, "a"), made(1, "b"));
}

#[test]
fn from_the_grace_time_on_a_used_successor_is_a_replay_even_for_a_proven_client() {
    let used = [spent(1, NOW), spent(2, after(10)), session(3)];
    assert_eq!(answer(found(confidential(), used), after(30)), replayed());
    // The successor's own grace time does not help the generation before it.
    let used = [spent(1, NOW), spent(2, after(29)), session(3)];
    assert_eq!(answer(found(confidential(), used), after(30)), replayed());
}

#[test]
fn only_a_replay_ends_the_grant_and_says_which() {
    let late = found(public(), [spent(1, NOW), session(2)]);
    let refusal = answer(late, after(30)).unwrap_err();
    let id = grant(&public()).id;
    assert_eq!(refusal.ends(), Some((&id, EndReason::Replayed)));
    for refusal in [
        RefreshRefusal::Client(AuthenticationFailure::Refused),
        RefreshRefusal::Expired,
        RefreshRefusal::Ended(EndReason::Replayed),
        RefreshRefusal::OtherClient,
        RefreshRefusal::ScopeExceeded,
        RefreshRefusal::Unsettled,
        RefreshRefusal::Unknown,
        RefreshRefusal::UnauthorizedClient,
    ] {
        assert_eq!(refusal.ends(), None, "{refusal}");
    }
}

#[test]
fn a_persistent_generation_is_its_own_answer_until_it_expires() {
    let client = || Client {
        refresh_behaviour: RefreshBehaviour::Persistent,
        ..confidential()
    };
    for seconds in [0, 600, 1_199] {
        let stays = found(client(), [session(1)]);
        assert_eq!(answer(stays, after(seconds)), Ok(jti(1)), "{seconds}");
    }
    let over = found(client(), [session(1)]);
    assert_eq!(answer(over, after(1_200)), Err(RefreshRefusal::Expired));
}

#[test]
fn what_the_store_did_not_advance_without_a_reason_is_worth_another_try() {
    let stuck = found(public(), [session(1)]);
    assert_eq!(answer(stuck, NOW), Err(RefreshRefusal::Unsettled));
    let torn = found(public(), [spent(1, NOW)]);
    assert_eq!(answer(torn, NOW), Err(RefreshRefusal::Unsettled));
}

#[test]
fn a_spent_generation_is_never_the_answer_even_where_the_chain_is_cut_off() {
    let cut_off = found(public(), [spent(1, NOW), spent(2, NOW)]);
    assert_eq!(answer(cut_off, after(1)), Err(RefreshRefusal::Unsettled));
}

#[test]
fn an_ended_grant_stays_ended_and_says_why() {
    let status = GrantStatus::Ended(EndReason::SignedOut);
    let ended = Grant {
        status,
        ..grant(&public())
    };
    for generations in [[spent(1, NOW), session(2)], [session(2), session(3)]] {
        let found = found_under(public(), ended.clone(), generations);
        let refused = Err(RefreshRefusal::Ended(EndReason::SignedOut));
        assert_eq!(answer(found, NOW), refused);
    }
    // A replay of what has ended is no second end.
    let found = found_under(public(), ended, [spent(1, NOW), session(2)]);
    assert_eq!(answer(found, after(60)).unwrap_err().ends(), None);
}

#[test]
fn expiry_is_to_the_second() {
    let expired = Err(RefreshRefusal::Expired);
    let at_end = found(public(), [session(1)]);
    assert_eq!(answer(at_end, after(1_200)), expired);
    let generations = || [spent(1, after(1_190)), session(2)];
    assert_eq!(
        answer(found(public(), generations()), after(1_199)),
        Ok(jti(2))
    );
    assert_eq!(
        answer(found(public(), generations()), after(1_200)),
        expired
    );
    let under = |expires_at| Grant {
        expires_at,
        ..grant(&public())
    };
    let generations = || [spent(1, NOW), session(2)];
    let found = |seconds| found_under(public(), under(after(seconds)), generations());
    assert_eq!(answer(found(10), after(9)), Ok(jti(2)));
    assert_eq!(answer(found(10), after(10)), expired);
}

#[test]
fn a_token_of_another_client_is_refused_and_ends_nothing() {
    let stolen = found_under(
        confidential(),
        grant(&public()),
        [spent(1, NOW), session(2)],
    );
    let refused = answer(stolen, after(60)).unwrap_err();
    assert_eq!(refused, RefreshRefusal::OtherClient);
}

#[test]
fn the_client_is_judged_before_its_token() {
    let refused = |found, credentials: &ClientCredentials| {
        answer_to(credentials, found, after(60)).unwrap_err()
    };
    let generations = || [spent(1, NOW), session(2)];
    let not_proven = RefreshRefusal::Client(AuthenticationFailure::Refused);
    let wrong = refused(
        found(confidential(), generations()),
        &credentials(&public()),
    );
    assert_eq!(wrong, not_proven);
    let nobody = Found {
        client: None,
        ..found(public(), generations())
    };
    assert_eq!(refused(nobody, &credentials(&public())), not_proven);
    let may_not = Client {
        grant_types: vec![GrantType::AuthorizationCode],
        ..public()
    };
    assert_eq!(
        refused(found(may_not, generations()), &credentials(&public())),
        RefreshRefusal::UnauthorizedClient
    );
}

#[test]
fn a_token_of_no_session_is_unknown() {
    let nothing = Found {
        client: Some(public()),
        presented: None,
        proof: ProofVerdict::Counts,
    };
    assert_eq!(answer(nothing, NOW), Err(RefreshRefusal::Unknown));
}

const GRACE: Lifetime = Lifetime::from_seconds(30);

fn key(first: &str) -> Thumbprint {
    Thumbprint::parse(&format!(
        "{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    ))
    .unwrap()
}

/// What is told to whoever proves `proved`, if anything, for a grant that is bound to `bound`.
fn proving<const N: usize>(
    client: Client,
    (bound, proved): (Option<&str>, Option<&str>),
    (generations, verdict): ([Session; N], ProofVerdict),
    now: Timestamp,
) -> Result<JwtId, RefreshRefusal> {
    let mut grant = grant(&client);
    grant.details.jkt = bound.map(key);
    let credentials = credentials(&client);
    let proof = proved.map(|proved| CheckedProof {
        jkt: key(proved),
        id: SecretHash::of("a proof"),
        expires_at: after(1_800),
    });
    let presented = jti(1);
    let rotation = Rotation {
        presented: &presented,
        credentials: &credentials,
        next: NextSession {
            refresh_jti: JwtId::parse("not created").unwrap(),
            access_jti: JwtId::parse("at-new").unwrap(),
            expires_at: now.plus(Lifetimes::default().refresh_token),
            access_token: None,
        },
        at: now,
        proof: proof
            .as_ref()
            .map(|proof| ProofUse::repeatable(proof, "rt-1", GRACE, now)),
    };
    let found = Found {
        proof: verdict,
        ..found_under(client, grant, generations)
    };
    Ok(decide(found, &rotation, &Lifetimes::default())?
        .session
        .refresh_jti)
}

#[test]
fn from_the_grace_time_on_whoever_proves_the_key_gets_the_successor_that_nobody_used() {
    let lost = || ([spent(1, NOW), session(2)], ProofVerdict::Counts);
    for seconds in [0, 29, 30, 600] {
        let answer = proving(public(), (Some("0"), Some("0")), lost(), after(seconds));
        assert_eq!(answer, Ok(jti(2)), "{seconds}");
    }
    let used = [spent(1, NOW), spent(2, after(10)), session(3)];
    let used = (used, ProofVerdict::Counts);
    let answer = proving(public(), (Some("0"), Some("0")), used, after(30));
    assert_eq!(answer, replayed());
}

#[test]
fn whoever_fails_to_prove_the_key_ends_nothing_however_late() {
    use ProofVerdict::{Counts, Used};
    for (keys, verdict, expected) in [
        ((Some("0"), None), Counts, ProofRefusal::Required),
        ((Some("0"), Some("1")), Counts, ProofRefusal::OtherKey),
        ((Some("0"), Some("0")), Used, ProofRefusal::Used),
        ((None, Some("0")), Counts, ProofRefusal::NotBound),
    ] {
        for seconds in [0, 30, 600] {
            let spent = ([spent(1, NOW), spent(2, NOW), session(3)], verdict);
            let refused = proving(public(), keys, spent, after(seconds)).unwrap_err();
            assert_eq!(refused, RefreshRefusal::Proof(expected));
            assert_eq!(refused.ends(), None);
        }
    }
    let spent = || ([spent(1, NOW), session(2)], Counts);
    let answer = proving(confidential(), (None, Some("0")), spent(), after(60));
    assert_eq!(answer, Ok(jti(2)));
}

#[test]
fn a_refresh_token_stays_for_whoever_proves_its_key() {
    let persistent = || Client {
        refresh_behaviour: RefreshBehaviour::Persistent,
        ..public()
    };
    let active = || ([session(1)], ProofVerdict::Counts);
    let stays = proving(persistent(), (Some("0"), Some("0")), active(), NOW);
    assert_eq!(stays, Ok(jti(1)));
    // A bearer's rotates: that the store has not done it is worth another try.
    let rotates = proving(persistent(), (None, None), active(), NOW);
    assert_eq!(rotates, Err(RefreshRefusal::Unsettled));
}

fn check(scope: &str, caller: &Client, grant: Option<&Grant>) -> Result<(), RefreshRefusal> {
    let wish = Wish {
        scope: Some(Scope::parse(scope).unwrap()),
        details: None,
    };
    check_wish(&wish, &credentials(caller), Some(public()), grant, NOW)
}

#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let granted = Grant {
        scope: Scope::parse("openid read write").unwrap(),
        ..grant(&public())
    };
    for less in ["read", "openid read", "write openid read"] {
        assert_eq!(check(less, &public(), Some(&granted)), Ok(()), "{less}");
    }
    for more in ["admin", "read admin", "openid read write email"] {
        let refused = check(more, &public(), Some(&granted));
        assert_eq!(refused, Err(RefreshRefusal::ScopeExceeded), "{more}");
    }
}

#[test]
fn a_refresh_may_ask_for_fewer_details_and_never_for_more() {
    let read = |text: &str| AuthorizationDetails::read(Some(text)).unwrap();
    let granted = Grant {
        details: GrantDetails {
            authorization_details: read(r#"[{"type":"t","actions":["read","write"]}]"#).unwrap(),
            ..GrantDetails::default()
        },
        ..grant(&public())
    };
    let check = |text| {
        let wish = Wish {
            scope: None,
            details: read(text),
        };
        let caller = credentials(&public());
        check_wish(&wish, &caller, Some(public()), Some(&granted), NOW)
    };
    assert_eq!(check(r#"[{"type":"t","actions":["read"]}]"#), Ok(()));
    for more in [
        r#"[{"type":"t","actions":["read","delete"]}]"#,
        r#"[{"type":"t"}]"#,
        r#"[{"type":"t","actions":["read"]},{"type":"u"}]"#,
    ] {
        assert_eq!(check(more), Err(InvalidDetails.into()), "{more}");
    }
}

#[test]
fn what_is_refused_anyway_is_not_told_about_its_scope() {
    let ended = Grant {
        status: GrantStatus::Ended(EndReason::Replayed),
        ..grant(&public())
    };
    let ended = check("admin", &public(), Some(&ended));
    assert_eq!(ended, Err(RefreshRefusal::Ended(EndReason::Replayed)));
    let stranger = check("read", &confidential(), Some(&grant(&public())));
    let refused = RefreshRefusal::Client(AuthenticationFailure::Refused);
    assert_eq!(stranger, Err(refused));
    let unknown = check("read", &public(), None);
    assert_eq!(unknown, Err(RefreshRefusal::Unknown));
}
