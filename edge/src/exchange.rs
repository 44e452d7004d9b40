//! What every request and response of every Worker has in common: an id, a count of round trips,
//! security headers, a line in the log.

use base64ct::{Base64UrlUnpadded, Encoding};
use worker::{Request, Response};

use crate::config::{Conduct, Environment, RequestLog};
use crate::d1::RoundTrips;
use crate::{EdgeError, log, random};

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
        let headers = response.headers();
        headers.set("X-Request-Id", &self.request_id)?;
        headers.set("X-Content-Type-Options", "nosniff")?;
        headers.set("Referrer-Policy", "no-referrer")?;
        headers.set("X-Frame-Options", "DENY")?;
        headers.set("Cross-Origin-Opener-Policy", "same-origin")?;
        if !headers.has("Content-Security-Policy")? {
            headers.set(
                "Content-Security-Policy",
                "default-src 'none'; frame-ancestors 'none'",
            )?;
        }
        match conduct.environment {
            Environment::Development => {
                let trips = self.trips.count();
                headers.set("Server-Timing", &format!("d1;desc=\"{trips}\""))?;
            }
            Environment::Production => {
                let a_year = "max-age=31536000; includeSubDomains";
                headers.set("Strict-Transport-Security", a_year)?;
            }
        }
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
