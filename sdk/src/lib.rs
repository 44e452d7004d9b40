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
//! package four times as large. And there is one entry, which takes and gives names and texts: typed
//! methods with objects made it half as large again.
//!
//! Nothing is remembered between two calls: what there is to know comes with each, options and
//! session record included. So nothing is ever freed either (`memory.rs`: each call begins with an
//! empty heap, which makes the module a tenth smaller), and a host whose instance is lost goes on with a new one.

#![deny(unsafe_code)]

mod calls;
mod error;
#[cfg(all(target_arch = "wasm32", feature = "standalone"))]
mod memory;
mod options;
mod parameters;

use crate::parameters::{Input, Output};

/// Answers a call, named by the parameter `call`, with parameters; with `error` among them, a `code`
/// of `GatepassError`, if it is refused.
pub fn call(input: &str) -> String {
    let mut answer = Output::default();
    if let Err(error) = calls::answer(Input(input), &mut answer) {
        answer = Output::default();
        error.write(&mut answer);
    }
    answer.0
}
