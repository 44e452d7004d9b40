//! The OAuth 2.1 and OpenID Connect protocol, and nothing else.
//!
//! This crate does no I/O and has no clock and no randomness: time, random bytes and stored records
//! come in as arguments, decisions go out as data. The Workers and the SDK around it perform the
//! effects, and tests replay any moment.
//!
//! ```text
//!   provider                    relying party                 resource server
//!   parse -> decide             build -> process              parse -> check
//!   authorize, token, ...       rp                            resource
//!          \                        |                              /
//!           secret  id  scope  time  form  pkce  error  (shared by all three)
//! ```
//!
//! The feature `server` adds the provider's and the resource server's sides, `gateway` what the gateway
//! decides; the browser SDK is built without them and so without JOSE, JSON and URL parsers.

#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod address;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod authorize;
#[cfg(feature = "server")]
pub mod base64;
#[cfg(feature = "server")]
pub mod clean_up;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod discovery;
#[cfg(feature = "server")]
pub mod dpop;
pub mod error;
pub mod form;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "server")]
pub mod grant;
#[cfg(feature = "server")]
pub mod guessing;
pub mod id;
#[cfg(feature = "server")]
pub mod introspect;
#[cfg(feature = "server")]
pub mod jose;
#[cfg(feature = "server")]
pub mod json;
#[cfg(feature = "server")]
pub mod keys;
#[cfg(feature = "server")]
pub mod logout;
pub mod pkce;
#[cfg(feature = "server")]
pub mod redirect;
#[cfg(feature = "server")]
pub mod resource;
#[cfg(feature = "server")]
pub mod revoke;
pub mod rp;
pub mod scope;
pub mod secret;
#[cfg(feature = "server")]
pub mod status_list;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "server")]
pub mod text;
pub mod time;
#[cfg(feature = "server")]
pub mod token;
#[cfg(feature = "server")]
pub mod userinfo;
#[cfg(feature = "server")]
pub mod webhook;
