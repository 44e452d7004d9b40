use super::*;
use crate::authorize::SignIn;
use crate::authorize::tests::request;
use crate::client::Client;
use crate::client::tests::{authenticated, confidential, public};
use crate::dpop::Thumbprint;
use crate::grant::tests::{NOW, after, terms};
use crate::grant::{AuthenticationMethod, GrantStatus, SessionStatus};
use crate::status_list::StatusIndex;
use crate::time::Lifetime;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn lifetimes() -> Lifetimes {
    Lifetimes::default()
}

fn record() -> CodeRecord {
    let sign_in = SignIn {
        id: crate::id::SignInId::parse("s1").unwrap(),
        browser: BrowserId::parse("b1").unwrap(),
        subject: Subject::parse("u1").unwrap(),
        auth_time: Timestamp::from_seconds(NOW.seconds() - 100),
        amr: vec![AuthenticationMethod::Password],
        expires_at: after(1_000),
    };
    let mut request = request("scope=openid+read&nonce=n1");
    request.challenge = Some(CodeChallenge::of(&CodeVerifier::new(VERIFIER)).unwrap());
    let permission = Permission::unasked(sign_in, &request);
    issue(&request, &permission, &code(), &lifetimes(), NOW)
}

fn code() -> AuthorizationCode {
    AuthorizationCode::new("c0de")
}

fn presented() -> CodeRequest {
    CodeRequest {
        code: code(),
        redirect_uri: None,
        verifier: CodeVerifier::new(VERIFIER),
        wish: Wish::default(),
    }
}

fn ids() -> NewIds {
    NewIds {
        grant: GrantId::parse("g1").unwrap(),
        refresh_jti: JwtId::parse("rt-1").unwrap(),
        access_jti: JwtId::parse("at-1").unwrap(),
    }
}

fn redeem(
    record: Option<CodeRecord>,
    request: &CodeRequest,
    now: Timestamp,
) -> Result<Redemption, CodeRefusal> {
    let client = authenticated(public());
    decide(record, request, &client, ids(), terms(now))
}

fn refused(record: Option<CodeRecord>, request: &CodeRequest, now: Timestamp) -> CodeRefusal {
    redeem(record, request, now).unwrap_err()
}

/// The code, redeemed at [`NOW`].
fn redeemed() -> CodeRecord {
    let grant_id = GrantId::parse("first").unwrap();
    CodeRecord {
        status: CodeStatus::Redeemed { at: NOW, grant_id },
        ..record()
    }
}

#[test]
fn a_code_carries_the_request_and_the_sign_in_and_not_itself() {
    let record = record();
    assert!(record.hash.matches(code().hash()));
    assert!(!format!("{record:?}").contains("c0de"));
    assert_eq!(record.client_id, public().id);
    assert_eq!(
        record.redirect_uri.as_str(),
        "http://localhost:3001/callback"
    );
    assert_eq!(record.subject.as_str(), "u1");
    assert_eq!(record.auth_time.seconds(), NOW.seconds() - 100);
    assert_eq!(record.details.amr, [AuthenticationMethod::Password]);
    assert_eq!(record.scope.to_string(), "openid read");
    assert_eq!(record.nonce, Some(Nonce::parse("n1").unwrap()));
    assert_eq!(record.expires_at, after(60));
    assert_eq!(record.status, CodeStatus::Unused);
}

#[test]
fn a_redemption_creates_a_grant_and_its_first_generation() {
    let made = redeem(Some(record()), &presented(), after(5)).unwrap();
    assert!(made.code.matches(code().hash()));
    assert_eq!((made.at, made.nonce), (after(5), record().nonce));
    let expected = Grant {
        id: ids().grant,
        browser: record().browser,
        subject: record().subject,
        client_id: public().id,
        scope: record().scope,
        audience: record().audience,
        auth_time: record().auth_time,
        details: record().details,
        status: GrantStatus::Active,
        created_at: after(5),
        expires_at: after(5).plus(lifetimes().grant),
        status_index: StatusIndex::NONE,
    };
    assert_eq!(made.grant, expected);
    let expected = Session {
        refresh_jti: ids().refresh_jti,
        grant_id: ids().grant,
        access_jti: ids().access_jti,
        generation: 1,
        issued_at: after(5),
        expires_at: after(5).plus(lifetimes().refresh_token),
        status: SessionStatus::Active,
    };
    assert_eq!(made.session, expected);
}

