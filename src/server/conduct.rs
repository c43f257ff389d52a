//! How a client behaves: what a connection makes the daemon do that nobody gets an answer for.
//!
//! Streams that are reset, headers that HTTP/2 refuses, pings without end, messages that become too large: each costs little,
//! and some hundred thousand of them in a second take a processor away from those who ask questions. So a connection owes
//! the time that it wasted, as far as it can be told from what came, and what was understood pays for itself: a client that
//! asks and waits for the answers never owes anything. Who owes too much is read again when the time that the daemon
//! has for such clients, which is little and which all of them share, has paid for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::vocab::limits::{WASTE_PER_SECOND_MAX, WASTE_REST_MAX};

/// What it costs to read a byte, to find that it belongs to frames and headers, and to unpack those.
const BYTE_NANOS: u64 = 3;

/// What it costs to be woken, and to read what came.
const READ_NANOS: u64 = 2_000;

/// What it costs to take a call in that is taken back.
const FORSAKEN_NANOS: u64 = 7_000;

/// What an answered call pays for what came along with it, such as the settings and the pings of a client.
const ANSWERED_NANOS: u64 = 10_000;

/// What it costs to unpack a byte of a message.
const UNPACKED_NANOS: u64 = 1;

/// What a connection may owe before it is asked for it.
const OWED_NANOS_MAX: u64 = 50_000;

/// What a stranger owes from the beginning, so that he has less credit than whoever has been answered.
const STRANGER_NANOS: u64 = 30_000;

/// What is not believed of one event.
const NANOS_AT_ONCE_MAX: u64 = 10_000_000_000;

/// How much of the time for those who waste it may be used at once by the first who comes.
const GRACE: Duration = Duration::from_millis(400);

/// Holds what one connection owes.
#[derive(Debug)]
pub(super) struct Conduct {
    /// In nanoseconds. All that changes it is done by the thread that serves the connection.
    owed: AtomicU64,
    ledger: Arc<Ledger>,
}

impl Conduct {
    /// Begins with a client of whom nothing is known.
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            owed: AtomicU64::new(STRANGER_NANOS),
            ledger,
        }
    }

    /// Counts bytes that came together, whatever they are.
    pub(super) fn hear(&self, bytes: usize) {
        self.owe(READ_NANOS + nanos(bytes, BYTE_NANOS));
    }

    /// Counts bytes that turned out to be a part of a call.
    pub(super) fn understand(&self, bytes: usize) {
        self.pay(READ_NANOS + nanos(bytes, BYTE_NANOS));
    }

    /// Counts a call that was answered.
    pub(super) fn answer(&self) {
        self.pay(ANSWERED_NANOS);
    }

    /// Counts a call that was let in and then taken back.
    pub(super) fn forsake(&self) {
        self.owe(FORSAKEN_NANOS);
    }

    /// Counts bytes that were unpacked for nothing.
    pub(super) fn unpack_in_vain(&self, bytes: usize) {
        self.owe(nanos(bytes, UNPACKED_NANOS));
    }

    /// Returns for how long nothing more shall be read, if the connection owes too much; it owes nothing afterwards.
    pub(super) fn rest(&self) -> Option<Duration> {
        let owed = self.owed.load(Ordering::Relaxed);
        if owed <= OWED_NANOS_MAX {
            return None;
        }
        self.owed.store(0, Ordering::Relaxed);
        let rest = self.ledger.charge(Instant::now(), Duration::from_nanos(owed));
        (!rest.is_zero()).then_some(rest)
    }

    fn owe(&self, nanos: u64) {
        let owed = self.owed.load(Ordering::Relaxed);
        self.owed.store(owed.saturating_add(nanos), Ordering::Relaxed);
    }

    fn pay(&self, nanos: u64) {
        let owed = self.owed.load(Ordering::Relaxed);
        self.owed.store(owed.saturating_sub(nanos), Ordering::Relaxed);
    }
}

