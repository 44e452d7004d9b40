use super::*;
use crate::rp::failure::WireText;

const START: i64 = 1_700_000_000;

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access: AccessToken::new(access),
        refresh: refresh.map(RefreshToken::new),
        id_token: None,
        expires_in: Some(Lifetime::from_seconds(300)),
        bound: false,
    }
}

fn at(seconds: i64) -> Clock {
    Clock::at(Timestamp::from_seconds(START + seconds))
}

fn signed_in() -> ClientSession {
    let mut session = ClientSession::default();
    session.sign_in(tokens("a1", Some("r1")), at(0));
    session
}

fn record(session: &ClientSession) -> Vec<(&'static str, String)> {
    let mut record = Vec::new();
    session.write_record(&mut |name, value| record.push((name, value.to_owned())));
    record
}

fn read(record: &[(&'static str, String)]) -> ClientSession {
    ClientSession::from_record(&|name| {
        let found = record.iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| value.as_str())
    })
}

fn copy(session: &ClientSession) -> ClientSession {
    read(&record(session))
}

fn held(session: &ClientSession) -> (&str, Option<&str>) {
    let tokens = session.tokens().unwrap();
    (
        tokens.access.expose(),
        tokens.refresh.as_ref().map(RefreshToken::expose),
    )
}

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let mut session = signed_in();
    session.renew(tokens("a2", None), at(10));
    assert_eq!(held(&session), ("a2", Some("r1")));
}

#[test]
fn a_refresh_keeps_its_first_name_until_it_has_renewed() {
    let mut session = signed_in();
    session.name_refresh("first");
    session.name_refresh("second");
    let mut other = copy(&session);
    other.name_refresh("third");
    assert!(record(&other).contains(&("key", "first".to_owned())));
    other.renew(tokens("a2", Some("r2")), at(10));
    assert!(record(&other).iter().all(|(name, _)| *name != "key"));
    // Who signs in anew, or out, begins anew.
    session.sign_in(tokens("a3", Some("r3")), at(20));
    assert!(record(&session).iter().all(|(name, _)| *name != "key"));
    session.name_refresh("fourth");
    session.sign_out(None);
    assert!(record(&session).iter().all(|(name, _)| *name != "key"));
}

#[test]
fn a_session_survives_the_store() {
    let mut session = signed_in();
    session.renew(tokens("a2", Some("r2")), at(10));
    let restored = copy(&session);
    assert_eq!(held(&restored), ("a2", Some("r2")));
    assert_eq!(restored.generation(), session.generation());
    let now = Timestamp::from_seconds(START + 20);
    assert_eq!(restored.due(now), session.due(now));
    assert!(record(&ClientSession::default()).is_empty());
}

#[test]
fn what_no_version_has_written_is_nothing() {
    let whole = record(&signed_in());
    for (name, value) in [("v", "1"), ("v", ""), ("sign_in", "x"), ("renewals", "")] {
        let mut other = whole.clone();
        for field in &mut other {
            if field.0 == name {
                value.clone_into(&mut field.1);
            }
        }
        assert!(read(&other).tokens().is_none(), "{name}={value}");
        let mut session = signed_in();
        session.adopt(read(&other));
        assert_eq!(held(&session), ("a1", Some("r1")));
    }
}

#[test]
fn what_another_tab_renewed_is_adopted_and_never_given_back() {
    let mut first = signed_in();
    let mut second = copy(&first);
    let old = record(&first);
    first.renew(tokens("a2", Some("r2")), at(10));
    second.adopt(copy(&first));
    assert_eq!(held(&second), ("a2", Some("r2")));
    second.adopt(read(&old));
    assert_eq!(held(&second), ("a2", Some("r2")));
}

