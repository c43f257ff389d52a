//! Notices that something under the profiles root may have changed, and says so; what changed is found by reading.
//!
//! Three things wake the consumer: events of the operating system (within milliseconds, but lost on some file systems
//! and when its limits are reached), a rescan by file status (within seconds, on every file system), and a rescan by
//! content (within a minute, even if the clock of the file system hides a change). Anybody may ask for a wake, too.
//!
//! INVARIANT: before the consumer is called, the watches are set anew. What changed before that is read by the scan
//! that follows; what changes after it raises an event. In the other order a directory that was replaced between scan
//! and watch would go unseen; and watches are replaced even when the inode is the same, since file systems reuse them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use thiserror::Error;

use crate::load::discover::{self, ScanLimits, Stamp};
use crate::store::trail::Trail;

/// The end of a deadline so far away that it does not fit the clock.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// The least time between two rescans, so that a period of zero does not spin.
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// How often the watches are set for one wake if the way to the root changes under it.
const SETTINGS_MAX: usize = 3;

/// Says what to watch and how patiently.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The profiles root; it need not exist yet.
    pub root: PathBuf,
    /// The limits of the scans, so that a rescan by status looks at the same entries.
    pub limits: ScanLimits,
    /// Whether events of the operating system are used at all.
    pub events: bool,
    /// How long events must have been quiet before the consumer is woken.
    pub quiet: Duration,
    /// How long after the first event the consumer is woken although it is not quiet.
    pub quiet_max: Duration,
    /// How often file status is compared.
    pub stat_every: Duration,
    /// How often the consumer is woken to compare contents, measured from its last wake.
    pub content_every: Duration,
    /// The pause before the consumer is woken again after [`Flow::Retry`]; it doubles up to `retry_max`.
    pub retry_first: Duration,
    /// The longest pause between two such wakes.
    pub retry_max: Duration,
}

