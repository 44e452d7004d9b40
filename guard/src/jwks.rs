//! Checking a token with the provider's published keys (RFC 7517, RFC 9068 §4).

use std::rc::Rc;

use gatepass_core::jose::{Audiences, Jwt, JwtError, ParsedJwt};
use gatepass_core::resource::{Authorized, Expected, ResourceRefusal, TokenClaims, check_jwt};
use gatepass_core::secret::AccessToken;
use gatepass_core::time::Lifetime;
use gatepass_core::token::access::{self, AccessTokenClaims};
use gatepass_edge::{EdgeError, clock};

use super::provider::Provider;
use super::status::{self, Freshness};

/// Whether a token has the form of a JWT: three parts with dots between (RFC 7515 §7.1). Opaque tokens may have dots,
/// too.
pub(super) fn is_jwt(token: &str) -> bool {
    token.matches('.').count() == 2
}

/// Judges `token` without asking the provider, unless its key is not known yet.
pub(super) async fn judge(
    provider: &Rc<Provider>,
    token: &AccessToken,
    expected: &Expected,
    freshness: Option<Freshness>,
) -> Result<Result<Authorized, ResourceRefusal>, EdgeError> {
    let parsed = match ParsedJwt::parse(access::TYPE, token.expose()) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.into())),
    };
    if parsed.method().is_none() {
        // No published key could be this token's.
        return Ok(Err(JwtError::Signature.into()));
    }
    let keys = provider.keys_for(&parsed).await?;
    let verified = keys
        .verify_of_any(&parsed, clock::now(), Lifetime::NONE)
        .await?;
    let jwt: Jwt<AccessTokenClaims<Audiences>> = match verified {
        Ok(jwt) => jwt,
        Err(error) => return Ok(Err(error.into())),
    };
    let verified = jwt.clone();
    let authorized = match (check_jwt(jwt, expected), freshness) {
        (Ok(authorized), Some(freshness)) => {
            let status = status::check(provider, &verified, freshness).await?;
            status.map(|()| authorized)
        }
        (judged, _) => judged,
    };
    Ok(authorized.map(|authorized| Authorized {
        claims: TokenClaims::of_jwt(token.expose()),
        ..authorized
    }))
}
