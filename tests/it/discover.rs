//! What a scan of the profiles root takes, what it refuses, and that it never shows half of a change.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use placet::load::discover::{
    ProblemKind, Scan, ScanError, ScanLimits, ScannedProfile, directories, read_root, stamp,
};
use tempfile::TempDir;

/// Makes a root from `(path, content)` pairs; a content that begins with `->` makes a link.
fn root(entries: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in entries {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.strip_prefix("->") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, content).unwrap(),
        }
    }
    root
}

fn scan(root: &TempDir) -> Scan {
    read_root(root.path(), &ScanLimits::default()).unwrap()
}

fn scan_error(root: &Path) -> ScanError {
    read_root(root, &ScanLimits::default()).unwrap_err()
}

fn profile<'a>(scan: &'a Scan, name: &str) -> &'a ScannedProfile {
    scan.profiles.iter().find(|profile| profile.name == name).unwrap()
}

fn paths(profile: &ScannedProfile) -> Vec<&str> {
    profile.files.iter().map(|file| file.path.as_str()).collect()
}

fn problems(profile: &ScannedProfile) -> Vec<(&str, ProblemKind)> {
    profile
        .problems
        .iter()
        .map(|problem| (problem.path.as_str(), problem.kind))
        .collect()
}

/// Asserts that a profile `p` with these entries has exactly this one problem, and that its neighbour has none.
fn assert_problem(entries: &[(&str, &str)], path: &str, kind: ProblemKind) {
    let root = root(entries);
    fs::create_dir_all(root.path().join("neighbour")).unwrap();
    fs::write(root.path().join("neighbour/grants.json"), "{}").unwrap();
    let scan = scan(&root);
    assert_eq!(problems(profile(&scan, "p")), [(path, kind)]);
    assert_eq!(problems(profile(&scan, "neighbour")), []);
}

