//! Builds and publishes: the only place that changes what is served.
//!
//! The watcher wakes a [`Reloader`] on the watcher's thread. It reads the root, loads what is new in it, and publishes one new
//! table if anything is different; if nothing is, nothing happens. Between the wakes it tends to what time alone makes due:
//! memory of old versions, and versions that have been stale for too long.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::load::discover::{self, Known, Scan, ScanLimits, ScanProblem};
use crate::load::{self, LoadedProfile, digest_text};
use crate::observe::counts::{ReloadCounts, ReloadOutcome};
use crate::observe::with_causes;
use crate::store::PolicyStore;
use crate::store::clock::{Clock, Moment};
use crate::store::graves::Graves;
use crate::store::journal::{log_changes, log_round};
use crate::store::mount;
use crate::store::rounds::{Counts, Ending, Ledger, Rounds};
use crate::store::snapshot::{Entry, Files, Published, Snapshot};
use crate::store::surplus::Surplus;
use crate::store::watch::{Consumer, Flow, Wake};

/// Says what to load and when to forget.
#[derive(Clone, Debug)]
pub struct ReloadConfig {
    /// The profiles root.
    pub root: PathBuf,
    /// The limits of its scans.
    pub limits: ScanLimits,
    /// Whether a profile whose directory is gone is forgotten, instead of served as it last was.
    pub allow_removal: bool,
    /// How long a profile may be stale before it is not served any more; without it for ever.
    pub max_stale: Option<Duration>,
    /// The clock.
    pub clock: Clock,
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
            max_stale: None,
            clock: Clock::default(),
            counts: Arc::default(),
        }
    }
}

/// Reads, loads and publishes.
#[derive(Debug)]
pub struct Reloader {
    config: ReloadConfig,
    store: Arc<PolicyStore>,
    /// What the last scan came to, broken profiles included.
    loaded: Vec<Arc<LoadedProfile>>,
    /// The digests of the directories in the last scan: what was read twice already.
    read: HashSet<[u8; 32]>,
    /// The last generation of each profile, so that one that goes and comes again counts on.
    generations: HashMap<Arc<str>, u64>,
    strays: Vec<ScanProblem>,
    frozen: Arc<[String]>,
    graves: Graves,
    surplus: Surplus,
    ledger: Ledger,
}

/// What a round has made of a scan.
struct Outcome {
    counts: Counts,
    has_swapped: bool,
}

impl Reloader {
    /// Prepares to fill `store`; nothing is read yet.
    pub fn new(config: ReloadConfig, store: Arc<PolicyStore>) -> (Self, Rounds) {
        let (ledger, rounds) = Ledger::new();
        let reloader = Self {
            config,
            store,
            loaded: Vec::new(),
            read: HashSet::new(),
            generations: HashMap::new(),
            strays: Vec::new(),
            frozen: Arc::default(),
            graves: Graves::default(),
            surplus: Surplus::default(),
            ledger,
        };
        (reloader, rounds)
    }

    /// Reads the root because somebody asked, and publishes what is new; the answer tells whether reading again soon may help.
    pub fn reload(&mut self) -> Flow {
        self.reload_for(Wake::Asked)
    }

