//! Lists the files of one profile directory, and says what is wrong with the directory.
//!
//! Nothing is read here but directories, links and file status, so the same walk serves to read a profile, to prove
//! that it stood still meanwhile, and to notice cheaply that it changed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::load::discover::{ProblemKind, ScanLimits, ScanProblem};
use crate::load::piece::is_in_pieces;

/// The link through which a mounted volume switches from one generation of its files to the next.
const VOLUME_LINK: &str = "..data";

/// One profile directory as it stands at one moment.
#[derive(PartialEq, Eq, Hash, Default)]
pub(super) struct Tree {
    /// Sorted by name.
    pub(super) files: Vec<Found>,
    /// Names of programs among the files, which are not read; sorted.
    pub(super) scripts: Vec<String>,
    /// The real path of every directory walked, and its inode.
    pub(super) directories: Vec<(PathBuf, u64)>,
    pub(super) problems: Vec<ScanProblem>,
}

/// A file that belongs to the profile.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Found {
    /// Relative to the profile, separated by `/`.
    pub(super) name: String,
    /// Where its bytes lie, links resolved.
    pub(super) real: PathBuf,
    pub(super) mark: Mark,
}

/// What the file system says about a file without reading it: two equal marks mean the same content, as far as the
/// clock of the file system can tell.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(super) struct Mark {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    changed: (i64, i64),
}

impl Mark {
    /// Takes the marks that change with the content; the modification time is left out because tools set it back.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Tells whether a file of this name is policy text (and not an editor's leftover).
pub(super) fn is_profile_file(name: &str) -> bool {
    let named = name.ends_with(".json") || name.ends_with(".jsonl");
    named && !name.starts_with(['.', '#'])
}

/// Tells whether a file of this name is a program that a CMS may run where we read a `.json` file.
fn is_script(name: &str) -> bool {
    let named = name.ends_with(".ts") || name.ends_with(".js");
    named && !name.ends_with(".d.ts") && !name.starts_with(['.', '#'])
}

/// Tells whether a directory of this name is looked into.
pub(super) fn is_profile_directory(name: &str) -> bool {
    let leftover = name.starts_with('.') || name.ends_with('~') || name.starts_with('#');
    // File systems keep `lost+found` at the top of a volume; only the superuser may look inside.
    !leftover && name != "lost+found"
}

/// Returns the directory to read instead of `directory`: itself, or the current generation if it is a mounted volume.
///
/// The visible names of such a volume are links that appear and vanish a moment before or after the switch, whereas
/// the target of its one link is always a single complete generation.
pub(super) fn settle(directory: &Path) -> io::Result<PathBuf> {
    let link = directory.join(VOLUME_LINK);
    let is_link = match fs::symlink_metadata(&link) {
        Ok(metadata) => metadata.is_symlink(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if is_link {
        link.canonicalize()
    } else {
        Ok(directory.to_path_buf())
    }
}

/// Lists the names in a directory, sorted; refuses more than `entries_max`.
pub(super) fn list(directory: &Path, entries_max: usize) -> io::Result<Option<Vec<Listed>>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if names.len() >= entries_max {
            return Ok(None);
        }
        names.push(Listed {
            kind: entry.file_type()?,
            path: entry.path(),
        });
    }
    names.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Some(names))
}

/// A name in a directory.
pub(super) struct Listed {
    kind: FileType,
    path: PathBuf,
}

impl Listed {
    /// Returns the last part of the path.
    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// Tells whether this is a link, whatever it leads to.
    pub(super) fn is_link(&self) -> bool {
        self.kind.is_symlink()
    }

    /// Tells whether this is a directory itself.
    pub(super) fn is_directory(&self) -> bool {
        self.kind.is_dir()
    }

    /// Follows the entry to what it stands for.
    pub(super) fn resolve(self) -> io::Result<Target> {
        let real = if self.kind.is_symlink() {
            self.path.canonicalize()?
        } else {
            self.path
        };
        let metadata = fs::symlink_metadata(&real)?;
        Ok(Target {
            real,
            metadata,
            linked: self.kind.is_symlink(),
        })
    }
}