fn nanos(bytes: usize, each: u64) -> u64 {
    u64::try_from(bytes)
        .unwrap_or(u64::MAX)
        .saturating_mul(each)
        .min(NANOS_AT_ONCE_MAX)
}

/// Keeps the time that is left in the daemon for those who waste it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// When all that was charged will have been paid for; never, as long as nothing was charged.
    paid: Mutex<Option<Instant>>,
}

impl Ledger {
    /// Charges work that was done, and returns how long whoever caused it must wait for it to be paid for.
    fn charge(&self, now: Instant, work: Duration) -> Duration {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let from = paid.map_or(now, |paid| paid.max(now));
        let price = work.div_duration_f64(WASTE_PER_SECOND_MAX);
        let latest = now + GRACE + WASTE_REST_MAX;
        let until = Duration::try_from_secs_f64(price)
            .ok()
            .and_then(|price| from.checked_add(price))
            .map_or(latest, |until| until.min(latest));
        *paid = Some(until);
        until.saturating_duration_since(now).saturating_sub(GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conduct(ledger: &Arc<Ledger>) -> Conduct {
        Conduct::new(Arc::clone(ledger))
    }

    #[test]
    fn who_asks_and_waits_never_owes_anything() {
        let conduct = conduct(&Arc::default());
        for _ in 0..100_000 {
            // Sixteen calls that came together, and are understood one after the other.
            conduct.hear(16 * 100);
            for _ in 0..16 {
                conduct.understand(300);
            }
            // One that comes in two pieces, and a ping and its answer between them and the next one.
            conduct.hear(100);
            conduct.understand(150);
            conduct.hear(200);
            conduct.understand(190);
            conduct.answer();
            conduct.hear(17);
            conduct.hear(13);
            assert_eq!(conduct.rest(), None);
        }
        // A large message comes in pieces, and each of them is understood.
        for _ in 0..100_000 {
            conduct.hear(4096);
            conduct.understand(4000);
            conduct.understand(100);
            assert_eq!(conduct.rest(), None);
        }
    }

    /// Returns for how long in a second so many connections together work for nothing, if they go on as soon as they may.
    fn waste(connections: usize, act: impl Fn(&Conduct), cost: Duration) -> Duration {
        let ledger = Arc::new(Ledger::default());
        let begun = Instant::now();
        let (mut wasted, mut turns) = (Duration::ZERO, vec![begun; connections]);
        loop {
            let turn = turns.iter_mut().min().unwrap();
            if *turn > begun + Duration::from_secs(1) {
                return wasted;
            }
            let conduct = conduct(&ledger);
            act(&conduct);
            wasted += cost;
            let owed = conduct.owed.load(Ordering::Relaxed);
            *turn += cost + ledger.charge(*turn, Duration::from_nanos(owed));
        }
    }

    #[test]
    fn all_who_waste_time_share_what_there_is_of_it() {
        let hundred_resets = |conduct: &Conduct| (0..100).for_each(|_| conduct.forsake());
        let cost = Duration::from_nanos(100 * FORSAKEN_NANOS);
        for connections in [1, 2, 10] {
            let wasted = waste(connections, hundred_resets, cost);
            let most = WASTE_PER_SECOND_MAX + WASTE_PER_SECOND_MAX.mul_f64(0.4) + cost * 10;
            assert!(wasted <= most, "{connections}: {wasted:?}");
            assert!(wasted >= WASTE_PER_SECOND_MAX, "{connections}: {wasted:?}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_the_longest_rest() {
        let ledger = Ledger::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert!(ledger.charge(now, Duration::from_secs(1)) <= WASTE_REST_MAX);
        }
        assert_eq!(ledger.charge(now, Duration::MAX), WASTE_REST_MAX);
        let later = now + GRACE + WASTE_REST_MAX;
        assert_eq!(ledger.charge(later, Duration::from_micros(500)), Duration::ZERO);
    }
}
