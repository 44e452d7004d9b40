//! Passing a request on, and its answer back, as streams.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Rc;

use futures_core::Stream;
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::{ByteStream, Headers, Request, Response};

use crate::{EdgeError, js};

// The runtime moves the bytes itself, and the length stays known.
#[wasm_bindgen(inline_js = "
export function flowing(body, length) {
  const { readable, writable } = new FixedLengthStream(length);
  return [readable, body.pipeTo(writable).then(() => undefined, () => undefined)];
}
")]
extern "C" {
    /// A body of this length as it flows, and a promise that it has.
    #[wasm_bindgen(catch)]
    fn flowing(body: &web_sys::ReadableStream, length: f64) -> Result<Array, JsValue>;
}

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
    /// A stream, which can be sent once, and when it has been.
    Stream(JsValue, Promise),
    /// The same, while somebody counts.
    Counted(JsValue, Promise, Limit),
}

/// What stops a request whose body turns out to be too large.
#[derive(Clone, Debug)]
pub struct Limit {
    controller: web_sys::AbortController,
    is_exceeded: Rc<Cell<bool>>,
}

impl Body {
    /// Whether there is none, or nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(bytes) => bytes.length() == 0,
            Self::Stream(..) | Self::Counted(..) => false,
        }
    }

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
        Some(length) => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "no body has more bytes than a float counts"
            )]
            let flow = flowing(&stream, length as f64)?;
            Ok(Ok(Body::Stream(flow.get(0), flow.get(1).unchecked_into())))
        }
        None => {
            let limit = Limit {
                controller: web_sys::AbortController::new()?,
                is_exceeded: Rc::default(),
            };
            let mut done = None;
            let sent = Promise::new(&mut |resolve, _| done = Some(resolve));
            let counted = Counted {
                inner: request.stream()?,
                left: largest,
                limit: limit.clone(),
                done,
            };
            let counted: web_sys::Response = Response::from_stream(counted)?.into();
            let stream = counted.body().map_or(JsValue::NULL, JsValue::from);
            Ok(Ok(Body::Counted(stream, sent, limit)))
        }
    }
}

/// What comes first.
async fn sooner(one: &Promise, other: &Promise) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::race(&Array::of2(one, other))).await
}

/// An answer, if its status is one that an answer may have: the runtime takes others in, and none out again.
fn answered(response: JsValue) -> Result<Result<Response, Lost>, EdgeError> {
    let socket = Reflect::get(&response, &JsValue::from_str("webSocket"))?;
    let response: web_sys::Response = response.unchecked_into();
    let is_one = (200..=599).contains(&response.status()) || socket.is_object();
    Ok(if is_one {
        Ok(response.into())
    } else {
        Err(Lost::Unreachable)
    })
}

/// A stream whose request is given up when there is more of it than there may be, or it fails. It must not end
/// then: the runtime passes a body that ends with an error on as if it were whole.
struct Counted {
    inner: ByteStream,
    left: u64,
    limit: Limit,
    /// To be called when all of it has flowed.
    done: Option<Function>,
}

impl Stream for Counted {
    type Item = worker::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.inner).poll_next(context);
        let left = match &next {
            Poll::Pending => return next,
            Poll::Ready(None) => {
                drop(self.done.take().map(|done| done.call0(&JsValue::UNDEFINED)));
                return next;
            }
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
    /// How long to wait for the beginning of the answer when all of the body has been sent, in milliseconds.
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
        Body::Stream(stream, _) | Body::Counted(stream, ..) => stream.clone(),
    };
    let (controller, is_exceeded) = match outgoing.body {
        Body::Counted(.., limit) => (limit.controller.clone(), Rc::clone(&limit.is_exceeded)),
        _ => (web_sys::AbortController::new()?, Rc::default()),
    };
    let init = js::object(&[
        ("method", outgoing.method.into()),
        ("headers", outgoing.headers.as_ref().clone()),
        ("body", body),
        ("redirect", "manual".into()),
        ("signal", controller.signal().into()),
    ])?;
    let answer = fetch(outgoing.url, &init)?;
    let mut first = Ok(JsValue::UNDEFINED);
    // A user whose network is slow is not an API that is.
    if let Body::Stream(_, sent) | Body::Counted(_, sent, _) = outgoing.body {
        first = sooner(&answer, sent).await;
    }
    if matches!(&first, Ok(none) if none.is_undefined()) {
        first = sooner(&answer, &wait(outgoing.patience)?).await;
    }
    Ok(match first {
        Ok(response) if response.is_object() => answered(response)?,
        Ok(_) => {
            controller.abort();
            Err(Lost::TimedOut)
        }
        Err(_) if is_exceeded.get() => Err(Lost::TooLarge),
        Err(_) => Err(Lost::Unreachable),
    })
}
