//! When the consumer is woken: a pure function of what was rung and of the steady time, which the caller brings.
//!
//! INVARIANT: nothing here reads a clock, so that every pause can be tested to the millisecond, and no jump of the time of
//! day can shorten or lengthen one.

use std::time::{Duration, Instant};

use crate::store::watch::{Flow, Wake};

/// The end of a deadline so far away that it does not fit the clock.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The least time between two rescans, so that a period of zero does not spin.
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// Says how patient the watching is.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long it must have been quiet before the consumer is woken.
    pub quiet: Duration,
    /// How long after the first change the consumer is woken although it is not quiet.
    pub quiet_max: Duration,
    /// How often file status is compared.
    pub stat_every: Duration,
    /// How often the consumer is woken to compare contents, measured from its last wake.
    pub content_every: Duration,
    /// The pause before the consumer is woken again after [`Flow::Retry`]; it doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest pause between two such wakes.
    pub retry_max: Duration,
    /// The least time from the beginning of one wake to that of the next, whoever asks.
    pub pause_min: Duration,
    /// The consumer rests after a wake as long as that took, at most this long.
    pub rest_max: Duration,
}

/// What was rung since the last wake.
#[derive(Debug, Default)]
pub struct Pending {
    /// The watching shall end.
    pub stop: bool,
    /// Somebody asked for a wake.
    pub asked: bool,
    /// The times of the first and of the last event.
    pub events: Option<(Instant, Instant)>,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// End the watching.
    Stop,
    /// Wake the consumer.
    Wake(Wake),
    /// Compare the file status.
    Look,
    /// Let the consumer do what time alone makes due.
    Tend,
    /// Nothing before this time, unless something is rung.
    Wait(Instant),
}

/// Knows what is due when.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    stat_at: Instant,
    content_at: Instant,
    /// When to wake again after a failed reading, and how long was waited for it.
    retry: Option<(Instant, Duration)>,
    /// When the consumer wants to tend to its things.
    tend_at: Option<Instant>,
    /// No wake begins before this.
    not_before: Instant,
    /// Since when the file status differs from that of the last wake.
    moved_since: Option<Instant>,
}

impl Schedule {
    /// Makes a schedule in which the rescans are due a period after `now`.
    pub fn new(pace: Pace, now: Instant) -> Self {
        Self {
            stat_at: later(now, pace.stat_every.max(PERIOD_MIN)),
            content_at: later(now, pace.content_every.max(PERIOD_MIN)),
            retry: None,
            tend_at: None,
            not_before: now,
            moved_since: None,
            pace,
        }
    }

    /// Returns what is to be done at `now`.
    pub fn next(&self, pending: &Pending, now: Instant) -> Step {
        if pending.stop {
            return Step::Stop;
        }
        if self.tend_at.is_some_and(|at| at <= now) {
            return Step::Tend;
        }
        let (step, due) = self.next_wake(pending);
        let due = due.max(self.not_before);
        if due <= now {
            return step;
        }
        Step::Wait(self.tend_at.map_or(due, |at| at.min(due)))
    }

    /// Returns what comes next but for the pauses between wakes, and when.
    fn next_wake(&self, pending: &Pending) -> (Step, Instant) {
        if pending.asked {
            return (Step::Wake(Wake::Asked), self.not_before);
        }
        // A burst in progress is let finish even if a rescan is due, or that one would read half of it.
        if let Some((first, last)) = pending.events {
            let quiet = later(last, self.pace.quiet).min(later(first, self.pace.quiet_max));
            return (Step::Wake(Wake::Event), quiet);
        }
        let mut next = (Step::Look, self.stat_at);
        if self.content_at <= next.1 {
            next = (Step::Wake(Wake::ContentRescan), self.content_at);
        }
        match self.retry {
            Some((at, _)) if at <= next.1 => (Step::Wake(Wake::Retry), at),
            Some(_) | None => next,
        }
    }

    /// Notes that the file status is that of the last wake.
    pub fn saw_nothing(&mut self, now: Instant) {
        self.moved_since = None;
        self.stat_at = later(now, self.pace.stat_every.max(PERIOD_MIN));
    }

    /// Notes that the file status differs from that of the last wake, and from that of the last look unless `is_quiet`.
    ///
    /// True if the consumer is to be woken; else the next look comes soon, to see whether the change goes on.
    pub fn saw_change(&mut self, now: Instant, is_quiet: bool) -> bool {
        let first = *self.moved_since.get_or_insert(now);
        let patience = later(first, self.pace.quiet_max);
        if is_quiet || now >= patience {
            return true;
        }
        self.stat_at = later(now, self.pace.quiet.max(PERIOD_MIN)).min(patience);
        false
    }

    /// Notes a wake that began and ended at these times, and plans what follows; false if nothing does.
    pub fn woke(&mut self, why: Wake, begun: Instant, ended: Instant, flow: Flow) -> bool {
        self.stat_at = later(ended, self.pace.stat_every.max(PERIOD_MIN));
        self.content_at = later(ended, self.pace.content_every.max(PERIOD_MIN));
        self.moved_since = None;
        let took = ended.saturating_duration_since(begun);
        let rested = later(ended, took.min(self.pace.rest_max));
        self.not_before = later(begun, self.pace.pause_min).max(rested);
        self.retry = match flow {
            Flow::Stop => return false,
            Flow::Continue => None,
            Flow::Retry => {
                // A change is news and starts the pauses over; a retry that failed again makes them longer.
                let before = self.retry.filter(|_| why == Wake::Retry);
                let pause = before.map_or(self.pace.retry_first, |(_, pause)| pause.saturating_mul(2));
                let pause = pause.min(self.pace.retry_max).max(PERIOD_MIN);
                Some((later(ended, pause), pause))
            }
        };
        true
    }

    /// Notes that the consumer tended to its things at `now`, and when it wants to do so again.
    pub fn tended(&mut self, now: Instant, next: Option<Instant>) {
        self.tend_at = next.map(|at| at.max(later(now, PERIOD_MIN)));
    }
}

fn later(now: Instant, pause: Duration) -> Instant {
    now.checked_add(pause).unwrap_or_else(|| now + NEVER)
}
