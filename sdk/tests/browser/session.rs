//! The end of a session, where it is kept, and events.

use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::bindings::{calls, plan, stored, turn};
use crate::{client_of, get, js, outcome_of, signed_in, text};

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
