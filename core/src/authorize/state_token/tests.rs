use super::*;
use crate::authorize::tests::{query, request, resources};
use crate::authorize::validate;
use crate::client::tests::{confidential, public};
use crate::form::Form;
use crate::grant::AuthenticationMethod;
use crate::grant::tests::{NOW, after, session};
use crate::id::Issuer;
use crate::token;
use crate::token::id::tests::hint_of;

/// Every parameter that comes through.
const EVERYTHING: &str = "scope=openid+read\
    &claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%7D%2C%22id_token%22%3A%7B%22sub%22%3A%7B%22value%22%3A%22u1%22%7D%7D%7D\
    &nonce=n1&resource=https%3A%2F%2Fother.example\
    &prompt=login+consent&max_age=60&login_hint=anna&response_mode=form_post\
    &dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn key() -> SymmetricKey {
    SymmetricKey::derive(&[1; 32], KEY_PURPOSE)
}

fn browser(seed: u8) -> BrowserBinding {
    BrowserBinding::from_random([seed; 32])
}

fn sealed(changes: &str) -> StateToken {
    seal(&request(changes), &browser(1), &key(), NOW).unwrap()
}

fn opened(changes: &str) -> Opened {
    open(&sealed(changes), Some(&browser(1)), &key(), NOW).unwrap()
}

fn refused(
    token: &StateToken,
    binding: Option<&BrowserBinding>,
    now: Timestamp,
) -> StateTokenError {
    open(token, binding, &key(), now).unwrap_err()
}

#[test]
fn a_request_comes_through_the_sign_in_page_unchanged() {
    let opened = opened(EVERYTHING);
    assert_eq!(opened.client_id, public().id);
    assert_eq!(opened.login_hint(), Some("anna"));
    let (before, after) = (
        request(EVERYTHING),
        opened.request(Some(&public())).unwrap(),
    );
    let begun = AuthorizationRequest {
        progress: Some(Progress {
            fresh_since: Some(NOW),
            answered_by: None,
        }),
        ..before
    };
    assert_eq!(format!("{begun:?}"), format!("{after:?}"));
    let bare = open(&sealed("state="), Some(&browser(1)), &key(), NOW).unwrap();
    let bare = bare.request(Some(&public())).unwrap();
    assert_eq!((bare.state, bare.nonce), (None, None));
}

#[test]
fn no_character_of_it_can_be_changed() {
    let token = sealed("");
    for (index, old) in token.expose().char_indices() {
        let new = if old == 'A' { 'B' } else { 'A' };
        let (head, tail) = token.expose().split_at(index);
        let tampered = StateToken::new(format!("{head}{new}{}", &tail[1..]));
        let refusal = refused(&tampered, Some(&browser(1)), NOW);
        assert!(
            matches!(refusal, StateTokenError::Token(_)),
            "{index}: {refusal:?}"
        );
    }
    let refusal = refused(&StateToken::new(""), Some(&browser(1)), NOW);
    assert_eq!(refusal, StateTokenError::Token(JwtError::Malformed));
}

#[test]
fn another_key_and_another_kind_of_token_are_refused() {
    let other = SymmetricKey::derive(&[2; 32], KEY_PURPOSE);
    let refusal = open(&sealed(""), Some(&browser(1)), &other, NOW).unwrap_err();
    assert_eq!(refusal, StateTokenError::Token(JwtError::Signature));
    let issuer = Issuer::parse("http://localhost:4000").unwrap();
    let refresh = token::refresh::write(&session(1), &issuer, &key()).unwrap();
    let refusal = refused(&StateToken::new(refresh.expose()), Some(&browser(1)), NOW);
    assert_eq!(refusal, StateTokenError::Token(JwtError::Type));
}

#[test]
fn it_opens_only_in_the_browser_that_began() {
    let token = sealed("");
    for binding in [None, Some(&browser(2))] {
        let refusal = refused(&token, binding, NOW);
        assert_eq!(refusal, StateTokenError::OtherBrowser);
    }
    assert!(!token.expose().contains(browser(1).expose()));
}

#[test]
fn it_lives_for_ten_minutes_to_the_second() {
    let token = sealed("");
    assert!(open(&token, Some(&browser(1)), &key(), after(599)).is_ok());
    let refusal = refused(&token, Some(&browser(1)), after(600));
    assert_eq!(refusal, StateTokenError::Token(JwtError::Expired));
}

#[test]
fn what_was_unregistered_meanwhile_is_refused() {
    let refused = |client: Option<&Client>| opened("scope=read").request(client).unwrap_err();
    let unregistered = StateTokenError::Unregistered;
    assert_eq!(refused(None), unregistered);
    assert_eq!(refused(Some(&confidential())), unregistered);
    let moved = Client {
        redirect_uris: vec![RedirectUri::parse("http://localhost:3001/other").unwrap()],
        ..public()
    };
    assert_eq!(refused(Some(&moved)), unregistered);
    let lessened = Client {
        scope: Scope::parse("openid").unwrap(),
        ..public()
    };
    assert_eq!(refused(Some(&lessened)), unregistered);
}

