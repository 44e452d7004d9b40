//! Requests in and responses out.

use gatepass_core::error::{ErrorCode, ErrorResponse};
use gatepass_core::resource::Refused;
use js_sys::{Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::{Headers, Request, Response, ResponseBody};

use crate::EdgeError;

/// The largest body that an endpoint reads, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Why a body is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyRefusal {
    /// Not the content type that the endpoint reads.
    #[error("the content type must be {0}")]
    ContentType(&'static str),
    /// Over [`LARGEST_BODY`].
    #[error("the body must not be larger than 64 kB")]
    TooLarge,
    /// It ended before its end.
    #[error("the body broke off")]
    BrokenOff,
    /// Not text.
    #[error("the body must be UTF-8")]
    NotUtf8,
}

impl BodyRefusal {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::ContentType(_) => 415,
            Self::TooLarge => 413,
            Self::BrokenOff | Self::NotUtf8 => 400,
        }
    }

    /// The response of an endpoint that answers in JSON.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if it cannot be built.
    pub fn response(self) -> Result<Response, EdgeError> {
        let error = ErrorResponse::new(ErrorCode::InvalidRequest, self.to_string());
        Ok(error_json(&error)?.with_status(self.status()))
    }
}

/// A header's value.
pub fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

/// The method as it came: [`Request::method`] takes one that it does not know for GET.
pub fn method(request: &Request) -> String {
    request.inner().method()
}

/// The query, still encoded; empty if there is none.
pub fn query(request: &Request) -> String {
    let url = request.inner().url();
    let without_fragment = url.split('#').next().unwrap_or_default();
    without_fragment
        .split_once('?')
        .map(|(_, query)| query.to_owned())
        .unwrap_or_default()
}

/// Whether a body says that it is of this content type.
pub fn is_of_type(request: &Request, content_type: &str) -> bool {
    let stated = header(request, "Content-Type").unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(content_type)
}

/// Reads a body of the given content type, no more than [`LARGEST_BODY`] of it.
///
/// # Errors
///
/// The inner [`BodyRefusal`], for which the client is at fault.
pub async fn body(
    request: &mut Request,
    content_type: &'static str,
) -> Result<Result<String, BodyRefusal>, EdgeError> {
    if !is_of_type(request, content_type) {
        return Ok(Err(BodyRefusal::ContentType(content_type)));
    }
    let length = header(request, "Content-Length").and_then(|length| length.parse().ok());
    if length.is_some_and(|length: usize| length > LARGEST_BODY) {
        return Ok(Err(BodyRefusal::TooLarge));
    }
    // A body without a length may be of any size, and is read piece by piece.
    let bytes = match request.inner().body() {
        None => Ok(Some(Vec::new())),
        Some(_) if length.is_some() => request.bytes().await.map(Some).map_err(EdgeError::from),
        Some(body) => bounded(&body, LARGEST_BODY).await,
    };
    Ok(match bytes {
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| BodyRefusal::NotUtf8),
        Ok(None) => Err(BodyRefusal::TooLarge),
        Err(_) => Err(BodyRefusal::BrokenOff),
    })
}

#[wasm_bindgen(inline_js = "
export async function bounded(body, most) {
  const reader = body.getReader();
  // What is read is copied: the runtime holds a page of memory for each piece, however small.
  let [all, length] = [new Uint8Array(4096), 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all.subarray(0, length);
    const next = length + value.byteLength;
    if (next > most) break;
    if (next > all.byteLength) {
      const larger = new Uint8Array(Math.max(next, 2 * all.byteLength));
      larger.set(all);
      all = larger;
    }
    all.set(value, length);
    length = next;
  }
  reader.cancel().catch(() => {});
}
")]
extern "C" {
    /// A promise of the bytes; of nothing if there are more than `most`.
    #[wasm_bindgen(catch, js_name = bounded)]
    fn read_bounded(body: &web_sys::ReadableStream, most: u32) -> Result<Promise, JsValue>;
}

/// Reads to the end, or gives up when there is more than `most`; then `None`.
pub(crate) async fn bounded(
    body: &web_sys::ReadableStream,
    most: usize,
) -> Result<Option<Vec<u8>>, EdgeError> {
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let read = JsFuture::from(read_bounded(body, most)?).await?;
    Ok(read.is_object().then(|| Uint8Array::from(read).to_vec()))
}

