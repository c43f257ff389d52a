//! What is counted where work is done: cells that any thread adds to without waiting, asking for memory, or looking a name up.
//! Whoever shows them reads them when he is asked, and names them then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::vocab::call::Call;
use crate::vocab::effect::{Effect, Reason};

/// A number that threads count up and down together.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Returns the number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, and returns the number before.
    pub fn up(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts one less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const EFFECTS: [Effect; 2] = [Effect::Allow, Effect::Deny];

/// Counts the decisions of one profile by call, effect and reason. It lives as long as the profile is served, whatever
/// versions come and go.
#[derive(Debug)]
pub struct DecisionCounts {
    /// One cell for each call, effect and reason, in this order.
    cells: Box<[AtomicU64]>,
}

impl Default for DecisionCounts {
    fn default() -> Self {
        let length = Call::ALL.len() * EFFECTS.len() * Reason::ALL.len();
        Self {
            cells: (0..length).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl DecisionCounts {
    /// Counts one decision.
    pub fn add(&self, call: Call, effect: Effect, reason: Reason) {
        let effect_index = match effect {
            Effect::Allow => 0,
            Effect::Deny => 1,
        };
        let index = (call as usize * EFFECTS.len() + effect_index) * Reason::ALL.len() + reason as usize;
        if let Some(cell) = self.cells.get(index) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lists what was counted at all.
    pub fn list(&self) -> impl Iterator<Item = (Call, Effect, Reason, u64)> {
        let names = Call::ALL.into_iter().flat_map(|call| {
            let of_call = move |effect| Reason::ALL.into_iter().map(move |reason| (call, effect, reason));
            EFFECTS.into_iter().flat_map(of_call)
        });
        let counts = self.cells.iter().map(|cell| cell.load(Ordering::Relaxed));
        names
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .map(|((call, effect, reason), count)| (call, effect, reason, count))
    }
}

/// The upper bounds of the buckets of durations, in nanoseconds: from a decision to a reload that somebody waits for.
const BOUNDS: [u64; 17] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
];

/// Counts durations in buckets.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What was counted of durations at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The sum of all durations in seconds.
    pub seconds: f64,
    /// How many there were.
    pub count: u64,
    /// The upper bound of each bucket in seconds, and how many fell into it; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Durations {
    /// Counts one duration.
    pub fn add(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    pub fn spread(&self) -> Spread {
        let bounds = BOUNDS
            .iter()
            .map(|bound| Duration::from_nanos(*bound).as_secs_f64())
            .chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        Spread {
            seconds: Duration::from_nanos(nanoseconds).as_secs_f64(),
            // Not a counter of its own: a reader must never see more in the buckets than in their sum.
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

/// How many codes a call of gRPC can end with.
const CODES: usize = 17;

/// Counts the calls of the daemon: what they ended with, and how long they took.
#[derive(Debug)]
pub struct CallCounts {
    rows: Box<[CallRow]>,
}

#[derive(Debug, Default)]
struct CallRow {
    codes: [AtomicU64; CODES],
    durations: Durations,
}

impl Default for CallCounts {
    fn default() -> Self {
        Self {
            rows: Call::ALL.iter().map(|_| CallRow::default()).collect(),
        }
    }
}

impl CallCounts {
    /// Counts a call that ended with a code of gRPC (0 is OK) after some time.
    pub fn add(&self, call: Call, code: usize, duration: Duration) {
        let Some(row) = self.rows.get(call as usize) else {
            return;
        };
        // A code that does not exist counts as UNKNOWN.
        if let Some(cell) = row.codes.get(code).or_else(|| row.codes.get(2)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        row.durations.add(duration);
    }

    /// Lists how often calls ended with each code.
    pub fn codes(&self) -> impl Iterator<Item = (Call, usize, u64)> {
        let of_row = |(call, row): (Call, &CallRow)| -> Vec<(Call, usize, u64)> {
            let counts = row.codes.iter().map(|cell| cell.load(Ordering::Relaxed));
            let counts = counts.enumerate().filter(|(_, count)| *count > 0);
            counts.map(|(code, count)| (call, code, count)).collect()
        };
        Call::ALL.into_iter().zip(&self.rows).flat_map(of_row)
    }

    /// Lists how long calls took, if there were any.
    pub fn durations(&self) -> impl Iterator<Item = (Call, Spread)> {
        let spreads = self.rows.iter().map(|row| row.durations.spread());
        Call::ALL
            .into_iter()
            .zip(spreads)
            .filter(|(_, spread)| spread.count > 0)
    }
}

/// Says how a reload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// Something new is served, and nothing is broken.
    Published,
    /// Nothing is new, and nothing is broken.
    Unchanged,
    /// A profile is broken, whatever became of the others.
    Broken,
    /// The root cannot be read.
    Unreadable,
}

impl ReloadOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Published, Self::Unchanged, Self::Broken, Self::Unreadable];

    /// Returns the word of the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Broken => "broken",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Counts reloads.
#[derive(Debug, Default)]
pub struct ReloadCounts {
    outcomes: [AtomicU64; ReloadOutcome::ALL.len()],
    durations: Durations,
}

impl ReloadCounts {
    /// Counts a reload that took some time.
    pub fn add(&self, outcome: ReloadOutcome, duration: Duration) {
        if let Some(cell) = self.outcomes.get(outcome as usize) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.durations.add(duration);
    }

    /// Lists how often each outcome was.
    pub fn outcomes(&self) -> impl Iterator<Item = (ReloadOutcome, u64)> {
        let counts = self.outcomes.iter().map(|cell| cell.load(Ordering::Relaxed));
        ReloadOutcome::ALL.into_iter().zip(counts)
    }

    /// Returns how long they took.
    pub fn durations(&self) -> Spread {
        self.durations.spread()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_has_a_cell_of_its_own() {
        let counts = DecisionCounts::default();
        let mut expected = Vec::new();
        let mut times = 0;
        for call in Call::ALL {
            for effect in EFFECTS {
                for reason in Reason::ALL {
                    times += 1;
                    (0..times).for_each(|_| counts.add(call, effect, reason));
                    expected.push((call, effect, reason, times));
                }
            }
        }
        assert_eq!(counts.list().collect::<Vec<_>>(), expected);
        assert_eq!(DecisionCounts::default().list().count(), 0);
    }

    #[test]
    fn words_are_in_the_order_of_their_numbers() {
        for (index, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, index);
        }
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, outcome) in ReloadOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }

    #[test]
    fn durations_fall_into_the_bucket_that_holds_them() {
        let durations = Durations::default();
        for nanoseconds in [0, 10_000, 10_001, 60_000_000_000, 60_000_000_001] {
            durations.add(Duration::from_nanos(nanoseconds));
        }
        let spread = durations.spread();
        let filled: Vec<_> = spread.buckets.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            filled,
            [&(0.000_01, 2), &(0.000_025, 1), &(60.0, 1), &(f64::INFINITY, 1)]
        );
        assert_eq!(spread.count, 5);
        assert!(
            (spread.seconds - 120.000_020_002).abs() < 1e-9,
            "{}",
            spread.seconds
        );
    }

    #[test]
    fn calls_are_counted_by_code() {
        let counts = CallCounts::default();
        counts.add(Call::Check, 0, Duration::from_micros(1));
        counts.add(Call::Check, 0, Duration::from_micros(1));
        counts.add(Call::Reload, 14, Duration::from_secs(1));
        counts.add(Call::Other, 99, Duration::ZERO);
        let listed: Vec<_> = counts.codes().collect();
        assert_eq!(
            listed,
            [(Call::Check, 0, 2), (Call::Reload, 14, 1), (Call::Other, 2, 1)]
        );
        let times: Vec<_> = counts
            .durations()
            .map(|(call, spread)| (call, spread.count))
            .collect();
        assert_eq!(times, [(Call::Check, 2), (Call::Reload, 1), (Call::Other, 1)]);
    }
}