fn key(first: &str) -> Thumbprint {
    Thumbprint::parse(&format!(
        "{first}ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    ))
    .unwrap()
}

fn proving(
    record: CodeRecord,
    client: Client,
    proved: Option<&Thumbprint>,
    now: Timestamp,
) -> Result<Redemption, CodeRefusal> {
    let terms = Terms {
        key: proved,
        ..terms(now)
    };
    let record = CodeRecord {
        client_id: client.id.clone(),
        ..record
    };
    let client = authenticated(client);
    decide(Some(record), &presented(), &client, ids(), terms)
}

#[test]
fn a_bound_code_needs_its_key_and_nothing_is_told_or_ended_without() {
    for status in [CodeStatus::Unused, redeemed().status] {
        let bound = || CodeRecord {
            details: GrantDetails {
                jkt: Some(key("0")),
                ..record().details
            },
            status: status.clone(),
            ..record()
        };
        for (proved, expected) in [
            (None, ProofRefusal::Required),
            (Some(key("1")), ProofRefusal::OtherKey),
        ] {
            let refused = proving(bound(), public(), proved.as_ref(), after(40)).unwrap_err();
            assert_eq!(refused, CodeRefusal::Proof(expected));
            assert_eq!(refused.ends(), None);
        }
        let answer = proving(bound(), public(), Some(&key("0")), after(40));
        assert_eq!(answer.is_ok(), status == CodeStatus::Unused);
    }
}

#[test]
fn a_public_clients_grant_is_bound_to_the_key_that_was_proved() {
    let bound_to = |client, proved: Option<&Thumbprint>| {
        let made = proving(record(), client, proved, NOW).unwrap();
        made.grant.details.jkt
    };
    assert_eq!(bound_to(public(), Some(&key("0"))), Some(key("0")));
    assert_eq!(bound_to(public(), None), None);
    assert_eq!(bound_to(confidential(), Some(&key("0"))), None);
}

#[test]
fn a_refresh_token_never_outlives_its_grant() {
    let lifetimes = Lifetimes {
        grant: Lifetime::from_minutes(1),
        ..lifetimes()
    };
    let client = authenticated(public());
    let terms = Terms {
        lifetimes: &lifetimes,
        ..terms(NOW)
    };
    let made = decide(Some(record()), &presented(), &client, ids(), terms);
    let made = made.unwrap();
    assert_eq!(made.session.expires_at, after(60));
    assert_eq!(made.grant.expires_at, after(60));
}

#[test]
fn the_redirect_uri_may_be_left_out_but_not_be_another() {
    let with = |uri: &str| CodeRequest {
        redirect_uri: Some(RedirectUri::parse(uri).unwrap()),
        ..presented()
    };
    assert!(redeem(Some(record()), &with("http://localhost:3001/callback"), NOW).is_ok());
    let refusal = refused(
        Some(record()),
        &with("http://localhost:3001/callback/"),
        NOW,
    );
    assert_eq!(refusal, CodeRefusal::RedirectMismatch);
}

#[test]
fn a_code_ends_to_the_second() {
    assert!(redeem(Some(record()), &presented(), after(59)).is_ok());
    let refusal = refused(Some(record()), &presented(), after(60));
    assert_eq!(refusal, CodeRefusal::Expired);
}

#[test]
fn a_code_of_another_client_or_of_nobody_is_refused() {
    let theirs = CodeRecord {
        client_id: confidential().id,
        ..record()
    };
    let refusal = refused(Some(theirs), &presented(), NOW);
    assert_eq!(refusal, CodeRefusal::OtherClient);
    assert_eq!(refused(None, &presented(), NOW), CodeRefusal::Unknown);
}

#[test]
fn only_the_verifier_of_the_challenge_redeems() {
    let with = |verifier: &str| CodeRequest {
        verifier: CodeVerifier::new(verifier),
        ..presented()
    };
    let other = refused(Some(record()), &with(&"x".repeat(43)), NOW);
    assert_eq!(other, CodeRefusal::Pkce(PkceError::Mismatch));
    let malformed = refused(Some(record()), &with("short"), NOW);
    assert_eq!(malformed, CodeRefusal::Pkce(PkceError::MalformedVerifier));
}

#[test]
fn a_client_without_the_grant_type_is_refused_whatever_it_presents() {
    let client = authenticated(Client {
        grant_types: vec![GrantType::RefreshToken],
        ..public()
    });
    let refusal = decide(None, &presented(), &client, ids(), terms(NOW));
    assert_eq!(refusal.unwrap_err(), CodeRefusal::UnauthorizedClient);
}

#[test]
fn a_second_use_with_the_verifier_is_a_double_submit_within_the_grace_time_and_then_a_replay() {
    for seconds in [0, 29] {
        let refusal = refused(Some(redeemed()), &presented(), after(seconds));
        assert_eq!(refusal, CodeRefusal::AlreadyRedeemed, "{seconds}");
        assert_eq!(refusal.ends(), None);
    }
    let first = GrantId::parse("first").unwrap();
    for seconds in [30, 60, 86_400] {
        let refusal = refused(Some(redeemed()), &presented(), after(seconds));
        assert_eq!(refusal, CodeRefusal::Replayed(first.clone()), "{seconds}");
        assert_eq!(refusal.ends(), Some((&first, EndReason::CodeReplayed)));
    }
}

#[test]
fn a_second_use_without_the_verifier_ends_nothing() {
    let stranger = CodeRequest {
        verifier: CodeVerifier::new("x".repeat(43)),
        ..presented()
    };
    let refusal = refused(Some(redeemed()), &stranger, after(60));
    assert_eq!(refusal, CodeRefusal::Pkce(PkceError::Mismatch));
    assert_eq!(refusal.ends(), None);
}

#[test]
fn what_is_redeemed_at_once_ends_with_its_access_token() {
    let ids = NewIds {
        grant: GrantId::parse("g1").unwrap(),
        refresh_jti: JwtId::parse("rt-1").unwrap(),
        access_jti: JwtId::parse("at-1").unwrap(),
    };
    let record = CodeRecord {
        challenge: CodeChallenge::of_nobody(),
        ..record()
    };
    let hash = record.hash;
    let redemption = at_once(record, &public(), ids, terms(NOW));
    assert!(redemption.code.matches(hash));
    let ends = NOW.plus(lifetimes().access_token);
    assert_eq!(redemption.grant.expires_at, ends);
    assert_eq!(redemption.session.expires_at, ends);
    assert_eq!(redemption.grant.scope.to_string(), "openid read");
}
