use super::*;
use crate::authorize::tests::request;
use crate::authorize::{AuthorizationDetails, Progress, RefusalReason};
use crate::client::tests::public;
use crate::grant::tests::{NOW, after};
use crate::scope::Scope;
use crate::token::id::tests::hint_of;

fn visitor() -> Visitor {
    let sign_in = SignIn {
        id: SignInId::parse("s1").unwrap(),
        browser: BrowserId::parse("b1").unwrap(),
        subject: Subject::parse("u1").unwrap(),
        auth_time: NOW,
        amr: vec![AuthenticationMethod::Password],
        expires_at: after(60),
    };
    Visitor {
        sign_in,
        username: "anna".to_owned(),
        consent: None,
    }
}

fn who_answered(allowed: &str, declined: &str) -> Visitor {
    let scope = |text| Scope::parse(text).unwrap();
    let consent = Consent {
        allowed: scope(allowed),
        declined: scope(declined),
        ..Consent::default()
    };
    Visitor {
        consent: Some(consent),
        ..visitor()
    }
}

fn third_party() -> Client {
    Client {
        is_first_party: false,
        ..public()
    }
}

fn next(changes: &str, client: &Client, visitor: Option<Visitor>) -> Next {
    decide(&request(changes), client, visitor, NOW)
}

/// The request, for which the visitor has just signed in or been chosen.
fn answered(changes: &str) -> AuthorizationRequest {
    let request = request(changes);
    let progress = Progress {
        fresh_since: request.fresh_since(NOW),
        answered_by: Some(visitor().sign_in.id),
    };
    AuthorizationRequest {
        progress: Some(progress),
        ..request
    }
}

fn issued(next: Next) -> String {
    match next {
        Next::Issue(permission) => {
            assert_eq!(*permission.sign_in(), visitor().sign_in);
            permission.scope().to_string()
        }
        other => panic!("not issued: {other:?}"),
    }
}

