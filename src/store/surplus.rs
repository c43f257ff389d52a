//! Gives back to the system what loading needed.
//!
//! The allocator of the binary keeps freed memory for a second, and looks at what is due only when memory comes back to it. A
//! daemon whose files rest frees nothing, so it would hold for ever what its last load needed: many times its profiles.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long after a load memory is given back: longer than the allocator keeps it.
const PAUSE: Duration = Duration::from_millis(1_500);

/// So many bytes are asked for and freed unused, to make the allocator look: enough to be a piece of memory by itself.
const NUDGE_BYTES: usize = 1024 * 1024;

/// Knows when there is memory to give back.
#[derive(Debug, Default)]
pub(super) struct Surplus {
    due: Option<Instant>,
}

impl Surplus {
    /// Takes note that much was freed at `now`.
    pub(super) fn note(&mut self, now: Instant) {
        self.due = now.checked_add(PAUSE);
    }

    /// Gives memory back if that is due at `now`, and returns when it will be.
    pub(super) fn tend(&mut self, now: Instant) -> Option<Instant> {
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            drop(black_box(Vec::<u8>::with_capacity(NUDGE_BYTES)));
        }
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_each_load() {
        let start = Instant::now();
        let mut surplus = Surplus::default();
        assert_eq!(surplus.tend(start), None);
        surplus.note(start);
        assert_eq!(surplus.tend(start), Some(start + PAUSE));
        surplus.note(start + PAUSE / 2);
        assert_eq!(surplus.tend(start + PAUSE), Some(start + PAUSE / 2 + PAUSE));
        assert_eq!(surplus.tend(start + PAUSE * 2), None);
        assert_eq!(surplus.tend(start + PAUSE * 3), None);
    }
}