fn sign_in(id: &str) -> SignIn {
    SignIn {
        id: SignInId::parse(id).unwrap(),
        browser: browser(1).browser(),
        subject: Subject::parse("u1").unwrap(),
        auth_time: NOW,
        amr: vec![AuthenticationMethod::Password],
        expires_at: after(60),
    }
}

/// The progress of a request that comes out of `token` at `now`.
fn progress(token: &StateToken, now: Timestamp) -> Progress {
    let opened = open(token, Some(&browser(1)), &key(), now).unwrap();
    let request = opened.request(Some(&public())).unwrap();
    request.progress.unwrap()
}

#[test]
fn a_sign_in_that_answered_is_remembered_and_time_does_not_make_another_as_good() {
    let begun = opened("prompt=login");
    let id = sign_in("s1").id;
    let after_sign_in = begun.seal_for(&id, &key(), after(5)).unwrap();
    let expected = Progress {
        fresh_since: Some(NOW),
        answered_by: Some(id.clone()),
    };
    assert_eq!(progress(&after_sign_in, after(6)), expected);
    // On to the consent page: nothing is fresher than it was.
    let opened = open(&after_sign_in, Some(&browser(1)), &key(), after(6)).unwrap();
    let request = opened.request(Some(&public())).unwrap();
    let consent = seal_for(&sign_in("s1"), &request, &browser(1), &key(), after(7)).unwrap();
    assert_eq!(progress(&consent, after(8)), expected);
    // Begun anew, it is answered by nobody.
    let again = seal(&request, &browser(1), &key(), after(9)).unwrap();
    assert_eq!(progress(&again, after(9)).answered_by, None);
}

#[test]
fn who_is_signed_in_may_go_on_where_they_only_have_to_choose() {
    let may = |changes: &str, now| opened(changes).may_be_answered_by(&sign_in("s1"), now);
    assert!(may("prompt=select_account", NOW));
    assert!(may("prompt=select_account&max_age=1", NOW));
    assert!(!may("prompt=select_account", after(60)));
    for changes in [
        "",
        "prompt=select_account+login",
        "prompt=select_account&max_age=0",
    ] {
        assert!(!may(changes, NOW), "{changes}");
    }
    let mut hint = hint_of(&public());
    let expecting = |hint| {
        let request = request("prompt=select_account")
            .expecting(Some(hint))
            .unwrap();
        let token = seal(&request, &browser(1), &key(), NOW).unwrap();
        let opened = open(&token, Some(&browser(1)), &key(), NOW).unwrap();
        opened.may_be_answered_by(&sign_in("s1"), NOW)
    };
    assert!(expecting(hint.clone()));
    hint.sub = Subject::parse("u2").unwrap();
    assert!(!expecting(hint));
}

#[test]
fn what_begins_again_asks_for_the_same() {
    for changes in [EVERYTHING, "state="] {
        let again = restart(&sealed(changes), &key(), NOW).unwrap();
        let form = Form::parse(&again).unwrap();
        let again = validate(&form, Some(&public()), &resources()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{:?}", request(changes)));
    }
    assert!(query(EVERYTHING).contains("login_hint"));
    assert_eq!(restart(&sealed(""), &key(), after(600)), None);
    let expecting = request("").expecting(Some(hint_of(&public()))).unwrap();
    let expecting = seal(&expecting, &browser(1), &key(), NOW).unwrap();
    assert_eq!(restart(&expecting, &key(), NOW), None);
}

#[test]
fn it_does_not_print_what_it_holds() {
    let printed = format!("{:?}", opened("state=private-state"));
    assert!(!printed.contains("private-state"), "{printed}");
}

#[test]
fn a_request_for_an_access_token_comes_through_for_a_client_that_still_may_and_begins_again() {
    let named = Client {
        grant_types: vec![GrantType::Implicit],
        ..public()
    };
    let read = |query: &str| {
        let form = Form::parse(query).unwrap();
        validate(&form, Some(&named), &resources()).unwrap()
    };
    let asked = read(&query("response_type=token&code_challenge="));
    let token = seal(&asked, &browser(1), &key(), NOW).unwrap();
    let open = || open(&token, Some(&browser(1)), &key(), NOW).unwrap();
    let came = open().request(Some(&named)).unwrap();
    assert!(came.challenge.is_none());
    assert_eq!(came.mode, ResponseMode::Fragment);
    let again = read(&restart(&token, &key(), NOW).unwrap());
    assert!(again.challenge.is_none());
    let refused = open().request(Some(&public())).unwrap_err();
    assert_eq!(refused, StateTokenError::Unregistered);
}
