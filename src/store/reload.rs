//! Builds and publishes: the only place that changes what is served.
//!
//! [`Reloader::reload`] is called by the watcher for every wake, on the watcher's thread. It reads the root, loads what is new
//! in it, and publishes one new table if anything is different; if nothing is, nothing happens.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch as channel;

use crate::load::discover::{self, Scan, ScanLimits, ScanProblem};
use crate::load::{self, LoadedProfile, digest_text};
use crate::observe::counts::{ReloadCounts, ReloadOutcome};
use crate::store::PolicyStore;
use crate::store::journal::log_changes;
use crate::store::snapshot::{Entry, Files, Published, Snapshot};
use crate::store::watch::{Flow, Inlet};

/// How long after a swap the requests that began before it are waited for, to give their memory back here.
const LAST_REQUESTS: Duration = Duration::from_millis(20);

/// Says what to load and when to forget.
#[derive(Clone, Debug)]
pub struct ReloadConfig {
    /// The profiles root.
    pub root: PathBuf,
    /// The limits of its scans.
    pub limits: ScanLimits,
    /// Whether a profile whose directory is gone is forgotten, instead of served as it last was.
    pub allow_removal: bool,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// What is counted of reloads.
    pub counts: Arc<ReloadCounts>,
}

impl ReloadConfig {
    /// Loads `root` as a daemon does by default.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            limits: ScanLimits::default(),
            allow_removal: false,
            now: Timestamp::now,
            counts: Arc::default(),
        }
    }
}

/// Says how one reload ended, apart from what it published.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Counts the reloads of this process, from 1; 0 stands for none yet.
    pub number: u64,
    /// Why the root could not be read.
    pub failure: Option<Arc<str>>,
}

/// Tells which reloads have begun and ended.
#[derive(Clone, Debug)]
pub struct Rounds {
    begun: Arc<AtomicU64>,
    ended: channel::Receiver<Round>,
}

/// Says that no reload will end any more.
#[derive(Debug, Error)]
#[error("the daemon is stopping")]
pub struct Stopped;

impl Rounds {
    /// Waits until the first reload has ended.
    pub async fn first(&self) -> Result<Round, Stopped> {
        self.ended_after(0).await
    }

    /// Asks for a reload, and waits until one that began after this call has ended.
    pub async fn ask(&self, inlet: &Inlet) -> Result<Round, Stopped> {
        let begun = self.begun.load(Ordering::SeqCst);
        inlet.ask();
        self.ended_after(begun).await
    }

    async fn ended_after(&self, number: u64) -> Result<Round, Stopped> {
        let mut ended = self.ended.clone();
        let round = ended.wait_for(|round| round.number > number).await;
        round.map(|round| round.clone()).map_err(|_| Stopped)
    }
}

/// Reads, loads and publishes.
#[derive(Debug)]
pub struct Reloader {
    config: ReloadConfig,
    store: Arc<PolicyStore>,
    /// What the last scan came to, broken profiles included.
    loaded: Vec<Arc<LoadedProfile>>,
    /// The last generation of each profile, so that one that goes and comes again counts on.
    generations: HashMap<Arc<str>, u64>,
    strays: Vec<ScanProblem>,
    graves: Graves,
    begun: Arc<AtomicU64>,
    ended: channel::Sender<Round>,
}

impl Reloader {
    /// Prepares to fill `store`; nothing is read yet.
    pub fn new(config: ReloadConfig, store: Arc<PolicyStore>) -> (Self, Rounds) {
        let begun = Arc::new(AtomicU64::new(0));
        let (ended, receiver) = channel::channel(Round::default());
        let rounds = Rounds {
            begun: Arc::clone(&begun),
            ended: receiver,
        };
        let reloader = Self {
            config,
            store,
            loaded: Vec::new(),
            generations: HashMap::new(),
            strays: Vec::new(),
            graves: Graves::default(),
            begun,
            ended,
        };
        (reloader, rounds)
    }

