use super::super::tests::record;
use super::super::{Approval, Polling, Redeemed};
use super::*;
use crate::client::tests::{authenticated, confidential, public};
use crate::dpop::Thumbprint;
use crate::grant::tests::{NOW, after, grant, jti, session, spent, terms};
use crate::grant::{AuthenticationMethod, GrantDetails};
use crate::id::{JwtId, Subject};
use crate::secret::DeviceCode;

fn ids() -> NewIds {
    NewIds {
        grant: GrantId::parse("g1").unwrap(),
        refresh_jti: JwtId::parse("rt-1").unwrap(),
        access_jti: JwtId::parse("at-1").unwrap(),
    }
}

fn allowed() -> DeviceRecord {
    record(DeviceStatus::Allowed(Approval {
        subject: Subject::parse("u1").unwrap(),
        auth_time: NOW,
        details: GrantDetails {
            amr: vec![AuthenticationMethod::Password],
            ..GrantDetails::default()
        },
    }))
}

/// Redeemed at [`NOW`].
fn redeemed() -> DeviceRecord {
    record(DeviceStatus::Redeemed(Redeemed {
        subject: Subject::parse("u1").unwrap(),
        at: NOW,
        grant_id: GrantId::parse("g1").unwrap(),
        refresh_jti: jti(1),
    }))
}

fn made<const N: usize>(generations: [Session; N]) -> Presented {
    let mut generations = generations.into_iter();
    Presented {
        grant: grant(&public()),
        session: generations.next().unwrap(),
        successors: generations.collect(),
    }
}

fn poll(
    record: Option<DeviceRecord>,
    made: Option<Presented>,
    now: Timestamp,
) -> Result<Outcome, DeviceRefusal> {
    decide(record, made, &authenticated(public()), ids(), terms(now))
}

