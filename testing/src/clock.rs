//! A clock that moves only when told to.

use std::cell::Cell;

use gatepass_core::time::{Lifetime, Timestamp};

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(Cell<Timestamp>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Cell::new(now))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        self.0.get()
    }

    /// Moves it forward.
    pub fn advance(&self, by: Lifetime) {
        self.0.set(self.now().plus(by));
    }
}
