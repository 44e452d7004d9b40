use super::super::registration::tests::registration;
use super::*;
use crate::rp::failure::ErrorResponse;
use crate::rp::metadata::MetadataError;

const POLICY: Policy = Policy {
    idle: Lifetime::from_minutes(60),
    absolute: Lifetime::from_days(1),
};

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn session(expires_in: Option<u32>, has_refresh_token: bool) -> Session {
    let identity = Identity {
        subject: Subject::parse("u1").unwrap(),
        sid: None,
        user: Claims::new(),
    };
    let term = Term {
        expires_in: expires_in.map(Lifetime::from_seconds),
        has_refresh_token,
    };
    Session::begin(&home(), identity, term, at(0))
}

fn home() -> Registration {
    registration("")
}

fn plan(session: &Session, seconds: i64) -> Plan {
    session.plan(Need::Token, &POLICY, at(seconds))
}

fn busy(retry_after: Option<u32>) -> Failure {
    Failure::Busy {
        retry_after: retry_after.map(Lifetime::from_seconds),
    }
}

fn refused(error: &str) -> Failure {
    Failure::of_answer(
        400,
        None,
        Some(ErrorResponse {
            error,
            gatepass_reason: None,
        }),
    )
}

#[test]
fn a_token_is_used_renewed_in_time_and_waited_for_in_the_end() {
    let session = session(Some(300), true);
    for (seconds, expected) in [
        (0, Plan::Use),
        (239, Plan::Use),
        (240, Plan::UseAndRenew),
        (294, Plan::UseAndRenew),
        (295, Plan::Renew),
        (300, Plan::Renew),
        (3_000, Plan::Renew),
    ] {
        assert_eq!(plan(&session, seconds), expected, "{seconds}");
    }
}

#[test]
fn a_clock_that_goes_back_by_a_day_keeps_nobody_from_renewing() {
    let mut session = session(Some(300), true);
    session.failed(&busy(Some(300)), &home(), at(86_400));
    session.renewed(
        Need::NewerThan(0),
        Some(Lifetime::from_seconds(300)),
        &home(),
        at(86_400),
    );
    assert_eq!(plan(&session, 0), Plan::Use);
    // Which the API does not take: it has the right time.
    let refused = session.plan(Need::NewerThan(1), &POLICY, at(0));
    assert_eq!(refused, Plan::Renew);
    session.failed(&busy(Some(300)), &home(), at(86_400));
    let refused = session.plan(Need::NewerThan(1), &POLICY, at(0));
    assert_eq!(refused, Plan::Renew);
    session.failed(&busy(Some(300)), &home(), at(1_000));
    let within = session.plan(Need::NewerThan(1), &POLICY, at(1_100));
    assert_eq!(within, Plan::HandOn);
}

#[test]
fn what_only_the_configuration_says_gives_way_to_a_sign_out() {
    let mut session = session(Some(300), true);
    assert!(session.end(Ending::Unreadable, at(1)));
    assert!(session.is_ended_by_configuration());
    assert!(!session.end(Ending::ProviderRemoved, at(2)));
    assert!(session.end(Ending::SignedOut, at(3)));
    assert!(!session.is_ended_by_configuration());
    assert!(!session.end(Ending::Unreadable, at(4)));
    assert_eq!(session.ending(&POLICY, at(5)), Some(Ending::SignedOut));
}

#[test]
fn without_its_provider_it_is_over_when_its_token_is() {
    let over = Plan::Over(Ending::ProviderRemoved);
    let planned = |session: &Session, need, seconds| {
        session.plan_without_provider(need, &POLICY, at(seconds))
    };
    let renewable = session(Some(300), true);
    for (seconds, called, refused) in [
        (0, Plan::Use, Plan::HandOn),
        (240, Plan::Use, Plan::HandOn),
        (299, Plan::Use, Plan::HandOn),
        (300, over.clone(), over.clone()),
    ] {
        assert_eq!(planned(&renewable, Need::Token, seconds), called);
        assert_eq!(planned(&renewable, Need::NewerThan(0), seconds), refused);
    }
    // Of a token that never ends, the API says when it is over.
    let endless = session(None, true);
    assert_eq!(planned(&endless, Need::Token, 3_000), Plan::Use);
    assert_eq!(planned(&endless, Need::NewerThan(0), 3_000), over);
    let mut failing = session(Some(300), true);
    failing.failed(&busy(Some(200)), &home(), at(200));
    assert_eq!(planned(&failing, Need::Token, 310), over);
    // What else ends it goes first.
    let idle = Plan::Over(Ending::Idle);
    assert_eq!(planned(&renewable, Need::Token, 3_600), idle);
}

