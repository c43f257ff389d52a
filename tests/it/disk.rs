//! What is served and said when it is the disk that is wrong: files that cannot be read, vanish, are too many or too large.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use placet::load::discover::ScanLimits;
use placet::store::snapshot::Files;
use placet::store::watch::Flow;

use crate::reload::{ROLES, Rig, copy, grants_text};
use crate::serve::placet;

/// Serves `news` and `shop`, spoils `news`, and expects that it stays as it was, says this, and is alone in it.
fn spoil(adjust: impl FnOnce(&mut ScanLimits), spoil: impl FnOnce(&Rig), said: &[&str], flow: Flow) {
    let mut rig = Rig::with(None, |config| adjust(&mut config.limits));
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    let before = rig.snapshot("news");
    spoil(&rig);
    rig.write_profile("shop", 2);
    assert_eq!(rig.reloader.reload(), flow, "{said:?}");
    assert_eq!(rig.complaints("news"), said);
    let after = rig.snapshot("news");
    assert!(after.is_stale && !after.model.grants.is_empty());
    assert_eq!(
        (after.generation, &after.digest),
        (before.generation, &before.digest)
    );
    assert_eq!(
        (rig.generation("shop"), rig.snapshot("shop").is_stale),
        (2, false)
    );

    fs::remove_dir_all(rig.root().join("news")).unwrap();
    rig.write_profile("news", 3);
    assert_eq!(rig.reloader.reload(), Flow::Continue);
    assert_eq!(
        (rig.generation("news"), rig.snapshot("news").is_stale),
        (2, false)
    );
}

#[test]
fn too_many_files_leave_the_last_good_version() {
    spoil(
        |limits| limits.files_max = 3,
        |rig| {
            for number in 0..2 {
                rig.write(&format!("news/extra{number}.json"), "{}");
            }
        },
        &["news:1:1 too-many-files "],
        Flow::Continue,
    );
}

#[test]
fn too_many_entries_leave_the_last_good_version_although_they_are_no_profile_files() {
    spoil(
        |limits| limits.entries_max = 10,
        |rig| {
            for number in 0..10 {
                rig.write(&format!("news/{number}.txt"), "");
            }
        },
        &["news:1:1 too-many-files "],
        Flow::Continue,
    );
}

#[test]
fn directories_too_deep_leave_the_last_good_version() {
    spoil(
        |limits| limits.depth_max = 2,
        |rig| rig.write("news/a/b/c/grants.json", &grants_text(1)),
        &["news/a/b/c:1:1 too-many-files "],
        Flow::Continue,
    );
}

#[test]
fn a_file_too_large_leaves_the_last_good_version() {
    spoil(
        |limits| limits.file_bytes_max = 4_000,
        |rig| rig.write("news/grants.json", &grants_text(100)),
        &["news/grants.json:1:1 file-too-large "],
        Flow::Continue,
    );
}

#[test]
fn files_too_large_together_leave_the_last_good_version() {
    spoil(
        |limits| limits.profile_bytes_max = 4_000,
        |rig| {
            for number in 0..3 {
                let text = format!("{}{}", grants_text(1), " ".repeat(2_000));
                rig.write(&format!("news/{number}/grants.json"), &text);
            }
        },
        &["news:1:1 file-too-large "],
        Flow::Continue,
    );
}

#[test]
fn a_root_too_large_leaves_everything_as_it_was() {
    let mut rig = Rig::with(None, |config| config.limits.profiles_max = 2);
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    rig.write_profile("third", 1);
    assert_eq!(rig.reloader.reload(), Flow::Continue);
    for id in ["news", "shop"] {
        assert_eq!((rig.generation(id), rig.snapshot(id).is_stale), (1, true));
    }
    let failure = rig.rounds.latest().failure.unwrap();
    assert!(failure.ends_with("has more than 2 profiles"), "{failure}");
    fs::remove_dir_all(rig.root().join("third")).unwrap();
    rig.reload();
    assert_eq!(
        (rig.generation("news"), rig.snapshot("news").is_stale),
        (1, false)
    );
}

#[test]
fn what_the_system_refuses_to_show_is_tried_again() {
    // A link to itself cannot be followed by anybody, the superuser included.
    spoil(
        |_| {},
        |rig| symlink("more.json", rig.root().join("news/more.json")).unwrap(),
        &["news/more.json:1:1 unreadable-file "],
        Flow::Retry,
    );
    spoil(
        |_| {},
        |rig| symlink("deep", rig.root().join("news/deep")).unwrap(),
        &["news/deep:1:1 unreadable-file "],
        Flow::Retry,
    );
}

#[test]
fn a_directory_without_permission_is_tried_again_and_read_as_soon_as_it_may_be() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    let directory = rig.root().join("news");
    fs::set_permissions(&directory, Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&directory).is_ok() {
        // The superuser may read everything; the daemon is tried as somebody else in `survive`.
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        return;
    }
    assert_eq!(rig.reloader.reload(), Flow::Retry);
    assert_eq!((rig.generation("news"), rig.snapshot("news").is_stale), (1, true));
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(rig.reloader.reload(), Flow::Continue);
    assert!(!rig.snapshot("news").is_stale);
}

