//! Passing a request on, and its answer back, as streams.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Rc;

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
    /// The same, while somebody counts.
    Counted(JsValue, Limit),
}

/// What stops a request whose body turns out to be too large.
#[derive(Clone, Debug)]
pub struct Limit {
    controller: web_sys::AbortController,
    is_exceeded: Rc<Cell<bool>>,
}

impl Body {
    /// Whether it can be sent more than once.
    pub const fn is_repeatable(&self) -> bool {
        matches!(self, Self::Empty | Self::Held(_))
    }
}

/// Why a body is not passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLarge;

/// Takes the body of a request: holds one of up to `held` bytes, lets others of up to `largest` bytes flow. The
/// request of one that does not say how large it is, and turns out to be larger, is given up.
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
            let limit = Limit {
                controller: web_sys::AbortController::new()?,
                is_exceeded: Rc::default(),
            };
            let counted = Counted {
                inner: request.stream()?,
                left: largest,
                limit: limit.clone(),
            };
            let counted: web_sys::Response = Response::from_stream(counted)?.into();
            let stream = counted.body().map_or(JsValue::NULL, JsValue::from);
            Ok(Ok(Body::Counted(stream, limit)))
        }
    }
}

/// A stream whose request is given up when there is more of it than there may be, or it fails. It must not end
/// then: the runtime passes a body that ends with an error on as if it were whole.
struct Counted {
    inner: ByteStream,
    left: u64,
    limit: Limit,
}

impl Stream for Counted {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(context);
        let left = match &next {
            Poll::Pending | Poll::Ready(None) => return next,
            Poll::Ready(Some(Ok(chunk))) => {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                let left = self.left.checked_sub(length);
                self.limit.is_exceeded.set(left.is_none());
                left
            }
            Poll::Ready(Some(Err(_))) => None,
        };
        let Some(left) = left else {
            self.limit.controller.abort();
            return Poll::Pending;
        };
        self.left = left;
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
    /// The body was larger than it may be.
    TooLarge,
}

/// Passes a request on, and waits for its answer to begin. A redirect is an answer, and not followed.
///
/// # Errors
///
/// The inner [`Lost`]; [`EdgeError::Runtime`] if the runtime refuses it.
pub async fn send(outgoing: &Outgoing<'_>) -> Result<Result<Response, Lost>, EdgeError> {
    let body = match outgoing.body {
        Body::Empty => JsValue::UNDEFINED,
        Body::Held(bytes) => bytes.into(),
        Body::Stream(stream) | Body::Counted(stream, _) => stream.clone(),
    };
    let (controller, is_exceeded) = match outgoing.body {
        Body::Counted(_, limit) => (limit.controller.clone(), Rc::clone(&limit.is_exceeded)),
        _ => (web_sys::AbortController::new()?, Rc::default()),
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
        Err(_) if is_exceeded.get() => Err(Lost::TooLarge),
        Err(_) => Err(Lost::Unreachable),
    })
}