impl WatchConfig {
    /// Watches `root` with the patience that suits a daemon.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            limits: ScanLimits::default(),
            events: true,
            quiet: Duration::from_millis(20),
            quiet_max: Duration::from_millis(200),
            stat_every: Duration::from_secs(2),
            content_every: Duration::from_secs(60),
            retry_first: Duration::from_millis(100),
            retry_max: Duration::from_secs(10),
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

/// Says why watching could not begin.
#[derive(Debug, Error)]
pub enum WatchError {
    /// The system gave no thread.
    #[error("cannot start the thread that watches the profiles root")]
    Thread(#[source] io::Error),
}

/// Watches on its own thread and calls `changed` there for every wake, the first time at once.
///
/// While `changed` runs, whatever happens is remembered as one further wake. A panic of `changed` is logged and
/// counts as [`Flow::Retry`]: a fault in one reload must not end all later ones.
pub fn run(
    config: WatchConfig,
    changed: impl FnMut(Wake) -> Flow + Send + 'static,
) -> Result<Watch, WatchError> {
    let bell = Arc::new(Bell::default());
    let inlet = Inlet {
        bell: Arc::clone(&bell),
    };
    let thread = thread::Builder::new()
        .name("placet-watch".to_owned())
        .spawn(move || Sentry::new(config, bell, changed).run())
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
    /// Asks for a wake without delay; if one is in progress another follows it, so that a scan begins after this call.
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

#[derive(Debug, Default)]
struct Pending {
    stop: bool,
    asked: bool,
    /// The times of the first and of the last event since the last wake.
    events: Option<(Instant, Instant)>,
}

/// What ended a wait.
enum Rung {
    Stop,
    Asked,
    Events,
    Time,
}

impl Bell {
    fn change(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut lock(&self.pending));
        self.rung.notify_all();
    }

    fn ring_event(&self) {
        let now = Instant::now();
        self.change(|pending| {
            let first = pending.events.map_or(now, |(first, _)| first);
            pending.events = Some((first, now));
        });
    }

    /// Waits for something to do, at most until `deadline`, and forgets what led to it.
    fn wait(&self, deadline: Instant, config: &WatchConfig) -> Rung {
        let mut pending = lock(&self.pending);
        loop {
            let now = Instant::now();
            if pending.stop {
                return Rung::Stop;
            }
            if pending.asked {
                *pending = Pending::default();
                return Rung::Asked;
            }
            // A burst in progress is let finish even if a rescan is due, or that one would read half of it.
            let until = match pending.events {
                Some((first, last)) => later(last, config.quiet).min(later(first, config.quiet_max)),
                None => deadline,
            };
            if now >= until {
                let had_events = pending.events.take().is_some();
                return if had_events { Rung::Events } else { Rung::Time };
            }
            let waited = self
                .rung
                .wait_timeout(pending, until.saturating_duration_since(now));
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The watching thread.
struct Sentry<F> {
    config: WatchConfig,
    bell: Arc<Bell>,
    eyes: Eyes,
    changed: F,
    stamp: Option<Stamp>,
    stat_at: Instant,
    content_at: Instant,
    /// When to wake again after a failed reading, and how long was waited for it.
    retry: Option<(Instant, Duration)>,
}

impl<F: FnMut(Wake) -> Flow> Sentry<F> {
    fn new(config: WatchConfig, bell: Arc<Bell>, changed: F) -> Self {
        let now = Instant::now();
        let eyes = Eyes::new(&config, Arc::clone(&bell));
        Self {
            config,
            bell,
            eyes,
            changed,
            stamp: None,
            stat_at: now,
            content_at: now,
            retry: None,
        }
    }

    fn run(mut self) {
        let mut due = Some(Wake::Started);
        loop {
            if let Some(why) = due
                && !self.wake(why)
            {
                return;
            }
            let retry_at = self.retry.map_or(self.content_at, |(at, _)| at);
            let deadline = self.stat_at.min(self.content_at).min(retry_at);
            due = match self.bell.wait(deadline, &self.config) {
                Rung::Stop => return,
                Rung::Asked => Some(Wake::Asked),
                Rung::Events => Some(Wake::Event),
                Rung::Time => self.look_at_clock(),
            };
        }
    }

    fn look_at_clock(&mut self) -> Option<Wake> {
        let now = Instant::now();
        if self.retry.is_some_and(|(at, _)| at <= now) {
            return Some(Wake::Retry);
        }
        if self.content_at <= now {
            return Some(Wake::ContentRescan);
        }
        if self.stat_at > now {
            return None;
        }
        // Watches that could not be set are tried again before the look, for the same reason as in `wake`.
        if !self.eyes.see_all {
            self.eyes.open();
        }
        let moved = self.stamp != Some(discover::stamp(&self.config.root, &self.config.limits));
        self.stat_at = later(Instant::now(), self.config.stat_every.max(PERIOD_MIN));
        moved.then_some(Wake::StatRescan)
    }

    /// Wakes the consumer; false ends the watching.
    fn wake(&mut self, why: Wake) -> bool {
        self.eyes.open();
        // Taken before the consumer reads: what changes meanwhile must look new to the next rescan.
        self.stamp = Some(discover::stamp(&self.config.root, &self.config.limits));
        let changed = &mut self.changed;
        let flow = catch_unwind(AssertUnwindSafe(|| changed(why))).unwrap_or_else(|_| {
            tracing::error!("a reload panicked; the last good profiles stay");
            Flow::Retry
        });
        let now = Instant::now();
        self.stat_at = later(now, self.config.stat_every.max(PERIOD_MIN));
        self.content_at = later(now, self.config.content_every.max(PERIOD_MIN));
        self.retry = match flow {
            Flow::Stop => return false,
            Flow::Continue => None,
            Flow::Retry => {
                // A change is news and starts the pauses over; a retry that failed again makes them longer.
                let before = self.retry.filter(|_| why == Wake::Retry);
                let pause = before.map_or(self.config.retry_first, |(_, pause)| pause.saturating_mul(2));
                let pause = pause.min(self.config.retry_max).max(PERIOD_MIN);
                Some((later(now, pause), pause))
            }
        };
        true
    }
}

/// The operating system's watches.
struct Eyes {
    config: WatchConfig,
    bell: Arc<Bell>,
    /// Absent if events are not wanted or could not be had.
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
    /// Shared with the handler of events, which drops those that do not concern the root.
    trail: Arc<Mutex<Trail>>,
    /// Whether every watch is set, or none is wanted.
    see_all: bool,
    /// Whether it was said that a watch is missing.
    complained: bool,
}

impl Eyes {
    fn new(config: &WatchConfig, bell: Arc<Bell>) -> Self {
        Self {
            config: config.clone(),
            bell,
            watcher: None,
            watched: Vec::new(),
            trail: Arc::default(),
            see_all: !config.events,
            complained: false,
        }
    }

    /// Sets all watches anew; what cannot be watched is left to the rescans.
    fn open(&mut self) {
        if !self.config.events {
            return;
        }
        // The watcher talks to a thread of its own and panics if that has died.
        let opened = catch_unwind(AssertUnwindSafe(|| self.set_watches())).unwrap_or_else(|_| {
            // Dropping it would talk to that thread as well.
            mem::forget(self.watcher.take());
            self.watched.clear();
            Err(notify::Error::generic("the watcher stopped working"))
        });
        self.see_all = opened.is_ok();
        self.bell.has_events.store(self.see_all, Ordering::Relaxed);
        match opened {
            Ok(()) if self.complained => {
                tracing::info!(root = %self.config.root.display(), "changes are reported by events again");
                self.complained = false;
            }
            Err(error) if !self.complained => {
                let root = self.config.root.display();
                tracing::warn!(%root, %error, "not all changes are reported by events; rescans notice the others");
                self.complained = true;
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Watches where the root is now, and looks again: a link switched in between would leave the watches behind.
    fn set_watches(&mut self) -> notify::Result<()> {
        let mut result = Ok(());
        for _ in 0..SETTINGS_MAX {
            let trail = Trail::follow(&self.config.root);
            result = self.set_watches_along(trail.clone());
            if Trail::follow(&self.config.root) == trail {
                break;
            }
        }
        result
    }

    fn set_watches_along(&mut self, trail: Trail) -> notify::Result<()> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            None => self
                .watcher
                .insert(new_watcher(Arc::clone(&self.bell), Arc::clone(&self.trail))?),
        };
        for path in self.watched.drain(..) {
            // A watch whose directory was removed is gone already.
            let _ = watcher.unwatch(&path);
        }
        lock(&self.trail).clone_from(&trail);
        let mut result = Ok(());
        for path in trail.directories() {
            result = result.and(watcher.watch(path, RecursiveMode::NonRecursive));
            self.watched.push(path.to_path_buf());
        }
        if let Some(root) = trail.root {
            self.watched.push(root.clone());
            result = result.and(watch_root(watcher, root, &self.config.limits, &mut self.watched));
        }
        result
    }
}

/// Watches everything below the root at once, or else one directory after another.
///
/// The former ends at the first directory that cannot be watched, were it one that no scan looks at.
fn watch_root(
    watcher: &mut RecommendedWatcher,
    root: PathBuf,
    limits: &ScanLimits,
    watched: &mut Vec<PathBuf>,
) -> notify::Result<()> {
    if watcher.watch(&root, RecursiveMode::Recursive).is_ok() {
        return Ok(());
    }
    // Takes back what was set before the error; the root itself may be what failed.
    let _ = watcher.unwatch(&root);
    let mut result = Ok(());
    for path in discover::directories(&root, limits) {
        result = result.and(watcher.watch(&path, RecursiveMode::NonRecursive));
        watched.push(path);
    }
    result
}

fn new_watcher(bell: Arc<Bell>, trail: Arc<Mutex<Trail>>) -> notify::Result<RecommendedWatcher> {
    let handler = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| is_trigger(&event, &lock(&trail))) {
            bell.ring_event();
        }
    };
    // Links inside the root lead to what is watched anyway; one that leaves it could lead to the whole disk.
    RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))
}

/// Tells whether an event may mean a change. Only our own reading is known not to: it opens files.
fn is_trigger(event: &Event, trail: &Trail) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    if event.kind.is_access() && event.kind != written {
        return false;
    }
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| trail.concerns(path))
}

fn later(now: Instant, pause: Duration) -> Instant {
    now.checked_add(pause).unwrap_or_else(|| now + NEVER)
}

/// Locks, and goes on if a thread panicked meanwhile: every value behind our locks is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
