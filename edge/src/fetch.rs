//! Requests to other services.

use gatepass_core::form;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use worker::{AbortSignal, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::EdgeError;
use crate::http::FORM;

/// How long another service may take, in milliseconds.
const PATIENCE: u32 = 5_000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = AbortSignal, js_name = timeout)]
    fn abort_after(milliseconds: u32) -> JsValue;
}

/// Fetches a JSON document.
///
/// # Errors
///
/// [`EdgeError::Upstream`] unless the answer is 200 with the expected JSON, within five seconds and
/// without a redirect.
pub async fn json<T: DeserializeOwned>(url: &str) -> Result<T, EdgeError> {
    send(url, Method::Get, Headers::new(), None).await
}

/// Posts a form with an `Authorization` header and reads JSON.
///
/// # Errors
///
/// As [`json`].
pub async fn post_form<T: DeserializeOwned>(
    url: &str,
    authorization: &str,
    pairs: &[(&str, &str)],
) -> Result<T, EdgeError> {
    let headers = Headers::new();
    headers.set("Authorization", authorization)?;
    headers.set("Content-Type", FORM)?;
    send(
        url,
        Method::Post,
        headers,
        Some(form::encode(pairs.iter().copied())),
    )
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks other services"
)]
async fn send<T: DeserializeOwned>(
    url: &str,
    method: Method,
    headers: Headers,
    body: Option<String>,
) -> Result<T, EdgeError> {
    headers.set("Accept", "application/json")?;
    let mut init = RequestInit::new();
    init.with_method(method)
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    init.with_body(body.map(Into::into));
    let request = Request::new_with_init(url, &init)?;
    let failed = |why: String| EdgeError::Upstream(format!("{url}: {why}"));
    let signal = AbortSignal::from(abort_after(PATIENCE).unchecked_into::<web_sys::AbortSignal>());
    let sent = Fetch::Request(request).send_with_signal(&signal).await;
    let mut response = sent.map_err(|error| failed(error.to_string()))?;
    if response.status_code() != 200 {
        return Err(failed(format!("status {}", response.status_code())));
    }
    response
        .json()
        .await
        .map_err(|error| failed(error.to_string()))
}
