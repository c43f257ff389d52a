//! Follows the path of the profiles root link by link, to know what must be watched besides the root itself.
//!
//! A root is often reached through a link (`current -> releases/42`, or a name inside a mounted volume). Whoever
//! switches such a link changes the root without touching it, so every link on the way is watched where it lies.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf, absolute};

/// How many links are followed before the path is taken for a loop; the kernel uses the same number.
const LINKS_MAX: usize = 40;

/// The way to a root, as it stands at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trail {
    /// The entries that decide what the root is: links on the way, the root, or the first part that is missing. Each
    /// is spelled by its real directory and its name in there.
    pub(super) names: BTreeSet<PathBuf>,
    /// The real root, unless a part of the way is missing.
    pub(super) root: Option<PathBuf>,
}

impl Trail {
    /// Follows `root`, whether it exists or not.
    pub(super) fn follow(root: &Path) -> Self {
        let mut trail = Self::default();
        let mut ahead = Self::parts(&absolute(root).unwrap_or_else(|_| root.to_path_buf()));
        let mut here = PathBuf::new();
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            let next = here.join(&part);
            match Path::new(&part).components().next() {
                Some(Component::Normal(_)) => {}
                Some(Component::ParentDir) => {
                    here.pop();
                    continue;
                }
                Some(Component::Prefix(_) | Component::RootDir | Component::CurDir) | None => {
                    here = next;
                    continue;
                }
            }
            let Ok(metadata) = fs::symlink_metadata(&next) else {
                trail.names.insert(next);
                return trail;
            };
            if !metadata.is_symlink() {
                here = next;
                continue;
            }
            trail.names.insert(next.clone());
            links += 1;
            match fs::read_link(&next) {
                Ok(target) if links <= LINKS_MAX => ahead.extend(Self::parts(&target)),
                Ok(_) | Err(_) => return trail,
            }
        }
        trail.names.insert(here.clone());
        trail.root = Some(here);
        trail
    }

    /// Splits a path into its parts, the last one first, as a stack of what lies ahead.
    fn parts(path: &Path) -> Vec<PathBuf> {
        path.components()
            .rev()
            .map(|part| PathBuf::from(part.as_os_str()))
            .collect()
    }

    /// Lists the directories whose own entries are watched: those that hold one of the names.
    pub(super) fn directories(&self) -> BTreeSet<&Path> {
        self.names.iter().filter_map(|name| name.parent()).collect()
    }

    /// Tells whether something that happened to `path` may concern the root.
    ///
    /// The directories on the way see much that does not (a log file beside the root, other people's files in `/tmp`).
    pub(super) fn concerns(&self, path: &Path) -> bool {
        self.root.as_ref().is_some_and(|root| path.starts_with(root))
            || self
                .names
                .iter()
                .any(|name| name == path || name.parent() == Some(path))
    }
}
