//! Keeps what was replaced until no request holds it, so that no request has to free it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::store::snapshot::{Published, Snapshot};

/// The first pause before another look at what requests still held; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(20);

/// The longest of these pauses: a thread that is asked nothing may hold the table of its last request for hours.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What was replaced and is still held.
#[derive(Debug, Default)]
pub(super) struct Graves {
    tables: Vec<Arc<Published>>,
    snapshots: Vec<Arc<Snapshot>>,
    /// When to look again, and how long is waited for that.
    next: Option<(Instant, Duration)>,
}

impl Graves {
    /// Takes a table that `new` replaced.
    pub(super) fn bury(&mut self, old: Arc<Published>, new: &Published) {
        for (id, entry) in old.entries() {
            let Some(snapshot) = &entry.snapshot else { continue };
            if new.profile(id).is_none_or(|kept| !Arc::ptr_eq(kept, snapshot)) {
                self.snapshots.push(Arc::clone(snapshot));
            }
        }
        self.tables.push(old);
        self.next = None;
        self.sweep();
    }

    /// Frees what nobody holds any more; true if nothing is left.
    pub(super) fn sweep(&mut self) -> bool {
        self.tables.retain(|table| Arc::strong_count(table) > 1);
        self.snapshots.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.is_empty()
    }

    /// Tells whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.snapshots.is_empty()
    }

    /// Sweeps if that is due at `now`, and returns when it is due again.
    pub(super) fn tend(&mut self, now: Instant) -> Option<Instant> {
        if self.next.is_none_or(|(at, _)| at <= now) {
            let pause = self
                .next
                .map_or(PAUSE_FIRST, |(_, pause)| pause.saturating_mul(2));
            let pause = pause.min(PAUSE_MAX);
            let at = now.checked_add(pause)?;
            self.next = (!self.sweep()).then_some((at, pause));
        }
        self.next.map(|(at, _)| at)
    }
}
