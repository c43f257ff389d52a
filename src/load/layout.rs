//! Tells which profiles a root holds, by the entries at its top alone.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::load::discover::{ProblemKind, ScanError, ScanLimits, ScanProblem};
use crate::load::walk::{self, Listed};

/// What the top of the root looks like.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Layout {
    /// The root with every link resolved.
    pub(super) root: PathBuf,
    /// Where the entries of the root lie: the root, or the current generation of a mounted volume.
    pub(super) base: PathBuf,
    /// Sorted by name; never empty.
    pub(super) candidates: Vec<Candidate>,
    /// What belongs to no profile.
    pub(super) problems: Vec<ScanProblem>,
}

/// A directory that claims to be a profile.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) name: String,
    /// Leads from the root to the profile in reported paths; empty if the root is the profile.
    pub(super) prefix: String,
    /// Absent if the directory must not be walked, for the reasons in `problems`.
    pub(super) real: Option<PathBuf>,
    pub(super) problems: Vec<ScanProblem>,
}

impl Candidate {
    fn refused(name: String, kind: ProblemKind, message: impl Into<String>) -> Self {
        let problem = ScanProblem {
            path: name.clone(),
            kind,
            message: message.into(),
        };
        Self {
            prefix: name.clone(),
            name,
            real: None,
            problems: vec![problem],
        }
    }
}

/// Looks at the top of the root: what is a profile there, and what is not?
pub(super) fn lay_out(root: &Path, limits: &ScanLimits) -> Result<Layout, ScanError> {
    let path = || root.to_path_buf();
    // What fails once the root is there fails for another reason, or because a volume switched under our feet.
    let unreadable = |source: io::Error| ScanError::Unreadable { path: path(), source };
    let real = root.canonicalize().map_err(|source| {
        if source.kind() == ErrorKind::NotFound {
            ScanError::Missing { path: path() }
        } else if source.kind() == ErrorKind::NotADirectory {
            ScanError::NotADirectory { path: path() }
        } else {
            unreadable(source)
        }
    })?;
    if !fs::metadata(&real).map_err(unreadable)?.is_dir() {
        return Err(ScanError::NotADirectory { path: path() });
    }
    let base = walk::settle(&real).map_err(unreadable)?;
    if !base.starts_with(&real) {
        return Err(ScanError::LeavesRoot { path: path() });
    }
    let Some(listed) = walk::list(&base, limits.entries_max).map_err(unreadable)? else {
        let max = limits.entries_max as u64;
        return Err(ScanError::TooLarge {
            path: path(),
            max,
            what: "entries",
        });
    };
    let mut layout = Layout {
        root: real,
        base,
        candidates: Vec::new(),
        problems: Vec::new(),
    };
    if listed.iter().any(Listed::marks_profile) {
        layout.candidates.push(Candidate {
            name: name_of(root, &layout.root),
            prefix: String::new(),
            real: Some(layout.root.clone()),
            problems: Vec::new(),
        });
    } else {
        sort_out(&mut layout, listed);
    }
    // Judged before emptiness is: whoever switches a volume or a link may clear the old directory at once, and what
    // was listed there is then no root without profiles but half of one that is past.
    let same_root = root.canonicalize().is_ok_and(|again| again == layout.root);
    if !same_root || !walk::settle(&layout.root).is_ok_and(|again| again == layout.base) {
        return Err(ScanError::Changing {
            path: path(),
            attempts: limits.attempts_max,
        });
    }
    if layout.candidates.is_empty() {
        return Err(ScanError::NoProfile { path: path() });
    }
    if layout.candidates.len() > limits.profiles_max {
        let max = limits.profiles_max as u64;
        return Err(ScanError::TooLarge {
            path: path(),
            max,
            what: "profiles",
        });
    }
    Ok(layout)
}

impl Listed {
    /// Tells whether a directory with this entry is a profile itself: by the same files that tell its dialect.
    ///
    /// One of two files that belong together is enough, or a set being copied would for a moment look like a root
    /// whose profiles are the subdirectories of the real one.
    fn marks_profile(&self) -> bool {
        let Some(name) = self.name().to_str() else {
            return false;
        };
        let known = [
            "profile.json",
            "metadata.json",
            "access.json",
            "policies.json",
            "grants.json",
        ];
        let rows = name.starts_with("directus_permissions") && walk::is_profile_file(name);
        (known.contains(&name) || rows) && !self.is_directory()
    }
}

/// Takes the name from the path as it is configured, since a link is often named for its purpose and its target for
/// a version.
fn name_of(root: &Path, real: &Path) -> String {
    let name = root.file_name().or_else(|| real.file_name());
    name.map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Makes every directory of the root a candidate, and every JSON file beside them a complaint.
fn sort_out(layout: &mut Layout, listed: Vec<Listed>) {
    let mut names_by_place: HashMap<PathBuf, String> = HashMap::new();
    let (links, directories): (Vec<_>, Vec<_>) = listed.into_iter().partition(Listed::is_link);
    // Directories go first: if a link stands for one of them, the link is the second name.
    for entry in directories.into_iter().chain(links) {
        let Some(name) = entry.name().to_str().map(str::to_owned) else {
            let shown = entry.name().to_string_lossy().into_owned();
            layout.problems.push(ScanProblem {
                path: shown,
                kind: ProblemKind::NameNotText,
                message: "the name is not valid UTF-8".to_owned(),
            });
            continue;
        };
        if let Some(candidate) = judge(layout, name, entry, &mut names_by_place) {
            layout.candidates.push(candidate);
        }
    }
    layout.candidates.sort_by(|one, other| one.name.cmp(&other.name));
    layout.problems.sort_by(|one, other| one.path.cmp(&other.path));
}

fn judge(
    layout: &mut Layout,
    name: String,
    entry: Listed,
    names_by_place: &mut HashMap<PathBuf, String>,
) -> Option<Candidate> {
    let is_file_name = walk::is_profile_file(&name);
    if !is_file_name && !walk::is_profile_directory(&name) {
        return None;
    }
    let is_link = entry.is_link();
    let target = match entry.resolve() {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound && is_link => {
            return Some(Candidate::refused(
                name,
                ProblemKind::Dangling,
                "the link leads nowhere",
            ));
        }
        // It went between the listing and the look: the second listing will tell.
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(Candidate::refused(
                name,
                ProblemKind::Unreadable,
                error.to_string(),
            ));
        }
    };
    if !target.metadata.is_dir() {
        if is_file_name {
            let message = "this file lies beside the profiles and belongs to none".to_owned();
            layout.problems.push(ScanProblem {
                path: name,
                kind: ProblemKind::Stray,
                message,
            });
        }
        return None;
    }
    if !target.real.starts_with(&layout.root) {
        return Some(Candidate::refused(
            name,
            ProblemKind::LeavesRoot,
            "the link leads out of the profiles root",
        ));
    }
    if layout.base.starts_with(&target.real) {
        return Some(Candidate::refused(
            name,
            ProblemKind::Cycle,
            "the link leads back to the profiles root",
        ));
    }
    if let Some(first) = names_by_place.get(&target.real) {
        let message = format!("this is the same directory as `{first}`");
        return Some(Candidate::refused(name, ProblemKind::Duplicate, message));
    }
    names_by_place.insert(target.real.clone(), name.clone());
    Some(Candidate {
        prefix: name.clone(),
        name,
        real: Some(target.real),
        problems: Vec::new(),
    })
}
