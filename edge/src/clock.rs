//! The wall clock and the timer. On Workers the clock stands still between two operations that wait
//! for I/O.

use gatepass_core::time::Timestamp;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::EdgeError;

/// The current time, in whole seconds.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(milliseconds() / 1000)
}

/// The current time, in milliseconds since the epoch: for what is only put in order, and for what takes less than
/// seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn milliseconds() -> i64 {
    i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX)
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = scheduler, js_name = wait)]
    fn wait(milliseconds: u32) -> Result<Promise, JsValue>;
}

/// Waits for so many milliseconds, on a timer of this request.
///
/// # Errors
///
/// [`EdgeError::Runtime`] outside a request.
pub async fn pause(milliseconds: u32) -> Result<(), EdgeError> {
    JsFuture::from(wait(milliseconds)?).await?;
    Ok(())
}
