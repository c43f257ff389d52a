//! Reads the profiles root: which profiles there are, the bytes of their files, and a digest of each.
//!
//! In goes a path, out comes a [`Scan`] that holds everything a build needs, so that nothing later touches the disk.
//! A scan shows each profile as it stood at one moment: what changed while it was read is read again, and what never
//! stands still is reported instead of half read. What is wrong with one profile is written into that profile; only
//! a root that cannot be understood at all is an error, and a root without any profile is one of these.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::load::layout::{Candidate, Layout, lay_out};
use crate::load::piece::{self, Piece, Pieces};
use crate::load::walk::{self, Found, Mark, Tree};
use crate::vocab::limits;

/// One reading of the profiles root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The root with every link resolved, as it stood for this reading.
    pub root: PathBuf,
    /// Sorted by name; never empty.
    pub profiles: Vec<ScannedProfile>,
    /// What lies in the root and belongs to no profile.
    pub problems: Vec<ScanProblem>,
}

/// One profile directory, read completely unless it has problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedProfile {
    /// The name of the directory; `profile.json` may give the profile another id.
    pub name: String,
    /// Leads from the root to the profile in the paths of its files; empty if the root is the profile.
    pub prefix: String,
    /// Sorted by path.
    pub files: Vec<ScannedFile>,
    /// Paths of programs (`.ts`, `.js`), relative to the root and sorted. They are not read, but a dialect may have to say that.
    pub scripts: Vec<String>,
    /// Tells profiles with different files or different problems apart, wherever their directory lies.
    pub digest: [u8; 32],
    /// Why this is not, or not all of, what the author wrote. Such a profile must not replace a good one.
    pub problems: Vec<ScanProblem>,
}

/// One file with its bytes, not yet known to be text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedFile {
    /// Relative to the root, separated by `/`.
    pub path: String,
    /// The whole content.
    pub content: Content,
}

/// The bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In one.
    Whole(Vec<u8>),
    /// In pieces: of grants on documents there may be very many.
    Pieces(Vec<Piece>),
}

impl ScannedFile {
    /// Makes what would be read of a file with these bytes.
    pub fn of(path: String, bytes: Vec<u8>) -> Self {
        let content = if piece::is_in_pieces(&path) {
            Content::Pieces(piece::cut(bytes, path.ends_with(".jsonl")))
        } else {
            Content::Whole(bytes)
        };
        Self { path, content }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.content {
            Content::Whole(bytes) => Cow::Borrowed(bytes),
            Content::Pieces(pieces) => {
                let bytes: Vec<&[u8]> = pieces.iter().map(Piece::bytes).collect();
                Cow::Owned(bytes.concat())
            }
        }
    }
}

impl Content {
    /// Tells how many bytes there are.
    pub fn size(&self) -> u64 {
        let size = match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.iter().map(|piece| piece.bytes().len()).sum(),
        };
        size as u64
    }
}

/// What an earlier reading has made, so that it need not be made again.
#[derive(Debug, Default)]
pub struct Known {
    /// The digests of profiles that were read twice.
    pub profiles: HashSet<[u8; 32]>,
    /// The texts of pieces that are in use.
    pub pieces: Pieces,
}

/// One thing that is wrong with a directory, as opposed to the text in its files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScanProblem {
    /// Relative to the root, separated by `/`; `.` is the root.
    pub path: String,
    /// What happened, for programs.
    pub kind: ProblemKind,
    /// What happened, for people.
    pub message: String,
}

/// Names every way in which a directory can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The system refused to show a file or directory.
    Unreadable,
    /// The files changed as fast as they were read.
    Changing,
    /// A link leads nowhere.
    Dangling,
    /// A link leads out of the root.
    LeavesRoot,
    /// A link leads to a directory above itself.
    Cycle,
    /// Links make one file or directory appear twice.
    Duplicate,
    /// Something other than a file bears the name of one.
    NotAFile,
    /// A name is not UTF-8.
    NameNotText,
    /// A directory lies deeper than the limit.
    TooDeep,
    /// The profile holds more files than the limit.
    TooManyFiles,
    /// The profile holds more directory entries than the limit, counting what is skipped.
    TooManyEntries,
    /// A file is larger than the limit.
    FileTooLarge,
    /// The files of the profile together are larger than the limit.
    ProfileTooLarge,
    /// The profile directory holds no file of a profile.
    Empty,
    /// A JSON file lies beside the profiles and belongs to none.
    Stray,
}

