//! JSON. All of it is read into a [`Value`] first, by one parser, and from there into what it is to be: a parser
//! for each kind of thing would weigh a kilobyte, in a Worker that reads dozens of kinds.

use serde::de::{DeserializeOwned, Error};
use serde_json::{Map, Value};

/// Reads a JSON text.
///
/// # Errors
///
/// What is wrong with it.
pub fn read<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_value(value(text.as_bytes())?)
}

/// Reads JSON. Of members of the same name the last one counts.
///
/// # Errors
///
/// What is wrong with it.
pub fn value(json: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(json)
}

/// Reads a JSON object.
///
/// # Errors
///
/// What is wrong with it.
pub fn object(json: &[u8]) -> serde_json::Result<Map<String, Value>> {
    match value(json)? {
        Value::Object(object) => Ok(object),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}
