//! What is served: versions of profiles, and the table of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::load::LoadedProfile;
use crate::model::Model;
use crate::observe::counts::DecisionCounts;

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
}

impl Entry {
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

    /// Returns the version of a profile that is served.
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
        entry.snapshot.as_ref().ok_or(Unserved::NeverLoaded)
    }

    /// Tells whether requests that name no profile can be answered, or, where these must name one, any request at all.
    pub fn is_ready(&self) -> bool {
        match self.find("") {
            Ok(_) => true,
            Err(Unserved::Unknown | Unserved::NeverLoaded) => false,
            Err(Unserved::NoDefault) => self.is_serving(),
        }
    }

    /// Tells whether any profile is served.
    pub fn is_serving(&self) -> bool {
        self.entries.values().any(|entry| entry.snapshot.is_some())
    }
}
