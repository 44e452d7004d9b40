//! What the Gatepass Workers share on Cloudflare: the adapters between the protocol core and the
//! platform. Each effect has one module, and only that module touches the platform for it.

pub mod background;
pub mod clock;
pub mod compression;
pub mod config;
pub mod cookie;
pub mod cors;
pub mod d1;
pub mod document;
pub mod durable;
pub mod entry;
mod error;
pub mod exchange;
pub mod fetch;
pub mod flight;
pub mod health;
pub mod http;
mod js;
pub mod kv;
pub mod log;
pub mod object_storage;
pub mod possession;
pub mod proving;
pub mod queue;
pub mod random;
pub mod rate_limit;
pub mod relay;
pub mod remembered;
pub mod verify;
pub mod webcrypto;

pub use error::EdgeError;
