//! Requests to other services.

use gatepass_core::{form, json};
use js_sys::{Object, Promise};
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::http::{FORM, JSON, bounded};
use crate::{EdgeError, js};

/// How long another service may take, in milliseconds.
const PATIENCE: u32 = 5_000;
/// The largest document that is read of a service that was chosen, and the largest answer to a question, in bytes.
const LARGEST_DOCUMENT: usize = 1 << 20;
const LARGEST_ANSWER: usize = 1 << 16;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = AbortSignal, js_name = timeout, catch)]
    fn abort_after(milliseconds: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch(url: &str, init: &Object) -> Result<Promise, JsValue>;
}

/// Fetches a JSON document.
///
/// # Errors
///
/// [`EdgeError::Upstream`] unless the answer is 200 with the expected JSON, of a megabyte at most, within five
/// seconds and without a redirect.
pub async fn json<T: DeserializeOwned>(url: &str) -> Result<T, EdgeError> {
    document(url).await?.json(url)
}

/// The same, whatever is said.
///
/// # Errors
///
/// [`EdgeError::Upstream`] if nothing is said within five seconds.
pub async fn document(url: &str) -> Result<Said, EdgeError> {
    read(url, begin(url, "GET", &[], None), LARGEST_DOCUMENT).await
}

/// Fetches a document of another type, of at most `most` bytes, as text. It must be signed: a redirect is followed.
///
/// # Errors
///
/// [`EdgeError::Upstream`] unless the answer is 200 with a text of that size, within five seconds.
pub async fn signed(url: &str, content_type: &str, most: usize) -> Result<String, EdgeError> {
    let init = init("GET", &[("accept", content_type.into())], None, "follow");
    let sent = init.and_then(|init| Ok(fetch(url, &init)?));
    read(url, sent, most).await?.text(url)
}

/// Fetches a JSON document of at most `most` bytes from an address that a stranger has chosen.
///
/// # Errors
///
/// [`EdgeError::Upstream`] unless the answer is 200 with JSON of that size, within five seconds and
/// without a redirect.
pub async fn foreign_json(url: &str, most: usize) -> Result<String, EdgeError> {
    let fetched = JsFuture::from(begin(url, "GET", &[], None)?).await?;
    let fetched: web_sys::Response = fetched.unchecked_into();
    let content_type = fetched.headers().get("content-type")?.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = essence == JSON || essence.ends_with("+json");
    if fetched.status() != 200 || !is_json {
        return Err(failed(url, "no JSON document"));
    }
    let bytes = bytes(&fetched, most).await?;
    let bytes = bytes.ok_or_else(|| failed(url, "too large"))?;
    String::from_utf8(bytes).map_err(|_| failed(url, "not UTF-8"))
}

/// Posts a form with an `Authorization` header, and reads what is said, up to 64 kB. A redirect is not followed.
///
/// # Errors
///
/// [`EdgeError::Upstream`] if nothing is said within five seconds.
pub async fn post_form(
    url: &str,
    authorization: &str,
    pairs: &[(&str, &str)],
) -> Result<Said, EdgeError> {
    let headers = [
        ("authorization", authorization.into()),
        ("content-type", FORM.into()),
    ];
    let form = form::encode(pairs.iter().copied());
    let sent = begin(url, "POST", &headers, Some(&form));
    read(url, sent, LARGEST_ANSWER).await
}

/// Posts a body and says with which status it was answered. A redirect is an answer, and not followed; what
/// else is in an answer, nobody reads.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if there is no answer within five seconds.
pub async fn post_status(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<u16, EdgeError> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, JsValue::from_str(value)))
        .collect();
    Ok(js::status(begin(url, "POST", &headers, Some(body))?).await?)
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `DPoP-Nonce` (RFC 9449 §8).
    pub nonce: Option<String>,
    /// The header `Date`.
    pub date: Option<String>,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// The body.
    pub body: String,
}

