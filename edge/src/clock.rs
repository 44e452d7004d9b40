//! The wall clock. On Workers it stands still between two operations that wait for I/O.

use gatepass_core::time::Timestamp;

/// The current time, in whole seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn now() -> Timestamp {
    let milliseconds = i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_seconds(milliseconds / 1000)
}
