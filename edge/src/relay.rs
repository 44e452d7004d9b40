//! Passing a request on, and its answer back, as streams.

use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::{ByteStream, Headers, Request, Response};

use crate::{EdgeError, js};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch(url: &str, init: &js_sys::Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch, js_namespace = scheduler, js_name = wait)]
    fn wait(milliseconds: u32) -> Result<Promise, JsValue>;
}

/// The body of a request on its way.
#[derive(Clone, Debug)]
pub enum Body {
    /// None.
    Empty,
    /// Held here, so that it can be sent again.
    Held(Uint8Array),
    /// A stream, which can be sent once.
    Stream(JsValue),
}

impl Body {
    /// Whether it can be sent more than once.
    pub const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Stream(_))
    }
}

/// Why a body is not passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLarge;

/// Takes the body of a request: holds one of up to `held` bytes, lets others of up to `largest` bytes flow. One
/// that does not say how large it is breaks off when it turns out to be larger.
///
/// # Errors
///
/// The inner [`TooLarge`] for one that says so; [`EdgeError::Runtime`] if it cannot be read.
pub async fn body(
    request: &mut Request,
    held: u64,
    largest: u64,
) -> Result<Result<Body, TooLarge>, EdgeError> {
    let Some(stream) = request.inner().body() else {
        return Ok(Ok(Body::Empty));
    };
    let length = request.headers().get("content-length")?;
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > largest => Ok(Err(TooLarge)),
        Some(length) if length <= held => {
            let bytes = request.bytes().await?;
            Ok(Ok(Body::Held(Uint8Array::from(bytes.as_slice()))))
        }
        Some(_) => Ok(Ok(Body::Stream(stream.into()))),
        None => {
            let counted = Counted {
                inner: request.stream()?,
                left: largest,
            };
            let counted: web_sys::Response = Response::from_stream(counted)?.into();
            let stream = counted.body().map_or(JsValue::NULL, JsValue::from);
            Ok(Ok(Body::Stream(stream)))
        }
    }
}

/// A stream that breaks off when there is more of it than there may be.
struct Counted {
    inner: ByteStream,
    left: u64,
}

impl Stream for Counted {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            match self.left.checked_sub(length) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err("the body is too large".into()))),
            }
        }
        next
    }
}

/// A request as it is passed on.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub url: &'a str,
    /// The method.
    pub method: &'a str,
    /// All its headers.
    pub headers: &'a Headers,
    /// Its body.
    pub body: &'a Body,
    /// How long to wait for the beginning of the answer, in milliseconds.
    pub patience: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lost {
    /// It did not begin in time.
    TimedOut,
    /// The way there, or the other side, is broken.
    Unreachable,
}

/// Passes a request on, and waits for its answer to begin. A redirect is an answer, and not followed.
///
/// # Errors
///
/// The inner [`Lost`]; [`EdgeError::Runtime`] if the runtime refuses it.
pub async fn send(outgoing: &Outgoing<'_>) -> Result<Result<Response, Lost>, EdgeError> {
    let controller = web_sys::AbortController::new()?;
    let body = match outgoing.body {
        Body::Empty => JsValue::UNDEFINED,
        Body::Held(bytes) => bytes.into(),
        Body::Stream(stream) => stream.clone(),
    };
    let init = js::object(&[
        ("method", outgoing.method.into()),
        ("headers", outgoing.headers.as_ref().clone()),
        ("body", body),
        ("redirect", "manual".into()),
        ("signal", controller.signal().into()),
    ])?;
    let (answer, patience) = (fetch(outgoing.url, &init)?, wait(outgoing.patience)?);
    let both = js_sys::Array::of2(&answer.into(), &patience.into());
    let first = JsFuture::from(Promise::race(&both)).await;
    Ok(match first {
        Ok(response) if response.is_object() => {
            Ok(response.unchecked_into::<web_sys::Response>().into())
        }
        Ok(_) => {
            controller.abort();
            Err(Lost::TimedOut)
        }
        Err(_) => Err(Lost::Unreachable),
    })
}