#[test]
fn a_short_life_is_divided_in_the_same_way() {
    let session = session(Some(10), true);
    for (seconds, expected) in [(7, Plan::Use), (8, Plan::UseAndRenew), (9, Plan::Renew)] {
        assert_eq!(plan(&session, seconds), expected, "{seconds}");
    }
    assert_eq!(plan(&self::session(Some(0), true), 0), Plan::Renew);
    assert_eq!(plan(&self::session(None, true), 3_000), Plan::Use);
}

#[test]
fn without_a_refresh_token_the_session_lasts_as_long_as_the_access_token() {
    let session = session(Some(300), false);
    assert_eq!(plan(&session, 299), Plan::Use);
    assert_eq!(plan(&session, 300), Plan::Over(Ending::Expired));
}

#[test]
fn while_the_provider_fails_a_good_token_is_used_and_a_bad_one_makes_for_patience() {
    let mut session = session(Some(300), true);
    assert!(!session.failed(&Failure::Unreachable, &home(), at(240)));
    assert_eq!(plan(&session, 240), Plan::Use);
    assert_eq!(plan(&session, 241), Plan::UseAndRenew);
    assert!(!session.failed(&Failure::TimedOut, &home(), at(298)));
    assert_eq!(plan(&session, 299), Plan::Use);
    assert_eq!(plan(&session, 300), Plan::Renew);
    assert!(!session.failed(&busy(None), &home(), at(300)));
    assert_eq!(
        plan(&session, 301),
        Plan::Unavailable(Lifetime::from_seconds(3))
    );
    assert_eq!(plan(&session, 304), Plan::Renew);
    session.renewed(
        Need::Token,
        Some(Lifetime::from_seconds(300)),
        &home(),
        at(304),
    );
    assert_eq!((session.generation, plan(&session, 305)), (1, Plan::Use));
}

#[test]
fn pauses_double_up_to_a_minute_and_the_provider_may_ask_for_five() {
    let mut session = session(Some(0), true);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        session.failed(&Failure::Unreachable, &home(), at(0));
        assert_eq!(
            plan(&session, 0),
            Plan::Unavailable(Lifetime::from_seconds(expected))
        );
    }
    for _ in 0..100 {
        session.failed(&Failure::Unreachable, &home(), at(0));
        let pause = Plan::Unavailable(Lifetime::from_seconds(60));
        assert_eq!(plan(&session, 0), pause);
    }
    session.failed(&busy(Some(100)), &home(), at(0));
    assert_eq!(
        plan(&session, 0),
        Plan::Unavailable(Lifetime::from_seconds(100))
    );
    session.failed(&busy(Some(9_999)), &home(), at(0));
    assert_eq!(
        plan(&session, 0),
        Plan::Unavailable(Lifetime::from_minutes(5))
    );
}

#[test]
fn only_invalid_grant_ends_it_and_the_reason_stays() {
    for passing in [
        Failure::Unreachable,
        Failure::TimedOut,
        busy(Some(1)),
        Failure::Unreadable { status: 200 },
        Failure::Discovery(MetadataError::OtherIssuer),
        refused("invalid_client"),
        refused("invalid_request"),
        refused("server_error"),
    ] {
        let mut session = session(Some(0), true);
        assert!(!session.failed(&passing, &home(), at(0)), "{passing:?}");
        assert!(!session.is_ended());
    }
    let mut session = session(Some(0), true);
    assert!(session.failed(&refused("invalid_grant"), &home(), at(0)));
    let ending = Ending::Refused(WireText::of("invalid_grant"));
    assert_eq!(plan(&session, 1), Plan::Over(ending.clone()));
    session.end(Ending::SignedOut, at(2));
    assert_eq!(session.ending(&POLICY, at(3)), Some(ending));
    assert_eq!(session.due_at(&POLICY), at(7 * 86_400));
}