/// What a directory entry stands for, links resolved.
pub(super) struct Target {
    pub(super) real: PathBuf,
    pub(super) metadata: Metadata,
    pub(super) linked: bool,
}

/// Walks the profile directory `real`; `prefix` leads from the root to the profile in every reported path.
///
/// `root` is the resolved root, which no link may leave.
pub(super) fn walk(root: &Path, real: &Path, prefix: &str, limits: &ScanLimits) -> Tree {
    let mut walker = Walker {
        root,
        prefix,
        limits,
        tree: Tree::default(),
        taken: HashSet::from([real.to_path_buf()]),
        open: Vec::new(),
        entries: 0,
        full: false,
    };
    walker.walk_directory("", real.to_path_buf());
    walker.measure();
    walker.tree.files.sort_by(|one, other| one.name.cmp(&other.name));
    walker.tree.scripts.sort();
    walker.tree
}

struct Walker<'a> {
    root: &'a Path,
    prefix: &'a str,
    limits: &'a ScanLimits,
    tree: Tree,
    /// Every real path that was entered or taken, so that none counts twice.
    taken: HashSet<PathBuf>,
    /// The directories between the profile and here.
    open: Vec<PathBuf>,
    entries: usize,
    /// Set when a limit on counts ended the walk.
    full: bool,
}

