//! The client in a browser, against a provider in the page whose every answer the test chooses.
//!
//! `cargo test -p gatepass-sdk --target wasm32-unknown-unknown`, with ChromeDriver in `CHROMEDRIVER`.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is what is wanted"
)]

mod bindings;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use bindings::{
    Client, Provider, calls, clear_storage, go_online, hand_over, make_client, outcome, plan, post,
    sign_in, sign_in_elsewhere, stored, turn,
};

wasm_bindgen_test_configure!(run_in_browser);

/// What a promise of JavaScript resolves to.
async fn get(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.unwrap()
}

async fn text(promise: Promise) -> String {
    get(promise).await.as_string().unwrap()
}

/// How a promise is settled, in words.
async fn outcome_of(promise: Promise) -> String {
    text(outcome(&promise)).await
}

/// A JavaScript value, written as JavaScript.
fn js(source: &str) -> JsValue {
    js_sys::eval(&format!("({source})")).unwrap()
}

fn client_of(provider: &Provider, options: &str) -> Client {
    let start = Closure::<dyn FnMut() -> Promise>::new(|| {
        let make = Closure::<dyn FnMut() -> JsValue>::new(|| {
            let call = Closure::<dyn FnMut(String) -> String>::new(|input: String| {
                gatepass_sdk::call(&input)
            });
            let core = js_sys::Object::new();
            js_sys::Reflect::set(&core, &"call".into(), &call.into_js_value()).unwrap();
            core.into()
        });
        Promise::resolve(&make.into_js_value())
    });
    let start: Function = start.into_js_value().unchecked_into();
    let client = make_client(&provider.options(&js(options)), &start);
    provider.listen(&client);
    client
}

/// A client and its provider, with nobody signed in and nothing remembered.
fn fresh(options: &str) -> (Client, Provider) {
    clear_storage();
    let provider = Provider::new();
    (client_of(&provider, options), provider)
}

/// The same, signed in.
async fn signed_in(options: &str) -> (Client, Provider) {
    let (client, provider) = fresh(options);
    assert_eq!(text(sign_in(&client, &provider)).await, "/orders?page=2");
    assert!(client.signed_in());
    (client, provider)
}

// Signing in

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

// Calls

#[wasm_bindgen_test]
async fn a_burst_of_twenty_rejections_makes_one_token_request() {
    let (client, provider) = signed_in("{}").await;
    provider.expire();
    assert_eq!(
        text(calls(&client, 20, "/data")).await,
        ["200"; 20].join(",")
    );
    assert_eq!(provider.count("/token"), 2);
    assert_eq!(provider.happened(), "signed_in, refreshed");
}

#[wasm_bindgen_test]
async fn rejections_that_come_one_by_one_long_after_the_refresh_make_no_other() {
    let (client, provider) = signed_in("{}").await;
    provider.hold("api");
    provider.expire();
    let ten = calls(&client, 10, "/data");
    provider.release("api").await;
    while provider.happened() != "signed_in, refreshed" {
        get(turn()).await;
    }
    provider.release_all("api", 10 + 9).await;
    assert_eq!(text(ten).await, ["200"; 10].join(","));
    assert_eq!(provider.count("/token"), 2);
}

#[wasm_bindgen_test]
async fn the_token_goes_to_its_origins_only() {
    let (client, provider) = signed_in("{}").await;
    for url in [
        "https://api.example.evil.example/a",
        "https://other.example/a",
        "https://api.example:444/a",
    ] {
        get(client.fetch(url, &JsValue::UNDEFINED)).await;
    }
    assert_eq!(provider.authorizations("/a"), "-,-,-");
    let own = js("{ headers: { authorization: 'Basic abc' } }");
    get(client.fetch("https://api.example/b", &own)).await;
    assert_eq!(provider.authorizations("/b"), "Basic abc");
    assert_eq!(
        provider.count("/token"),
        1,
        "a 401 to what carries no token of ours is nobody's business"
    );
}

#[wasm_bindgen_test]
async fn a_second_401_and_any_403_are_returned_as_they_are() {
    let (client, provider) = signed_in("{}").await;
    assert_eq!(text(calls(&client, 1, "/forbidden")).await, "403");
    assert_eq!(provider.count("/token"), 1);
    provider.hold("api");
    provider.expire();
    let call = calls(&client, 1, "/data");
    provider.release("api").await;
    while provider.count("/data") < 2 {
        get(turn()).await;
    }
    provider.expire();
    provider.release("api").await;
    assert_eq!(text(call).await, "401");
    assert_eq!(provider.count("/token"), 2);
    assert!(client.signed_in());
}

#[wasm_bindgen_test]
async fn a_body_is_sent_again_unless_it_is_a_stream() {
    let (client, provider) = signed_in("{}").await;
    for (kind, arrived) in [
        ("text", "200 x=1"),
        ("bytes", "200 ab"),
        ("form", "200 a=b"),
        ("request", "200 y=2"),
    ] {
        provider.expire();
        assert_eq!(text(post(&client, kind)).await, arrived);
    }
    provider.expire();
    assert_eq!(outcome_of(post(&client, "stream")).await, "not_replayable");
    assert_eq!(
        text(post(&client, "stream")).await,
        "200 streamed",
        "the token is good by then"
    );
}

