//! Work that goes on when its request is over.
//!
//! The runtime drops whatever a request still waits for as soon as its client has gone away, and a
//! future of one request must never be awaited, nor woken, by another: its I/O belongs to the
//! request that began it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::EdgeError;

#[wasm_bindgen(module = "cloudflare:workers")]
extern "C" {
    #[wasm_bindgen(catch, js_name = waitUntil)]
    pub(crate) fn wait_until(promise: &Promise) -> Result<(), JsValue>;
}

/// Begins `work` and sees it through to its end.
///
/// # Errors
///
/// [`EdgeError::Runtime`] outside a request.
pub fn begin(work: impl Future<Output = ()> + 'static) -> Result<(), EdgeError> {
    Ok(wait_until(&promise(work))?)
}

/// Waits for `work`, which comes to its end also if this request's client goes away meanwhile.
///
/// # Errors
///
/// [`EdgeError::Runtime`] outside a request.
pub async fn finish<T: 'static>(work: impl Future<Output = T> + 'static) -> Result<T, EdgeError> {
    let done = Rc::new(Cell::new(None));
    let slot = Rc::clone(&done);
    let promise = promise(async move { slot.set(Some(work.await)) });
    wait_until(&promise)?;
    JsFuture::from(promise).await?;
    let cut_off = || EdgeError::Runtime("background work was cut off".to_owned());
    done.take().ok_or_else(cut_off)
}

/// Waits for all of `works`, which go on side by side; what they brought, in the order in which they ended.
///
/// # Errors
///
/// [`EdgeError::Runtime`] outside a request.
pub async fn all<T: 'static, F>(works: impl IntoIterator<Item = F>) -> Result<Vec<T>, EdgeError>
where
    F: Future<Output = T> + 'static,
{
    let brought = Rc::new(RefCell::new(Vec::new()));
    let promises = works.into_iter().map(|work| {
        let brought = Rc::clone(&brought);
        promise(async move {
            let outcome = work.await;
            brought.borrow_mut().push(outcome);
        })
    });
    let promises: js_sys::Array = promises.collect();
    JsFuture::from(Promise::all(&promises)).await?;
    Ok(brought.take())
}

pub(crate) fn promise(work: impl Future<Output = ()> + 'static) -> Promise {
    settle(Box::pin(async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    }))
}

/// What is to become of something that is waited for.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A promise of it. All promises of a Worker are made here: one for each kind of work would be two kilobytes each.
pub(crate) fn settle(work: Work) -> Promise {
    future_to_promise(work)
}