impl Walker<'_> {
    fn walk_directory(&mut self, name: &str, real: PathBuf) {
        let visible = real;
        let real = match settle(&visible) {
            Ok(base) if base.starts_with(&visible) => base,
            Ok(_) => return self.report(name, ProblemKind::LeavesRoot, "`..data` leads out of its volume"),
            Err(error) => return self.report_io(name, &error),
        };
        let listed = match self.list_directory(&real) {
            Ok(Some(listed)) => listed,
            Ok(None) => return self.stop(ProblemKind::TooManyEntries, self.limits.entries_max, "entries"),
            Err(error) => return self.report_io(name, &error),
        };
        if real != visible {
            // The switch to the next generation happens here.
            self.tree.directories.push((visible, 0));
        }
        self.open.push(real);
        for entry in listed {
            if self.full {
                break;
            }
            self.visit(name, entry);
        }
        self.open.pop();
    }

    fn list_directory(&mut self, real: &Path) -> io::Result<Option<Vec<Listed>>> {
        let inode = fs::symlink_metadata(real)?.ino();
        self.tree.directories.push((real.to_path_buf(), inode));
        let listed = list(real, self.limits.entries_max.saturating_sub(self.entries))?;
        self.entries += listed.as_ref().map_or(0, Vec::len);
        Ok(listed)
    }

    fn visit(&mut self, parent: &str, entry: Listed) {
        let Some(last) = entry.name().to_str().map(str::to_owned) else {
            return self.visit_unnameable(parent, &entry);
        };
        let is_file_name = is_profile_file(&last);
        if !is_file_name && !is_profile_directory(&last) {
            return;
        }
        let is_script = is_script(&last);
        if !is_file_name && !is_script && entry.kind.is_file() {
            return;
        }
        let name = if parent.is_empty() {
            last
        } else {
            format!("{parent}/{last}")
        };
        let target = match entry.resolve() {
            Ok(target) => target,
            Err(error) => return self.report_io(&name, &error),
        };
        if target.metadata.is_dir() {
            self.visit_directory(&name, target);
        } else if is_file_name {
            self.visit_file(name, target);
        } else if is_script {
            self.tree.scripts.push(name);
        }
    }

    /// A path that is no text cannot be shown or compared on the wire, so such a file could not be pointed at.
    fn visit_unnameable(&mut self, parent: &str, entry: &Listed) {
        let shown = entry.name().to_string_lossy().into_owned();
        if entry.kind.is_dir() || is_profile_file(&shown) {
            let name = if parent.is_empty() {
                shown
            } else {
                format!("{parent}/{shown}")
            };
            self.report(&name, ProblemKind::NameNotText, "the name is not valid UTF-8");
        }
    }

    fn visit_directory(&mut self, name: &str, target: Target) {
        if !self.may_take(name, &target) {
            return;
        }
        if self.open.len() > self.limits.depth_max {
            let message = format!("directories lie deeper than {}", self.limits.depth_max);
            return self.report(name, ProblemKind::TooDeep, message);
        }
        self.walk_directory(name, target.real);
    }

    fn visit_file(&mut self, name: String, target: Target) {
        if !target.metadata.is_file() {
            return self.report(
                &name,
                ProblemKind::NotAFile,
                "this is neither a file nor a directory",
            );
        }
        if !self.may_take(&name, &target) {
            return;
        }
        if self.tree.files.len() >= self.limits.files_max {
            return self.stop(ProblemKind::TooManyFiles, self.limits.files_max, "files");
        }
        self.tree.files.push(Found {
            name,
            real: target.real,
            mark: Mark::of(&target.metadata),
        });
    }

    fn may_take(&mut self, name: &str, target: &Target) -> bool {
        if target.linked && !target.real.starts_with(self.root) {
            self.report(
                name,
                ProblemKind::LeavesRoot,
                "the link leads out of the profiles root",
            );
            return false;
        }
        if self
            .open
            .iter()
            .any(|directory| directory.starts_with(&target.real))
        {
            self.report(
                name,
                ProblemKind::Cycle,
                "the link leads back to a directory that it lies in",
            );
            return false;
        }
        if !self.taken.insert(target.real.clone()) {
            self.report(
                name,
                ProblemKind::Duplicate,
                "links make this appear twice in the profile",
            );
            return false;
        }
        true
    }

    /// Judges sizes before anything is read, so that a profile too large costs no memory.
    fn measure(&mut self) {
        let mut total = 0_u64;
        let mut kept = Vec::with_capacity(self.tree.files.len());
        for found in std::mem::take(&mut self.tree.files) {
            total = total.saturating_add(found.mark.size);
            let max = if is_in_pieces(&found.name) {
                self.limits.document_grants_bytes_max
            } else {
                self.limits.file_bytes_max
            };
            if found.mark.size > max {
                let message = format!("the file is larger than {max} bytes");
                self.report(&found.name, ProblemKind::FileTooLarge, message);
            } else {
                kept.push(found);
            }
        }
        self.tree.files = kept;
        if total > self.limits.profile_bytes_max {
            self.stop(
                ProblemKind::ProfileTooLarge,
                self.limits.profile_bytes_max,
                "bytes",
            );
        }
    }

    /// Ends the walk of a profile that is beyond a limit: half of its files would be another policy.
    fn stop(&mut self, kind: ProblemKind, max: impl Display, what: &str) {
        self.full = true;
        self.tree.files.clear();
        self.report("", kind, format!("the profile has more than {max} {what}"));
    }

    fn report_io(&mut self, name: &str, error: &io::Error) {
        if error.kind() == ErrorKind::NotFound {
            self.report(
                name,
                ProblemKind::Dangling,
                "the link leads nowhere, or the entry vanished",
            );
        } else {
            self.report(name, ProblemKind::Unreadable, error.to_string());
        }
    }

    fn report(&mut self, name: &str, kind: ProblemKind, message: impl Into<String>) {
        let joined = join(self.prefix, name);
        let path = if joined.is_empty() { ".".to_owned() } else { joined };
        self.tree.problems.push(ScanProblem {
            path,
            kind,
            message: message.into(),
        });
    }
}

/// Joins a profile's own directory and a name inside it; either may be empty.
pub(super) fn join(prefix: &str, name: &str) -> String {
    match (prefix.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => prefix.to_owned(),
        (false, false) => format!("{prefix}/{name}"),
    }
}
