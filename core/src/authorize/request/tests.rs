use super::*;
use crate::authorize::tests::{CHALLENGE, issuer, query, request, resources};
use crate::authorize::{Asks, InvalidPrompt, UnknownResource, refusal_reply};
use crate::client::ClientSettings;
use crate::client::tests::{confidential, public};
use crate::grant::tests::NOW;
use crate::id::InvalidIdentifier;
use crate::pkce::PkceError;
use crate::token::id::tests::hint_of;

fn validated(changes: &str, client: &Client) -> Result<AuthorizationRequest, Refusal> {
    let form = Form::parse(&query(changes)).unwrap();
    validate(&form, Some(client), &resources())
}

fn local(changes: &str, client: &Client) -> LocalRefusal {
    match validated(changes, client) {
        Err(Refusal::Local(refusal)) => refusal,
        other => panic!("not refused locally: {other:?}"),
    }
}

fn to_client(changes: &str, client: &Client) -> RedirectRefusal {
    match validated(changes, client) {
        Err(Refusal::Redirect(refusal)) => refusal,
        other => panic!("not refused to the client: {other:?}"),
    }
}

#[test]
fn a_good_request_is_read_completely() {
    let request = request(
        "scope=read+openid&nonce=n1&prompt=login&response_mode=query&max_age=60&login_hint=anna",
    );
    assert_eq!(request.client_id, public().id);
    assert_eq!(
        request.redirect.uri().as_str(),
        "http://localhost:3001/callback"
    );
    assert_eq!(request.state, Some(State::parse("s1").unwrap()));
    assert_eq!(request.scope.to_string(), "openid read");
    assert_eq!(request.audience, resources().default);
    assert_eq!(request.challenge.unwrap().to_base64url(), CHALLENGE);
    assert_eq!(request.nonce, Some(Nonce::parse("n1").unwrap()));
    let login = Asks {
        login: true,
        ..Asks::default()
    };
    assert_eq!(request.prompt, Prompt::Ask(login));
    assert_eq!(request.max_age, Some(Lifetime::from_seconds(60)));
    assert_eq!(request.login_hint.as_deref(), Some("anna"));
    assert_eq!((request.expected, request.progress), (None, None));
}

#[test]
fn what_is_left_out_has_its_default() {
    let request = request("state=&redirect_uri=&scope=");
    assert_eq!(
        request.redirect.uri().as_str(),
        "http://localhost:3001/callback"
    );
    assert_eq!((request.state, request.nonce), (None, None));
    assert_eq!(request.scope, public().scope);
    assert_eq!(request.prompt, Prompt::Ask(Asks::default()));
    assert_eq!((request.max_age, request.login_hint), (None, None));
}

#[test]
fn each_resource_is_known() {
    for resource in ["http://localhost:5000", "https://other.example"] {
        let request = request(&form_of("resource", resource));
        assert_eq!(request.audience.as_str(), resource);
    }
}

#[test]
fn without_a_known_client_the_refusal_stays_here() {
    let missing = requesting_client(&Form::default()).unwrap_err();
    assert_eq!(missing.to_string(), "the parameter client_id is required");
    let form = Form::parse("client_id=%C3%BC").unwrap();
    assert_eq!(requesting_client(&form), Err(LocalRefusal::UnknownClient));
    let form = Form::parse(&query("")).unwrap();
    assert_eq!(requesting_client(&form), Ok(public().id));
    // The redirect URI is a good one, and that must not matter.
    let unknown = validate(&form, None, &resources()).unwrap_err();
    assert!(matches!(
        unknown,
        Refusal::Local(LocalRefusal::UnknownClient)
    ));
}

#[test]
fn to_an_unregistered_redirect_uri_nothing_is_sent() {
    let refused = LocalRefusal::UnregisteredRedirect;
    for uri in [
        "https://evil.example/callback",
        "http://localhost:3001/callback/",
        "http://localhost:3001/callback?x=1",
        "http://localhost:3001/callback#f",
        "not a uri",
        "javascript:alert(1)",
    ] {
        assert_eq!(
            local(&form_of("redirect_uri", uri), &public()),
            refused,
            "{uri}"
        );
    }
    let several = Client {
        redirect_uris: ["https://a/", "https://b/"]
            .map(|uri| RedirectUri::parse(uri).unwrap())
            .to_vec(),
        ..public()
    };
    assert_eq!(local("redirect_uri=", &several), refused);
    let none = Client {
        redirect_uris: vec![],
        ..public()
    };
    assert_eq!(local("redirect_uri=", &none), refused);
    // Whatever else is wrong, this is told first and here.
    assert_eq!(
        local(
            "redirect_uri=https%3A%2F%2Fevil.example&scope=%22&response_type=token",
            &public()
        ),
        refused
    );
}

