//! The Gatepass browser SDK.
//!
//! ```text
//!   js/            awaits: fetch, storage, timers, the page       every effect
//!        |
//!        |   call(parameters) -> parameters
//!        |
//!   src/           this facade: parameters to types and back
//!        |
//!   gatepass_core::rp                                             every decision
//! ```
//!
//! Size decides the shape. Whatever waits is JavaScript: the same steps as Rust futures made the
//! package four times as large. And there is one entry, which speaks what OAuth speaks,
//! `application/x-www-form-urlencoded`: typed methods with objects made it half as large again.
//! Nothing here waits, calls back or decides, so every call is over before the next begins.

#![forbid(unsafe_code)]

mod calls;
mod error;
mod options;
mod parameters;

use gatepass_core::form::Form;
use gatepass_core::rp::metadata::Metadata;
use gatepass_core::rp::session::{ClientSession, Flight};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::Error;
use crate::options::Options;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

/// What one client knows, and what it decides by it.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Core {
    options: Option<Options>,
    metadata: Option<Metadata>,
    session: ClientSession,
    /// The refreshes under way: one, and those that a sign-out has overtaken.
    flights: Vec<Flight>,
}

#[wasm_bindgen]
impl Core {
    /// A client that knows nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a call, named by the parameter `call`, with parameters; with `error` among them, a `code`
    /// of `GatepassError`, if it is refused.
    pub fn call(&mut self, input: &str) -> String {
        let answer = match Form::parse(input) {
            Ok(input) => self.answer(&input),
            Err(_) => Err(Error::Malformed),
        };
        answer.unwrap_or_else(|error| error.to_parameters())
    }
}