/// Sends a request, a form if there is a body, and reads whatever is answered.
///
/// # Errors
///
/// [`EdgeError`] if there is no whole answer within five seconds, or one of more than a megabyte.
pub async fn ask(
    url: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Result<Reply, EdgeError> {
    let form = body.map(|_| ("content-type", FORM));
    let headers: Vec<_> = headers
        .iter()
        .copied()
        .chain(form)
        .map(|(name, value)| (name, JsValue::from_str(value)))
        .collect();
    let fetched = JsFuture::from(begin(url, method, &headers, body)?).await?;
    let response: web_sys::Response = fetched.unchecked_into();
    let body = text(&response, LARGEST_DOCUMENT).await?;
    let body = body.ok_or_else(|| failed(url, "too large"))?;
    let headers = response.headers();
    let header = |name| headers.get(name).ok().flatten();
    Ok(Reply {
        status: response.status(),
        retry_after: header("retry-after"),
        nonce: header("dpop-nonce"),
        date: header("date"),
        challenge: header("www-authenticate"),
        body,
    })
}

/// What another service has said.
#[derive(Debug)]
pub enum Said {
    /// This, with status 200.
    Text(String),
    /// More than anybody reads, with status 200.
    TooLarge,
    /// Something else, with another status.
    Status(u16),
}

impl Said {
    /// The JSON that it is.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Upstream`] with the address if it is none, or not what is expected.
    pub fn json<T: DeserializeOwned>(self, url: &str) -> Result<T, EdgeError> {
        json::read(&self.text(url)?).map_err(|error| failed(url, error))
    }

    fn text(self, url: &str) -> Result<String, EdgeError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::TooLarge => Err(failed(url, "too large")),
            Self::Status(status) => Err(failed(url, format_args!("status {status}"))),
        }
    }
}

fn failed(url: &str, why: impl core::fmt::Display) -> EdgeError {
    EdgeError::Upstream(format!("{url}: {why}"))
}

/// What is said, of which no more than `most` bytes are read.
async fn read(url: &str, sent: Result<Promise, EdgeError>, most: usize) -> Result<Said, EdgeError> {
    let said = async {
        let response: web_sys::Response = JsFuture::from(sent?).await?.unchecked_into();
        let text = text(&response, most).await?;
        Ok(match (response.status(), text) {
            (200, Some(text)) => Said::Text(text),
            (200, None) => Said::TooLarge,
            (status, _) => Said::Status(status),
        })
    };
    said.await.map_err(|error: EdgeError| failed(url, error))
}

/// The body of a response, or nothing if it has more than `most` bytes.
async fn bytes(response: &web_sys::Response, most: usize) -> Result<Option<Vec<u8>>, EdgeError> {
    match response.body() {
        Some(body) => bounded(&body, most).await,
        None => Ok(Some(Vec::new())),
    }
}

/// The same as text.
async fn text(response: &web_sys::Response, most: usize) -> Result<Option<String>, EdgeError> {
    let bytes = bytes(response, most).await?;
    Ok(bytes.map(|bytes| {
        // RFC 8259 §8.1: a byte order mark may be ignored.
        let text = String::from_utf8_lossy(&bytes);
        text.trim_start_matches('\u{feff}').to_owned()
    }))
}

fn begin(
    url: &str,
    method: &str,
    headers: &[(&str, JsValue)],
    body: Option<&str>,
) -> Result<Promise, EdgeError> {
    Ok(fetch(url, &init(method, headers, body, "manual")?)?)
}

fn init(
    method: &str,
    headers: &[(&str, JsValue)],
    body: Option<&str>,
    redirect: &str,
) -> Result<Object, EdgeError> {
    let sent = js::object(&[("accept", "application/json".into())])?;
    for (name, value) in headers {
        js_sys::Reflect::set(&sent, &JsValue::from_str(name), value)?;
    }
    js::object(&[
        ("method", method.into()),
        ("headers", sent.into()),
        ("redirect", redirect.into()),
        ("signal", abort_after(PATIENCE)?),
        ("body", body.into()),
    ])
}
