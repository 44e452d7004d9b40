//! `GET /openapi.json`: every endpoint that answers in JSON, as OpenAPI 3.1 describes it. The document is a
//! file, `worker/public/openapi.json`, and every answer of the tests is held against it.

use gatepass_edge::{EdgeError, document, http};
use worker::Response;

use crate::app::App;
use crate::page;

pub fn answer(app: &App) -> Result<Response, EdgeError> {
    match document::at("/openapi.json") {
        Some(text) => http::public(text, http::JSON, 3_600),
        None => page::not_found(app),
    }
}
