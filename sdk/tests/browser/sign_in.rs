//! Signing in.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::bindings::{calls, hand_over, plan, sign_in, sign_in_elsewhere};
use crate::{client_of, fresh, get, js, outcome_of, signed_in, text};

#[wasm_bindgen_test]
async fn a_sign_in_ends_where_the_user_wanted_to_be() {
    let (client, provider) = fresh("{}");
    assert!(!client.signed_in());
    get(sign_in(&client, &provider)).await;
    assert!(client.signed_in());
    assert_eq!(provider.happened(), "signed_in");
    let body = provider.bodies("/token");
    assert!(
        body.starts_with("grant_type=authorization_code&client_id=demo&code=c0de&"),
        "{body}"
    );
    assert_eq!(text(calls(&client, 1, "/data")).await, "200");
}

#[wasm_bindgen_test]
async fn an_answer_is_used_once_and_only_by_whom_it_is_for() {
    let (client, provider) = signed_in("{}").await;
    let used = provider.callback("");
    assert_eq!(
        outcome_of(client.handle_callback(&used)).await,
        "callback_used"
    );
    let foreign = provider.callback("state=another");
    assert_eq!(
        outcome_of(client.handle_callback(&foreign)).await,
        "callback_foreign"
    );
    let missing = "https://app.example/callback?page=2";
    assert_eq!(
        outcome_of(client.handle_callback(missing)).await,
        "callback_missing"
    );
    assert_eq!(provider.count("/token"), 1);
    assert!(client.signed_in());
}

#[wasm_bindgen_test]
async fn an_answer_that_is_taken_twice_at_once_is_redeemed_once() {
    let (client, provider) = fresh("{}");
    get(client.login(&JsValue::UNDEFINED)).await;
    let url = provider.callback("");
    let (first, second) = (client.handle_callback(&url), client.handle_callback(&url));
    assert_eq!(outcome_of(first).await, "ok");
    assert_eq!(outcome_of(second).await, "ok");
    assert_eq!(provider.count("/token"), 1);
}

#[wasm_bindgen_test]
async fn an_answer_is_taken_from_the_address_that_the_page_had_then() {
    let (client, provider) = fresh("{}");
    get(client.login(&JsValue::UNDEFINED)).await;
    let url = provider.callback("");
    let (_, query) = url.split_once('?').unwrap();
    let reloaded = client_of(&provider, "{}");
    js(&format!("history.replaceState(null, '', '?{query}')"));
    let callback = reloaded.handle_callback_here();
    js("history.replaceState(null, '', location.pathname)");
    assert_eq!(outcome_of(callback).await, "ok");
    assert!(reloaded.signed_in());
}

#[wasm_bindgen_test]
async fn an_answer_that_is_not_as_it_should_be_signs_nobody_in() {
    for (more, code) in [
        ("error=access_denied", "access_denied"),
        ("error=login_required", "login_required"),
        ("error=server_error", "authorization_failed"),
        ("iss=https://evil.example", "issuer_mismatch"),
        ("iss=", "issuer_mismatch"),
        ("code=", "callback_missing"),
    ] {
        let (client, provider) = fresh("{}");
        get(client.login(&JsValue::UNDEFINED)).await;
        let url = provider.callback(more);
        assert_eq!(
            outcome_of(client.handle_callback(&url)).await,
            code,
            "{more}"
        );
        assert!(
            !client.signed_in() && provider.count("/token") == 0,
            "{more}"
        );
    }
}

#[wasm_bindgen_test]
async fn an_id_token_for_somebody_else_signs_nobody_in() {
    for claims in [
        "{ nonce: 'other' }",
        "{ aud: 'other' }",
        "{ aud: ['demo', 'other'] }",
        "{ iss: 'other' }",
        "{ aud: 7 }",
        "{ azp: 'other' }",
        "{ iat: undefined }",
        "{ exp: 1_700_000_000 }",
        "{ exp: 'never' }",
        "{ at_hash: 'other' }",
    ] {
        let (client, provider) = fresh("{}");
        provider.set_claims(&js(claims));
        assert_eq!(
            outcome_of(sign_in(&client, &provider)).await,
            "invalid_id_token 200",
            "{claims}"
        );
        assert!(!client.signed_in());
    }
    let (client, provider) = fresh("{}");
    provider.set_claims(&js(
        "{ aud: ['api', 'demo'], azp: 'demo', iat: Date.now() / 1000 }",
    ));
    assert_eq!(outcome_of(sign_in(&client, &provider)).await, "ok");
}

