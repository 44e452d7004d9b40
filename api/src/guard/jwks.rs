//! Checking a token with the provider's published keys (RFC 7517, RFC 9068 §4).

use gatepass_core::jose::{JwtError, ParsedJwt};
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, check_jwt};
use gatepass_core::secret::AccessToken;
use gatepass_core::token::access;
use gatepass_edge::{EdgeError, clock};

use super::provider::Provider;

/// Judges `token` without asking the provider, unless its key is not known yet.
pub(super) async fn judge(
    provider: &Provider,
    token: &AccessToken,
    expected: &Expected,
) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
    let parsed = match ParsedJwt::parse(access::TYPE, token.expose()) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.into())),
    };
    if parsed.key_id().is_none() || parsed.algorithm().is_none() {
        // No published key could be this token's.
        return Ok(Err(JwtError::Signature.into()));
    }
    let keys = provider.keys_for(&parsed).await?;
    let verified = keys.verify_parsed(&parsed, clock::now()).await?;
    Ok(verified
        .map_err(ResourceRefusal::from)
        .and_then(|jwt| check_jwt(jwt, expected)))
}
