//! The structured log: one JSON object a line, without secrets.

use gatepass_core::clean_up::Forgotten;
use serde::Serialize;

use crate::EdgeError;

/// How a request ended.
#[derive(Debug, Serialize)]
pub struct RequestLine<'a> {
    /// Ties the lines of a request together and stands on error pages.
    pub request_id: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The path, without the query: that may hold secrets.
    pub path: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// How often D1 was asked.
    pub d1: u32,
    /// Why it failed, if it failed through no fault of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Writes the line of a request.
pub fn request(line: &RequestLine<'_>) {
    write(line.failure.is_some(), line);
}

/// Something that an operator should know: a security event, or what was done about one.
#[derive(Debug, Serialize)]
pub struct Event<'a> {
    /// The request that it came of.
    pub request_id: &'a str,
    /// What happened, as a stable code.
    pub event: &'static str,
    /// Whom or what it concerns: a public identifier.
    pub about: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Writes an event.
pub fn event(event: &Event<'_>) {
    write(false, event);
}

#[derive(Debug, Serialize)]
struct FetchFailure {
    event: &'static str,
    failure: String,
}

/// Writes that something could not be fetched that many requests use. None of them need fail.
pub fn fetch_failed(error: &EdgeError) {
    let line = FetchFailure {
        event: "fetch_failed",
        failure: error.to_string(),
    };
    write(true, &line);
}

/// What a clean-up did.
#[derive(Debug, Serialize)]
pub struct CleanUpLine {
    /// `cleaned_up`.
    pub event: &'static str,
    /// In how many rounds, each one round trip to D1.
    pub rounds: u32,
    /// How many rows of which table are gone.
    pub forgotten: Forgotten,
}

/// Writes the line of a clean-up.
pub fn clean_up(line: &CleanUpLine) {
    write(false, line);
}

#[expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "the one place that writes the log"
)]
fn write(is_error: bool, line: &impl Serialize) {
    let Ok(text) = serde_json::to_string(line) else {
        return;
    };
    if is_error {
        worker::console_error!("{text}");
    } else {
        worker::console_log!("{text}");
    }
}