#[test]
fn of_two_that_renewed_as_often_the_one_in_the_store_counts() {
    let mut first = signed_in();
    let mut second = copy(&first);
    first.renew(tokens("a2", Some("r2")), at(10));
    second.renew(tokens("b2", Some("r2")), at(10));
    first.adopt(copy(&second));
    assert_eq!(held(&first), ("b2", Some("r2")));
}

#[test]
fn a_session_that_has_ended_anywhere_has_ended_everywhere() {
    let mut here = signed_in();
    let mut there = copy(&here);
    let before = record(&here);
    there.renew(tokens("a2", Some("r2")), at(10));
    here.sign_out(Some(WireText::of("revoked")));
    assert!(here.tokens().is_none());
    // Neither an older nor a newer copy brings it back.
    here.adopt(read(&before));
    here.adopt(copy(&there));
    assert!(here.tokens().is_none());
    there.adopt(copy(&here));
    assert!(there.tokens().is_none());
    assert_eq!(there.ended().map(WireText::as_str), Some("revoked"));
}

#[test]
fn a_later_sign_in_counts_whoever_did_what_before() {
    let mut first = signed_in();
    let mut second = copy(&first);
    first.sign_out(None);
    first.sign_in(tokens("b1", Some("s1")), at(60));
    for _ in 0..5 {
        second.renew(tokens("a2", Some("r2")), at(60));
    }
    first.adopt(copy(&second));
    assert_eq!(held(&first), ("b1", Some("s1")));
    second.adopt(copy(&first));
    assert_eq!(held(&second), ("b1", Some("s1")));
    first.sign_out(None);
    second.adopt(copy(&first));
    assert!(second.tokens().is_none());
    // A clock that was set back does not make the next sign-in an old one.
    first.sign_in(tokens("c1", Some("t1")), at(-3_600));
    second.adopt(copy(&first));
    assert_eq!(held(&second), ("c1", Some("t1")));
}

#[test]
fn a_token_is_due_a_little_before_it_expires() {
    let session = signed_in();
    let due = |seconds| {
        session
            .due(Timestamp::from_seconds(START + seconds))
            .unwrap()
    };
    let (soon, stale) = (240, 290);
    assert_eq!(due(0), Due { soon, stale });
    assert_eq!(
        due(280),
        Due {
            soon: -40,
            stale: 10
        }
    );
    let mut short = ClientSession::default();
    let ten_seconds = Tokens {
        expires_in: Some(Lifetime::from_seconds(10)),
        ..tokens("a", None)
    };
    short.sign_in(ten_seconds, at(0));
    let (soon, stale) = (8, 10);
    let now = Timestamp::from_seconds(START);
    assert_eq!(short.due(now), Some(Due { soon, stale }));
    let mut unknown = ClientSession::default();
    let silent = Tokens {
        expires_in: None,
        ..tokens("a", None)
    };
    unknown.sign_in(silent, at(0));
    assert_eq!(unknown.due(now), None);
}

#[test]
fn a_clock_that_is_wrong_makes_no_token_old() {
    for skew in [-86_400, 0, 3_600] {
        let clock = Clock {
            now: Timestamp::from_seconds(START),
            server: Some(Timestamp::from_seconds(START + skew)),
        };
        let mut session = ClientSession::default();
        session.sign_in(tokens("a", Some("r")), clock);
        assert_eq!(session.skew(), skew);
        // In this tab and in one that reads it from the store.
        for session in [&session, &copy(&session)] {
            let due = session.due(Timestamp::from_seconds(START + 10)).unwrap();
            assert_eq!(due.soon, 230, "{skew}");
        }
    }
}

#[test]
fn a_number_is_written_and_read_whole() {
    for whole in [0, 7, -1, 1_700_000_000, -86_400, 999_999_999_999_999] {
        assert_eq!(number(&digits(whole)), Some(whole));
    }
    for bad in ["", "-", "+1", "1.5", " 1", "1000000000000000", "0x1", "--1"] {
        assert_eq!(number(bad), None, "{bad:?}");
    }
}