#[test]
fn each_directory_is_a_profile_and_its_files_come_sorted_with_those_below() {
    let root = root(&[
        ("b/roles.json", "[]"),
        ("a/sub/deep/x.jsonl", "1"),
        ("a/sub.json", "2"),
        ("a/grants.json", "3"),
    ]);
    let scan = scan(&root);
    assert_eq!(
        scan.profiles
            .iter()
            .map(|profile| profile.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        paths(profile(&scan, "a")),
        ["a/grants.json", "a/sub.json", "a/sub/deep/x.jsonl"]
    );
    assert_eq!(profile(&scan, "a").files[2].bytes(), &b"1"[..]);
    assert_eq!(scan.problems, []);
}

#[test]
fn hidden_files_leftovers_and_other_kinds_of_files_are_skipped() {
    let root = root(&[
        ("p/grants.json", "{}"),
        ("p/.grants.json.swp", "x"),
        ("p/.hidden.json", "x"),
        ("p/#grants.json#", "x"),
        ("p/#grants.json", "x"),
        ("p/grants.json~", "x"),
        ("p/4913", "x"),
        ("p/readme.md", "x"),
        ("p/README", "->readme.md"),
        ("p/.#grants.json", "->nobody@nowhere"),
        ("p/.git/config.json", "x"),
        ("p/old~/grants.json", "x"),
        (".git/x.json", "x"),
        ("p~/grants.json", "x"),
        ("lost+found/x.json", "x"),
    ]);
    let scan = scan(&root);
    assert_eq!(scan.profiles.len(), 1);
    assert_eq!(paths(profile(&scan, "p")), ["p/grants.json"]);
    assert_eq!(problems(profile(&scan, "p")), []);
}

#[test]
fn a_root_that_holds_profile_files_is_one_profile_named_like_itself() {
    let markers = [
        "profile.json",
        "metadata.json",
        "policies.json",
        "grants.json",
        "directus_permissions.jsonl",
    ];
    for marker in markers {
        let root = root(&[(&format!("news/{marker}"), "{}"), ("news/types/page.json", "{}")]);
        let scan = read_root(&root.path().join("news"), &ScanLimits::default()).unwrap();
        assert_eq!(paths(profile(&scan, "news")), [marker, "types/page.json"]);
    }
}

#[test]
fn a_profile_reached_through_a_link_bears_the_name_of_the_link() {
    let root = root(&[("v42/grants.json", "{}"), ("news", "->v42")]);
    let scan = read_root(&root.path().join("news"), &ScanLimits::default()).unwrap();
    assert_eq!(scan.profiles[0].name, "news");
    assert_eq!(scan.root, root.path().canonicalize().unwrap().join("v42"));
}

#[test]
fn a_json_file_beside_the_profiles_is_reported() {
    let scan = scan(&root(&[
        ("p/grants.json", "{}"),
        ("package.json", "{}"),
        ("notes.txt", ""),
    ]));
    assert_eq!(scan.profiles.len(), 1);
    assert_eq!(scan.problems.len(), 1);
    assert_eq!(
        (scan.problems[0].path.as_str(), scan.problems[0].kind),
        ("package.json", ProblemKind::Stray)
    );
}

#[test]
fn a_root_without_profiles_is_an_error_and_a_profile_without_files_a_problem() {
    let empty = root(&[("notes.txt", ""), (".git/x.json", "")]);
    assert!(matches!(scan_error(empty.path()), ScanError::NoProfile { .. }));
    assert!(matches!(
        scan_error(&empty.path().join("missing")),
        ScanError::Missing { .. }
    ));
    assert!(matches!(
        scan_error(&empty.path().join("notes.txt")),
        ScanError::NotADirectory { .. }
    ));
    assert!(matches!(
        scan_error(&empty.path().join("notes.txt/below")),
        ScanError::NotADirectory { .. }
    ));
    assert_problem(&[("p/readme.md", "")], "p", ProblemKind::Empty);
}

#[test]
fn a_volume_is_read_through_its_current_generation_only() {
    let entries = [
        ("..new/grants.json", "new"),
        ("..new/added.json", "new"),
        ("..old/grants.json", "old"),
        ("..data", "->..new"),
        ("grants.json", "->..data/grants.json"),
        ("removed.json", "->..data/removed.json"),
    ];
    let root = root(
        &entries
            .map(|(path, content)| (format!("vol/{path}"), content))
            .each_ref()
            .map(
                // The same volume serves as a root of one profile, and as one profile of a root.
                |(path, content)| (path.as_str(), *content),
            ),
    );
    let alone = read_root(&root.path().join("vol"), &ScanLimits::default()).unwrap();
    assert_eq!(paths(profile(&alone, "vol")), ["added.json", "grants.json"]);
    assert_eq!(profile(&alone, "vol").files[1].bytes(), &b"new"[..]);
    let below = scan(&root);
    assert_eq!(
        paths(profile(&below, "vol")),
        ["vol/added.json", "vol/grants.json"]
    );
    assert_eq!(problems(profile(&below, "vol")), []);
    assert_eq!(profile(&below, "vol").digest, profile(&alone, "vol").digest);
}

#[test]
fn a_volume_link_that_leaves_its_volume_is_refused() {
    let outside = root(&[("grants.json", "{}")]);
    let target = format!("->{}", outside.path().display());
    assert_problem(&[("p/..data", &target)], "p", ProblemKind::LeavesRoot);
    let volume = root(&[("..data", &target)]);
    assert!(matches!(scan_error(volume.path()), ScanError::LeavesRoot { .. }));
}

#[test]
fn links_inside_the_root_are_followed() {
    let root = root(&[
        ("p/grants.json", "{}"),
        ("p/roles.json", "->../.shared/roles.json"),
        ("p/core", "->../.shared/core"),
        (".shared/roles.json", "[1]"),
        (".shared/core/types.json", "[2]"),
        ("q", "->.shared/core"),
    ]);
    let scan = scan(&root);
    assert_eq!(
        paths(profile(&scan, "p")),
        ["p/core/types.json", "p/grants.json", "p/roles.json"]
    );
    assert_eq!(paths(profile(&scan, "q")), ["q/types.json"]);
    assert!(scan.profiles.iter().all(|profile| profile.problems.is_empty()));
}

#[test]
fn links_that_leave_the_root_turn_in_circles_or_repeat_are_problems_of_their_profile() {
    let outside = root(&[("grants.json", "{}")]);
    let directory = format!("->{}", outside.path().display());
    let file = format!("{directory}/grants.json");
    let good = ("p/grants.json", "{}");
    assert_problem(
        &[good, ("p/roles.json", &file)],
        "p/roles.json",
        ProblemKind::LeavesRoot,
    );
    assert_problem(&[good, ("p/core", &directory)], "p/core", ProblemKind::LeavesRoot);
    assert_problem(&[("p", &directory)], "p", ProblemKind::LeavesRoot);
    assert_problem(&[good, ("p/sub/up", "->..")], "p/sub/up", ProblemKind::Cycle);
    assert_problem(&[good, ("p/up", "->../..")], "p/up", ProblemKind::LeavesRoot);
    assert_problem(&[good, ("p/up", "->..")], "p/up", ProblemKind::Cycle);
    assert_problem(&[("p", "->.")], "p", ProblemKind::Cycle);
    assert_problem(
        &[good, ("p/same.json", "->grants.json")],
        "p/same.json",
        ProblemKind::Duplicate,
    );
    assert_problem(
        &[good, ("p/a/x.json", ""), ("p/b", "->a")],
        "p/b",
        ProblemKind::Duplicate,
    );
    assert_problem(
        &[("a/grants.json", ""), ("p", "->a")],
        "p",
        ProblemKind::Duplicate,
    );
    assert_problem(
        &[("z/grants.json", ""), ("p", "->z")],
        "p",
        ProblemKind::Duplicate,
    );
    assert_problem(&[good, ("p/x.json", "->gone")], "p/x.json", ProblemKind::Dangling);
    assert_problem(&[good, ("p/core", "->gone")], "p/core", ProblemKind::Dangling);
    assert_problem(&[("p", "->gone")], "p", ProblemKind::Dangling);
    assert_problem(
        &[good, ("p/x.json", "->x.json")],
        "p/x.json",
        ProblemKind::Unreadable,
    );
}

#[test]
fn a_socket_with_the_name_of_a_file_is_refused_without_opening_it() {
    let root = root(&[("p/grants.json", "{}")]);
    let _socket = UnixListener::bind(root.path().join("p/x.json")).unwrap();
    assert_eq!(
        problems(profile(&scan(&root), "p")),
        [("p/x.json", ProblemKind::NotAFile)]
    );
}

#[test]
fn a_name_that_is_not_text_is_reported() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let root = root(&[("p/grants.json", "{}")]);
    fs::write(root.path().join("p").join(OsStr::from_bytes(b"x\xff.json")), "{}").unwrap();
    let scan = scan(&root);
    assert_eq!(
        problems(profile(&scan, "p")),
        [("p/x\u{fffd}.json", ProblemKind::NameNotText)]
    );
    assert_eq!(paths(profile(&scan, "p")), ["p/grants.json"]);
}