#[test]
fn a_refusal_by_an_api_makes_for_one_renewal() {
    let mut session = session(Some(300), true);
    let newer = |session: &Session, generation, seconds| {
        session.plan(Need::NewerThan(generation), &POLICY, at(seconds))
    };
    assert_eq!(newer(&session, 0, 1), Plan::Renew);
    // Whoever is refused meanwhile waits for the same renewal.
    assert_eq!(newer(&session, 0, 1), Plan::Renew);
    session.renewed(
        Need::NewerThan(0),
        Some(Lifetime::from_seconds(300)),
        &home(),
        at(2),
    );
    // Whoever was refused with the earlier token, too, has the new one at once.
    assert_eq!(newer(&session, 0, 3), Plan::Use);
    // The new one is refused, too: not because of its age.
    assert_eq!(newer(&session, 1, 3), Plan::HandOn);
    assert_eq!(newer(&session, 1, 12), Plan::Renew);
    session.failed(&Failure::Unreachable, &home(), at(12));
    assert_eq!(newer(&session, 1, 12), Plan::HandOn);
    assert_eq!(newer(&self::session(None, false), 0, 1), Plan::HandOn);
}

#[test]
fn it_ends_when_nobody_uses_it_and_when_its_time_is_over() {
    let mut session = session(None, true);
    assert_eq!(plan(&session, 3_599), Plan::Use);
    assert_eq!(plan(&session, 3_600), Plan::Over(Ending::Idle));
    assert!(!session.touch(&POLICY, at(60)));
    assert!(session.touch(&POLICY, at(61)));
    assert_eq!(session.expires_at(&POLICY), at(3_661));
    for time in 1..29 {
        session.touch(&POLICY, at(time * 3_000));
    }
    assert_eq!(session.expires_at(&POLICY), at(86_400));
    assert_eq!(plan(&session, 86_399), Plan::Use);
    assert_eq!(plan(&session, 86_400), Plan::Over(Ending::Expired));
}

#[test]
fn what_comes_after_is_later() {
    let first = session(Some(300), true);
    let mut renewed = first.clone();
    renewed.renewed(Need::Token, None, &home(), at(1));
    let mut ended = renewed.clone();
    ended.end(Ending::SignedOut, at(2));
    let mut next = first.clone();
    next.began = at(1);
    let order = [first, renewed, ended, next];
    for (i, earlier) in order.iter().enumerate() {
        for (j, later) in order.iter().enumerate() {
            assert_eq!(later.is_later_than(earlier), j > i, "{i} {j}");
        }
    }
}

#[test]
fn it_survives_the_store() {
    let mut session = session(Some(300), true);
    session.end(Ending::Refused(WireText::of("replayed")), at(5));
    let text = serde_json::to_string(&session).unwrap();
    let read: Session = serde_json::from_str(&text).unwrap();
    assert_eq!(read.ending(&POLICY, at(6)).unwrap().as_str(), "replayed");
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    for ending in [
        "signed_out",
        "signed_out_at_provider",
        "replaced",
        "idle",
        "expired",
        "x",
    ] {
        assert_eq!(String::from(Ending::from(ending.to_owned())), ending);
    }
}

#[test]
fn another_provider_or_client_that_does_not_know_the_tokens_ends_nothing_for_good() {
    let elsewhere = |from, to| {
        let mut other = registration("");
        if from == "client" {
            other.client_id = crate::id::ClientId::parse(to).unwrap();
        } else {
            other.issuer = crate::id::Issuer::parse(to).unwrap();
        }
        other
    };
    let unknown = refused("invalid_grant");
    for other in [
        elsewhere("client", "other"),
        elsewhere("issuer", "https://new.example"),
    ] {
        let mut wrong = session(Some(300), true);
        assert!(!wrong.failed(&unknown, &other, at(300)));
        assert!(wrong.is_unknown_at(&other) && !wrong.is_unknown_at(&home()));
        assert_eq!(plan(&wrong, 300), Plan::Renew);
        // It has moved, and knows them: from then on it counts what it says.
        let mut moved = session(Some(300), true);
        moved.renewed(Need::Token, None, &other, at(1));
        assert!(moved.failed(&unknown, &other, at(2)));
        assert!(moved.is_ended() && !moved.is_unknown_at(&other));
    }
}