#[wasm_bindgen_test]
async fn signed_out_a_call_is_a_plain_one() {
    let (client, provider) = fresh("{}");
    assert_eq!(text(calls(&client, 1, "/data")).await, "401");
    assert_eq!(provider.authorizations("/data"), "-");
    assert!(get(client.user()).await.is_null());
    assert_eq!(outcome_of(client.refresh()).await, "signed_out");
    assert_eq!(outcome_of(client.expire_access_token()).await, "signed_out");
}

#[wasm_bindgen_test]
async fn the_user_is_who_the_provider_says() {
    let (client, provider) = signed_in("{}").await;
    let user = get(client.user()).await;
    let sub = js_sys::Reflect::get(&user, &"sub".into()).unwrap();
    assert_eq!(sub.as_string().unwrap(), "anna");
    provider.expire();
    plan(&provider, "invalid_grant revoked");
    assert!(get(client.user()).await.is_null());
    assert!(!client.signed_in());
}

#[wasm_bindgen_test]
async fn userinfo_about_somebody_else_is_not_believed() {
    let (client, provider) = fresh("{}");
    provider.set_claims(&js("{ sub: 'berta' }"));
    assert_eq!(outcome_of(sign_in(&client, &provider)).await, "ok");
    assert_eq!(outcome_of(client.user()).await, "invalid_response 200");
    assert!(client.signed_in());
}

#[wasm_bindgen_test]
async fn an_access_token_can_be_expired_to_see_a_real_refresh() {
    let (client, provider) = signed_in("{}").await;
    get(client.expire_access_token()).await;
    assert_eq!(
        provider.bodies("/revoke"),
        "token=access-1&token_type_hint=access_token&client_id=demo"
    );
    assert_eq!(text(calls(&client, 1, "/data")).await, "200");
    assert_eq!(
        provider.authorizations("/data"),
        "Bearer access-1,Bearer access-2"
    );
}

// Refreshing

#[wasm_bindgen_test]
async fn a_lost_answer_is_asked_for_again_with_the_same_token() {
    for lost in ["lost", "html", "502", "408"] {
        let (client, provider) = signed_in("{}").await;
        provider.expire();
        plan(&provider, lost);
        assert_eq!(
            text(calls(&client, 3, "/data")).await,
            "200,200,200",
            "{lost}"
        );
        let bodies = provider.bodies("/token");
        let again = "grant_type=refresh_token&client_id=demo&refresh_token=refresh-1";
        assert_eq!(bodies.matches(again).count(), 2, "{bodies}");
    }
}

#[wasm_bindgen_test]
async fn a_dead_network_ends_nothing_and_the_next_call_tries_again() {
    let (client, provider) = signed_in("{}").await;
    provider.expire();
    plan(&provider, "down, down, down, down");
    assert_eq!(
        outcome_of(calls(&client, 5, "/data")).await,
        "network_error"
    );
    assert_eq!(provider.count("/token"), 1 + 4);
    assert_eq!(
        provider.happened(),
        "signed_in, refresh_failed network_error"
    );
    assert!(client.signed_in());
    assert_eq!(
        outcome_of(calls(&client, 5, "/data")).await,
        "network_error",
        "for a second, nobody asks again"
    );
    assert_eq!(provider.count("/token"), 1 + 4);
    get(go_online()).await;
    assert_eq!(text(calls(&client, 1, "/data")).await, "200");
}

#[wasm_bindgen_test]
async fn a_server_that_asks_for_a_long_wait_is_left_alone_and_ends_nothing() {
    for (answer, outcome, later) in [
        ("429 60", "server_error 429", "server_error 429"),
        ("503 60", "server_error 503", "server_error 503"),
        ("404", "invalid_response 404", "ok"),
        ("invalid_client", "request_refused 400", "ok"),
    ] {
        let (client, provider) = signed_in("{}").await;
        plan(&provider, answer);
        assert_eq!(outcome_of(client.refresh()).await, outcome);
        assert_eq!(provider.count("/token"), 2);
        assert!(client.signed_in());
        assert_eq!(outcome_of(client.refresh()).await, outcome);
        assert_eq!(provider.count("/token"), 2, "it is left alone");
        get(go_online()).await;
        assert_eq!(outcome_of(client.refresh()).await, later);
    }
}

#[wasm_bindgen_test]
async fn only_the_provider_ends_the_session_and_says_why() {
    let (client, provider) = signed_in("{ storage: 'session' }").await;
    provider.expire();
    plan(&provider, "invalid_grant replayed");
    assert_eq!(text(calls(&client, 3, "/data")).await, "401,401,401");
    assert_eq!(provider.happened(), "signed_in, signed_out replayed");
    assert!(!client.signed_in());
    assert_eq!(stored(), 0);
    assert_eq!(outcome_of(client.refresh()).await, "signed_out");
    let (client, provider) = signed_in("{}").await;
    plan(&provider, "invalid_grant");
    assert_eq!(
        outcome_of(client.refresh()).await,
        "session_ended invalid_grant 400"
    );
}