#[test]
fn every_limit_is_kept_to_the_last_unit_and_said_when_crossed() {
    let root = root(&[
        ("p/a.json", "12345"),
        ("p/b.json", "123"),
        ("p/c/d/e.json", ""),
        ("q/x.json", ""),
    ]);
    let exact = ScanLimits {
        profiles_max: 2,
        files_max: 3,
        entries_max: 5,
        depth_max: 2,
        file_bytes_max: 5,
        profile_bytes_max: 8,
        root_bytes_max: 8,
        ..ScanLimits::default()
    };
    let scan = read_root(root.path(), &exact).unwrap();
    assert_eq!(problems(profile(&scan, "p")), []);

    type Lower = fn(&mut ScanLimits);
    let cases: [(Lower, &str, ProblemKind, usize); 5] = [
        (|limits| limits.files_max = 2, "p", ProblemKind::TooManyFiles, 0),
        (
            |limits| limits.entries_max = 4,
            "p",
            ProblemKind::TooManyEntries,
            0,
        ),
        (|limits| limits.depth_max = 1, "p/c/d", ProblemKind::TooDeep, 2),
        (
            |limits| limits.file_bytes_max = 4,
            "p/a.json",
            ProblemKind::FileTooLarge,
            2,
        ),
        (
            |limits| limits.profile_bytes_max = 7,
            "p",
            ProblemKind::ProfileTooLarge,
            0,
        ),
    ];
    for (lower, path, kind, files) in cases {
        let mut limits = exact.clone();
        lower(&mut limits);
        let scan = read_root(root.path(), &limits).unwrap();
        assert_eq!(problems(profile(&scan, "p")), [(path, kind)]);
        assert_eq!(profile(&scan, "p").files.len(), files);
        assert_eq!(problems(profile(&scan, "q")), []);
    }

    let crossed: [(Lower, &str); 3] = [
        (|limits| limits.profiles_max = 1, "more than 1 profiles"),
        (|limits| limits.root_bytes_max = 7, "more than 7 bytes"),
        (|limits| limits.entries_max = 1, "more than 1 entries"),
    ];
    for (lower, message) in crossed {
        let mut limits = exact.clone();
        lower(&mut limits);
        let error = read_root(root.path(), &limits).unwrap_err();
        assert!(
            matches!(error, ScanError::TooLarge { .. }) && error.to_string().ends_with(message),
            "{error}"
        );
    }
}