/// The content type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// The content type of JSON.
pub const JSON: &str = "application/json";

/// A JSON response that nobody may keep (RFC 6749 §5.1).
///
/// # Errors
///
/// [`EdgeError::Runtime`] if `value` does not serialize.
pub fn json(value: &impl Serialize) -> Result<Response, EdgeError> {
    json_text(serde_json::to_string(value)?)
}

/// A JSON response from its text.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn json_text(text: String) -> Result<Response, EdgeError> {
    let response = with_type(text, JSON)?;
    response.headers().set("Cache-Control", "no-store")?;
    Ok(response)
}

/// A JSON response that anyone may keep for so many seconds.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if `value` does not serialize.
pub fn public_json(value: &impl Serialize, seconds: i64) -> Result<Response, EdgeError> {
    public(serde_json::to_string(value)?, JSON, seconds)
}

/// A response that anyone may keep for so many seconds.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn public(
    body: impl Into<String>,
    content_type: &str,
    seconds: i64,
) -> Result<Response, EdgeError> {
    let response = with_type(body, content_type)?;
    response
        .headers()
        .set("Cache-Control", &kept_for(seconds))?;
    Ok(response)
}

/// The `Cache-Control` of what anyone may keep for so many seconds.
pub fn kept_for(seconds: i64) -> String {
    format!("public, max-age={seconds}")
}

/// A response with a body of this content type.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn with_type(body: impl Into<String>, content_type: &str) -> Result<Response, EdgeError> {
    let headers = Headers::new();
    headers.set("Content-Type", content_type)?;
    Ok(Response::from_body(ResponseBody::Body(body.into().into_bytes()))?.with_headers(headers))
}

#[derive(Serialize)]
struct WireError<'a> {
    error: &'static str,
    error_description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gatepass_reason: Option<&'static str>,
}

/// An error response (RFC 6749 §5.2).
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn error_json(error: &ErrorResponse) -> Result<Response, EdgeError> {
    let response = json(&WireError {
        error: error.code.as_str(),
        error_description: &error.description,
        gatepass_reason: error.reason,
    })?;
    if error.code == ErrorCode::InvalidClient {
        // RFC 6749 §5.2: required if the client used the header, harmless otherwise.
        response
            .headers()
            .set("WWW-Authenticate", "Basic realm=\"gatepass\"")?;
    }
    if error.code == ErrorCode::TemporarilyUnavailable {
        response.headers().set("Retry-After", "1")?;
    }
    Ok(response.with_status(error.code.status()))
}

/// The answer of a resource server to a request that it does not let through, with the challenge of
/// RFC 6750 §3 or RFC 9449 §7.1. `realm` and `metadata` are as [`Refused::challenge`] has them.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn challenge(
    refused: &Refused,
    realm: &str,
    metadata: Option<&str>,
) -> Result<Response, EdgeError> {
    let (status, code) = refused.reason.code();
    let response = json(&WireError {
        error: code.unwrap_or(ErrorCode::InvalidToken).as_str(),
        error_description: &refused.reason.to_string(),
        gatepass_reason: None,
    })?;
    let challenge = refused.challenge(realm, metadata);
    response.headers().set("WWW-Authenticate", &challenge)?;
    Ok(response.with_status(status))
}

/// The answer to a method that the endpoint does not have.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime refuses it.
pub fn method_not_allowed(allowed: &str) -> Result<Response, EdgeError> {
    let description = format!("use {allowed}");
    let response = error_json(&ErrorResponse::new(ErrorCode::InvalidRequest, description))?;
    response.headers().set("Allow", allowed)?;
    Ok(response.with_status(405))
}

/// Sends the browser elsewhere with GET (RFC 9110 §15.4.4); nobody may keep it.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if `location` is not a header value.
pub fn see_other(location: &str) -> Result<Response, EdgeError> {
    let headers = Headers::new();
    headers.set("Location", location)?;
    headers.set("Cache-Control", "no-store")?;
    Ok(Response::empty()?.with_status(303).with_headers(headers))
}
