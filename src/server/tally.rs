//! What the doors count: connections, refusals and faults, for whoever shows them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::observe::counts::Counter;

/// Counts what happens at the doors of one daemon.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections that were accepted.
    pub accepted: Counter,
    /// Connections that are open.
    pub open: Counter,
    /// Connections that were closed at once, because there were too many.
    pub turned_away: Counter,
    /// Connections whose handshake failed or took too long.
    pub failed_handshakes: Counter,
    /// Requests that were refused because there was too much to do.
    pub shed: Counter,
    /// Requests of callers that are not known, or may not call this.
    pub forbidden: Counter,
    /// Requests whose time was over.
    pub late: Counter,
    /// Requests whose message was too large, cut short or no message.
    pub malformed: Counter,
    /// Requests that made the daemon fail.
    pub panics: Counter,
}

/// Says at most once in a while what could be said a thousand times a second.
#[derive(Debug)]
pub(super) struct Seldom {
    begun: Instant,
    /// Milliseconds since `begun` from which on it may be said again.
    next: AtomicU64,
}

impl Default for Seldom {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            next: AtomicU64::new(0),
        }
    }
}

impl Seldom {
    const PAUSE: Duration = Duration::from_secs(1);

    /// Tells whether it is time to say it.
    pub(super) fn is_due(&self) -> bool {
        let now = millis(self.begun.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        now >= next
            && self
                .next
                .compare_exchange(
                    next,
                    now.saturating_add(millis(Self::PAUSE)),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_in_a_while() {
        let seldom = Seldom::default();
        let said = (0..1000).filter(|_| seldom.is_due()).count();
        assert_eq!(said, 1);
    }
}