#[test]
fn the_digest_is_that_of_names_contents_and_problems() {
    let digest = |entries: &[(&str, &str)]| profile(&scan(&root(entries)), "p").digest;
    let base = digest(&[("p/a.json", "1"), ("p/b.json", "23")]);
    assert_eq!(
        base,
        digest(&[("p/b.json", "23"), ("p/a.json", "1"), ("p/c.txt", "")])
    );
    assert_ne!(base, digest(&[("p/a.json", "12"), ("p/b.json", "3")]));
    assert_ne!(base, digest(&[("p/a.json", "1"), ("p/c.json", "23")]));
    assert_ne!(base, digest(&[("p/a.json", "1"), ("p/sub/b.json", "23")]));
    assert_ne!(
        base,
        digest(&[("p/a.json", "1"), ("p/b.json", "23"), ("p/core", "->gone")])
    );

    let root = root(&[("p/a.json", "1"), ("p/b.json", "23")]);
    fs::rename(root.path().join("p"), root.path().join("renamed")).unwrap();
    assert_eq!(profile(&scan(&root), "renamed").digest, base);
}

#[test]
fn the_stamp_moves_with_every_change_and_with_nothing_else() {
    let root = root(&[("p/a.json", "1"), ("q/a.json", "1")]);
    let take = || stamp(root.path(), &ScanLimits::default());
    let mut last = take();
    scan(&root);
    assert_eq!(take(), last);
    fs::write(root.path().join("p/.a.json.swp"), "").unwrap();
    assert_eq!(take(), last);

    let path = |name: &str| root.path().join(name);
    let steps: [(&str, &dyn Fn()); 7] = [
        ("content of another size", &|| {
            fs::write(path("p/a.json"), "12").unwrap()
        }),
        ("a new file", &|| fs::write(path("p/b.json"), "").unwrap()),
        ("a renamed file", &|| {
            fs::rename(path("p/b.json"), path("p/c.json")).unwrap()
        }),
        ("a removed file", &|| fs::remove_file(path("p/c.json")).unwrap()),
        ("a link that leads nowhere", &|| {
            symlink("gone", path("p/core")).unwrap()
        }),
        ("a removed profile", &|| fs::remove_dir_all(path("q")).unwrap()),
        ("a removed root", &|| fs::remove_dir_all(root.path()).unwrap()),
    ];
    for (what, step) in steps {
        step();
        assert_ne!(take(), last, "{what}");
        last = take();
    }
}

