//! The wall clock and the timer. On Workers the clock stands still between two operations that wait
//! for I/O.

use std::time::Duration;

use gatepass_core::time::Timestamp;

/// The current time, in whole seconds.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(milliseconds() / 1000)
}

/// The current time, in milliseconds since the epoch: for what is only put in order.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
pub fn milliseconds() -> i64 {
    i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX)
}

/// Waits for so many milliseconds, on a timer of this request.
#[expect(clippy::disallowed_types, reason = "the one place that sets timers")]
pub async fn pause(milliseconds: u32) {
    worker::Delay::from(Duration::from_millis(milliseconds.into())).await;
}
