//! What the doors count: connections, refusals and faults, for whoever shows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::observe::counts::Counter;

/// Counts the connections of one kind.
#[derive(Debug, Default)]
pub struct Connections {
    /// Those that were accepted.
    pub accepted: Counter,
    /// Those that are open.
    pub open: Counter,
    /// Those that were closed at once, because there were too many.
    pub turned_away: Counter,
    /// Those that waited until others had ended, because there were too many.
    pub delayed: Counter,
    /// Those whose handshake failed, or whose first words did not come in time or made no sense.
    pub failed_handshakes: Counter,
    /// How often one was not read for a while, because what came was good for nothing.
    pub slowed: Counter,
}

impl Connections {
    /// Counts a connection in. It is counted out when what is returned is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Leaving {
        self.accepted.up();
        self.open.up();
        Leaving(Arc::clone(self))
    }
}

/// Counts a connection out, however it ends.
#[derive(Debug)]
pub(super) struct Leaving(Arc<Connections>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.open.down();
    }
}

/// Counts what happens at the doors of one daemon.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections for gRPC, of all listeners together.
    pub grpc: Arc<Connections>,
    /// Connections for HTTP.
    pub http: Arc<Connections>,
    /// Connections where health alone is served.
    pub health: Arc<Connections>,
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

/// A page that is served over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Healthz,
    Readyz,
    ProfileReadyz,
    /// What is no page.
    Other,
}

impl Page {
    const ALL: [Self; 5] = [
        Self::Metrics,
        Self::Healthz,
        Self::Readyz,
        Self::ProfileReadyz,
        Self::Other,
    ];

    /// Returns the page at a path.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            _ if path.starts_with("/readyz/") => Self::ProfileReadyz,
            _ => Self::Other,
        }
    }

    /// Returns what the metrics call it.
    fn name(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::ProfileReadyz => "/readyz/{profile}",
            Self::Other => "other",
        }
    }
}

/// The statuses that pages are answered with, and 0 for any other.
const STATUSES: [u16; 6] = [200, 404, 405, 500, 503, 0];

/// Counts requests over HTTP by page and status.
#[derive(Debug, Default)]
pub struct PageCounts {
    cells: [[AtomicU64; STATUSES.len()]; Page::ALL.len()],
}

impl PageCounts {
    /// Counts a request for a page that was answered with a status.
    pub(super) fn add(&self, page: Page, status: u16) {
        let column = STATUSES.iter().position(|known| *known == status);
        let row = self.cells.get(page as usize);
        let cell = row.and_then(|row| row.get(column.unwrap_or(STATUSES.len() - 1)));
        if let Some(cell) = cell {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lists what was counted at all.
    pub fn list(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        Page::ALL.into_iter().zip(&self.cells).flat_map(|(page, row)| {
            let counts = row.iter().map(|cell| cell.load(Ordering::Relaxed));
            let counts = STATUSES.into_iter().zip(counts).filter(|(_, count)| *count > 0);
            counts.map(move |(status, count)| (page.name(), status, count))
        })
    }
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
    fn pages_are_counted_by_pattern_and_status() {
        let counts = PageCounts::default();
        for (path, status) in [
            ("/metrics", 200),
            ("/metrics", 200),
            ("/readyz/news", 404),
            ("/invented", 404),
            ("/invented", 999),
        ] {
            counts.add(Page::of(path), status);
        }
        assert_eq!(
            counts.list().collect::<Vec<_>>(),
            [
                ("/metrics", 200, 2),
                ("/readyz/{profile}", 404, 1),
                ("other", 404, 1),
                ("other", 0, 1)
            ]
        );
    }

    #[test]
    fn it_is_said_once_in_a_while() {
        let seldom = Seldom::default();
        let said = (0..1000).filter(|_| seldom.is_due()).count();
        assert_eq!(said, 1);
    }
}