    fn reload_for(&mut self, why: Wake) -> Flow {
        self.ledger.begin(self.config.clock.steady());
        self.graves.sweep();
        self.look_at_mounts();
        let known = self.known();
        let read = discover::read_news(&self.config.root, &self.config.limits, &known);
        let (flow, failure, outcome) = match read {
            Ok(scan) => {
                let outcome = self.take_scan(&scan);
                let flow = if self.loaded.iter().any(|profile| profile.is_transient) {
                    Flow::Retry
                } else {
                    Flow::Continue
                };
                (flow, None, outcome)
            }
            Err(error) => {
                let reason = Arc::from(with_causes(&error));
                let outcome = self.take_failure(&reason);
                let flow = if error.is_transient() {
                    Flow::Retry
                } else {
                    Flow::Continue
                };
                (flow, Some(reason), outcome)
            }
        };
        let ending = Ending {
            failure,
            counts: outcome.counts,
            has_swapped: outcome.has_swapped,
            frozen: Arc::clone(&self.frozen),
        };
        let round = self.ledger.sum(ending, self.config.clock.moment());
        let outcome_word = match (&round.failure, round.counts.broken + round.counts.gone) {
            (Some(_), _) => ReloadOutcome::Unreadable,
            (None, 1..) => ReloadOutcome::Broken,
            (None, 0) if outcome.has_swapped => ReloadOutcome::Published,
            (None, 0) => ReloadOutcome::Unchanged,
        };
        self.config.counts.add(outcome_word, round.took);
        // Whoever waits for the end finds it in the log.
        log_round(&round, why, outcome.has_swapped);
        self.ledger.end(round);
        self.surplus.note(self.config.clock.steady());
        flow
    }

    /// Returns what the disk need not be asked twice: what was read, and what is served.
    fn known(&self) -> Known {
        let before = self.store.current();
        let served = before.entries().values();
        let served = served.filter_map(|entry| entry.snapshot.as_ref().map(|snapshot| &snapshot.loaded));
        Known {
            profiles: self.read.clone(),
            pieces: load::known_pieces(self.loaded.iter().chain(served)),
        }
    }

    fn take_scan(&mut self, scan: &Scan) -> Outcome {
        self.report_strays(scan);
        self.read = scan.profiles.iter().map(|profile| profile.digest).collect();
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
        let now = self.config.clock.moment();
        let mut entries = BTreeMap::new();
        for (id, entry) in before.entries().iter().filter(|(id, _)| !by_id.contains_key(*id)) {
            entries.extend(self.judge_gone(entry, now).map(|entry| (Arc::clone(id), entry)));
        }
        for (id, profiles) in by_id {
            let entry = self.judge(&id, profiles, before.entries().get(&id), now);
            entries.insert(id, entry);
        }
        self.publish(before, entries)
    }

    /// Keeps everything, and says so: a root that is missing or empty is never a policy without rules.
    fn take_failure(&mut self, reason: &Arc<str>) -> Outcome {
        let before = Arc::clone(&self.store.current());
        if self.ledger.last_failure().as_ref() == Some(reason) {
            let counts = count(&before, &before);
            return Outcome {
                counts,
                has_swapped: false,
            };
        }
        tracing::error!(root = %self.config.root.display(), %reason, "profiles cannot be read");
        let now = self.config.clock.moment();
        let keep = |(id, entry): (&Arc<str>, &Arc<Entry>)| {
            let files = Files::Unread(Arc::clone(reason));
            (Arc::clone(id), Arc::new(Entry::stale(Some(entry), files, now)))
        };
        let entries = before.entries().iter().map(keep).collect();
        self.publish(before, entries)
    }

    /// Says what becomes of a profile whose directory is gone; nothing, if it is forgotten.
    fn judge_gone(&self, old: &Arc<Entry>, now: Moment) -> Option<Arc<Entry>> {
        if self.config.allow_removal || old.snapshot.is_none() {
            return None;
        }
        if matches!(old.files, Files::Gone) {
            return Some(Arc::clone(old));
        }
        Some(Arc::new(Entry::stale(Some(old), Files::Gone, now)))
    }