#[test]
fn the_directories_of_a_root_are_listed_with_both_sides_of_a_volume() {
    let root = root(&[
        ("p/sub/a.json", ""),
        ("vol/..1/a.json", ""),
        ("vol/..data", "->..1"),
        (".git/x.json", ""),
    ]);
    let real = root.path().canonicalize().unwrap();
    let listed = directories(root.path(), &ScanLimits::default());
    let names: Vec<_> = listed
        .iter()
        .map(|path| path.strip_prefix(&real).unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["", "p", "p/sub", "vol", "vol/..1"]);
}

/// Runs `change` with rising numbers on another thread, and `look` again and again until `rounds` changes were made.
fn during_changes(rounds: u64, change: impl Fn(u64) + Sync, mut look: impl FnMut()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..=rounds).for_each(&change);
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            look();
        }
    });
}

/// Asserts that all files of a profile say the same, and tells whether there were any.
fn assert_whole(profile: &ScannedProfile, files: usize) -> bool {
    if profile.files.is_empty() {
        assert!(
            profile
                .problems
                .iter()
                .any(|problem| problem.kind == ProblemKind::Changing),
            "{profile:?}"
        );
        return false;
    }
    assert_eq!(problems(profile), []);
    assert_eq!(profile.files.len(), files);
    let first = &profile.files[0].content;
    assert!(
        profile.files.iter().all(|file| &file.content == first),
        "two generations in one scan"
    );
    true
}

#[test]
fn no_scan_of_a_volume_mixes_two_generations() {
    let root = root(&[
        ("..0/grants.json", "0"),
        ("..0/roles.json", "0"),
        ("..data", "->..0"),
    ]);
    let path = |name: &str| root.path().join(name);
    let switch = |round: u64| {
        let name = format!("..{round}");
        fs::create_dir(path(&name)).unwrap();
        fs::write(path(&name).join("grants.json"), round.to_string()).unwrap();
        fs::write(path(&name).join("roles.json"), round.to_string()).unwrap();
        symlink(&name, path("..data_tmp")).unwrap();
        fs::rename(path("..data_tmp"), path("..data")).unwrap();
        fs::remove_dir_all(path(&format!("..{}", round - 1))).unwrap();
        thread::sleep(Duration::from_micros(round % 7 * 100));
    };
    let (mut whole, mut torn) = (0, 0);
    during_changes(1_000, switch, || {
        match read_root(root.path(), &ScanLimits::default()) {
            Ok(scan) if assert_whole(&scan.profiles[0], 2) => whole += 1,
            Ok(_) => torn += 1,
            // The old generation may vanish between its look-up and its listing, time after time.
            Err(error) if error.is_transient() => torn += 1,
            Err(error) => panic!("{error}"),
        }
    });
    println!("{whole} scans were whole and {torn} were given up");
    assert!(whole > 0);
    assert!(assert_whole(&scan(&root).profiles[0], 2));
}

#[test]
fn files_replaced_all_the_time_spoil_neither_their_scan_nor_their_neighbours() {
    let root = root(&[("busy/a.json", "0"), ("calm/a.json", "0")]);
    let replace = |round: u64| {
        let new = root.path().join("busy/.new");
        let content = [b'a' + u8::try_from(round % 26).unwrap()].repeat(100_000);
        fs::write(&new, content).unwrap();
        fs::rename(new, root.path().join("busy/a.json")).unwrap();
    };
    let (mut whole, mut torn) = (0, 0);
    during_changes(1_000, replace, || {
        let scan = scan(&root);
        assert!(assert_whole(profile(&scan, "calm"), 1));
        if assert_whole(profile(&scan, "busy"), 1) {
            whole += 1;
        } else {
            torn += 1;
        }
        if let Some(file) = profile(&scan, "busy").files.first() {
            let bytes = file.bytes();
            assert!(bytes.iter().all(|byte| byte == &bytes[0]));
        }
    });
    println!("{whole} scans were whole and {torn} were given up");
    assert!(assert_whole(profile(&scan(&root), "busy"), 1));
}
