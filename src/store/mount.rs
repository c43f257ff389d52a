//! Finds mounts through which no change of the profiles can ever be seen.
//!
//! Kubernetes mounts a `subPath` once and never again, and a file that is mounted by itself stays the file that it was when
//! somebody puts another one in its place. Neither shows as an error anywhere: files simply never change. The mount table
//! of the process tells.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Where Linux tells the mounts of a process.
const TABLE: &str = "/proc/self/mountinfo";

/// What the kernel writes behind the source of a mount that was removed.
const DELETED: &[u8] = b"//deleted";

/// Returns a sentence for each mount at, below or around `root` that shows no changes; nothing where that cannot be told.
pub fn find_frozen(root: &Path) -> Vec<String> {
    match (fs::read(TABLE), root.canonicalize()) {
        (Ok(table), Ok(root)) => judge(&table, &root, |path| {
            fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_dir())
        }),
        (Err(_), _) | (_, Err(_)) => Vec::new(),
    }
}

/// Judges the mounts in a table as `/proc/<pid>/mountinfo` writes it; `root` has its links resolved.
pub fn judge(table: &[u8], root: &Path, is_file: impl Fn(&Path) -> bool) -> Vec<String> {
    let mounts: Vec<Mount> = table
        .split(|byte| *byte == b'\n')
        .filter_map(Mount::read)
        .collect();
    // Of the mounts around the root only the innermost shows it; of several at one place the last.
    let around = mounts
        .iter()
        .filter(|mount| root.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count());
    let below = mounts
        .iter()
        .filter(|mount| mount.point.starts_with(root) && mount.point != root);
    let mut sentences: Vec<String> = around
        .into_iter()
        .chain(below)
        .filter_map(|mount| mount.complain(&is_file))
        .collect();
    sentences.sort();
    sentences.dedup();
    sentences
}

struct Mount {
    /// What of the file system is mounted.
    source: PathBuf,
    point: PathBuf,
    is_deleted: bool,
}

impl Mount {
    /// Reads a line: number, parent, device, source, mount point, and more that is of no interest here.
    fn read(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let source = unescape(fields.next()?);
        let point = unescape(fields.next()?);
        let kept = source.strip_suffix(DELETED);
        Some(Self {
            is_deleted: kept.is_some(),
            source: OsString::from_vec(kept.map_or_else(|| source.clone(), <[u8]>::to_vec)).into(),
            point: OsString::from_vec(point).into(),
        })
    }

    fn complain(&self, is_file: impl Fn(&Path) -> bool) -> Option<String> {
        let point = self.point.display();
        if self.is_deleted {
            return Some(format!(
                "what is mounted at `{point}` was removed where it came from: mount the whole volume, in Kubernetes \
                 without `subPath`"
            ));
        }
        if is_file(&self.point) {
            return Some(format!(
                "the file `{point}` is mounted by itself and stays what it is when the original is replaced: mount its \
                 directory, in Kubernetes without `subPath`"
            ));
        }
        self.is_subpath().then(|| {
            format!(
                "`{point}` is one generation of a volume, mounted by `subPath`: Kubernetes never updates it; mount the whole \
                 volume and point `--profiles` into it"
            )
        })
    }

    /// Tells whether the source lies inside a generation of a volume (`..2026_01_02_03_04_05.678`), or where the kubelet
    /// keeps what it mounts by `subPath`.
    fn is_subpath(&self) -> bool {
        self.source.components().any(|part| match part {
            Component::Normal(name) => {
                let name = name.as_encoded_bytes();
                name == b"volume-subpaths" || name.starts_with(b"..")
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => false,
        })
    }
}

/// Takes back how the kernel writes blanks and backslashes: `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match value {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG_MAP: &str = "/var/lib/kubelet/pods/0f/volumes/kubernetes.io~configmap/policies";

    fn complaints(lines: &[String], root: &str) -> Vec<String> {
        let table = format!(
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n{}\n",
            lines.join("\n")
        );
        judge(table.as_bytes(), Path::new(root), |path| {
            path.extension().is_some_and(|extension| extension == "json")
        })
    }

    fn mount(source: &str, point: &str) -> String {
        format!("40 22 8:1 {source} {point} ro,relatime - ext4 /dev/sda1 rw")
    }

    #[test]
    fn whole_volumes_and_plain_directories_are_fine() {
        assert_eq!(complaints(&[], "/etc/placet"), [""; 0]);
        let whole = [mount(CONFIG_MAP, "/etc/placet"), mount("/srv/x", "/other/x.json")];
        assert_eq!(complaints(&whole, "/etc/placet"), [""; 0]);
        assert_eq!(complaints(&whole, "/etc/placet/news"), [""; 0]);
    }

    #[test]
    fn what_kubernetes_mounts_by_subpath_is_told() {
        let generation = format!("{CONFIG_MAP}/..2026_01_02_03_04_05.678/news");
        for (source, point, root) in [
            (generation.as_str(), "/etc/placet", "/etc/placet"),
            (generation.as_str(), "/etc/placet/news", "/etc/placet"),
            (generation.as_str(), "/etc/placet", "/etc/placet/deep/down"),
            (
                "/var/lib/kubelet/pods/0f/volume-subpaths/policies/placet/0",
                "/etc/placet",
                "/etc/placet",
            ),
        ] {
            let told = complaints(&[mount(source, point)], root);
            assert_eq!(told.len(), 1, "{source} at {point}");
            assert!(
                told[0].starts_with(&format!("`{point}` is one generation")),
                "{told:?}"
            );
        }
    }

    #[test]
    fn a_file_mounted_by_itself_is_told_and_so_is_one_whose_original_is_gone() {
        let point = "/etc/placet/the\\040news/grants.json";
        let told = complaints(&[mount("/srv/grants.json", point)], "/etc/placet");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("the file `/etc/placet/the news/grants.json` is mounted by itself"),
            "{told:?}"
        );
        let told = complaints(&[mount("/srv/placet//deleted", "/etc/placet")], "/etc/placet");
        assert!(
            told[0].starts_with("what is mounted at `/etc/placet` was removed"),
            "{told:?}"
        );
    }

    #[test]
    fn of_several_mounts_around_the_root_only_what_shows_it_counts() {
        let outer = mount("/x//deleted", "/etc");
        assert_eq!(complaints(std::slice::from_ref(&outer), "/etc/placet").len(), 1);
        assert_eq!(
            complaints(&[outer, mount(CONFIG_MAP, "/etc/placet")], "/etc/placet"),
            [""; 0]
        );
        let covered = mount("/x//deleted", "/etc/placet");
        assert_eq!(
            complaints(&[covered, mount(CONFIG_MAP, "/etc/placet")], "/etc/placet"),
            [""; 0]
        );
    }

    #[test]
    fn nonsense_is_no_mount() {
        assert_eq!(complaints(&["1 2".to_owned(), "\\0".to_owned()], "/etc"), [""; 0]);
        assert_eq!(unescape(b"a\\134040\\x\\04"), b"a\\040\\x\\04");
    }
}
