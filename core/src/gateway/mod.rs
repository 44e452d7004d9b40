//! What the gateway decides: a relying party that keeps the tokens, and a proxy that attaches them.
//!
//! ```text
//!   registration   at which providers users sign in, and as which client
//!   provider       what a provider publishes; how its answers are read
//!   identity       who an ID token says has signed in
//!   session        whether a session's token is used, renewed or refused, and when a session is over
//!   forgery        whether a request comes from the gateway's own pages
//!   relay          where a request goes, and which of its headers go along
//!   cookie         `__Host-` cookies
//!   logout_token   which sessions a provider has ended
//! ```

pub mod cookie;
pub mod forgery;
pub mod identity;
pub mod logout_token;
pub mod provider;
pub mod registration;
pub mod relay;
pub mod session;
