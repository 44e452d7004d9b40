//! Refusals as JSON (RFC 9457).

use gatepass_edge::{EdgeError, http};
use serde_json::{Map, Value};
use worker::Response;

/// What a refusal says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem<'a> {
    pub(crate) status: u16,
    /// For programs: stable.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) title: &'a str,
}

impl Problem<'_> {
    /// The response, with these members beside.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if the runtime refuses it.
    pub(crate) fn response(self, members: &[(&str, Value)]) -> Result<Response, EdgeError> {
        let mut body = Map::new();
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.into());
        body.insert("code".to_owned(), self.code.into());
        for (name, value) in members {
            body.insert((*name).to_owned(), value.clone());
        }
        let response =
            http::with_type(Value::Object(body).to_string(), "application/problem+json")?;
        response.headers().set("Cache-Control", "no-store")?;
        Ok(response.with_status(self.status))
    }
}