#[wasm_bindgen_test]
async fn an_id_token_is_of_now_by_the_providers_clock() {
    // Where the provider's dates cannot be read, the user's clock does not count in their place.
    for (date, iat, outcome) in [
        ("0", "0", "ok"),
        ("undefined", "-36_000", "ok"),
        ("-3_600", "-3_600", "ok"),
        ("0", "-3_600", "invalid_id_token 200"),
        ("0", "3_600", "invalid_id_token 200"),
    ] {
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(&format!("{{ date: {date} }}")));
        let iat = format!("Math.floor(Date.now() / 1000) + {iat}");
        provider.set_claims(&js(&format!("{{ iat: {iat}, exp: {iat} + 600 }}")));
        assert_eq!(
            outcome_of(sign_in(&client, &provider)).await,
            outcome,
            "{date} {iat}"
        );
    }
}

#[wasm_bindgen_test]
async fn a_wish_for_fresh_proof_is_held_against_the_answer() {
    for (ago, outcome) in [(0, "ok"), (3_600, "invalid_id_token 200")] {
        let (client, provider) = fresh("{}");
        get(client.login(&js("{ maxAge: 60 }"))).await;
        assert!(provider.address().unwrap().contains("&max_age=60"));
        provider.set_claims(&js(&format!(
            "{{ auth_time: Math.floor(Date.now() / 1000) - {ago} }}"
        )));
        let callback = client.handle_callback(&provider.callback(""));
        assert_eq!(outcome_of(callback).await, outcome);
    }
}

#[wasm_bindgen_test]
async fn an_id_token_that_was_asked_for_must_come() {
    let (client, provider) = fresh("{}");
    provider.set_odd(&js("{ idToken: 'none' }"));
    assert_eq!(
        outcome_of(sign_in(&client, &provider)).await,
        "invalid_id_token 200"
    );
    let (client, provider) = fresh("{ scope: 'read openid_not' }");
    provider.set_odd(&js("{ idToken: 'none' }"));
    assert_eq!(outcome_of(sign_in(&client, &provider)).await, "ok");
}

#[wasm_bindgen_test]
async fn the_signature_of_an_id_token_is_verified_whatever_its_algorithm() {
    for alg in ["ES256", "RS256", "PS256", "EdDSA", "Ed25519"] {
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(&format!("{{ alg: '{alg}' }}")));
        assert_eq!(outcome_of(sign_in(&client, &provider)).await, "ok", "{alg}");
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(&format!("{{ alg: '{alg}', signature: 'wrong' }}")));
        let refused = outcome_of(sign_in(&client, &provider)).await;
        assert_eq!(refused, "invalid_id_token 200", "{alg}");
    }
}

#[wasm_bindgen_test]
async fn an_id_token_that_is_not_signed_as_it_must_be_signs_nobody_in() {
    for header in [
        "{ alg: 'none' }",
        "{ alg: 'HS256' }",
        "{ alg: 'RS256' }",
        "{ alg: 'constructor' }",
        "{ alg: undefined }",
        "{ crit: ['exp'] }",
        "{ kid: 'another' }",
    ] {
        let (client, provider) = fresh("{}");
        provider.set_header(&js(header));
        let refused = outcome_of(sign_in(&client, &provider)).await;
        assert_eq!(refused, "invalid_id_token 200", "{header}");
    }
}

#[wasm_bindgen_test]
async fn keys_are_fetched_again_once_if_the_one_is_missing() {
    for (odd, header, outcome, fetched) in [
        ("{}", "{}", "ok", 1),
        ("{}", "{ kid: undefined }", "ok", 1),
        ("{ keys: 'late' }", "{}", "ok", 2),
        ("{ keys: 'others' }", "{}", "invalid_id_token 200", 2),
        ("{ keys: 'none' }", "{}", "invalid_id_token 200", 2),
        ("{ keys: 'down' }", "{}", "network_error", 4),
        ("{ without: ['jwks_uri'] }", "{}", "ok", 0),
    ] {
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(odd));
        provider.set_header(&js(header));
        assert_eq!(
            outcome_of(sign_in(&client, &provider)).await,
            outcome,
            "{odd}"
        );
        assert_eq!(provider.count("/keys"), fetched, "{odd}");
    }
}

#[wasm_bindgen_test]
async fn a_request_is_pushed_where_that_is_offered() {
    let (client, provider) = fresh("{}");
    provider.set_odd(&js("{ push: 201 }"));
    assert_eq!(text(sign_in(&client, &provider)).await, "/orders?page=2");
    assert_eq!(
        provider.address().unwrap(),
        "https://id.example/authorize?client_id=demo&request_uri=urn%3Apushed"
    );
    let body = provider.bodies("/par");
    assert!(
        body.starts_with("response_type=code&client_id=demo&"),
        "{body}"
    );
}

