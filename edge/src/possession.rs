//! DPoP (RFC 9449): proofs that come with requests, verified by WebCrypto.

use std::cell::RefCell;

use gatepass_core::dpop::{
    CheckedProof, Occasion, ParsedProof, ProofError, ProofRefusal, SeenProofs, Thumbprint,
};
use gatepass_core::form::Form;
use gatepass_core::resource::{
    Refused, ResourceRefusal, Scheme, check_possession, presented_token,
};
use gatepass_core::secret::AccessToken;
use worker::Request;

use crate::{EdgeError, http, webcrypto};

/// The request header of a proof (RFC 9449 §4.1).
pub const PROOF: &str = "DPoP";

/// The response header of a nonce (RFC 9449 §8).
pub const NONCE: &str = "DPoP-Nonce";

thread_local! {
    static SEEN: RefCell<SeenProofs> = const { RefCell::new(SeenProofs::new()) };
}

/// Checks everything about a proof but whether it was used before.
///
/// # Errors
///
/// The inner [`ProofRefusal`] if the proof is at fault; [`EdgeError::Crypto`] if WebCrypto fails.
pub async fn check(
    proof: &str,
    occasion: &Occasion<'_>,
) -> Result<Result<CheckedProof, ProofRefusal>, EdgeError> {
    let parsed = match ParsedProof::parse(proof) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.into())),
    };
    let method = parsed.algorithm().method();
    // What has the form of a key may still be none: a point that is not on its curve.
    let Ok(key) = webcrypto::import_public(method, parsed.jwk()).await else {
        return Ok(Err(ProofError::Key.into()));
    };
    let (message, signature) = (parsed.signing_input(), parsed.signature());
    // Some are found out only now: a point of Ed25519 of small order.
    let Ok(is_valid) = webcrypto::verify(method, &key, message, signature).await else {
        return Ok(Err(ProofError::Key.into()));
    };
    Ok(parsed.check(is_valid, occasion))
}

/// A token as a request presents it to a resource server, with its proof if it needs one.
#[derive(Debug)]
pub struct Presented {
    /// The token.
    pub token: AccessToken,
    scheme: Scheme,
    proof: Option<CheckedProof>,
}

impl Presented {
    /// Reads the token of a request, which may be in a `form` that it posted, and checks the proof that
    /// comes with it. `occasion` lacks only the token. A proof counts once in an isolate, as far as that remembers
    /// ([`SeenProofs`]).
    ///
    /// # Errors
    ///
    /// The inner [`Refused`] if the request is at fault; [`EdgeError::Crypto`] if WebCrypto fails.
    pub async fn read(
        request: &Request,
        form: Option<&Form>,
        occasion: Occasion<'_>,
    ) -> Result<Result<Self, Refused>, EdgeError> {
        let authorization = http::header(request, "Authorization");
        let authorization = authorization.as_deref();
        let scheme = Scheme::of(authorization).unwrap_or(Scheme::Bearer);
        let token = match presented_token(authorization, scheme, form) {
            Ok(token) => token,
            Err(refusal) => return Ok(Err(refusal.presented(scheme))),
        };
        let proof = match scheme {
            Scheme::Bearer => None,
            Scheme::Dpop => match proof_of(request, &token, occasion).await? {
                Ok(proof) => Some(proof),
                Err(refusal) => return Ok(Err(ResourceRefusal::Proof(refusal).presented(scheme))),
            },
        };
        Ok(Ok(Self {
            token,
            scheme,
            proof,
        }))
    }

    /// How the token is presented.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Demands that the key was proved to which the token is bound.
    ///
    /// # Errors
    ///
    /// As [`check_possession`].
    pub fn check(&self, bound_to: Option<&Thumbprint>) -> Result<(), ResourceRefusal> {
        check_possession(bound_to, self.proof.as_ref())
    }
}

async fn proof_of(
    request: &Request,
    token: &AccessToken,
    occasion: Occasion<'_>,
) -> Result<Result<CheckedProof, ProofRefusal>, EdgeError> {
    let Some(proof) = http::header(request, PROOF) else {
        return Ok(Err(ProofRefusal::Required));
    };
    let occasion = Occasion {
        access_token: Some(token),
        ..occasion
    };
    let checked = check(&proof, &occasion).await?;
    Ok(checked.and_then(|proof| {
        SEEN.with_borrow_mut(|seen| seen.see(&proof))?;
        Ok(proof)
    }))
}