#[test]
fn a_device_proves_the_key_of_its_grant_with_each_poll_or_ends_nothing() {
    let key = |first| {
        let text = format!("{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        Thumbprint::parse(&text).unwrap()
    };
    let poll = |record, made, proved: Option<&Thumbprint>, now| {
        let terms = Terms {
            key: proved,
            ..terms(now)
        };
        decide(Some(record), made, &authenticated(public()), ids(), terms)
    };
    let Ok(Outcome::Redeem(redemption)) = poll(allowed(), None, Some(&key("0")), NOW) else {
        panic!("an allowed device is not redeemed")
    };
    assert_eq!(redemption.grant.details.jkt, Some(key("0")));
    let bound = || {
        let mut made = made([spent(1, NOW), session(2)]);
        made.grant.details.jkt = Some(key("0"));
        Some(made)
    };
    for (proved, expected) in [
        (None, ProofRefusal::Required),
        (Some(key("1")), ProofRefusal::OtherKey),
    ] {
        for seconds in [0, 600] {
            let refused = poll(redeemed(), bound(), proved.as_ref(), after(seconds));
            let refused = refused.unwrap_err();
            assert_eq!(refused, DeviceRefusal::Proof(expected));
            assert_eq!(refused.ends(), None);
        }
    }
    assert!(poll(redeemed(), bound(), Some(&key("0")), NOW).is_ok());
}

fn refused(record: DeviceRecord, now: Timestamp) -> DeviceRefusal {
    poll(Some(record), None, now).unwrap_err()
}

/// The refresh token that a repeated poll gets.
fn repeated(made: Presented, now: Timestamp) -> Result<JwtId, DeviceRefusal> {
    match poll(Some(redeemed()), Some(made), now)? {
        Outcome::Repeat(made) => Ok(made.session.refresh_jti),
        Outcome::Redeem(_) => panic!("redeemed twice"),
    }
}

#[test]
fn whoever_waits_is_told_to_wait_on_and_whoever_does_not_to_wait_longer() {
    let waiting = |last| DeviceRecord {
        polling: Polling {
            last,
            ..Polling::START
        },
        ..record(DeviceStatus::Pending)
    };
    assert_eq!(refused(waiting(None), NOW), DeviceRefusal::Pending);
    assert_eq!(
        refused(waiting(Some(NOW)), after(5)),
        DeviceRefusal::Pending
    );
    assert_eq!(
        refused(waiting(Some(NOW)), after(1)),
        DeviceRefusal::SlowDown
    );
    assert_eq!(refused(waiting(None), after(599)), DeviceRefusal::Pending);
    assert_eq!(refused(waiting(None), after(600)), DeviceRefusal::Expired);
    assert_eq!(
        refused(waiting(Some(after(600))), after(600)),
        DeviceRefusal::Expired
    );
}

#[test]
fn a_no_is_told_for_as_long_as_it_is_known() {
    for seconds in [0, 600, 86_400] {
        let refusal = refused(record(DeviceStatus::Denied), after(seconds));
        assert_eq!(refusal, DeviceRefusal::Denied, "{seconds}");
    }
}

#[test]
fn a_yes_makes_a_grant_that_belongs_to_no_browser_however_fast_the_poll_came() {
    let polled_just_now = DeviceRecord {
        polling: record(DeviceStatus::Pending).polling.after(after(7)),
        ..allowed()
    };
    let Outcome::Redeem(made) = poll(Some(polled_just_now), None, after(7)).unwrap() else {
        panic!("not redeemed")
    };
    assert!(made.code.matches(DeviceCode::new("d3vice").hash()));
    assert_eq!((made.at, made.nonce), (after(7), None));
    assert_eq!(made.grant.browser.as_str(), made.grant.id.as_str());
    assert_eq!(made.grant.subject.as_str(), "u1");
    assert_eq!(made.grant.client_id, public().id);
    assert_eq!(made.grant.scope.to_string(), "openid read");
    assert_eq!(made.grant.auth_time, NOW);
    assert_eq!(made.grant.details.amr, [AuthenticationMethod::Password]);
    assert_eq!(made.session.grant_id, made.grant.id);
    assert_eq!(
        (made.session.generation, made.session.issued_at),
        (1, after(7))
    );
    assert_eq!(refused(allowed(), after(600)), DeviceRefusal::Expired);
}

#[test]
fn a_lost_response_is_given_again() {
    // Within the grace time the newest generation, as for a refresh.
    assert_eq!(repeated(made([session(1)]), after(29)), Ok(jti(1)));
    let refreshed = || made([spent(1, after(3)), session(2)]);
    assert_eq!(repeated(refreshed(), after(29)), Ok(jti(2)));
    // Later, too, as long as the code lives and nobody has used what it was redeemed for.
    assert_eq!(repeated(made([session(1)]), after(599)), Ok(jti(1)));
}

#[test]
fn a_late_repeat_after_the_tokens_were_used_is_a_replay() {
    let replayed = DeviceRefusal::Replayed(GrantId::parse("g1").unwrap());
    let refreshed = || made([spent(1, after(3)), session(2)]);
    for (made, seconds) in [(refreshed(), 30), (made([session(1)]), 600)] {
        let refusal = repeated(made, after(seconds)).unwrap_err();
        assert_eq!(refusal, replayed, "{seconds}");
        let first = GrantId::parse("g1").unwrap();
        assert_eq!(refusal.ends(), Some((&first, EndReason::CodeReplayed)));
    }
}

#[test]
fn what_has_ended_is_not_given_again() {
    let ended = Presented {
        grant: Grant {
            status: GrantStatus::Ended(EndReason::Revoked),
            ..grant(&public())
        },
        ..made([session(1)])
    };
    let refusal = repeated(ended, after(1)).unwrap_err();
    assert_eq!(refusal, DeviceRefusal::Ended(EndReason::Revoked));
    assert_eq!(refusal.ends(), None);
    let grant_expired = Presented {
        grant: Grant {
            expires_at: after(1),
            ..grant(&public())
        },
        ..made([session(1)])
    };
    assert_eq!(
        repeated(grant_expired, after(1)),
        Err(DeviceRefusal::Expired)
    );
    let session_expired = made([Session {
        expires_at: after(1),
        ..session(1)
    }]);
    assert_eq!(
        repeated(session_expired, after(1)),
        Err(DeviceRefusal::Expired)
    );
    // A chain longer than the store reads back, and a grant that is being made.
    let unfinished = made([spent(1, NOW), spent(2, NOW)]);
    assert_eq!(
        repeated(unfinished, after(1)),
        Err(DeviceRefusal::Unsettled)
    );
    assert_eq!(refused(redeemed(), after(1)), DeviceRefusal::Unsettled);
}

#[test]
fn a_code_of_another_client_or_of_nobody_is_refused() {
    let refusal = poll(None, None, NOW).unwrap_err();
    assert_eq!(refusal, DeviceRefusal::Unknown);
    let theirs = DeviceRecord {
        client_id: confidential().id,
        ..allowed()
    };
    assert_eq!(refused(theirs, NOW), DeviceRefusal::OtherClient);
    let without = authenticated(Client {
        grant_types: vec![GrantType::RefreshToken],
        ..public()
    });
    let refusal = decide(Some(allowed()), None, &without, ids(), terms(NOW)).unwrap_err();
    assert_eq!(refusal, DeviceRefusal::UnauthorizedClient);
}
