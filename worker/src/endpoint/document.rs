//! What the provider serves as it is: the files of `worker/public`. One of them, `/openapi.json`, describes
//! every endpoint that answers in JSON, and every answer of the tests is held against it.

use gatepass_edge::{EdgeError, document, http};
use worker::Response;

use crate::app::App;
use crate::page;

/// A file, by the path under which it is served.
#[derive(Debug)]
pub struct Document {
    path: &'static str,
    content_type: &'static str,
}

const fn document(path: &'static str, content_type: &'static str) -> Document {
    Document { path, content_type }
}

static DOCUMENTS: [Document; 3] = [
    document("/openapi.json", http::JSON),
    // Of the page that posts an authorization response: there is one form on it, and a button does the same.
    document("/assets/post.js", "text/javascript; charset=utf-8"),
    document("/assets/style.css", "text/css; charset=utf-8"),
];

impl Document {
    pub fn at(path: &str) -> Option<&'static Self> {
        DOCUMENTS.iter().find(|document| document.path == path)
    }

    /// Anyone may keep it for an hour.
    pub fn answer(&self, app: &App) -> Result<Response, EdgeError> {
        match document::at(self.path) {
            Some(text) => http::public(text, self.content_type, 3_600),
            None => page::not_found(app),
        }
    }
}
