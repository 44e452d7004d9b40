//! Randomness, from WebCrypto.

use crate::EdgeError;

/// `N` random bytes.
///
/// # Errors
///
/// [`EdgeError::Crypto`] if the platform has none to give.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks for randomness"
)]
pub fn bytes<const N: usize>() -> Result<[u8; N], EdgeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| EdgeError::Crypto("random"))?;
    Ok(bytes)
}