impl ProblemKind {
    /// Tells whether reading again may help although nobody changes anything.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Unreadable | Self::Changing => true,
            Self::Dangling
            | Self::LeavesRoot
            | Self::Cycle
            | Self::Duplicate
            | Self::NotAFile
            | Self::NameNotText
            | Self::TooDeep
            | Self::TooManyFiles
            | Self::TooManyEntries
            | Self::FileTooLarge
            | Self::ProfileTooLarge
            | Self::Empty
            | Self::Stray => false,
        }
    }

    /// Returns the stable word for this kind, as logs and machine output show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Changing => "changing",
            Self::Dangling => "dangling",
            Self::LeavesRoot => "leaves-root",
            Self::Cycle => "cycle",
            Self::Duplicate => "duplicate",
            Self::NotAFile => "not-a-file",
            Self::NameNotText => "name-not-text",
            Self::TooDeep => "too-deep",
            Self::TooManyFiles => "too-many-files",
            Self::TooManyEntries => "too-many-entries",
            Self::FileTooLarge => "file-too-large",
            Self::ProfileTooLarge => "profile-too-large",
            Self::Empty => "empty",
            Self::Stray => "stray",
        }
    }
}

/// Says why a root could not be read at all.
#[derive(Debug, Error)]
pub enum ScanError {
    /// There is nothing at the path.
    #[error("the profiles root `{}` does not exist", .path.display())]
    Missing {
        /// The root as configured.
        path: PathBuf,
    },
    /// The path leads to something else than a directory.
    #[error("the profiles root `{}` is not a directory", .path.display())]
    NotADirectory {
        /// The root as configured.
        path: PathBuf,
    },
    /// The system refused to show the root.
    #[error("cannot read the profiles root `{}`", .path.display())]
    Unreadable {
        /// The root as configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The root is there and holds no profile; this is never taken for a policy without rules.
    #[error("the profiles root `{}` holds no profile", .path.display())]
    NoProfile {
        /// The root as configured.
        path: PathBuf,
    },
    /// The root is a mounted volume whose content lies elsewhere.
    #[error("`..data` in the profiles root `{}` leads out of it", .path.display())]
    LeavesRoot {
        /// The root as configured.
        path: PathBuf,
    },
    /// The root holds more than a daemon is willing to hold.
    #[error("the profiles root `{}` has more than {max} {what}", .path.display())]
    TooLarge {
        /// The root as configured.
        path: PathBuf,
        /// The limit.
        max: u64,
        /// What is counted.
        what: &'static str,
    },
    /// The root never stood still for the time of one reading.
    #[error("the profiles root `{}` changed during each of {attempts} readings", .path.display())]
    Changing {
        /// The root as configured.
        path: PathBuf,
        /// How often it was tried.
        attempts: u32,
    },
}

impl ScanError {
    /// Tells whether reading again may help although nobody changes anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Changing { .. } => true,
            Self::Missing { .. }
            | Self::NotADirectory { .. }
            | Self::NoProfile { .. }
            | Self::LeavesRoot { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}

/// Bounds one scan; the default takes every maximum from [`limits`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLimits {
    /// Profiles in the root.
    pub profiles_max: usize,
    /// Files in a profile.
    pub files_max: usize,
    /// Directory entries looked at for a profile.
    pub entries_max: usize,
    /// Depth of directories inside a profile.
    pub depth_max: usize,
    /// Bytes of a file.
    pub file_bytes_max: u64,
    /// Bytes of a file of grants on documents.
    pub document_grants_bytes_max: u64,
    /// Bytes of a profile.
    pub profile_bytes_max: u64,
    /// Bytes of all profiles.
    pub root_bytes_max: u64,
    /// Readings before something that keeps changing is given up.
    pub attempts_max: u32,
    /// The pause before the second reading; each further one is twice as long.
    pub pause: Duration,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            profiles_max: limits::PROFILES_MAX,
            files_max: limits::PROFILE_FILES_MAX,
            entries_max: limits::PROFILE_ENTRIES_MAX,
            depth_max: limits::DIRECTORY_DEPTH_MAX,
            file_bytes_max: limits::FILE_BYTES_MAX as u64,
            document_grants_bytes_max: limits::DOCUMENT_GRANTS_BYTES_MAX as u64,
            profile_bytes_max: limits::PROFILE_BYTES_MAX as u64,
            root_bytes_max: limits::ROOT_BYTES_MAX as u64,
            attempts_max: limits::READ_ATTEMPTS_MAX,
            pause: Duration::from_millis(5),
        }
    }
}

/// Reads every profile under `root`, each as it stood at one moment.
pub fn read_root(root: &Path, limits: &ScanLimits) -> Result<Scan, ScanError> {
    read_news(root, limits, &Known::default())
}

