use super::*;
use crate::rp::failure::tests::refused;
use crate::secret::AccessToken;
use crate::time::{Lifetime, Timestamp};

const START: i64 = 1_700_000_000;

fn tokens(access: &str, refresh: &str) -> Tokens {
    Tokens {
        access: AccessToken::new(access),
        refresh: Some(RefreshToken::new(refresh)),
        id_token: None,
        expires_in: Some(Lifetime::from_seconds(300)),
        bound: false,
    }
}

fn clock() -> Clock {
    Clock::at(Timestamp::from_seconds(START))
}

fn signed_in() -> ClientSession {
    let mut session = ClientSession::default();
    session.sign_in(tokens("a1", "r1"), clock());
    session
}

fn held(session: &ClientSession) -> (&str, &str) {
    let tokens = session.tokens().unwrap();
    (
        tokens.access.expose(),
        tokens.refresh.as_ref().unwrap().expose(),
    )
}

/// A tab in the middle of a refresh.
struct Tab {
    session: ClientSession,
    circuit: Circuit,
    flight: Flight,
    elapsed_ms: i64,
}

impl Tab {
    fn new(session: ClientSession) -> Self {
        let circuit = Circuit::default();
        Self {
            flight: Flight::begin(&session, circuit, 0).unwrap(),
            session,
            circuit,
            elapsed_ms: 0,
        }
    }

    fn next(&mut self, outcome: Outcome) -> Step {
        let at = Moment {
            client_id: &ClientId::parse("demo").unwrap(),
            resource: None,
            clock: clock(),
            elapsed_ms: self.elapsed_ms,
            jitter: 255,
            fresh_key: "fresh",
        };
        let (session, circuit) = (&mut self.session, &mut self.circuit);
        self.flight.next(session, circuit, outcome, at)
    }