#[wasm_bindgen_test]
async fn a_request_that_cannot_be_pushed_goes_in_the_address_unless_it_must_be_pushed() {
    for (push, refused) in [
        ("'down'", "network_error"),
        ("503", "server_error 503"),
        ("401", "request_refused 401"),
    ] {
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(&format!("{{ push: {push} }}")));
        assert_eq!(outcome_of(sign_in(&client, &provider)).await, "ok");
        let (client, provider) = fresh("{}");
        provider.set_odd(&js(&format!("{{ push: {push}, mustPush: true }}")));
        let login = client.login(&JsValue::UNDEFINED);
        assert_eq!(outcome_of(login).await, refused);
        assert_eq!(provider.address(), None);
    }
}

#[wasm_bindgen_test]
async fn sign_ins_at_the_same_time_do_not_disturb_each_other() {
    let (client, provider) = fresh("{}");
    get(client.login(&js("{ returnTo: '/first' }"))).await;
    let first = provider.callback("");
    get(client.login(&js("{ returnTo: '/second' }"))).await;
    let second = provider.callback("");
    assert_eq!(outcome_of(client.handle_callback(&second)).await, "ok");
    let mixed_up = outcome_of(client.handle_callback(&first)).await;
    assert_eq!(
        mixed_up, "invalid_id_token 200",
        "the nonce is the second's"
    );
    for used in [&first, &second] {
        assert_eq!(
            outcome_of(client.handle_callback(used)).await,
            "callback_used"
        );
    }
}

#[wasm_bindgen_test]
async fn a_sign_in_through_another_window_stays_on_the_page() {
    let (client, provider) = fresh("{}");
    let done = sign_in_elsewhere(&client, &provider, "", 5_000);
    assert_eq!(text(done).await, "/orders true");
    assert!(client.signed_in());
    assert_eq!(provider.happened(), "signed_in");
    for (more, code) in [
        ("error=login_required", "login_required"),
        ("iss=https://evil.example", "issuer_mismatch"),
        ("blocked", "popup_blocked"),
        ("never", "timeout"),
    ] {
        let (client, provider) = fresh("{}");
        let done = sign_in_elsewhere(&client, &provider, more, 100);
        assert_eq!(outcome_of(done).await, code);
        assert!(!client.signed_in());
    }
}

#[wasm_bindgen_test]
async fn an_answer_for_another_window_is_handed_over_if_it_is_there() {
    let (client, provider) = fresh("{}");
    assert_eq!(text(hand_over(&client, &provider, true)).await, "closed");
    assert_eq!(
        text(hand_over(&client, &provider, false)).await,
        "callback_foreign"
    );
    assert_eq!(provider.count("/token"), 0);
}

#[wasm_bindgen_test]
async fn what_a_code_is_refused_with_is_told_and_ends_no_session() {
    let (client, provider) = fresh("{}");
    plan(&provider, "invalid_grant");
    assert_eq!(
        outcome_of(sign_in(&client, &provider)).await,
        "request_refused 400"
    );
    assert_eq!(provider.happened(), "");
}

#[wasm_bindgen_test]
async fn a_way_back_to_another_origin_is_refused() {
    let (client, provider) = fresh("{}");
    let login = client.login(&js("{ returnTo: '//evil.example' }"));
    assert_eq!(outcome_of(login).await, "invalid_return_to");
    assert_eq!(provider.address(), None);
}

#[wasm_bindgen_test]
async fn options_that_cannot_work_are_refused_by_the_first_call() {
    for options in [
        "{ issuer: 'http://id.example' }",
        "{ clientId: '' }",
        "{ scope: '' }",
        "{ apis: ['https://api.example/v1'] }",
        "{ apis: ['api.example'] }",
    ] {
        let (client, _) = fresh(options);
        assert_eq!(
            outcome_of(client.login(&JsValue::UNDEFINED)).await,
            "invalid_options",
            "{options}"
        );
    }
}

#[wasm_bindgen_test]
async fn the_metadata_must_be_the_issuers_own_and_may_be_at_the_other_address() {
    let (client, provider) = fresh("{}");
    provider.set_discoverable(false);
    get(sign_in(&client, &provider)).await;
    assert_eq!(provider.count("/.well-known/oauth-authorization-server"), 1);
    let (client, provider) = fresh("{}");
    provider.set_issuer("https://evil.example");
    assert_eq!(
        outcome_of(client.login(&JsValue::UNDEFINED)).await,
        "discovery_failed 200"
    );
}
