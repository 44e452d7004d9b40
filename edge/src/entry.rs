//! Where the runtime enters a Worker.

use core::future::Future;
use core::task::{Context, Poll, Waker};

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use worker::worker_sys::web_sys;
use worker::{Request, Response};

/// Answers a request as the runtime gives it: with the response itself if there was nothing to wait for,
/// else with a promise of it. The promise would cost a turn of the runtime's queue each time.
///
/// # Errors
///
/// What `handle` failed with.
pub fn answer<F>(
    request: web_sys::Request,
    handle: impl FnOnce(Request) -> F,
) -> Result<JsValue, JsValue>
where
    F: Future<Output = worker::Result<Response>> + 'static,
{
    let answered = handle(Request::from(request));
    let mut answered = Box::pin(async move {
        match answered.await {
            Ok(response) => Ok(web_sys::Response::from(response).into()),
            Err(error) => Err(JsValue::from(error)),
        }
    });
    // Nothing wakes it yet: whatever it waits for looks again when the promise's first turn comes.
    let mut nobody = Context::from_waker(Waker::noop());
    match answered.as_mut().poll(&mut nobody) {
        Poll::Ready(response) => response,
        Poll::Pending => Ok(future_to_promise(answered).into()),
    }
}
