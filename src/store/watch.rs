//! Notices that something under the profiles root may have changed, and says so; what changed is found by reading.
//!
//! Three things wake the consumer: events of the operating system (within milliseconds, but lost on some file systems
//! and when its limits are reached), a rescan by file status (within seconds, on every file system), and a rescan by
//! content (within a minute, even if the clock of the file system hides a change). Anybody may ask for a wake, too.
//!
//! INVARIANT: before the consumer is called, the watches are set anew. What changed before that is read by the scan
//! that follows; what changes after it raises an event. In the other order a directory that was replaced between scan
//! and watch would go unseen; and watches are replaced even when the inode is the same, since file systems reuse them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::load::discover::{self, ScanLimits, Stamp};
use crate::store::clock::Clock;
use crate::store::eyes::{Eyes, Maker};
use crate::store::schedule::{Pace, Pending, Schedule, Step};
use crate::vocab::limits::{RELOAD_PAUSE_MIN, RELOAD_REST_MAX};

/// Says what to watch and how patiently.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The profiles root; it need not exist yet.
    pub root: PathBuf,
    /// The limits of the scans, so that a rescan by status looks at the same entries.
    pub limits: ScanLimits,
    /// Whether events of the operating system are used at all.
    pub events: bool,
    /// Where these events come from.
    pub maker: Maker,
    /// The pauses.
    pub pace: Pace,
    /// The clock; only its steady half is read.
    pub clock: Clock,
}

impl WatchConfig {
    /// Watches `root` with the patience that suits a daemon.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            limits: ScanLimits::default(),
            events: true,
            maker: Maker::default(),
            pace: Pace::default(),
            clock: Clock::default(),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(20),
            quiet_max: Duration::from_millis(200),
            stat_every: Duration::from_secs(2),
            content_every: Duration::from_secs(60),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(10),
            pause_min: RELOAD_PAUSE_MIN,
            rest_max: RELOAD_REST_MAX,
        }
    }
}

/// Tells the consumer why it is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Watching has begun; what changed since the consumer last looked was seen by nobody.
    Started,
    /// The operating system reported something, or reported that it lost track.
    Event,
    /// The file status differs from what it was at the last wake.
    StatRescan,
    /// It is time to compare contents, whatever else is known.
    ContentRescan,
    /// Somebody asked.
    Asked,
    /// The consumer wanted another try.
    Retry,
}

impl Wake {
    /// Returns the word for it in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "start",
            Self::Event => "event",
            Self::StatRescan => "status",
            Self::ContentRescan => "content",
            Self::Asked => "asked",
            Self::Retry => "retry",
        }
    }
}

/// Tells the watcher how to go on after a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Wait for the next change.
    Continue,
    /// Wake again soon although nothing may change: what lay there could not be read.
    Retry,
    /// End the watching.
    Stop,
}

/// Is woken by the watcher, on the watcher's thread.
pub trait Consumer: Send + 'static {
    /// Reads what lies there; something may have changed.
    fn wake(&mut self, why: Wake) -> Flow;

    /// Does what time alone makes due at `now`, and returns when to be called again. It is called after each wake, too.
    fn tend(&mut self, now: Instant) -> Option<Instant>;
}

/// A function is woken and has nothing to tend to.
impl<F: FnMut(Wake) -> Flow + Send + 'static> Consumer for F {
    fn wake(&mut self, why: Wake) -> Flow {
        self(why)
    }

    fn tend(&mut self, _: Instant) -> Option<Instant> {
        None
    }
}

/// Says why watching could not begin.
#[derive(Debug, Error)]
pub enum WatchError {
    /// The system gave no thread.
    #[error("cannot start the thread that watches the profiles root")]
    Thread(#[source] io::Error),
}

/// Watches on its own thread and wakes the consumer there, the first time at once.
///
/// During a wake, whatever happens is remembered as one further wake. A panic of the consumer is logged and
/// counts as [`Flow::Retry`]: a fault in one reload must not end all later ones.
pub fn run(config: WatchConfig, consumer: impl Consumer) -> Result<Watch, WatchError> {
    let bell = Arc::new(Bell::default());
    let inlet = Inlet {
        bell: Arc::clone(&bell),
    };
    let thread = thread::Builder::new()
        .name("placet-watch".to_owned())
        .spawn(move || Sentry::new(config, bell, consumer).run())
        .map_err(WatchError::Thread)?;
    Ok(Watch {
        inlet,
        thread: Some(thread),
    })
}

/// Keeps the watching alive; dropped, it ends after the current wake.
#[derive(Debug)]
pub struct Watch {
    inlet: Inlet,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Returns a way to wake the consumer from elsewhere.
    pub fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Ends the watching and waits until a wake in progress is over.
    ///
    /// It must not be called from inside the consumer, which returns [`Flow::Stop`] instead.
    pub fn stop(mut self) {
        self.inlet.bell.change(|pending| pending.stop = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watched the profiles root had panicked");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.inlet.bell.change(|pending| pending.stop = true);
    }
}

/// Wakes the consumer from outside (a signal, an administrator's request).
#[derive(Debug, Clone)]
pub struct Inlet {
    bell: Arc<Bell>,
}

impl Inlet {
    /// Asks for a wake as soon as the pauses between wakes allow; if one is in progress another follows it, so that a scan
    /// begins after this call.
    pub fn ask(&self) {
        self.bell.change(|pending| pending.asked = true);
    }