    /// Says what becomes of a profile whose files are there.
    fn judge(
        &mut self,
        id: &Arc<str>,
        profiles: Vec<Arc<LoadedProfile>>,
        old: Option<&Arc<Entry>>,
        now: Moment,
    ) -> Arc<Entry> {
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
            return Arc::new(Entry::stale(old.map(Arc::as_ref), Files::Broken(profiles), now));
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
                loaded_at: now.wall,
                served_since: now.steady,
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
            attempted_at: now.wall,
            stale_since: None,
            is_expired: false,
        })
    }

    fn count_generation(&mut self, id: &Arc<str>) -> u64 {
        let generation = self.generations.entry(Arc::clone(id)).or_default();
        *generation = generation.saturating_add(1);
        *generation
    }

    /// Swaps the table if any entry differs, and says what is new.
    fn publish(&mut self, before: Arc<Published>, entries: BTreeMap<Arc<str>, Arc<Entry>>) -> Outcome {
        let is_same = |(id, entry): (&Arc<str>, &Arc<Entry>)| {
            before
                .entries()
                .get(id)
                .is_some_and(|old| Arc::ptr_eq(old, entry))
        };
        if entries.len() == before.entries().len() && entries.iter().all(is_same) {
            return Outcome {
                counts: count(&before, &before),
                has_swapped: false,
            };
        }
        let old = self.store.publish(before.next(entries));
        // Only requests may hold the old table from here on, or it would never look forgotten.
        drop(before);
        let new = Arc::clone(&self.store.current());
        log_changes(&old, &new);
        let counts = count(&old, &new);
        self.graves.bury(old, &new);
        Outcome {
            counts,
            has_swapped: true,
        }
    }

    /// Ends the service of what has been stale for too long, and returns when the next profile will have been.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        let max_stale = self.config.max_stale?;
        let before = Arc::clone(&self.store.current());
        let end_of = |entry: &Entry| {
            let since = entry.stale_since.filter(|_| !entry.is_expired)?;
            since.steady.checked_add(max_stale)
        };
        let is_due = |entry: &Entry| end_of(entry).is_some_and(|end| end <= now);
        if before.entries().values().any(|entry| is_due(entry)) {
            let judge = |(id, entry): (&Arc<str>, &Arc<Entry>)| {
                let entry = if is_due(entry) {
                    Arc::new(Entry {
                        is_expired: true,
                        ..Entry::clone(entry)
                    })
                } else {
                    Arc::clone(entry)
                };
                (Arc::clone(id), entry)
            };
            let entries = before.entries().iter().map(judge).collect();
            self.publish(before, entries);
        }
        let now_served = self.store.current();
        now_served
            .entries()
            .values()
            .filter_map(|entry| end_of(entry))
            .min()
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

    /// Looks for mounts whose changes nobody will ever see, and says so once.
    fn look_at_mounts(&mut self) {
        let frozen: Arc<[String]> = mount::find_frozen(&self.config.root).into();
        if self.frozen != frozen {
            for reason in frozen.iter() {
                tracing::warn!(reason, "changes of the profiles will not be seen");
            }
            self.frozen = frozen;
        }
    }
}

impl Consumer for Reloader {
    fn wake(&mut self, why: Wake) -> Flow {
        self.reload_for(why)
    }

    fn tend(&mut self, now: Instant) -> Option<Instant> {
        let expiry = self.expire(now);
        let was_empty = self.graves.is_empty();
        let sweep = self.graves.tend(now);
        if !was_empty && sweep.is_none() {
            self.surplus.note(now);
        }
        let surplus = self.surplus.tend(now);
        [expiry, sweep, surplus].into_iter().flatten().min()
    }
}

/// Counts what differs between two tables; of equal ones, how the profiles are.
fn count(old: &Published, new: &Published) -> Counts {
    let mut counts = Counts::default();
    for (id, entry) in new.entries() {
        let generation = |entry: &Arc<Entry>| entry.snapshot.as_ref().map(|snapshot| snapshot.generation);
        match &entry.files {
            Files::Served if old.entries().get(id).and_then(generation) == generation(entry) => {
                counts.unchanged += 1;
            }
            Files::Served => counts.changed += 1,
            Files::Broken(_) | Files::Unread(_) => counts.broken += 1,
            Files::Gone => counts.gone += 1,
        }
    }
    counts.removed = old
        .entries()
        .keys()
        .filter(|id| !new.entries().contains_key(*id))
        .count();
    counts
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
