//! Renewing the tokens.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::bindings::{calls, go_online, plan, stored};
use crate::{get, outcome_of, signed_in, text};

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