#[test]
fn everything_else_goes_to_the_client_with_its_code_state_and_iss() {
    use RefusalReason as R;
    let two = "resource=http%3A%2F%2Flocalhost%3A5000&resource=https%3A%2F%2Fother.example";
    for (changes, reason, code) in [
        (
            "response_type=",
            R::ResponseType,
            "unsupported_response_type",
        ),
        (
            "response_type=code+token",
            R::ResponseType,
            "unsupported_response_type",
        ),
        ("response_mode=jwt", R::ResponseMode, "invalid_request"),
        ("scope=admin", R::Scope, "invalid_scope"),
        ("scope=read++write", R::Scope, "invalid_scope"),
        (
            "resource=https%3A%2F%2Fevil.example",
            R::UnknownResource(UnknownResource),
            "invalid_target",
        ),
        (two, R::UnknownResource(UnknownResource), "invalid_target"),
        (
            "nonce=%0A",
            R::Identifier(InvalidIdentifier),
            "invalid_request",
        ),
        ("prompt=maybe", R::Prompt(InvalidPrompt), "invalid_request"),
        (
            "prompt=none+login",
            R::Prompt(InvalidPrompt),
            "invalid_request",
        ),
        ("max_age=-1", R::MaxAge, "invalid_request"),
        ("max_age=soon", R::MaxAge, "invalid_request"),
        ("max_age=99999999999", R::MaxAge, "invalid_request"),
        (
            "request=e30.e30.",
            R::RequestObject,
            "request_not_supported",
        ),
        (
            "request_uri=https%3A%2F%2Fa%2F",
            R::RequestUri,
            "request_uri_not_supported",
        ),
        (
            "registration=%7B%7D",
            R::Registration,
            "registration_not_supported",
        ),
    ] {
        let refusal = to_client(changes, &public());
        assert_eq!(refusal.reason, reason, "{changes}");
        check_location(&refusal, code);
    }
}

#[test]
fn pkce_with_s256_is_required_of_every_client() {
    for (changes, reason) in [
        ("code_challenge=", PkceError::MissingChallenge),
        ("code_challenge=short", PkceError::MalformedChallenge),
        ("code_challenge_method=", PkceError::UnsupportedMethod),
        ("code_challenge_method=plain", PkceError::UnsupportedMethod),
    ] {
        let refusal = to_client(changes, &public());
        assert_eq!(refusal.reason, RefusalReason::Pkce(reason), "{changes}");
        check_location(&refusal, "invalid_request");
    }
}

#[test]
fn a_client_without_the_grant_type_gets_no_code() {
    let may_not = Client {
        grant_types: vec![GrantType::RefreshToken],
        ..public()
    };
    let refusal = to_client("", &may_not);
    assert_eq!(refusal.reason, RefusalReason::UnauthorizedClient);
    check_location(&refusal, "unauthorized_client");
}

fn check_location(refusal: &RedirectRefusal, code: &str) {
    let location = refusal_reply(refusal, &issuer()).location();
    let (uri, query) = location.split_once('?').unwrap();
    assert_eq!(uri, "http://localhost:3001/callback");
    let form = Form::parse(query).unwrap();
    let description = refusal.reason.to_string();
    assert_eq!(form.optional("error"), Some(code));
    assert_eq!(form.optional("error_description"), Some(&*description));
    assert_eq!(form.optional("state"), Some("s1"));
    assert_eq!(form.optional("iss"), Some("http://localhost:4000"));
    assert_eq!(form.optional("code"), None);
}

#[test]
fn a_hint_that_can_be_no_user_name_is_left_out() {
    assert_eq!(request("login_hint=a%0Ab").login_hint, None);
    let long = format!("login_hint={}", "%C3%BC".repeat(257));
    assert_eq!(request(&long).login_hint, None);
    let longest = format!("login_hint={}", "%C3%BC".repeat(256));
    assert_eq!(request(&longest).login_hint, Some("ü".repeat(256)));
    for ignored in ["ui_locales=de+fr", "display=popup", "acr_values=gold"] {
        let request = request(ignored);
        assert_eq!(request.prompt, Prompt::Ask(Asks::default()), "{ignored}");
    }
}

