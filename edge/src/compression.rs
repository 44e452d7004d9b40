//! The platform's own compression (zlib, RFC 1950): quicker than the same in wasm, and not in it.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::EdgeError;
use crate::http::bounded;

#[wasm_bindgen]
extern "C" {
    type CompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<CompressionStream, JsValue>;

    type DecompressionStream;
    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    #[wasm_bindgen(js_name = Response)]
    type Body;
    #[wasm_bindgen(constructor, js_class = "Response", catch)]
    fn new(body: &JsValue) -> Result<Body, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Body) -> Stream;
    #[wasm_bindgen(method, js_name = arrayBuffer, catch)]
    fn array_buffer(this: &Body) -> Result<Promise, JsValue>;

    type Stream;
    #[wasm_bindgen(method, js_name = pipeThrough, catch)]
    fn pipe_through(this: &Stream, transform: &JsValue) -> Result<JsValue, JsValue>;
}

/// The zlib format of `bytes`.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if the runtime cannot.
pub async fn deflate(bytes: &[u8]) -> Result<Vec<u8>, EdgeError> {
    let transform = CompressionStream::new("deflate")?;
    Ok(through(bytes, &transform).await?)
}

/// What `bytes` are the zlib format of, unless it is longer than `most` bytes; then `None`.
///
/// # Errors
///
/// [`EdgeError::Runtime`] if they are of nothing.
pub async fn inflate(bytes: &[u8], most: usize) -> Result<Option<Vec<u8>>, EdgeError> {
    let transform = DecompressionStream::new("deflate")?;
    let inflated = piped(bytes, &transform)?.unchecked_into();
    bounded(&inflated, most).await
}

async fn through(bytes: &[u8], transform: &JsValue) -> Result<Vec<u8>, JsValue> {
    let changed = Body::new(&piped(bytes, transform)?)?;
    let buffer = JsFuture::from(changed.array_buffer()?).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

fn piped(bytes: &[u8], transform: &JsValue) -> Result<JsValue, JsValue> {
    let whole = Body::new(&Uint8Array::from(bytes))?.body();
    whole.pipe_through(transform)
}
