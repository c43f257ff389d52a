//! The operating system's watches: set along the way to the root and below it, set anew before every reading.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::load::discover::{self, ScanLimits};
use crate::store::trail::Trail;
use crate::vocab::limits::WATCHERS_LOST_MAX;

/// How often the watches are set for one wake if the way to the root changes under it.
const SETTINGS_MAX: usize = 3;

/// Takes what a watcher reports.
pub type Handler = Box<dyn FnMut(notify::Result<Event>) + Send>;

/// Makes the watcher that reports changes; a test may make one that fails.
#[derive(Clone)]
pub struct Maker(Arc<MakeWatcher>);

type MakeWatcher = dyn Fn(Handler) -> notify::Result<Box<dyn Watcher + Send>> + Send + Sync;

impl Maker {
    /// Makes watchers by `make`.
    pub fn new(
        make: impl Fn(Handler) -> notify::Result<Box<dyn Watcher + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }
}

impl Default for Maker {
    /// Makes what suits the operating system.
    fn default() -> Self {
        Self::new(|handler| {
            // Links inside the root lead to what is watched anyway; one that leaves it could lead to the whole disk.
            let config = Config::default().with_follow_symlinks(false);
            Ok(Box::new(RecommendedWatcher::new(handler, config)?))
        })
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Maker")
    }
}

/// The watches on a root.
pub(super) struct Eyes {
    root: PathBuf,
    limits: ScanLimits,
    maker: Maker,
    /// Called for whatever may concern the root.
    ring: Arc<dyn Fn() + Send + Sync>,
    /// Absent if it could not be had.
    watcher: Option<Box<dyn Watcher + Send>>,
    watched: Vec<PathBuf>,
    /// Shared with the handler of events, which drops those that do not concern the root.
    trail: Arc<Mutex<Trail>>,
    /// How many watchers have died.
    lost: usize,
    /// Whether every watch is set.
    sees_all: bool,
    /// Whether it was said that a watch is missing.
    complained: bool,
}

impl Eyes {
    pub(super) fn new(
        root: PathBuf,
        limits: ScanLimits,
        maker: Maker,
        ring: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self {
            root,
            limits,
            maker,
            ring,
            watcher: None,
            watched: Vec::new(),
            trail: Arc::default(),
            lost: 0,
            sees_all: false,
            complained: false,
        }
    }

    /// Tells whether every watch is set.
    pub(super) fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Sets all watches anew; what cannot be watched is left to the rescans.
    pub(super) fn open(&mut self) {
        if self.lost >= WATCHERS_LOST_MAX {
            return;
        }
        // The watcher talks to a thread of its own and panics if that has died.
        let opened = catch_unwind(AssertUnwindSafe(|| self.set_watches())).unwrap_or_else(|_| {
            // Dropping it would talk to that thread as well.
            mem::forget(self.watcher.take());
            self.watched.clear();
            self.lost += 1;
            Err(notify::Error::generic("the watcher stopped working"))
        });
        self.sees_all = opened.is_ok();
        let root = self.root.display();
        match opened {
            Ok(()) if self.complained => {
                tracing::info!(%root, "changes are reported by events again");
                self.complained = false;
            }
            Err(error) if !self.complained => {
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
            let trail = Trail::follow(&self.root);
            result = self.set_watches_along(trail.clone());
            if Trail::follow(&self.root) == trail {
                break;
            }
        }
        result
    }

    fn set_watches_along(&mut self, trail: Trail) -> notify::Result<()> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            None => {
                let handler = new_handler(Arc::clone(&self.ring), Arc::clone(&self.trail));
                self.watcher.insert((self.maker.0)(handler)?)
            }
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
            result = result.and(watch_root(
                watcher.as_mut(),
                root,
                &self.limits,
                &mut self.watched,
            ));
        }
        result
    }
}

/// Watches everything below the root at once, or else one directory after another.
///
/// The former ends at the first directory that cannot be watched, were it one that no scan looks at.
fn watch_root(
    watcher: &mut dyn Watcher,
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

fn new_handler(ring: Arc<dyn Fn() + Send + Sync>, trail: Arc<Mutex<Trail>>) -> Handler {
    Box::new(move |event: notify::Result<Event>| {
        if event.map_or(true, |event| is_trigger(&event, &lock(&trail))) {
            ring();
        }
    })
}

/// Tells whether an event may mean a change. Only our own reading is known not to: it opens files.
fn is_trigger(event: &Event, trail: &Trail) -> bool {
    if event.need_rescan() {
        return true;
    }
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    if event.kind.is_access() && event.kind != written {
        return false;
    }
    event.paths.is_empty() || event.paths.iter().any(|path| trail.concerns(path))
}

/// Locks, and goes on if a thread panicked meanwhile: a trail is replaced as a whole.
fn lock(trail: &Mutex<Trail>) -> MutexGuard<'_, Trail> {
    trail.lock().unwrap_or_else(PoisonError::into_inner)
}
