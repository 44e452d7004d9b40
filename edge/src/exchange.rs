//! What every request and response of every Worker has in common: an id, a count of round trips,
//! security headers, a line in the log.

use base64ct::{Base64UrlUnpadded, Encoding};
use wasm_bindgen::prelude::*;
use worker::worker_sys::web_sys;
use worker::{Request, Response};

use crate::config::{Conduct, Environment, RequestLog};
use crate::d1::RoundTrips;
use crate::{EdgeError, log, random};

// All headers at once: from here, every single one would cost a crossing and two conversions.
#[wasm_bindgen(inline_js = "
export function complete(headers, always, otherwise) {
  const lines = always.split('\\n');
  for (let at = 0; at < lines.length; at += 2) headers.set(lines[at], lines[at + 1]);
  const [name, value] = otherwise.split('\\n');
  if (!headers.has(name)) headers.set(name, value);
}
")]
extern "C" {
    /// Sets the headers of `always`, names and values on a line each, and the one of `otherwise` if the
    /// response has none of that name.
    #[wasm_bindgen(catch)]
    fn complete(headers: &web_sys::Headers, always: &str, otherwise: &str) -> Result<(), JsValue>;
}

/// What every response has.
const ALWAYS: &str = "X-Content-Type-Options\nnosniff\nReferrer-Policy\nno-referrer\n\
    X-Frame-Options\nDENY\nCross-Origin-Opener-Policy\nsame-origin\nX-Request-Id\n";
/// What a response has that is not a page.
const OTHERWISE: &str = "Content-Security-Policy\ndefault-src 'none'; frame-ancestors 'none'";

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    /// Ties the lines of a request together and stands on error pages.
    pub request_id: String,
    /// How often D1 was asked.
    pub trips: RoundTrips,
    method: String,
    path: String,
}

impl Exchange {
    /// Begins with the request.
    pub fn begin(request: &Request) -> Self {
        let id = random::bytes::<9>().map(|bytes| Base64UrlUnpadded::encode_string(&bytes));
        Self {
            request_id: id.unwrap_or_else(|_| "unknown".to_owned()),
            trips: RoundTrips::default(),
            method: request.method().to_string(),
            path: request.path(),
        }
    }

    /// Ends with the response: completes its headers and writes the log line. A header that the
    /// endpoint has set itself stays.
    ///
    /// # Errors
    ///
    /// [`EdgeError::Runtime`] if a header cannot be set.
    pub fn end(
        &self,
        response: &Response,
        conduct: Conduct,
        failure: Option<&EdgeError>,
    ) -> Result<(), EdgeError> {
        let own = match conduct.environment {
            Environment::Development => {
                format!("Server-Timing\nd1;desc=\"{}\"", self.trips.count())
            }
            Environment::Production => {
                "Strict-Transport-Security\nmax-age=31536000; includeSubDomains".to_owned()
            }
        };
        let always = format!("{ALWAYS}{}\n{own}", self.request_id);
        complete(&response.headers().0, &always, OTHERWISE)?;
        let status = response.status_code();
        if conduct.request_log == RequestLog::Refused && status < 400 && failure.is_none() {
            return Ok(());
        }
        log::request(&log::RequestLine {
            request_id: &self.request_id,
            method: &self.method,
            path: &self.path,
            status,
            d1: self.trips.count(),
            failure: failure.map(ToString::to_string),
        });
        Ok(())
    }
}