#[test]
fn files_removed_while_they_are_read_are_never_half_a_profile() {
    let mut rig = Rig::new();
    // Only both files together are the policy: a rule without its constraint would allow too much.
    let constraint = r#"{"constraints": [{"collections": ["c0"], "require": {"title": {"_nempty": true}}}]}"#;
    rig.write(
        "news/profile.json",
        r#"{"dialect": "native", "layers": ["a", "b"]}"#,
    );
    rig.write("news/b/roles.json", ROLES);
    rig.write("news/b/grants.json", &grants_text(1));
    rig.write("news/a/grants.json", constraint);
    rig.reload();
    assert_eq!(rig.snapshot("news").model.constraints.len(), 1);

    let over = AtomicBool::new(false);
    let file = rig.root().join("news/a/grants.json");
    let stale = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::remove_file(&file).unwrap();
                thread::yield_now();
                fs::write(&file, constraint).unwrap();
            }
        });
        let mut stale = 0;
        for _ in 0..300 {
            rig.reloader.reload();
            let snapshot = rig.snapshot("news");
            assert_eq!(snapshot.model.constraints.len(), 1);
            assert_eq!(snapshot.generation, 1);
            stale += u32::from(snapshot.is_stale);
        }
        over.store(true, Ordering::Relaxed);
        stale
    });
    println!("{stale} of 300 readings found the file missing, empty or in motion");
    assert_eq!(rig.reloader.reload(), Flow::Continue);
    assert!(!rig.snapshot("news").is_stale);
    assert!(matches!(rig.entry("news").files, Files::Served));
}

/// Writes manifests as `placet manifest` does.
fn write_manifests(root: &Path) {
    let output = placet(&["manifest", root.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn with_a_manifest_a_copy_is_served_when_its_last_file_has_arrived() {
    let constraints = |field: &str| {
        format!(
            r#"{{"constraints": [{{"collections": ["c0"], "require": {{"{field}": {{"_nempty": true}}}}}}]}}"#
        )
    };
    let mut rig = Rig::new();
    let next = rig.directory.path().join("next");
    let build = |grants: usize, field: &str| {
        fs::create_dir_all(next.join("news/more")).unwrap();
        fs::write(next.join("news/roles.json"), ROLES).unwrap();
        fs::write(next.join("news/profile.json"), r#"{"layers": ["a", "b"]}"#).unwrap();
        for (layer, text) in [("a", grants_text(grants)), ("b", constraints(field))] {
            fs::create_dir_all(next.join("news").join(layer)).unwrap();
            fs::write(next.join("news").join(layer).join("grants.json"), text).unwrap();
            fs::write(next.join("news").join(layer).join("roles.json"), ROLES).unwrap();
        }
        write_manifests(&next);
    };
    build(1, "title");
    copy(&next, &rig.root());
    rig.reload();
    assert_eq!(rig.complaints("news"), [""; 0]);
    let digest = rig.snapshot("news").digest.clone();

    // Every order in which the files may arrive: what changed is one of three.
    let parts = ["a/grants.json", "b/grants.json", "manifest.json"];
    for (round, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
        .into_iter()
        .enumerate()
    {
        build(round + 2, &format!("field{round}"));
        let generation = rig.generation("news");
        for (step, part) in order.into_iter().map(|part| parts[part]).enumerate() {
            let from = next.join("news").join(part);
            fs::copy(from, rig.root().join("news").join(part)).unwrap();
            assert_eq!(rig.reloader.reload(), Flow::Continue);
            let is_whole = step == 2;
            assert_eq!(
                rig.generation("news"),
                generation + u64::from(is_whole),
                "{order:?} {part}"
            );
            assert_eq!(rig.snapshot("news").is_stale, !is_whole);
            let said = rig.complaints("news");
            assert!(
                is_whole || said.iter().all(|each| each.contains("incomplete-profile")),
                "{said:?}"
            );
        }
    }
    assert_ne!(rig.snapshot("news").digest, digest);
    fs::remove_file(rig.root().join("news/b/roles.json")).unwrap();
    rig.write("news/c/grants.json", "{}");
    rig.reload();
    assert_eq!(
        rig.complaints("news").len(),
        2,
        "one file is missing and one is too many"
    );
    assert_eq!(rig.entry("news").problem(), "the files have 2 errors");
    write_manifests(&rig.root());
    rig.reload();
    assert!(!rig.snapshot("news").is_stale, "{:?}", rig.complaints("news"));
}

#[test]
fn a_manifest_is_written_for_each_profile_or_not_at_all() {
    let rig = Rig::new();
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    let root = rig.root();
    let output = placet(&["manifest", root.to_str().unwrap()]).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "news/manifest.json: 2 files\nshop/manifest.json: 2 files\n"
    );
    let one = root.join("news");
    let output = placet(&["manifest", "--format", "json", one.to_str().unwrap()])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        json["manifests"][0]["files"], 2,
        "a manifest does not name itself"
    );
    symlink("/nowhere", root.join("news/more.json")).unwrap();
    let output = placet(&["manifest", root.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = placet(&["manifest", "/nonexistent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}