#[wasm_bindgen_test]
async fn a_refresh_token_that_stays_is_used_again() {
    let (client, provider) = signed_in("{}").await;
    plan(&provider, "persistent, persistent");
    assert_eq!(outcome_of(client.refresh()).await, "ok");
    assert_eq!(outcome_of(client.refresh()).await, "ok");
    assert_eq!(
        provider
            .bodies("/token")
            .matches("refresh_token=refresh-1")
            .count(),
        2
    );
}

// Signing out

#[wasm_bindgen_test]
async fn signing_out_forgets_revokes_and_leaves() {
    let (client, provider) = signed_in("{ storage: 'session' }").await;
    get(client.logout(&js("{ returnTo: '/bye' }"))).await;
    assert!(!client.signed_in() && stored() == 0);
    assert_eq!(provider.happened(), "signed_in, signed_out");
    assert_eq!(
        provider.bodies("/revoke"),
        "token=refresh-1&token_type_hint=refresh_token&client_id=demo"
    );
    let address = provider.address().unwrap();
    let asked = "https://id.example/logout?id_token_hint=ey";
    assert!(address.starts_with(asked), "{address}");
    let next = "&client_id=demo&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye";
    assert!(address.ends_with(next), "{address}");
    let (client, provider) = signed_in("{}").await;
    plan(&provider, "revocation down");
    get(client.logout(&js("{ provider: false }"))).await;
    assert!(!client.signed_in());
    assert!(
        provider.address().unwrap().contains("/authorize?"),
        "it stays on the page"
    );
}

#[wasm_bindgen_test]
async fn signing_out_wins_over_a_refresh_under_way() {
    let (client, provider) = signed_in("{ storage: 'session' }").await;
    provider.hold("token");
    let refresh = client.refresh();
    while provider.count("/token") < 2 {
        get(turn()).await;
    }
    get(client.logout(&js("{ provider: false }"))).await;
    provider.release("token").await;
    assert_eq!(outcome_of(refresh).await, "signed_out");
    assert!(!client.signed_in() && stored() == 0);
    assert_eq!(provider.happened(), "signed_in, signed_out");
    while provider.count("/revoke") < 2 {
        get(turn()).await;
    }
    let given_back = provider.bodies("/revoke");
    assert!(given_back.contains("token=refresh-1&"), "{given_back}");
    assert!(given_back.contains("token=refresh-2&"), "{given_back}");
}

// Storage

#[wasm_bindgen_test]
async fn with_session_storage_a_reload_stays_signed_in() {
    let (client, provider) = signed_in("{ storage: 'session' }").await;
    assert_eq!(outcome_of(client.refresh()).await, "ok");
    let reloaded = client_of(&provider, "{ storage: 'session' }");
    assert!(reloaded.signed_in(), "before anything is awaited");
    assert_eq!(text(calls(&reloaded, 1, "/data")).await, "200");
    assert_eq!(provider.authorizations("/data"), "Bearer access-2");
    assert!(!client_of(&provider, "{}").signed_in());
    assert!(!client_of(&provider, "{ storage: 'session', clientId: 'other' }").signed_in());
}

#[wasm_bindgen_test]
async fn in_memory_nothing_is_stored() {
    let (_client, _provider) = signed_in("{}").await;
    assert_eq!(stored(), 0);
}

#[wasm_bindgen_test]
async fn two_clients_of_one_tab_never_use_a_refresh_token_twice() {
    let (first, provider) = signed_in("{ storage: 'session' }").await;
    let second = client_of(&provider, "{ storage: 'session' }");
    assert_eq!(text(calls(&second, 1, "/data")).await, "200");
    provider.expire();
    assert_eq!(text(calls(&first, 1, "/data")).await, "200");
    assert_eq!(text(calls(&second, 1, "/data")).await, "200");
    assert_eq!(
        provider
            .bodies("/token")
            .matches("refresh_token=refresh-1")
            .count(),
        1
    );
    assert_eq!(provider.count("/token"), 2);
}

// Events

#[wasm_bindgen_test]
async fn a_listener_can_be_removed_and_hears_every_request_until_then() {
    let (client, provider) = signed_in("{}").await;
    let stop = client.on("request", &provider.recorder());
    get(calls(&client, 1, "/data")).await;
    assert_eq!(outcome_of(client.refresh()).await, "ok");
    stop.call0(&JsValue::UNDEFINED).unwrap();
    get(calls(&client, 1, "/data")).await;
    assert_eq!(provider.traffic(), "api GET 200, token POST 200");
}

#[wasm_bindgen_test]
async fn a_listener_that_throws_harms_nobody_else() {
    let (client, provider) = signed_in("{}").await;
    let thrown = js("() => { throw 1 }").unchecked_into();
    client.on("refreshed", &thrown);
    provider.expect_uncaught();
    assert_eq!(outcome_of(client.refresh()).await, "ok");
    assert_eq!(provider.happened(), "signed_in, refreshed");
}
