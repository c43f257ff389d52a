//! What is served: versions of profiles, and the table of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::load::LoadedProfile;
use crate::model::Model;
use crate::observe::counts::DecisionCounts;
use crate::source::diagnostic::Severity;
use crate::store::clock::Moment;

/// Holds one version of one profile, as requests are answered from it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The id of the profile.
    pub profile: Arc<str>,
    /// Counts the versions of this profile in this process, from 1.
    pub generation: u64,
    /// Tells versions apart across processes: hexadecimal, bases included.
    pub digest: Arc<str>,
    /// When this version was first served.
    pub loaded_at: Timestamp,
    /// The same by the steady clock, to tell the age of the version.
    pub served_since: Instant,
    /// Whether the files on disk are not, or not known to be, those of this version.
    pub is_stale: bool,
    /// What decides.
    pub model: Arc<Model>,
    /// What the version was made from; its complaints are warnings.
    pub loaded: Arc<LoadedProfile>,
    /// What was decided from this and earlier versions of the profile.
    pub counts: Arc<DecisionCounts>,
}

/// Says how the files of a profile are now.
#[derive(Clone, Debug)]
pub enum Files {
    /// They are those of the snapshot.
    Served,
    /// They are broken; several profiles appear here if they claim the same id.
    Broken(Vec<Arc<LoadedProfile>>),
    /// They are gone.
    Gone,
    /// The root that holds them cannot be read, for this reason.
    Unread(Arc<str>),
}

/// Holds all that is known of one profile.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The version that is served; absent if the profile was never good.
    pub snapshot: Option<Arc<Snapshot>>,
    /// How the files are now.
    pub files: Files,
    /// When the files were last looked at with another result than before.
    pub attempted_at: Timestamp,
    /// Since when the snapshot is stale; absent if it is not, or if there is none.
    pub stale_since: Option<Moment>,
    /// Whether the snapshot has been stale for longer than is allowed, and answers nothing any more.
    pub is_expired: bool,
}

impl Entry {
    /// Makes what becomes of a profile whose files are not what is served: its last version stays, if there is one.
    pub(super) fn stale(old: Option<&Entry>, files: Files, now: Moment) -> Self {
        let snapshot = old.and_then(|old| old.snapshot.as_ref()).map(|snapshot| {
            if snapshot.is_stale {
                Arc::clone(snapshot)
            } else {
                Arc::new(Snapshot {
                    is_stale: true,
                    ..Snapshot::clone(snapshot)
                })
            }
        });
        let since = old.and_then(|old| old.stale_since).unwrap_or(now);
        Self {
            stale_since: snapshot.as_ref().map(|_| since),
            is_expired: old.is_some_and(|old| old.is_expired),
            snapshot,
            files,
            attempted_at: now.wall,
        }
    }

    /// Returns the version that answers requests: none if there never was one, or if it has been stale for too long.
    pub fn served(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref().filter(|_| !self.is_expired)
    }

    /// Returns why the files as they are now are not served, as a sentence; empty if they are. Paths of the machine are left
    /// out: those stand in the log.
    pub fn problem(&self) -> String {
        match &self.files {
            Files::Served => String::new(),
            Files::Broken(profiles) if profiles.len() > 1 => {
                format!("{} directories hold a profile with this id", profiles.len())
            }
            Files::Broken(profiles) => {
                let errors: usize = profiles.iter().map(|each| each.count(Severity::Error)).sum();
                let plural = if errors == 1 { "" } else { "s" };
                format!("the files have {errors} error{plural}")
            }
            Files::Gone => "the directory of the profile is gone".to_owned(),
            Files::Unread(_) => "the directory of profiles cannot be read".to_owned(),
        }
    }

    /// Returns what was made of the files as they are now, for complaints; nothing if they are gone or unread.
    pub fn latest(&self) -> &[Arc<LoadedProfile>] {
        match &self.files {
            Files::Served => self
                .snapshot
                .as_ref()
                .map(|snapshot| std::slice::from_ref(&snapshot.loaded))
                .unwrap_or_default(),
            Files::Broken(loaded) => loaded,
            Files::Gone | Files::Unread(_) => &[],
        }
    }
}

/// Says why a request cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// No profile has the id.
    Unknown,
    /// The profile is there and was never good.
    NeverLoaded,
    /// The profile has been stale for longer than is allowed.
    Expired,
    /// The request names no profile, and there is no default one.
    NoDefault,
}

/// Holds every profile at one moment; immutable.
#[derive(Debug)]
pub struct Published {
    entries: BTreeMap<Arc<str>, Arc<Entry>>,
    configured_default: Option<Arc<str>>,
    revision: u64,
}

impl Published {
    /// Makes a table without profiles.
    pub fn empty(default_profile: Option<&str>) -> Self {
        Self {
            entries: BTreeMap::new(),
            configured_default: default_profile.map(Arc::from),
            revision: 0,
        }
    }

    /// Makes the table that follows this one.
    pub(super) fn next(&self, entries: BTreeMap<Arc<str>, Arc<Entry>>) -> Self {
        Self {
            entries,
            configured_default: self.configured_default.clone(),
            revision: self.revision.saturating_add(1),
        }
    }

    /// Returns the number of this table; each published one has a greater number than the one before.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Returns all profiles, sorted by id.
    pub fn entries(&self) -> &BTreeMap<Arc<str>, Arc<Entry>> {
        &self.entries
    }

    /// Returns the last good version of a profile, be it too stale to be served.
    pub fn profile(&self, id: &str) -> Option<&Arc<Snapshot>> {
        self.entries.get(id).and_then(|entry| entry.snapshot.as_ref())
    }

    /// Returns the id of the profile for requests that name none: the configured one, else the only one.
    pub fn default_id(&self) -> Option<&Arc<str>> {
        if self.configured_default.is_some() {
            return self.configured_default.as_ref();
        }
        let mut ids = self.entries.keys();
        ids.next().filter(|_| ids.next().is_none())
    }

    /// Returns the version that answers a request; an empty name stands for the default profile.
    pub fn find(&self, name: &str) -> Result<&Arc<Snapshot>, Unserved> {
        let name = if name.is_empty() {
            self.default_id().ok_or(Unserved::NoDefault)?
        } else {
            name
        };
        let entry = self.entries.get(name).ok_or(Unserved::Unknown)?;
        entry.served().ok_or(if entry.is_expired {
            Unserved::Expired
        } else {
            Unserved::NeverLoaded
        })
    }

    /// Tells whether requests that name no profile can be answered, or, where these must name one, any request at all.
    pub fn is_ready(&self) -> bool {
        match self.find("") {
            Ok(_) => true,
            Err(Unserved::Unknown | Unserved::NeverLoaded | Unserved::Expired) => false,
            Err(Unserved::NoDefault) => self.is_serving(),
        }
    }

    /// Tells whether any profile is served.
    pub fn is_serving(&self) -> bool {
        self.entries.values().any(|entry| entry.served().is_some())
    }
}
