//! DPoP proofs (RFC 9449) that come to the provider: judged before anything else is touched, without a
//! round trip. Whether one was used before, the store says with whatever it is asked next.

use gatepass_core::dpop::{CheckedProof, NoncePolicy, Occasion, ProofRefusal};
use gatepass_core::time::Timestamp;
use gatepass_edge::possession::{self, NONCE, PROOF};
use gatepass_edge::{EdgeError, clock, http};
use worker::{Request, Response};

use crate::app::App;

/// The proof of a request, if it has one.
///
/// # Errors
///
/// The inner [`ProofRefusal`] if it is at fault.
pub async fn of(
    request: &Request,
    app: &App,
    now: Timestamp,
) -> Result<Result<Option<CheckedProof>, ProofRefusal>, EdgeError> {
    let Some(proof) = http::header(request, PROOF) else {
        return Ok(Ok(None));
    };
    let config = &app.config;
    let (method, url) = (request.method(), url(request, app));
    let occasion = Occasion {
        method: method.as_ref(),
        url: &url,
        access_token: None,
        nonces: if config.requires_dpop_nonce {
            NoncePolicy::Required(&config.dpop_nonce_key)
        } else {
            NoncePolicy::Optional(&config.dpop_nonce_key)
        },
        now,
    };
    let checked = possession::check(&proof, &occasion).await?;
    Ok(checked.map(Some))
}

/// The address of a request as its client knows it: this provider goes by one name.
pub fn url(request: &Request, app: &App) -> String {
    format!("{}{}", app.config.issuer, request.path())
}

/// Gives whoever proves a key the nonce of now (RFC 9449 §8.2).
pub fn give_nonce(response: &Response, app: &App) -> Result<(), EdgeError> {
    let nonce = app.config.dpop_nonce_key.current(clock::now());
    Ok(response.headers().set(NONCE, &nonce)?)
}
