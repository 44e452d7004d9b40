//! Passing a request on, and its answer back, as streams.

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use worker::{Headers, Request, Response};

use crate::{EdgeError, js};

// With a length, the runtime moves the bytes itself, and what is broken off is known not to be the whole. Without one, the
// runtime ends a body that fails as if it were whole: so it must neither fail nor end, and the request is given up.
#[wasm_bindgen(inline_js = "
export function flowing(body, length) {
  const { readable, writable } = new FixedLengthStream(length);
  return [readable, body.pipeTo(writable).then(() => undefined, () => undefined)];
}
export function counted(body, most, controller) {
  const reader = body.getReader({ mode: 'byob' });
  let tell;
  const sent = new Promise((resolve) => { tell = resolve; });
  const pull = async (stream) => {
    try {
      const { done, value } = await reader.read(new Uint8Array(65536));
      if (!done && (most -= value.byteLength) >= 0) return stream.enqueue(value);
      tell(!done || undefined);
      if (done) return stream.close();
    } catch {}
    controller.abort();
    return new Promise(() => {});
  };
  return [new ReadableStream({ pull }), sent];
}
")]
extern "C" {
    /// A body of this length as it flows, and a promise that it has.
    #[wasm_bindgen(catch)]
    fn flowing(body: &web_sys::ReadableStream, length: f64) -> Result<Array, JsValue>;
    /// The same of one of any length; the promise is of `true` if there is more than `most`. Then, or if it cannot be
    /// read to its end, `controller` gives its request up.
    #[wasm_bindgen(catch)]
    fn counted(
        body: &web_sys::ReadableStream,
        most: f64,
        controller: &web_sys::AbortController,
    ) -> Result<Array, JsValue>;
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
    /// A stream, which can be sent once, when it has been or that there was too much of it, and what gives its request
    /// up.
    Stream(JsValue, Promise, web_sys::AbortController),
}

impl Body {
    /// Whether there is none, or nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(bytes) => bytes.length() == 0,
            Self::Stream(..) => false,
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
#[expect(
    clippy::cast_precision_loss,
    reason = "no body has more bytes than a float counts"
)]
pub async fn body(
    request: &mut Request,
    held: u64,
    largest: u64,
) -> Result<Result<Body, TooLarge>, EdgeError> {
    let Some(stream) = request.inner().body() else {
        return Ok(Ok(Body::Empty));
    };
    let length = request.headers().get("content-length")?;
    let controller = web_sys::AbortController::new()?;
    let flow = match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(0) => return Ok(Ok(Body::Empty)),
        Some(length) if length > largest => return Ok(Err(TooLarge)),
        Some(length) if length <= held => {
            let bytes = request.bytes().await?;
            return Ok(Ok(Body::Held(Uint8Array::from(bytes.as_slice()))));
        }
        Some(length) => flowing(&stream, length as f64)?,
        None => counted(&stream, largest as f64, &controller)?,
    };
    let sent = flow.get(1).unchecked_into();
    Ok(Ok(Body::Stream(flow.get(0), sent, controller)))
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
        Body::Stream(stream, ..) => stream.clone(),
    };
    let controller = match outgoing.body {
        Body::Stream(.., controller) => controller.clone(),
        Body::Empty | Body::Held(_) => web_sys::AbortController::new()?,
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
    if let Body::Stream(_, sent, _) = outgoing.body {
        first = sooner(&answer, sent).await;
    }
    if matches!(&first, Ok(none) if none.is_undefined()) {
        first = sooner(&answer, &wait(outgoing.patience)?).await;
    }
    Ok(match first {
        Ok(response) if response.is_object() => answered(response)?,
        Ok(is_too_large) => {
            controller.abort();
            Err(if is_too_large.is_truthy() {
                Lost::TooLarge
            } else {
                Lost::TimedOut
            })
        }
        Err(_) => Err(Lost::Unreachable),
    })
}
