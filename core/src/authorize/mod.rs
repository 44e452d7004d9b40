//! The authorization endpoint (OAuth 2.1 §4.1.1, OIDC Core §3.1.2).
//!
//! ```text
//!   request --validate--> AuthorizationRequest --seal--> state token --open--> AuthorizationRequest
//!                               |               (the sign-in and the consent page)     |
//!                            decide ------------------------------------------------ decide
//!                               |                                                      |
//!                sign in, ask for consent, issue a code for a Permission, or refuse: the same again
//! ```

mod claims;
pub mod consent;
mod decide;
mod details;
pub mod object;
pub mod page_token;
mod prompt;
pub mod pushed;
mod refusal;
mod request;
mod resources;
mod response;
pub mod state_token;

pub use claims::RequestedClaims;
pub use consent::{Consent, Permission};
pub use decide::{Asked, Next, SignIn, Visitor, agree, asked, decide};
pub use details::{AuthorizationDetails, InvalidDetails};
pub use prompt::{Asks, InvalidPrompt, Prompt};
pub use refusal::{Destination, LocalRefusal, RedirectRefusal, Refusal, RefusalReason};
pub use request::{AuthorizationRequest, Progress, requesting_client, validate};
pub use resources::{Resources, UnknownResource, requested_resource};
pub use response::{Reply, ResponseMode, refusal_reply, success_reply, token_reply};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::tests::public;
    use crate::form::{self, Form};
    use crate::id::{Audience, Issuer};

    /// The challenge of RFC 7636 Appendix B.
    pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    /// Whose answers these are.
    pub(crate) fn issuer() -> Issuer {
        Issuer::parse("http://localhost:4000").unwrap()
    }

    /// Whom tokens may be for.
    pub(crate) fn resources() -> Resources {
        Resources {
            default: Audience::parse("http://localhost:5000").unwrap(),
            others: vec![Audience::parse("https://other.example").unwrap()],
        }
    }

    /// A good request's query, with the parameters of `changes` in the place of its own.
    pub(crate) fn query(changes: &str) -> String {
        let good = [
            ("client_id", "demo"),
            ("redirect_uri", "http://localhost:3001/callback"),
            ("response_type", "code"),
            ("state", "s1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let replaced = |name: &str| {
            let mut names = changes.split('&').map(|pair| pair.split('=').next());
            names.any(|changed| changed == Some(name))
        };
        let kept = form::encode(good.into_iter().filter(|(name, _)| !replaced(name)));
        format!("{kept}&{changes}")
    }

    /// A good request of the public client, with these changes.
    pub(crate) fn request(changes: &str) -> AuthorizationRequest {
        let form = Form::parse(&query(changes)).unwrap();
        validate(&form, Some(&public()), &resources()).unwrap()
    }
}