#[test]
fn only_an_id_token_of_this_client_names_its_user() {
    let hinted = request("").expecting(Some(hint_of(&public()))).unwrap();
    assert_eq!(hinted.expected, Some(hint_of(&public()).sub));
    for hint in [None, Some(hint_of(&confidential()))] {
        let refusal = request("").expecting(hint).unwrap_err();
        assert_eq!(refusal.reason, RefusalReason::IdTokenHint);
        check_location(&refusal, "invalid_request");
    }
}

#[test]
fn how_fresh_a_sign_in_must_be_follows_from_prompt_and_max_age() {
    let since = |changes: &str| {
        let since = request(changes).fresh_since(NOW);
        since.map(|since| since.seconds() - NOW.seconds())
    };
    assert_eq!(since(""), None);
    assert_eq!(since("prompt=consent"), None);
    assert_eq!(since("prompt=login"), Some(0));
    assert_eq!(since("max_age=0"), Some(0));
    assert_eq!(since("max_age=60"), Some(-61));
    assert_eq!(since("max_age=60&prompt=login+consent"), Some(0));
}

#[test]
fn a_client_may_have_settled_how_fresh_a_sign_in_must_be() {
    let client = Client {
        settings: ClientSettings {
            default_max_age: Some(60),
            ..ClientSettings::default()
        },
        ..public()
    };
    let max_age = |changes: &str| {
        let form = Form::parse(&query(changes)).unwrap();
        let request = validate(&form, Some(&client), &resources()).unwrap();
        request.max_age.map(Lifetime::seconds)
    };
    assert_eq!(max_age(""), Some(60));
    assert_eq!(max_age("max_age=5"), Some(5));
    assert_eq!(max_age("max_age=0"), Some(0));
}

#[test]
fn an_access_token_is_for_clients_that_an_administrator_lets_ask_and_never_in_a_query() {
    let named = Client {
        grant_types: vec![GrantType::Implicit],
        ..public()
    };
    let bare = "response_type=token&code_challenge=&code_challenge_method=";
    let asked = validated(bare, &named).unwrap();
    assert!(asked.challenge.is_none());
    assert_eq!(asked.mode, ResponseMode::Fragment);
    let posted = validated(&format!("{bare}&response_mode=form_post"), &named).unwrap();
    assert_eq!(posted.mode, ResponseMode::FormPost);

    let everybody = Client {
        grant_types: GrantType::ALL.to_vec(),
        ..public()
    };
    let bound = Client {
        settings: ClientSettings {
            dpop_bound_access_tokens: true,
            ..ClientSettings::default()
        },
        ..named.clone()
    };
    let jkt = "&dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for (more, client, reason) in [
        ("", &everybody, RefusalReason::UnauthorizedClient),
        ("", &bound, RefusalReason::UnauthorizedClient),
        (jkt, &named, RefusalReason::ResponseType),
        ("&response_mode=query", &named, RefusalReason::ResponseMode),
        ("&response_mode=jwt", &named, RefusalReason::ResponseMode),
    ] {
        let Err(Refusal::Redirect(refusal)) = validated(&format!("{bare}{more}"), client) else {
            panic!("{more} is no refusal to the client")
        };
        assert_eq!(refusal.reason, reason, "{more}");
        assert_eq!(refusal.to.mode, ResponseMode::Fragment, "{more}");
    }
    // Nor does it get a code.
    let refused = to_client("", &named);
    assert_eq!(refused.reason, RefusalReason::UnauthorizedClient);
}

#[test]
fn a_refusal_goes_back_in_the_mode_that_was_asked_for() {
    for (mode, expected) in [
        ("", ResponseMode::Query),
        ("fragment", ResponseMode::Fragment),
        ("form_post", ResponseMode::FormPost),
        // There is no such mode to go back in.
        ("jwt", ResponseMode::Query),
    ] {
        for wrong in [
            "response_type=id_token",
            "state=%0A",
            "request=x",
            "max_age=-1",
        ] {
            let refusal = to_client(&format!("response_mode={mode}&{wrong}"), &public());
            assert_eq!(refusal.to.mode, expected, "{mode} {wrong}");
        }
    }
}

#[test]
fn a_state_that_is_none_is_not_sent_back() {
    let refusal = to_client("state=%0A", &public());
    assert_eq!(refusal.reason, RefusalReason::Identifier(InvalidIdentifier));
    assert_eq!(refusal.to.state, None);
    let too_long = format!("state={}", "x".repeat(1_025));
    assert_eq!(to_client(&too_long, &public()).to.state, None);
}

fn form_of(name: &str, value: &str) -> String {
    crate::form::encode([(name, value)])
}
