//! Something that is done once for all who ask for it meanwhile, inside one Durable Object.
//!
//! Unlike the requests of a Worker, those of an object share their I/O: they may wait for one promise, and it goes
//! on when whoever began it goes away. `tests/gateway/refresh.test.mjs` shows both.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen_futures::JsFuture;

use crate::{EdgeError, background};

/// Work of one kind, of which at most one is under way. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Flight(Rc<RefCell<Option<Promise>>>);

impl Flight {
    /// Begins `work`, unless there is some under way.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] outside an event of the object.
    pub fn begin<F>(&self, work: impl FnOnce() -> F) -> Result<(), EdgeError>
    where
        F: Future<Output = ()> + 'static,
    {
        self.promise(work).map(drop)
    }

    /// Waits for the work that is under way, after beginning `work` if there is none.
    ///
    /// # Errors
    ///
    /// As [`Flight::begin`].
    pub async fn join<F>(&self, work: impl FnOnce() -> F) -> Result<(), EdgeError>
    where
        F: Future<Output = ()> + 'static,
    {
        let promise = self.promise(work)?;
        JsFuture::from(promise).await?;
        Ok(())
    }

    fn promise<F>(&self, work: impl FnOnce() -> F) -> Result<Promise, EdgeError>
    where
        F: Future<Output = ()> + 'static,
    {
        if let Some(promise) = self.0.borrow().clone() {
            return Ok(promise);
        }
        let (slot, work) = (Rc::clone(&self.0), work());
        // What is begun here first runs when this has returned.
        let promise = background::promise(async move {
            work.await;
            slot.replace(None);
        });
        self.0.replace(Some(promise.clone()));
        background::wait_until(&promise)?;
        Ok(promise)
    }
}
