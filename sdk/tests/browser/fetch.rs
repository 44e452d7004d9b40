//! Calls with the token.

use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::bindings::{calls, plan, post, sign_in, turn};
use crate::{fresh, get, js, outcome_of, signed_in, text};

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
