//! Where the runtime enters a Worker.

use core::future::Future;
use core::task::{Context, Poll, Waker};

use js_sys::{Promise, Reflect};
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys;
use worker::{Request, Response};

use crate::EdgeError;
use crate::background::{Work, settle};

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
    F: Future<Output = Result<Response, EdgeError>> + 'static,
{
    let answered = handle(Request::from(request));
    let mut answered: Work = Box::pin(async move {
        match answered.await {
            Ok(response) => Ok(web_sys::Response::from(response).into()),
            Err(error) => Err(error.to_string().into()),
        }
    });
    // Nothing wakes it yet: whatever it waits for looks again when the promise's first turn comes.
    let mut nobody = Context::from_waker(Waker::noop());
    match answered.as_mut().poll(&mut nobody) {
        Poll::Ready(response) => response,
        Poll::Pending => Ok(settle(answered).into()),
    }
}

/// Sees to what nobody asked for: a cron trigger, a batch of a queue. What `work` fails with, the runtime is told.
pub fn attend(work: impl Future<Output = Result<(), EdgeError>> + 'static) -> Promise {
    settle(Box::pin(async move {
        let done = work.await;
        done.map(|()| JsValue::UNDEFINED)
            .map_err(|error| error.to_string().into())
    }))
}

/// For when a cron trigger was meant, in milliseconds since 1970; 0 if the event does not say.
pub fn scheduled_time(event: &JsValue) -> f64 {
    let time = Reflect::get(event, &JsValue::from_str("scheduledTime"));
    time.ok().and_then(|time| time.as_f64()).unwrap_or_default()
}
