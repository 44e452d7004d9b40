//! What tests of the core and of the stores share; it never ships.
//!
//! ```text
//!   block_on  ManualClock  SeededRandom     what the core takes as arguments, under control
//!   Es256Signer                             signatures without WebCrypto
//!   fixture                                 clients, a user, the provider's name and keys
//!   MemoryStore                             both ports of the core, one transaction a method
//!   contract, store_contract_tests!         what every store has to keep
//!   Provider                                the Workers' walk over all of these, in one process
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this crate serves tests, and a test fails by panicking"
)]

mod clock;
pub mod contract;
mod executor;
pub mod fixture;
pub mod fuzz;
mod memory;
mod provider;
mod random;
mod signer;

pub use clock::ManualClock;
pub use executor::{block_on, join_all};
pub use memory::MemoryStore;
pub use provider::{Provider, Sent};
pub use random::SeededRandom;
pub use signer::Es256Signer;