    fn sends(&mut self, outcome: Outcome) -> String {
        match self.next(outcome) {
            Step::Send(body) => body.rsplit('=').next().unwrap().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, outcome: Outcome) -> Finished {
        match self.next(outcome) {
            Step::Done(finished) => finished,
            other => panic!("{other:?}"),
        }
    }
}

fn answer(access: &str, refresh: &str) -> Outcome {
    Outcome::Answer(Ok(tokens(access, refresh)))
}

fn failure(failure: &Failure) -> Outcome {
    Outcome::Answer(Err(failure.clone()))
}

/// The same session, renewed in another tab.
fn renewed(access: &str, refresh: &str) -> ClientSession {
    let mut other = signed_in();
    other.renew(tokens(access, refresh), clock());
    other
}

#[test]
fn a_refresh_is_sent_and_renews() {
    let mut tab = Tab::new(signed_in());
    assert_eq!(tab.sends(Outcome::Ready), "r1");
    assert!(matches!(tab.done(answer("a2", "r2")), Finished::Renewed));
    assert_eq!(held(&tab.session), ("a2", "r2"));
}

#[test]
fn nothing_is_begun_without_tokens_or_while_the_circuit_is_open() {
    let closed = Circuit::default();
    let begin = |session: &ClientSession, circuit| Flight::begin(session, circuit, 0).unwrap_err();
    assert_eq!(
        begin(&ClientSession::default(), closed),
        NotBegun::SignedOut
    );
    let mut bare = ClientSession::default();
    let access_alone = Tokens {
        refresh: None,
        ..tokens("a", "r")
    };
    bare.sign_in(access_alone, clock());
    assert_eq!(begin(&bare, closed), NotBegun::NotRefreshable);
    let open = Circuit {
        failures: 1,
        open_until_ms: 1,
    };
    assert_eq!(begin(&signed_in(), open), NotBegun::Waiting);
}

#[test]
fn what_another_tab_renewed_meanwhile_is_not_renewed_again() {
    let mut tab = Tab::new(signed_in());
    tab.session.adopt(renewed("a2", "r2"));
    assert!(matches!(tab.done(Outcome::Ready), Finished::Renewed));
    // During a pause too.
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    assert!(matches!(
        tab.next(failure(&Failure::Unreachable)),
        Step::Pause(200)
    ));
    tab.session.adopt(renewed("a2", "r2"));
    assert!(matches!(tab.done(Outcome::Ready), Finished::Renewed));
}

#[test]
fn what_another_tab_renewed_long_ago_is_renewed_again() {
    let mut long_ago = signed_in();
    let clock = Clock::at(Timestamp::from_seconds(START - 3_600));
    long_ago.renew(tokens("a2", "r2"), clock);
    let mut tab = Tab::new(signed_in());
    tab.session.adopt(long_ago);
    assert_eq!(tab.sends(Outcome::Ready), "r2");
    assert!(matches!(tab.done(answer("a3", "r3")), Finished::Renewed));
    assert_eq!(held(&tab.session), ("a3", "r3"));
}

#[test]
fn two_tabs_that_were_given_the_same_agree() {
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    tab.session.adopt(renewed("b2", "r2"));
    assert!(matches!(tab.done(answer("a2", "r2")), Finished::Renewed));
    assert_eq!(held(&tab.session), ("b2", "r2"));
}

#[test]
fn of_two_answers_that_differ_neither_is_believed() {
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    tab.session.adopt(renewed("b2", "r2"));
    // The answer is a generation further, or behind: whoever sends what is stored is told.
    assert_eq!(tab.sends(answer("a3", "r3")), "r2");
    assert!(matches!(tab.done(answer("a4", "r3")), Finished::Renewed));
    assert_eq!(held(&tab.session), ("a4", "r3"));
}

#[test]
fn only_invalid_grant_ends_the_session() {
    let passing = [
        Failure::Unreachable,
        Failure::TimedOut,
        Failure::of_answer(408, None, None),
        Failure::of_answer(429, None, None),
        Failure::of_answer(500, None, None),
        Failure::Unreadable { status: 200 },
        Failure::Unreadable { status: 404 },
        refused("invalid_client", None),
        refused("invalid_request", Some("revoked")),
    ];
    for passing in passing {
        let mut tab = Tab::new(signed_in());
        let mut sent = 0;
        let kept = loop {
            tab.sends(Outcome::Ready);
            sent += 1;
            match tab.next(failure(&passing)) {
                Step::Pause(_) => {}
                Step::Done(finished) => break finished,
                Step::Send(_) => panic!("without a pause"),
            }
        };
        assert!(sent <= 4, "{passing:?}");
        assert!(matches!(kept, Finished::Kept(kept) if kept == passing));
        assert_eq!(held(&tab.session), ("a1", "r1"));
        assert!(tab.circuit.is_open(0));
    }
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    let ended = tab.done(failure(&refused("invalid_grant", Some("expired"))));
    assert!(matches!(ended, Finished::Ended(reason) if reason.as_str() == "expired"));
    assert!(tab.session.tokens().is_none());
    assert_eq!(tab.session.ended().unwrap().as_str(), "expired");
}

#[test]
fn the_end_of_an_old_generation_does_not_end_the_new_one() {
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    tab.session.adopt(renewed("a2", "r2"));
    let refused = refused("invalid_grant", None);
    assert!(matches!(tab.done(failure(&refused)), Finished::Renewed));
    assert_eq!(held(&tab.session), ("a2", "r2"));
    // Nor does that of another sign-in.
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    tab.session.sign_in(tokens("b1", "s1"), clock());
    let finished = tab.done(failure(&refused));
    assert!(matches!(finished, Finished::Overtaken(None)));
    assert_eq!(held(&tab.session), ("b1", "s1"));
}

#[test]
fn a_sign_out_during_a_refresh_wins_and_late_tokens_come_out_to_be_revoked() {
    let mut tab = Tab::new(signed_in());
    tab.sends(Outcome::Ready);
    tab.session.sign_out(None);
    let Finished::Overtaken(Some(late)) = tab.done(answer("a2", "r2")) else {
        panic!("late tokens were kept")
    };
    assert_eq!(late.refresh.unwrap().expose(), "r2");
    assert!(tab.session.tokens().is_none());
    // Nothing more is sent.
    let mut tab = Tab::new(signed_in());
    tab.session.sign_out(None);
    let finished = tab.done(Outcome::Ready);
    assert!(matches!(finished, Finished::Overtaken(None)));
}

#[test]
fn the_last_try_is_over_before_a_retry_counts_as_a_replay() {
    let mut tab = Tab::new(signed_in());
    tab.elapsed_ms = 50_000;
    tab.sends(Outcome::Ready);
    tab.elapsed_ms += i64::from(retry::LAST_TRY_SECONDS) * 1_000 - 100;
    let lost = failure(&Failure::TimedOut);
    assert!(matches!(tab.done(lost), Finished::Kept(Failure::TimedOut)));
}

#[test]
fn the_circuit_opens_for_longer_and_longer_until_an_answer_closes_it() {
    let mut circuit = Circuit::default();
    let fail = |circuit: &mut Circuit, failure: &Failure, jitter| {
        let at = Moment {
            client_id: &ClientId::parse("demo").unwrap(),
            resource: None,
            clock: clock(),
            elapsed_ms: 0,
            jitter,
            fresh_key: "fresh",
        };
        circuit.fail(failure, at);
        circuit.open_until_ms
    };
    let breaks = [0; 6].map(|_| fail(&mut circuit, &Failure::Unreachable, 255));
    assert_eq!(breaks, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    assert_eq!(fail(&mut circuit, &Failure::Unreachable, 0), 5_000);
    circuit.hint(100);
    assert!(!circuit.is_open(100));
    // What the server asks for counts, and no hint shortens it.
    let asked = |seconds| Failure::Busy {
        retry_after: Some(Lifetime::from_seconds(seconds)),
    };
    assert_eq!(fail(&mut circuit, &asked(60), 255), 60_000);
    circuit.hint(100);
    assert!(circuit.is_open(59_999));
    assert_eq!(fail(&mut circuit, &asked(100_000), 255), 600_000);
    let mut tab = Tab::new(signed_in());
    tab.circuit.failures = 3;
    tab.sends(Outcome::Ready);
    tab.done(answer("a2", "r2"));
    assert_eq!(tab.circuit, Circuit::default());
}
