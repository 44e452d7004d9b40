//! Proof of possession (DPoP, RFC 9449): a token is worth nothing without the key that it is bound to.
//!
//! ```text
//!   DPoP header --parse--> ParsedProof --verify elsewhere, check--> CheckedProof --use once--> counts
//! ```
//!
//! [`client`] is the other side: it makes them.
//!
//! Everything about a proof is judged from the proof and the request alone. Only whether it was used
//! before, a store knows.

pub mod client;
mod nonce;
mod once;
mod proof;
mod target;
mod thumbprint;

pub use nonce::{KEY_PURPOSE, NonceKey, NoncePolicy};
pub use once::{ProofUse, ProofVerdict, SeenProofs, check_grant_key, check_key};
pub use proof::{CheckedProof, Occasion, ParsedProof, ProofError};
pub use thumbprint::{Confirmation, InvalidThumbprint, Thumbprint};

use crate::error::ErrorCode;
use crate::jose::SigningAlgorithm;

/// The algorithms that a proof may be signed with, as metadata lists them (RFC 9449 §5.1).
pub const ALGORITHMS: [&str; SigningAlgorithm::ALL.len()] = {
    let [a, b, c, d] = SigningAlgorithm::ALL;
    [a.as_str(), b.as_str(), c.as_str(), d.as_str()]
};

/// Why a request is refused for its proof, or for having none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofRefusal {
    /// The proof itself.
    #[error("the DPoP proof {0}")]
    Invalid(#[from] ProofError),
    /// The proof needs a nonce of this server, or a fresher one (RFC 9449 §8, §9).
    #[error("the DPoP proof must have the nonce of the DPoP-Nonce header")]
    NonceRequired,
    /// A pushed request names another key than it proves (RFC 9449 §10.1).
    #[error("dpop_jkt must be the thumbprint of the key of the DPoP proof")]
    Mismatch,
    /// The grant is not bound, and does not become so by somebody's refreshing it.
    #[error(
        "the refresh token is not bound to a key: refresh without a DPoP proof, or sign in again"
    )]
    NotBound,
    /// What was presented is bound to another key.
    #[error("this is bound to another key than that of the DPoP proof")]
    OtherKey,
    /// There is no proof.
    #[error("a DPoP proof is required")]
    Required,
    /// The proof was used before (RFC 9449 §11.1).
    #[error("the DPoP proof was used before: its jti must be new")]
    Used,
}

impl ProofRefusal {
    /// The code of the wire at the token endpoint (RFC 9449 §5, §8). Only who cannot have the key is told
    /// that the grant is invalid: on that code a client signs its user out.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NonceRequired => ErrorCode::UseDpopNonce,
            Self::OtherKey => ErrorCode::InvalidGrant,
            Self::Invalid(_) | Self::Mismatch | Self::NotBound | Self::Required | Self::Used => {
                ErrorCode::InvalidDpopProof
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_key_is_an_invalid_grant() {
        for (refusal, code) in [
            (
                ProofRefusal::Invalid(ProofError::Signature),
                "invalid_dpop_proof",
            ),
            (ProofRefusal::NonceRequired, "use_dpop_nonce"),
            (ProofRefusal::Mismatch, "invalid_dpop_proof"),
            (ProofRefusal::NotBound, "invalid_dpop_proof"),
            (ProofRefusal::OtherKey, "invalid_grant"),
            (ProofRefusal::Required, "invalid_dpop_proof"),
            (ProofRefusal::Used, "invalid_dpop_proof"),
        ] {
            assert_eq!(refusal.code().as_str(), code, "{refusal:?}");
            assert_eq!(refusal.code().status(), 400, "{refusal:?}");
        }
    }

    #[test]
    fn proofs_are_signed_with_any_algorithm_that_tokens_are() {
        assert_eq!(ALGORITHMS, ["ES256", "RS256", "EdDSA", "Ed25519"]);
    }
}
