//! The relying party: what a client builds and how it reads the answers.
//!
//! Each step is a pair: `build` makes the request and what must be remembered for it, `process`
//! reads the answer. Nothing is hidden between the two.
//!
//! ```text
//!   metadata       where the endpoints are; is this the issuer that was asked for?
//!   authorization  build a URL and a transaction   ->  process the redirect into a code
//!   token          build a code or refresh request ->  process tokens        (id_token)
//!   session        which tokens are current; what a 401, a refresh and a sign-out mean for them
//!   failure retry  what went wrong; is it worth another try, and when
//!   sign_out       build a revocation request, an end-session URL
//! ```

pub mod authorization;
pub mod failure;
pub mod id_token;
pub mod metadata;
pub mod retry;
pub mod session;
pub mod sign_out;
pub mod token;

use crate::form;

/// The parameters that have a value, encoded.
fn parameters(parameters: &[(&str, Option<&str>)]) -> String {
    let present = parameters.iter();
    form::encode(present.filter_map(|(name, value)| Some((*name, (*value)?))))
}

/// Parameters appended to an endpoint that may have a query of its own (RFC 6749 §3.1).
fn with_query(endpoint: &str, query: &str) -> String {
    let separator = if endpoint.contains('?') { "&" } else { "?" };
    [endpoint, separator, query].concat()
}

/// Types that hold secrets as plain text, on their way to or from the host, do not print them.
macro_rules! redacted {
    ($name:ident) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}
use redacted;