    /// Reads the root and publishes what is new; the answer tells whether reading again soon may help.
    pub fn reload(&mut self) -> Flow {
        let number = self.begun.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let (begun, revision) = (Instant::now(), self.store.current().revision());
        self.graves.sweep();
        let (flow, failure) = match discover::read_root(&self.config.root, &self.config.limits) {
            Ok(scan) => (self.take_scan(&scan), None),
            Err(error) => {
                let reason = Arc::from(full_text(&error));
                self.take_failure(&reason);
                let flow = if error.is_transient() {
                    Flow::Retry
                } else {
                    Flow::Continue
                };
                (flow, Some(reason))
            }
        };
        let is_broken = self.loaded.iter().any(|profile| profile.model.is_none());
        let outcome = match (&failure, is_broken) {
            (Some(_), _) => ReloadOutcome::Unreadable,
            (None, true) => ReloadOutcome::Broken,
            (None, false) if self.store.current().revision() == revision => ReloadOutcome::Unchanged,
            (None, false) => ReloadOutcome::Published,
        };
        self.config.counts.add(outcome, begun.elapsed());
        self.ended.send_replace(Round { number, failure });
        flow
    }

    fn take_scan(&mut self, scan: &Scan) -> Flow {
        self.report_strays(scan);
        let before = Arc::clone(&self.store.current());
        // A profile whose last edit is taken back is the version that is still served, and needs no compiling.
        let served = before
            .entries()
            .values()
            .filter_map(|entry| entry.snapshot.as_ref());
        let mut known = self.loaded.clone();
        known.extend(served.map(|snapshot| Arc::clone(&snapshot.loaded)));
        self.loaded = load::load(scan, &known);

        let mut by_id: BTreeMap<Arc<str>, Vec<Arc<LoadedProfile>>> = BTreeMap::new();
        for profile in &self.loaded {
            by_id
                .entry(Arc::clone(&profile.id))
                .or_default()
                .push(Arc::clone(profile));
        }
        let mut entries = BTreeMap::new();
        for (id, entry) in before.entries().iter().filter(|(id, _)| !by_id.contains_key(*id)) {
            entries.extend(self.judge_gone(entry).map(|entry| (Arc::clone(id), entry)));
        }
        for (id, profiles) in by_id {
            let entry = self.judge(&id, profiles, before.entries().get(&id));
            entries.insert(id, entry);
        }
        self.publish(before, entries);
        if self.loaded.iter().any(|profile| profile.is_transient) {
            Flow::Retry
        } else {
            Flow::Continue
        }
    }

    /// Keeps everything, and says so: a root that is missing or empty is never a policy without rules.
    fn take_failure(&mut self, reason: &Arc<str>) {
        if self.ended.borrow().failure.as_ref() == Some(reason) {
            return;
        }
        let before = Arc::clone(&self.store.current());
        tracing::error!(root = %self.config.root.display(), %reason, "profiles cannot be read");
        let now = (self.config.now)();
        let keep = |(id, entry): (&Arc<str>, &Arc<Entry>)| {
            let entry = Entry {
                snapshot: make_stale(entry),
                files: Files::Unread(Arc::clone(reason)),
                attempted_at: now,
            };
            (Arc::clone(id), Arc::new(entry))
        };
        let entries = before.entries().iter().map(keep).collect();
        self.publish(before, entries);
    }

    /// Says what becomes of a profile whose directory is gone; nothing, if it is forgotten.
    fn judge_gone(&self, old: &Arc<Entry>) -> Option<Arc<Entry>> {
        if self.config.allow_removal || old.snapshot.is_none() {
            return None;
        }
        if matches!(old.files, Files::Gone) {
            return Some(Arc::clone(old));
        }
        let attempted_at = (self.config.now)();
        Some(Arc::new(Entry {
            snapshot: make_stale(old),
            files: Files::Gone,
            attempted_at,
        }))
    }

