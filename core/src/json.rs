//! JSON.

use serde::de::DeserializeOwned;

/// Reads a JSON text. `serde_json` has one parser for text and one for bytes, which JOSE needs anyway: a
/// Worker that reads its JSON here carries one of them.
///
/// # Errors
///
/// What is wrong with it.
pub fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_slice(text.as_bytes())
}
