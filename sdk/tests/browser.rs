//! The client in a browser, against a provider in the page whose every answer the test chooses.
//!
//! `cargo test -p gatepass-sdk --target wasm32-unknown-unknown`, with ChromeDriver in `CHROMEDRIVER`.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    reason = "a panic fails the test, which is what is wanted"
)]

mod bindings;
#[path = "browser/fetch.rs"]
mod fetch;
#[path = "browser/refresh.rs"]
mod refresh;
#[path = "browser/session.rs"]
mod session;
#[path = "browser/sign_in.rs"]
mod sign_in;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test_configure;

use bindings::{Client, Provider, clear_storage, make_client, outcome, sign_in};

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