    /// Says what becomes of a profile whose files are there.
    fn judge(
        &mut self,
        id: &Arc<str>,
        profiles: Vec<Arc<LoadedProfile>>,
        old: Option<&Arc<Entry>>,
    ) -> Arc<Entry> {
        let attempted_at = (self.config.now)();
        let good = match profiles.as_slice() {
            [only] => only
                .model
                .as_ref()
                .map(|model| (Arc::clone(only), Arc::clone(model))),
            _ => None,
        };
        let Some((loaded, model)) = good else {
            if let Some(old) = old.filter(|old| is_same_breakage(old, &profiles)) {
                return Arc::clone(old);
            }
            let snapshot = old.and_then(make_stale);
            return Arc::new(Entry {
                snapshot,
                files: Files::Broken(profiles),
                attempted_at,
            });
        };
        let served = old.and_then(|old| old.snapshot.as_ref());
        if let (Some(old), Some(served)) = (old, served)
            && Arc::ptr_eq(&served.loaded, &loaded)
            && matches!(old.files, Files::Served)
        {
            return Arc::clone(old);
        }
        let same = served.filter(|served| served.loaded.digest == loaded.digest);
        let snapshot = match same {
            // The same bytes under another directory name, or the last good ones again: no new version.
            Some(served) => Snapshot {
                is_stale: false,
                model,
                loaded,
                ..Snapshot::clone(served)
            },
            None => Snapshot {
                profile: Arc::clone(id),
                generation: self.count_generation(id),
                digest: digest_text(&loaded.digest).into(),
                loaded_at: attempted_at,
                is_stale: false,
                model,
                loaded,
                counts: served
                    .map(|served| Arc::clone(&served.counts))
                    .unwrap_or_default(),
            },
        };
        Arc::new(Entry {
            snapshot: Some(Arc::new(snapshot)),
            files: Files::Served,
            attempted_at,
        })
    }

    fn count_generation(&mut self, id: &Arc<str>) -> u64 {
        let generation = self.generations.entry(Arc::clone(id)).or_default();
        *generation = generation.saturating_add(1);
        *generation
    }

    /// Swaps the table if any entry differs, and says what is new.
    fn publish(&mut self, before: Arc<Published>, entries: BTreeMap<Arc<str>, Arc<Entry>>) {
        let is_same = |(id, entry): (&Arc<str>, &Arc<Entry>)| {
            before
                .entries()
                .get(id)
                .is_some_and(|old| Arc::ptr_eq(old, entry))
        };
        if entries.len() == before.entries().len() && entries.iter().all(is_same) {
            return;
        }
        let old = self.store.publish(before.next(entries));
        // Only requests may hold the old table from here on, or it would never look forgotten.
        drop(before);
        let new = self.store.current();
        log_changes(&old, &new);
        self.graves.bury(old, &new);
    }

    fn report_strays(&mut self, scan: &Scan) {
        if self.strays == scan.problems {
            return;
        }
        for problem in &scan.problems {
            tracing::warn!(path = problem.path, reason = problem.message, "file is not read");
        }
        self.strays.clone_from(&scan.problems);
    }
}

fn make_stale(entry: &Arc<Entry>) -> Option<Arc<Snapshot>> {
    let snapshot = entry.snapshot.as_ref()?;
    if snapshot.is_stale {
        return Some(Arc::clone(snapshot));
    }
    Some(Arc::new(Snapshot {
        is_stale: true,
        ..Snapshot::clone(snapshot)
    }))
}

fn is_same_breakage(old: &Entry, profiles: &[Arc<LoadedProfile>]) -> bool {
    match &old.files {
        Files::Broken(known) => {
            known.len() == profiles.len()
                && known
                    .iter()
                    .zip(profiles)
                    .all(|(one, other)| Arc::ptr_eq(one, other))
        }
        Files::Served | Files::Gone | Files::Unread(_) => false,
    }
}

/// Returns an error with its causes on one line.
fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Keeps what was replaced until no request holds it, so that no request has to free it.
#[derive(Debug, Default)]
struct Graves {
    tables: Vec<Arc<Published>>,
    snapshots: Vec<Arc<Snapshot>>,
}

impl Graves {
    fn bury(&mut self, old: Arc<Published>, new: &Published) {
        for (id, entry) in old.entries() {
            let Some(snapshot) = &entry.snapshot else { continue };
            if new.profile(id).is_none_or(|kept| !Arc::ptr_eq(kept, snapshot)) {
                self.snapshots.push(Arc::clone(snapshot));
            }
        }
        self.tables.push(old);
        let mut waited = Duration::ZERO;
        let pause = Duration::from_millis(1);
        while !self.sweep() && waited < LAST_REQUESTS {
            thread::sleep(pause);
            waited = waited.saturating_add(pause);
        }
    }

    /// Frees what nobody holds any more; true if nothing is left.
    fn sweep(&mut self) -> bool {
        self.tables.retain(|table| Arc::strong_count(table) > 1);
        self.snapshots.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.tables.is_empty() && self.snapshots.is_empty()
    }
}