    /// Tells whether the operating system reports changes now; else only the rescans notice them.
    pub fn has_events(&self) -> bool {
        self.bell.has_events.load(Ordering::Relaxed)
    }
}

/// Where wakes are rung; however often it is rung, it remembers no more than one of each sort.
#[derive(Debug, Default)]
struct Bell {
    pending: Mutex<Pending>,
    rung: Condvar,
    has_events: AtomicBool,
}

impl Bell {
    fn change(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut self.lock());
        self.rung.notify_all();
    }

    fn ring_event(&self, now: Instant) {
        self.change(|pending| {
            let first = pending.events.map_or(now, |(first, _)| first);
            pending.events = Some((first, now));
        });
    }

    /// Waits for something to do; what led to a wake is forgotten, since the reading that follows sees all of it.
    fn wait(&self, schedule: &Schedule, clock: &Clock) -> Step {
        let mut pending = self.lock();
        loop {
            let now = clock.steady();
            let step = schedule.next(&pending, now);
            let until = match step {
                Step::Wait(until) => until,
                Step::Wake(_) => {
                    *pending = Pending::default();
                    return step;
                }
                Step::Stop | Step::Look | Step::Tend => return step,
            };
            let waited = self
                .rung
                .wait_timeout(pending, until.saturating_duration_since(now));
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Locks, and goes on if a thread panicked meanwhile: what is pending is whole at any time.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watching thread.
struct Sentry<C> {
    root: PathBuf,
    limits: ScanLimits,
    clock: Clock,
    bell: Arc<Bell>,
    /// Absent if events are not wanted.
    eyes: Option<Eyes>,
    consumer: C,
    schedule: Schedule,
    /// The file status at the last wake.
    stamp: Option<Stamp>,
    /// The file status at the last look.
    seen: Option<Stamp>,
}

impl<C: Consumer> Sentry<C> {
    fn new(config: WatchConfig, bell: Arc<Bell>, consumer: C) -> Self {
        let eyes = config.events.then(|| {
            let (bell, clock) = (Arc::clone(&bell), config.clock.clone());
            let ring = Arc::new(move || bell.ring_event(clock.steady()));
            Eyes::new(config.root.clone(), config.limits.clone(), config.maker, ring)
        });
        let schedule = Schedule::new(config.pace, config.clock.steady());
        Self {
            root: config.root,
            limits: config.limits,
            clock: config.clock,
            bell,
            eyes,
            consumer,
            schedule,
            stamp: None,
            seen: None,
        }
    }

    fn run(mut self) {
        if !self.wake(Wake::Started) {
            return;
        }
        loop {
            match self.bell.wait(&self.schedule, &self.clock) {
                Step::Stop => return,
                Step::Wake(why) => {
                    if !self.wake(why) {
                        return;
                    }
                }
                Step::Look => {
                    if self.look() && !self.wake(Wake::StatRescan) {
                        return;
                    }
                }
                Step::Tend => self.tend(),
                Step::Wait(_) => {}
            }
        }
    }

    /// Compares the file status; true if it moved and stands still again.
    fn look(&mut self) -> bool {
        // Watches that could not be set are tried again before the look, for the same reason as in `wake`.
        if self.eyes.as_ref().is_some_and(|eyes| !eyes.sees_all()) {
            self.open_eyes();
        }
        let stamp = Some(discover::stamp(&self.root, &self.limits));
        let now = self.clock.steady();
        if stamp == self.stamp {
            self.schedule.saw_nothing(now);
            self.seen = None;
            return false;
        }
        let is_quiet = stamp == self.seen;
        self.seen = stamp;
        self.schedule.saw_change(now, is_quiet)
    }

    /// Wakes the consumer; false ends the watching.
    fn wake(&mut self, why: Wake) -> bool {
        let begun = self.clock.steady();
        self.open_eyes();
        // Taken before the consumer reads: what changes meanwhile must look new to the next rescan.
        self.stamp = Some(discover::stamp(&self.root, &self.limits));
        self.seen = None;
        let consumer = &mut self.consumer;
        let flow = catch_unwind(AssertUnwindSafe(|| consumer.wake(why))).unwrap_or_else(|_| {
            tracing::error!("a reload panicked; the last good profiles stay");
            Flow::Retry
        });
        let goes_on = self.schedule.woke(why, begun, self.clock.steady(), flow);
        if goes_on {
            self.tend();
        }
        goes_on
    }

    fn tend(&mut self) {
        let (consumer, now) = (&mut self.consumer, self.clock.steady());
        let next = catch_unwind(AssertUnwindSafe(|| consumer.tend(now))).unwrap_or_else(|_| {
            tracing::error!("looking after old profiles panicked; the last good ones stay");
            None
        });
        self.schedule.tended(now, next);
    }

    fn open_eyes(&mut self) {
        if let Some(eyes) = &mut self.eyes {
            eyes.open();
            self.bell.has_events.store(eyes.sees_all(), Ordering::Relaxed);
        }
    }
}