/// Reads every profile under `root`; those whose digest is known are believed at once, all others are read twice.
///
/// The file status alone proves little where it is coarse or cached, as on file systems of a network: only what reads the
/// same twice in a row is taken.
pub fn read_news(root: &Path, limits: &ScanLimits, known: &Known) -> Result<Scan, ScanError> {
    let mut failure = ScanError::Changing {
        path: root.to_path_buf(),
        attempts: limits.attempts_max,
    };
    for attempt in 0..limits.attempts_max {
        pause(attempt, limits);
        let layout = match lay_out(root, limits) {
            Ok(layout) => layout,
            Err(error) if error.is_transient() => {
                failure = error;
                continue;
            }
            Err(error) => return Err(error),
        };
        let profiles = read_profiles(root, &layout, limits, known)?;
        // A volume that switched, or a profile that came or went meanwhile, makes this a mix of two moments.
        if lay_out(root, limits).is_ok_and(|now| now == layout) {
            return Ok(Scan {
                root: layout.root,
                profiles,
                problems: layout.problems,
            });
        }
    }
    Err(failure)
}

/// Summarizes what the file system says about a root without reading any file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

/// Takes the stamp of a root: it differs whenever a path, an inode, a size or a change time under it does.
pub fn stamp(root: &Path, limits: &ScanLimits) -> Stamp {
    let mut hasher = DefaultHasher::new();
    match lay_out(root, limits) {
        Ok(layout) => {
            layout.hash(&mut hasher);
            for candidate in &layout.candidates {
                walk_candidate(&layout, candidate, limits).hash(&mut hasher);
            }
        }
        Err(error) => error.to_string().hash(&mut hasher),
    }
    Stamp(hasher.finish())
}

/// Returns every directory that a scan of `root` lists, for whoever wants to watch them one by one.
pub fn directories(root: &Path, limits: &ScanLimits) -> Vec<PathBuf> {
    let Ok(layout) = lay_out(root, limits) else {
        return Vec::new();
    };
    let mut found = vec![layout.root.clone(), layout.base.clone()];
    for candidate in &layout.candidates {
        found.extend(
            walk_candidate(&layout, candidate, limits)
                .directories
                .into_iter()
                .map(|(path, _)| path),
        );
    }
    found.sort();
    found.dedup();
    found
}

fn read_profiles(
    root: &Path,
    layout: &Layout,
    limits: &ScanLimits,
    known: &Known,
) -> Result<Vec<ScannedProfile>, ScanError> {
    let mut profiles = Vec::with_capacity(layout.candidates.len());
    let mut total = 0_u64;
    for candidate in &layout.candidates {
        let profile = read_profile(layout, candidate, limits, known);
        total += profile.files.iter().map(|file| file.content.size()).sum::<u64>();
        if total > limits.root_bytes_max {
            let max = limits.root_bytes_max;
            return Err(ScanError::TooLarge {
                path: root.to_path_buf(),
                max,
                what: "bytes",
            });
        }
        profiles.push(profile);
    }
    Ok(profiles)
}

/// Reads one profile between two equal walks, which prove that it stood still.
fn read_profile(
    layout: &Layout,
    candidate: &Candidate,
    limits: &ScanLimits,
    known: &Known,
) -> ScannedProfile {
    for attempt in 0..limits.attempts_max {
        pause(attempt, limits);
        let before = walk_candidate(layout, candidate, limits);
        let mut problems = candidate.problems.clone();
        let Ok(files) = read_files(candidate, &before, &known.pieces, &mut problems) else {
            continue;
        };
        if walk_candidate(layout, candidate, limits) != before {
            continue;
        }
        problems.extend(before.problems.iter().cloned());
        let scripts = before
            .scripts
            .iter()
            .map(|name| walk::join(&candidate.prefix, name));
        let profile = finish_profile(candidate, files, scripts.collect(), problems);
        if known.profiles.contains(&profile.digest) || reads_the_same(candidate, &before, &profile.files) {
            return profile;
        }
    }
    let message = format!(
        "the files changed during each of {} readings",
        limits.attempts_max
    );
    let problem = ScanProblem {
        path: shown_path(candidate),
        kind: ProblemKind::Changing,
        message,
    };
    finish_profile(candidate, Vec::new(), Vec::new(), vec![problem])
}

fn walk_candidate(layout: &Layout, candidate: &Candidate, limits: &ScanLimits) -> Tree {
    match &candidate.real {
        Some(real) => walk::walk(&layout.root, real, &candidate.prefix, limits),
        None => Tree::default(),
    }
}

/// Says that a file is no longer the one that was listed.
struct Changed;

fn read_files(
    candidate: &Candidate,
    tree: &Tree,
    known: &Pieces,
    problems: &mut Vec<ScanProblem>,
) -> Result<Vec<ScannedFile>, Changed> {
    let mut files = Vec::with_capacity(tree.files.len());
    for found in &tree.files {
        let path = walk::join(&candidate.prefix, &found.name);
        match read_file(found, known) {
            Ok(Some(content)) => files.push(ScannedFile { path, content }),
            Ok(None) => return Err(Changed),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Changed),
            Err(error) => {
                let message = error.to_string();
                problems.push(ScanProblem {
                    path,
                    kind: ProblemKind::Unreadable,
                    message,
                });
            }
        }
    }
    Ok(files)
}

