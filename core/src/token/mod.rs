//! The token endpoint (RFC 6749 §3.2) and the tokens themselves.

pub mod access;
pub mod actor;
pub mod id;
pub mod opaque;
pub mod refresh;
mod refusal;
mod request;
mod response;

pub use refusal::TokenRefusal;
pub use request::{GrantRequest, RefreshRequest, TokenRequest};
pub use response::TokenResponse;
