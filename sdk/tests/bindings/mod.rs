//! The JavaScript that the browser tests work with.

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/tests/client.js")]
extern "C" {
    pub(crate) type Client;

    #[wasm_bindgen(js_name = makeClient)]
    pub(crate) fn make_client(options: &JsValue, start: &Function) -> Client;
    #[wasm_bindgen(method, getter, js_name = signedIn)]
    pub(crate) fn signed_in(this: &Client) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn login(this: &Client, options: &JsValue) -> Promise;
    #[wasm_bindgen(method, js_name = handleCallback)]
    pub(crate) fn handle_callback(this: &Client, url: &str) -> Promise;
    #[wasm_bindgen(method, js_name = handleCallback)]
    pub(crate) fn handle_callback_here(this: &Client) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn fetch(this: &Client, url: &str, init: &JsValue) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn refresh(this: &Client) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn user(this: &Client) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn logout(this: &Client, options: &JsValue) -> Promise;
    #[wasm_bindgen(method, js_name = expireAccessToken)]
    pub(crate) fn expire_access_token(this: &Client) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn on(this: &Client, kind: &str, listener: &Function) -> Function;
}

#[wasm_bindgen(module = "/tests/provider.js")]
extern "C" {
    pub(crate) type Provider;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Provider;
    #[wasm_bindgen(method)]
    pub(crate) fn options(this: &Provider, more: &JsValue) -> JsValue;
    #[wasm_bindgen(method)]
    pub(crate) fn listen(this: &Provider, client: &Client);
    #[wasm_bindgen(method)]
    pub(crate) fn hold(this: &Provider, kind: &str);
    #[wasm_bindgen(method)]
    pub(crate) async fn release(this: &Provider, kind: &str);
    #[wasm_bindgen(method, js_name = releaseAll)]
    pub(crate) async fn release_all(this: &Provider, kind: &str, count: u32);
    #[wasm_bindgen(method)]
    pub(crate) fn expire(this: &Provider);
    #[wasm_bindgen(method)]
    pub(crate) fn count(this: &Provider, path: &str) -> u32;
    #[wasm_bindgen(method)]
    pub(crate) fn bodies(this: &Provider, path: &str) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn authorizations(this: &Provider, path: &str) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn happened(this: &Provider) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn recorder(this: &Provider) -> Function;
    #[wasm_bindgen(method)]
    pub(crate) fn traffic(this: &Provider) -> String;
    #[wasm_bindgen(method, js_name = expectUncaught)]
    pub(crate) fn expect_uncaught(this: &Provider);
    #[wasm_bindgen(method)]
    pub(crate) fn callback(this: &Provider, more: &str) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn address(this: &Provider) -> Option<String>;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_issuer(this: &Provider, issuer: &str);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_claims(this: &Provider, claims: &JsValue);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_header(this: &Provider, header: &JsValue);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_odd(this: &Provider, odd: &JsValue);
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_discoverable(this: &Provider, discoverable: bool);

    #[wasm_bindgen(js_name = signIn)]
    pub(crate) fn sign_in(client: &Client, provider: &Provider) -> Promise;
    pub(crate) fn calls(client: &Client, count: u32, path: &str) -> Promise;
    pub(crate) fn post(client: &Client, kind: &str) -> Promise;
    pub(crate) fn outcome(promise: &Promise) -> Promise;
    pub(crate) fn plan(provider: &Provider, steps: &str);
    #[wasm_bindgen(js_name = signInElsewhere)]
    pub(crate) fn sign_in_elsewhere(
        client: &Client,
        provider: &Provider,
        more: &str,
        timeout: u32,
    ) -> Promise;
    #[wasm_bindgen(js_name = handOver)]
    pub(crate) fn hand_over(client: &Client, provider: &Provider, there: bool) -> Promise;
    pub(crate) fn stored() -> u32;
    #[wasm_bindgen(js_name = clearStorage)]
    pub(crate) fn clear_storage();
    #[wasm_bindgen(js_name = goOnline)]
    pub(crate) fn go_online() -> Promise;
    pub(crate) fn turn() -> Promise;
}

/// The files that `tests/client.js` imports: wasm-bindgen serves only those that a test names.
macro_rules! served {
    ($($module:literal)+) => {$(
        const _: () = {
            #[wasm_bindgen(module = $module)]
            extern "C" {
                type Module;
            }
        };
    )+};
}

served! {
    "/js/channel.js" "/js/client.js" "/js/configuration.js" "/js/core.js" "/js/discovery.js" "/js/dpop.js" "/js/error.js"
    "/js/events.js" "/js/fetch.js" "/js/history.js" "/js/host.js" "/js/id-token.js" "/js/indexed-db.js" "/js/lasting.js"
    "/js/lock.js" "/js/page.js" "/js/password.js" "/js/patience.js" "/js/refresh.js" "/js/revocation.js" "/js/session.js" "/js/sign-in.js" "/js/sign-out.js" "/js/storage.js"
    "/js/tab-storage.js" "/js/tabs.js" "/js/transport.js" "/js/vault-worker.js" "/js/vault.js"
    "/js/user.js" "/js/web-storage.js" "/js/window-answer.js" "/js/window.js"
}