/// Reads all files once more, one after the other, and tells whether they are what was read before.
fn reads_the_same(candidate: &Candidate, tree: &Tree, files: &[ScannedFile]) -> bool {
    let mut before = files.iter().peekable();
    tree.files.iter().all(|found| {
        let path = walk::join(&candidate.prefix, &found.name);
        // What could not be read before is a problem of the profile already.
        let Some(file) = before.next_if(|file| file.path == path) else {
            return true;
        };
        matches!(is_same(found, &file.content), Ok(true))
    })
}

/// Reads a file if it is the one that was listed and stays so, else nothing.
fn read_file(found: &Found, known: &Pieces) -> io::Result<Option<Content>> {
    let Some(mut file) = open(found)? else {
        return Ok(None);
    };
    let size = found.mark.size;
    // One byte more than expected shows growth, and bounds the read whatever happens to the file.
    let mut bounded = file.by_ref().take(size.saturating_add(1));
    let content = if piece::is_in_pieces(&found.name) {
        Content::Pieces(piece::read(
            &mut bounded,
            found.name.ends_with(".jsonl"),
            size,
            known,
        )?)
    } else {
        Content::Whole(piece::read_whole(&mut bounded, size)?)
    };
    let file_is_same = Mark::of(&file.metadata()?) == found.mark;
    Ok(Some(content).filter(|content| content.size() == size && file_is_same))
}

/// Tells whether a file is the one that was listed, holds what was read, and stays so.
fn is_same(found: &Found, content: &Content) -> io::Result<bool> {
    let Some(mut file) = open(found)? else {
        return Ok(false);
    };
    let is_same = match content {
        Content::Whole(bytes) => piece::is_same(&mut file, [bytes.as_slice()].into_iter())?,
        Content::Pieces(pieces) => piece::is_same(&mut file, pieces.iter().map(Piece::bytes))?,
    };
    Ok(is_same && Mark::of(&file.metadata()?) == found.mark)
}

fn open(found: &Found) -> io::Result<Option<File>> {
    let file = File::open(&found.real)?;
    let is_it = Mark::of(&file.metadata()?) == found.mark;
    Ok(is_it.then_some(file))
}

fn finish_profile(
    candidate: &Candidate,
    files: Vec<ScannedFile>,
    scripts: Vec<String>,
    mut problems: Vec<ScanProblem>,
) -> ScannedProfile {
    if files.is_empty() && problems.is_empty() {
        let message = "the directory holds no `.json` or `.jsonl` file".to_owned();
        problems.push(ScanProblem {
            path: shown_path(candidate),
            kind: ProblemKind::Empty,
            message,
        });
    }
    problems.sort_by(|one, other| one.path.cmp(&other.path));
    let digest = digest(&candidate.prefix, &files, &scripts, &problems);
    ScannedProfile {
        name: candidate.name.clone(),
        prefix: candidate.prefix.clone(),
        files,
        scripts,
        digest,
        problems,
    }
}

/// Hashes what a build can see: paths as the profile sees them, contents, and what was wrong.
///
/// Each part is preceded by its length, so that no two different profiles write the same bytes.
fn digest(prefix: &str, files: &[ScannedFile], scripts: &[String], problems: &[ScanProblem]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&(files.len() as u64).to_le_bytes());
    for file in files {
        part(inner_path(prefix, &file.path).as_bytes());
        match &file.content {
            Content::Whole(bytes) => part(bytes),
            // The pieces were hashed when they were read; where they end follows from the bytes.
            Content::Pieces(pieces) => {
                part(&(pieces.len() as u64).to_le_bytes());
                pieces.iter().for_each(|piece| part(&piece.digest));
            }
        }
    }
    for script in scripts {
        part(inner_path(prefix, script).as_bytes());
        part(b"script");
    }
    for problem in problems {
        part(inner_path(prefix, &problem.path).as_bytes());
        part(problem.kind.name().as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Drops the way from the root to the profile, so that a profile keeps its digest when its directory is renamed.
pub(super) fn inner_path<'a>(prefix: &str, path: &'a str) -> &'a str {
    path.strip_prefix(prefix).unwrap_or(path).trim_start_matches('/')
}

fn shown_path(candidate: &Candidate) -> String {
    if candidate.prefix.is_empty() {
        ".".to_owned()
    } else {
        candidate.prefix.clone()
    }
}

fn pause(attempt: u32, limits: &ScanLimits) {
    if attempt > 0 {
        thread::sleep(
            limits
                .pause
                .saturating_mul(1 << attempt.saturating_sub(1).min(10)),
        );
    }
}
