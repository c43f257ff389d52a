//! The two clocks of the daemon around its files.
//!
//! The wall clock is what people read, and may jump: it is set, it leaps, it was wrong at boot. Nothing waits for it and no
//! age is computed from it. Whatever lasts is measured by the steady clock, which only goes forward.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

/// Tells the time, by both clocks.
#[derive(Clone)]
pub struct Clock {
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    steady: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Clock {
    /// Makes a clock of two functions, for whoever wants to own the time.
    pub fn new(
        wall: impl Fn() -> Timestamp + Send + Sync + 'static,
        steady: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self {
            wall: Arc::new(wall),
            steady: Arc::new(steady),
        }
    }

    /// Returns the time of day, for people.
    pub fn wall(&self) -> Timestamp {
        (self.wall)()
    }

    /// Returns the time that everything is measured by.
    pub fn steady(&self) -> Instant {
        (self.steady)()
    }

    /// Returns both.
    pub fn moment(&self) -> Moment {
        Moment {
            wall: self.wall(),
            steady: self.steady(),
        }
    }
}

impl Default for Clock {
    /// Makes the clock of the operating system.
    fn default() -> Self {
        Self::new(Timestamp::now, Instant::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// Holds one moment by both clocks: to be shown, and to measure from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of day.
    pub wall: Timestamp,
    /// The steady time.
    pub steady: Instant,
}