fn refused(next: Next) -> RefusalReason {
    match next {
        Next::Refuse(refusal) => {
            assert_eq!(refusal.to.state, request("").state);
            assert_eq!(refusal.to.redirect, request("").redirect);
            refusal.reason
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn nobody_signed_in_means_to_sign_in_unless_nobody_may_be_asked() {
    for prompt in ["", "prompt=login", "prompt=consent", "max_age=0"] {
        assert!(
            matches!(next(prompt, &public(), None), Next::SignIn),
            "{prompt}"
        );
    }
    let reason = refused(next("prompt=none", &public(), None));
    assert_eq!(reason, RefusalReason::LoginRequired);
    assert_eq!(reason.code().as_str(), "login_required");
}

#[test]
fn a_live_sign_in_is_enough_unless_another_is_asked_for() {
    for prompt in ["", "prompt=none", "max_age=1"] {
        let scope = issued(next(prompt, &public(), Some(visitor())));
        assert_eq!(scope, public().scope.to_string(), "{prompt}");
    }
    for prompt in ["prompt=login", "prompt=select_account", "max_age=0"] {
        let next = next(prompt, &public(), Some(visitor()));
        assert!(matches!(next, Next::SignIn), "{prompt}");
    }
    let silent = next("prompt=none&max_age=0", &public(), Some(visitor()));
    assert_eq!(refused(silent), RefusalReason::LoginRequired);
}

#[test]
fn a_sign_in_ends_to_the_second() {
    let decide_at = |seconds| decide(&request(""), &public(), Some(visitor()), after(seconds));
    assert!(matches!(decide_at(59), Next::Issue(_)));
    assert!(matches!(decide_at(60), Next::SignIn));
    let silent = request("prompt=none");
    let silent = decide(&silent, &public(), Some(visitor()), after(60));
    assert_eq!(refused(silent), RefusalReason::LoginRequired);
    let over = decide(&answered(""), &public(), Some(visitor()), after(60));
    assert!(matches!(over, Next::SignIn));
}

#[test]
fn a_sign_in_is_young_enough_up_to_max_age_to_the_second() {
    let decide_at = |seconds| {
        let request = request("max_age=20");
        decide(&request, &public(), Some(visitor()), after(seconds))
    };
    assert!(matches!(decide_at(20), Next::Issue(_)));
    assert!(matches!(decide_at(21), Next::SignIn));
}

#[test]
fn a_sign_in_made_for_the_request_counts_in_the_same_second_and_no_other_does() {
    for changes in [
        "prompt=login",
        "max_age=0",
        "prompt=select_account",
        "prompt=login+select_account",
    ] {
        issued(decide(&answered(changes), &public(), Some(visitor()), NOW));
        let other = SignIn {
            id: SignInId::parse("s2").unwrap(),
            ..visitor().sign_in
        };
        let other = Visitor {
            sign_in: other,
            ..visitor()
        };
        let next = decide(&answered(changes), &public(), Some(other), NOW);
        assert!(matches!(next, Next::SignIn), "{changes}");
    }
}

#[test]
fn a_later_sign_in_is_as_fresh_as_one_made_for_the_request_but_was_not_chosen() {
    let later = |changes: &str| {
        let mut request = answered(changes);
        request.progress.as_mut().unwrap().answered_by = None;
        let mut visitor = visitor();
        visitor.sign_in.auth_time = after(1);
        decide(&request, &public(), Some(visitor), after(2))
    };
    assert!(matches!(later("prompt=login"), Next::Issue(_)));
    assert!(matches!(later("max_age=0"), Next::Issue(_)));
    assert!(matches!(later("prompt=select_account"), Next::SignIn));
}

#[test]
fn nobody_but_the_expected_user_will_do() {
    let expecting = |sub: &str, request: AuthorizationRequest| AuthorizationRequest {
        expected: Some(Subject::parse(sub).unwrap()),
        ..request
    };
    assert_eq!(hint_of(&public()).sub, visitor().sign_in.subject);
    let decide = |request| decide(&request, &public(), Some(visitor()), NOW);
    issued(decide(expecting("u1", request("prompt=none"))));
    let silent = decide(expecting("u2", request("prompt=none")));
    assert_eq!(refused(silent), RefusalReason::LoginRequired);
    assert!(matches!(decide(expecting("u2", request(""))), Next::SignIn));
    // Asked to sign in, and came back as somebody else.
    let other = decide(expecting("u2", answered("")));
    assert_eq!(refused(other), RefusalReason::LoginRequired);
}

#[test]
fn a_strangers_client_gets_no_code_without_consent() {
    let next_for = |changes| next(changes, &third_party(), Some(visitor()));
    assert!(matches!(next_for(""), Next::AskConsent(found) if found == visitor().sign_in));
    let reason = refused(next_for("prompt=none"));
    assert_eq!(reason, RefusalReason::ConsentRequired);
    assert_eq!(reason.code().as_str(), "consent_required");
    assert!(matches!(next("", &third_party(), None), Next::SignIn));
    let silent = next("prompt=none", &third_party(), None);
    assert_eq!(refused(silent), RefusalReason::LoginRequired);
}

#[test]
fn what_was_agreed_to_is_not_asked_again_and_not_exceeded() {
    let before = || Some(who_answered("openid read", "write offline_access"));
    for prompt in ["", "&prompt=none"] {
        let changes = format!("scope=openid+read+write{prompt}");
        let next = next(&changes, &third_party(), before());
        let Next::Issue(permission) = &next else {
            panic!("not issued: {next:?}")
        };
        assert!(permission.declines_offline_access());
        assert_eq!(issued(next), "openid read");
    }
    let more = next("scope=openid+email", &third_party(), before());
    assert!(matches!(more, Next::AskConsent(_)));
    let silent = next("scope=openid+email&prompt=none", &third_party(), before());
    assert_eq!(refused(silent), RefusalReason::ConsentRequired);
}

#[test]
fn consent_that_is_asked_for_is_asked_whatever_was_agreed_to() {
    let everything = who_answered(&public().scope.to_string(), "");
    for client in [public(), third_party()] {
        for changes in ["prompt=consent", "prompt=consent+login"] {
            let request = answered(changes);
            let next = decide(&request, &client, Some(everything.clone()), NOW);
            assert!(matches!(next, Next::AskConsent(_)), "{changes}");
        }
    }
    let login_first = next("prompt=consent+login", &public(), Some(everything));
    assert!(matches!(login_first, Next::SignIn));
}

#[test]
fn only_whom_the_page_was_shown_to_may_answer_it() {
    let (shown, plain) = (answered(""), request(""));
    assert!(asked(&shown, Some(visitor()), after(59)).is_some());
    assert!(asked(&shown, Some(visitor()), after(60)).is_none());
    assert!(asked(&shown, None, NOW).is_none());
    assert!(asked(&plain, Some(visitor()), NOW).is_none());
    let mut other = visitor();
    other.sign_in.id = SignInId::parse("s2").unwrap();
    assert!(asked(&shown, Some(other), NOW).is_none());
    let expecting = AuthorizationRequest {
        expected: Some(Subject::parse("u2").unwrap()),
        ..answered("")
    };
    assert!(asked(&expecting, Some(visitor()), NOW).is_none());
}

#[test]
fn an_answer_gives_what_was_ticked_and_is_remembered_alone() {
    let request = answered("scope=openid+read+write");
    let scope = |text| Scope::parse(text).unwrap();
    let asked = |visitor| asked(&request, Some(visitor), NOW).unwrap();
    let answer = Consent {
        allowed: scope("openid read"),
        declined: scope("write"),
        ..Consent::default()
    };
    let before = asked(who_answered("write", "offline_access"));
    let allow = Answer::Allow(answer.clone());
    let (permission, remembered) = agree(&request, before, allow).unwrap();
    assert_eq!(permission.scope().to_string(), "openid read");
    // It was declined before, and leaving it out of the request does not bring it back.
    assert!(permission.declines_offline_access());
    assert_eq!(remembered, answer);
    let first = asked(visitor());
    let (permission, _) = agree(&request, first, Answer::Allow(answer)).unwrap();
    assert!(!permission.declines_offline_access());
}

#[test]
fn a_user_is_asked_about_each_new_detail_and_not_about_less_of_an_old_one() {
    let read = |text: &str| AuthorizationDetails::read(Some(text)).unwrap();
    let granted = read(r#"[{"type":"t","actions":["read","write"]}]"#).unwrap();
    let who = || {
        let mut visitor = who_answered("openid", "");
        visitor.consent.as_mut().unwrap().details = granted.clone();
        visitor
    };
    let wanting = |details| AuthorizationRequest {
        details,
        ..answered("scope=openid")
    };
    let stranger = third_party();
    for (asks, text) in [
        (false, r#"[{"type":"t","actions":["read"]}]"#),
        (true, r#"[{"type":"t","actions":["delete"]}]"#),
        (true, r#"[{"type":"t"}]"#),
    ] {
        let request = wanting(read(text).unwrap());
        let next = decide(&request, &stranger, Some(who()), NOW);
        assert_eq!(matches!(next, Next::AskConsent(_)), asks, "{text}");
        let first = decide(&request, &public(), Some(visitor()), NOW);
        assert!(matches!(first, Next::Issue(_)), "first-party: {text}");
    }
    let request = wanting(read(r#"[{"type":"u"}]"#).unwrap());
    let seen = asked(&request, Some(who()), NOW).unwrap();
    let (_, remembered) = agree(&request, seen, Answer::Allow(Consent::default())).unwrap();
    assert_eq!(remembered.details, request.details);
}

#[test]
fn no_is_told_to_the_client() {
    let request = answered("");
    let asked = asked(&request, Some(visitor()), NOW).unwrap();
    let refusal = agree(&request, asked, Answer::Deny).unwrap_err();
    assert_eq!(refusal.reason, RefusalReason::AccessDenied);
    assert_eq!(refusal.reason.code().as_str(), "access_denied");
    assert_eq!(refusal.to.state, request.state);
}
