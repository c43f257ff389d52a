//! What is served while files change: the last good version, whole, until a better one is there.
//!
//! These tests call the reload themselves, so each sees exactly one reading; how changes are noticed is `watch.rs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use placet::load::LoadedProfile;
use placet::model::Model;
use placet::source::diagnostic::Severity;
use placet::store::PolicyStore;
use placet::store::reload::{ReloadConfig, Reloader};
use placet::store::rounds::Rounds;
use placet::store::snapshot::{Entry, Files, Snapshot, Unserved};
use placet::store::watch::{self, Flow, WatchConfig};
use tempfile::TempDir;

/// A profiles root, and the reload of it, which a test calls by hand.
pub(crate) struct Rig {
    pub(crate) directory: TempDir,
    pub(crate) store: Arc<PolicyStore>,
    pub(crate) reloader: Reloader,
    pub(crate) rounds: Rounds,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(None, |_| {})
    }

    pub(crate) fn with(default_profile: Option<&str>, adjust: impl FnOnce(&mut ReloadConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = ReloadConfig::new(directory.path().join("root"));
        adjust(&mut config);
        let store = Arc::new(PolicyStore::new(default_profile));
        let (reloader, rounds) = Reloader::new(config, Arc::clone(&store));
        Self {
            directory,
            store,
            reloader,
            rounds,
        }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a good profile with so many grants.
    pub(crate) fn write_profile(&self, name: &str, grants: usize) {
        self.write(&format!("{name}/roles.json"), ROLES);
        self.write(&format!("{name}/grants.json"), &grants_text(grants));
    }

    pub(crate) fn reload(&mut self) -> u64 {
        self.reloader.reload();
        self.store.current().revision()
    }

    pub(crate) fn entry(&self, id: &str) -> Arc<Entry> {
        Arc::clone(&self.store.current().entries()[id])
    }

    pub(crate) fn snapshot(&self, id: &str) -> Arc<Snapshot> {
        Arc::clone(self.store.current().profile(id).unwrap())
    }

    pub(crate) fn generation(&self, id: &str) -> u64 {
        self.snapshot(id).generation
    }

    /// Returns the complaints about the files of a profile as they are now: place, code and underlined text.
    pub(crate) fn complaints(&self, id: &str) -> Vec<String> {
        self.entry(id)
            .latest()
            .iter()
            .flat_map(|loaded| complaints(loaded))
            .collect()
    }
}

/// Returns the complaints of a load, each with its place and the text there.
pub(crate) fn complaints(loaded: &LoadedProfile) -> Vec<String> {
    let show = |diagnostic: &placet::source::diagnostic::Diagnostic| {
        let map = &loaded.sources;
        let (path, position) = (map.path(diagnostic.span.file), map.position(diagnostic.span));
        let text: String = map.slice(diagnostic.span).chars().take(30).collect();
        format!("{path}:{position} {} {text}", diagnostic.code.name())
    };
    loaded.diagnostics.iter().map(show).collect()
}

pub(crate) const ROLES: &str = r#"{"roles": [{"id": "editor"}]}"#;
pub(crate) const BROKEN: &str =
    r#"{"grants": [{"roles": ["edtior"], "collections": ["c0"], "actions": ["read"]}]}"#;

pub(crate) fn grants_text(count: usize) -> String {
    let grant =
        |number| format!(r#"{{"roles": ["editor"], "collections": ["c{number}"], "actions": ["read"]}}"#);
    let grants: Vec<String> = (0..count).map(grant).collect();
    format!(r#"{{"grants": [{}]}}"#, grants.join(", "))
}

fn is_broken(entry: &Entry) -> bool {
    matches!(entry.files, Files::Broken(_))
}

#[test]
fn a_broken_save_keeps_the_last_good_version_and_a_fix_replaces_it() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    let good = rig.snapshot("news");
    assert_eq!(
        (good.generation, good.is_stale, good.model.grants.len()),
        (1, false, 1)
    );

    rig.write("news/grants.json", BROKEN);
    rig.reload();
    let stale = rig.snapshot("news");
    assert_eq!((stale.generation, stale.is_stale), (1, true));
    assert_eq!((&stale.digest, stale.loaded_at), (&good.digest, good.loaded_at));
    assert!(Arc::ptr_eq(&stale.model, &good.model));
    assert!(is_broken(&rig.entry("news")));
    assert_eq!(
        rig.complaints("news"),
        [r#"news/grants.json:1:24 unknown-role "edtior""#]
    );

    rig.write("news/grants.json", "{\"grants\": [");
    rig.reload();
    assert_eq!(
        rig.complaints("news").len(),
        1,
        "complaints are those of the files as they are now"
    );
    assert_eq!(rig.generation("news"), 1);

    rig.write_profile("news", 2);
    rig.reload();
    let fixed = rig.snapshot("news");
    assert_eq!(
        (fixed.generation, fixed.is_stale, fixed.model.grants.len()),
        (2, false, 2)
    );
    assert_ne!(fixed.digest, good.digest);
    assert_eq!(rig.complaints("news"), [""; 0]);
}

#[test]
fn an_edit_taken_back_is_no_new_version_and_compiles_nothing() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    let good = rig.snapshot("news");
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    rig.write_profile("news", 1);
    rig.reload();
    let again = rig.snapshot("news");
    assert_eq!((again.generation, again.is_stale), (1, false));
    assert!(Arc::ptr_eq(&again.model, &good.model));
}

#[test]
fn one_broken_profile_does_not_hold_up_another() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    rig.write("news/grants.json", BROKEN);
    rig.write_profile("shop", 3);
    rig.reload();
    assert_eq!((rig.generation("news"), rig.snapshot("news").is_stale), (1, true));
    assert_eq!(
        (rig.generation("shop"), rig.snapshot("shop").is_stale),
        (2, false)
    );
    rig.write_profile("shop", 4);
    rig.reload();
    assert_eq!((rig.generation("news"), rig.generation("shop")), (1, 3));
}

#[test]
fn a_profile_that_was_never_good_is_known_and_not_served() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.write("shop/grants.json", BROKEN);
    rig.reload();
    let published = rig.store.current();
    assert_eq!(published.find("shop").unwrap_err(), Unserved::NeverLoaded);
    assert_eq!(published.find("other").unwrap_err(), Unserved::Unknown);
    assert!(published.find("news").is_ok());
}

#[test]
fn nobody_ever_sees_half_of_a_change() {
    let mut rig = Rig::new();
    // A mounted volume: both profiles change by the switch of one link.
    let root = rig.root();
    let generation = |number: usize| {
        for name in ["one", "two"] {
            let directory = root.join(format!("..gen{number}")).join(name);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("roles.json"), ROLES).unwrap();
            fs::write(directory.join("grants.json"), grants_text(number)).unwrap();
        }
        symlink(format!("..gen{number}"), root.join("..tmp")).unwrap();
        fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
    };
    fs::create_dir_all(&root).unwrap();
    generation(1);
    for name in ["one", "two"] {
        symlink(format!("..data/{name}"), root.join(name)).unwrap();
    }
    rig.reload();

    let over = Arc::new(AtomicBool::new(false));
    let reader = thread::spawn({
        let (store, over) = (Arc::clone(&rig.store), Arc::clone(&over));
        move || {
            let (mut last, mut reads) = (0, 0_u64);
            while !over.load(Ordering::Relaxed) {
                let published = store.current();
                let (one, two) = (published.find("one").unwrap(), published.find("two").unwrap());
                let grants = one.model.grants.len();
                assert_eq!(
                    grants,
                    two.model.grants.len(),
                    "both profiles are of one generation"
                );
                assert_eq!(one.generation, two.generation);
                assert!(grants >= last, "nothing goes back");
                (last, reads) = (grants, reads + 1);
            }
            (last, reads)
        }
    });
    for number in 2..=60 {
        generation(number);
        rig.reload();
    }
    // The reader gets a turn with the last version, however busy the machine is.
    thread::sleep(Duration::from_millis(20));
    over.store(true, Ordering::Relaxed);
    let (last, reads) = reader.join().unwrap();
    println!("{reads} reads during 59 swaps");
    assert_eq!(last, 60);
    assert_eq!(rig.generation("one"), 60);
}

#[test]
fn a_quiet_directory_changes_nothing() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.write("shop/grants.json", BROKEN);
    let revision = rig.reload();
    let (news, shop) = (rig.entry("news"), rig.entry("shop"));
    for _ in 0..3 {
        assert_eq!(rig.reload(), revision);
        // The same bytes, new files.
        rig.write_profile("news", 1);
    }
    assert!(Arc::ptr_eq(&rig.entry("news"), &news));
    assert!(
        Arc::ptr_eq(&rig.entry("shop"), &shop),
        "what is broken waits for other bytes"
    );
}

#[test]
fn a_broken_base_breaks_those_that_extend_it_and_nobody_else() {
    let mut rig = Rig::new();
    rig.write_profile("base", 1);
    rig.write(
        "site/profile.json",
        r#"{"dialect": "native", "extends": ["base"]}"#,
    );
    rig.write(
        "site/grants.json",
        r#"{"grants": [{"roles": ["editor"], "collections": ["own"], "actions": ["read"]}]}"#,
    );
    rig.write("shop/profile.json", r#"{"extends": ["site"]}"#);
    rig.write_profile("other", 1);
    rig.reload();
    assert_eq!(rig.complaints("site"), [""; 0]);
    assert_eq!(
        rig.snapshot("site").model.grants.len(),
        2,
        "the base's grant and its own"
    );
    assert_eq!(rig.snapshot("shop").model.grants.len(), 2, "all from bases");
    assert_eq!(rig.snapshot("shop").loaded.dialect, "native");

    rig.write("base/grants.json", BROKEN);
    rig.reload();
    assert_eq!(
        rig.complaints("site"),
        [r#"site/profile.json:1:35 extends-broken "base""#]
    );
    assert_eq!(
        rig.complaints("shop"),
        [r#"shop/profile.json:1:14 extends-broken "site""#]
    );
    let stale = ["base", "site", "shop", "other"].map(|id| rig.snapshot(id).is_stale);
    assert_eq!(stale, [true, true, true, false]);

    let digest = Arc::clone(&rig.snapshot("shop").digest);
    rig.write_profile("base", 2);
    rig.reload();
    let generations = ["base", "site", "shop", "other"].map(|id| rig.generation(id));
    assert_eq!(
        generations,
        [2, 2, 2, 1],
        "a version of the base is a version of all above it"
    );
    assert_eq!(rig.snapshot("shop").model.grants.len(), 3);
    assert_ne!(rig.snapshot("shop").digest, digest);
}

#[test]
fn bases_that_cannot_be_had_are_named() {
    let mut rig = Rig::new();
    rig.write_profile("base", 1);
    rig.write("a/profile.json", r#"{"dialect": "native", "extends": ["b"]}"#);
    rig.write("b/profile.json", r#"{"dialect": "native", "extends": ["a"]}"#);
    rig.write("c/profile.json", r#"{"dialect": "native", "extends": ["b"]}"#);
    rig.write("d/profile.json", r#"{"dialect": "native", "extends": ["bsae"]}"#);
    rig.write("e/profile.json", r#"{"dialect": "native", "extends": ["e"]}"#);
    rig.reload();
    assert_eq!(rig.complaints("a"), [r#"a/profile.json:1:35 extends-cycle "b""#]);
    assert_eq!(rig.complaints("b"), [r#"b/profile.json:1:35 extends-cycle "a""#]);
    assert_eq!(rig.complaints("c"), [r#"c/profile.json:1:35 extends-broken "b""#]);
    assert_eq!(
        rig.complaints("d"),
        [r#"d/profile.json:1:35 unknown-base "bsae""#]
    );
    assert_eq!(rig.complaints("e"), [r#"e/profile.json:1:35 extends-cycle "e""#]);
    let message = |id: &str| rig.entry(id).latest()[0].diagnostics[0].clone();
    assert_eq!(
        message("a").message,
        "profiles extend each other in a circle: `a` extends `b` extends `a`"
    );
    assert_eq!(
        message("b").message,
        "profiles extend each other in a circle: `b` extends `a` extends `b`"
    );
    assert_eq!(message("d").help.as_deref(), Some("did you mean `base`?"));
    assert!(rig.store.current().find("base").is_ok());

    rig.write_profile("bsae", 1);
    rig.reload();
    assert_eq!(
        rig.complaints("d"),
        [""; 0],
        "a base that appears mends what waited for it"
    );
    assert_eq!(rig.generation("d"), 1);
}

#[test]
fn two_profiles_with_one_id_are_both_broken() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    rig.write_profile("copy", 2);
    rig.write("copy/profile.json", r#"{"id": "news"}"#);
    rig.write(
        "above/profile.json",
        r#"{"dialect": "native", "extends": ["news"]}"#,
    );
    rig.reload();
    assert_eq!(
        rig.complaints("news"),
        ["copy/profile.json:1:1 duplicate-id ", "news:1:1 duplicate-id "]
    );
    assert_eq!(
        rig.complaints("above"),
        [r#"above/profile.json:1:35 extends-broken "news""#]
    );
    assert_eq!((rig.generation("news"), rig.snapshot("news").is_stale), (1, true));
    fs::remove_dir_all(rig.root().join("copy")).unwrap();
    rig.reload();
    assert_eq!(
        (rig.generation("news"), rig.snapshot("news").is_stale),
        (1, false)
    );
}

#[test]
fn a_warning_of_a_base_is_said_once() {
    let mut rig = Rig::new();
    rig.write_profile("base", 1);
    let idle = r#"{"grants": [{"roles": ["editor"], "collections": [], "actions": ["read"]}]}"#;
    rig.write("base/grants.json", idle);
    rig.write(
        "site/profile.json",
        r#"{"dialect": "native", "extends": ["base"]}"#,
    );
    rig.reload();
    assert!(
        rig.snapshot("base").loaded.count(Severity::Warning) > 0,
        "an empty list is worth a warning"
    );
    assert_eq!(rig.complaints("site"), [""; 0]);
}

#[test]
fn a_broken_profile_file_does_not_rename_the_profile() {
    let mut rig = Rig::new();
    rig.write_profile("directory", 1);
    rig.write("directory/profile.json", r#"{"id": "news", "title": "The news"}"#);
    rig.reload();
    assert_eq!(rig.snapshot("news").loaded.title, "The news");
    rig.write("directory/profile.json", r#"{"id": "news", "title": }"#);
    rig.reload();
    let published = Arc::clone(&rig.store.current());
    assert_eq!(
        published.entries().keys().map(|id| &**id).collect::<Vec<_>>(),
        ["news"]
    );
    assert!(is_broken(&rig.entry("news")));
    assert!(rig.snapshot("news").is_stale);
}

#[test]
fn a_root_that_is_missing_or_empty_is_no_policy_without_rules() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    let away = rig.directory.path().join("away");
    fs::rename(rig.root(), &away).unwrap();
    let revision = rig.reload();
    assert!(matches!(rig.entry("news").files, Files::Unread(_)));
    assert_eq!((rig.generation("news"), rig.snapshot("news").is_stale), (1, true));
    assert_eq!(rig.reload(), revision, "the same failure is told once");

    fs::create_dir(rig.root()).unwrap();
    rig.reload();
    assert!(rig.store.current().find("news").is_ok());

    fs::remove_dir(rig.root()).unwrap();
    fs::rename(&away, rig.root()).unwrap();
    rig.reload();
    assert_eq!(
        (rig.generation("news"), rig.snapshot("news").is_stale),
        (1, false)
    );
}

#[test]
fn what_cannot_be_read_now_is_tried_again() {
    let mut rig = Rig::with(None, |config| config.limits.attempts_max = 0);
    rig.write_profile("news", 1);
    assert_eq!(
        rig.reloader.reload(),
        Flow::Retry,
        "no attempt is enough for a root that never stands still"
    );
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    assert_eq!(rig.reloader.reload(), Flow::Continue);
    rig.write("news/grants.json", BROKEN);
    assert_eq!(
        rig.reloader.reload(),
        Flow::Continue,
        "broken text waits for other text"
    );
}

#[test]
fn a_profile_that_vanishes_stays_unless_removal_is_allowed() {
    for allow_removal in [false, true] {
        let mut rig = Rig::with(None, |config| config.allow_removal = allow_removal);
        rig.write_profile("news", 1);
        rig.write_profile("shop", 1);
        rig.reload();
        fs::rename(rig.root().join("news"), rig.directory.path().join("news")).unwrap();
        let revision = rig.reload();
        assert_eq!(rig.store.current().find("news").is_err(), allow_removal);
        if !allow_removal {
            assert!(matches!(rig.entry("news").files, Files::Gone));
            assert!(rig.snapshot("news").is_stale);
        }
        assert_eq!(rig.reload(), revision);
        fs::rename(rig.directory.path().join("news"), rig.root().join("news")).unwrap();
        rig.reload();
        let expected = if allow_removal { 2 } else { 1 };
        assert_eq!(
            (rig.generation("news"), rig.snapshot("news").is_stale),
            (expected, false)
        );
    }
}

#[test]
fn a_request_without_a_name_is_for_the_default_profile() {
    let mut alone = Rig::new();
    alone.write_profile("news", 1);
    alone.reload();
    assert_eq!(
        &*alone.store.current().find("").unwrap().profile,
        "news",
        "the only one"
    );
    alone.write_profile("shop", 1);
    alone.reload();
    assert_eq!(alone.store.current().find("").unwrap_err(), Unserved::NoDefault);
    assert!(
        alone.store.current().is_ready(),
        "requests that name a profile are answered"
    );

    let mut named = Rig::with(Some("shop"), |_| {});
    named.write_profile("news", 1);
    named.write("shop/grants.json", BROKEN);
    named.reload();
    assert_eq!(named.store.current().find("").unwrap_err(), Unserved::NeverLoaded);
    assert!(!named.store.current().is_ready());
    named.write_profile("shop", 1);
    named.reload();
    assert_eq!(&*named.store.current().find("").unwrap().profile, "shop");
    assert!(named.store.current().is_ready());
}

#[test]
fn old_versions_are_freed_by_the_reload_and_not_by_a_request() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    let first: Weak<Model> = Arc::downgrade(&rig.snapshot("news").model);
    rig.write_profile("news", 2);
    rig.reload();
    assert!(first.upgrade().is_none(), "nobody asks, so it is gone at once");

    let request = rig.snapshot("news");
    let second: Weak<Model> = Arc::downgrade(&request.model);
    rig.write_profile("news", 3);
    rig.reload();
    assert_eq!(
        request.model.grants.len(),
        2,
        "a request keeps the version it began with"
    );
    drop(request);
    assert!(
        second.upgrade().is_some(),
        "the request does not pay for freeing it"
    );
    rig.reload();
    assert!(second.upgrade().is_none());
}

#[test]
fn what_is_broken_in_the_directory_is_told_like_what_is_broken_in_a_file() {
    let mut rig = Rig::new();
    rig.write_profile("news", 1);
    rig.reload();
    symlink("/nowhere", rig.root().join("news/extra.json")).unwrap();
    fs::create_dir(rig.root().join("bare")).unwrap();
    rig.reload();
    assert_eq!(rig.complaints("news"), ["news/extra.json:1:1 unreadable-file "]);
    assert_eq!(rig.complaints("bare"), ["bare:1:1 empty-directory "]);
    assert!(rig.snapshot("news").is_stale);
}

#[test]
fn layers_are_directories_of_the_profile() {
    let mut rig = Rig::new();
    rig.write("site/profile.json", r#"{"layers": ["core", "local"]}"#);
    rig.write("site/core/roles.json", ROLES);
    rig.write("site/core/grants.json", &grants_text(2));
    rig.write(
        "site/local/grants.json",
        r#"{"grants": [{"roles": ["editor"], "collections": ["own"], "actions": ["read"]}]}"#,
    );
    rig.reload();
    assert_eq!(rig.complaints("site"), [""; 0]);
    assert_eq!(rig.snapshot("site").model.grants.len(), 3);
    rig.write("site/profile.json", r#"{"layers": ["core", "lokal"]}"#);
    rig.reload();
    assert_eq!(
        rig.complaints("site"),
        [r#"site/profile.json:1:21 missing-directory "lokal""#]
    );
}

#[test]
fn a_base_in_another_dialect_is_laid_under_as_a_policy() {
    let mut rig = Rig::new();
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/site");
    copy(&core, &rig.root().join("site"));
    rig.reload();
    assert_eq!(rig.complaints("site"), [""; 0]);
    let base = rig.snapshot("site").model.grants.len();
    rig.write(
        "above/profile.json",
        r#"{"dialect": "native", "extends": ["site"]}"#,
    );
    let grant = r#"{"grants": [{"roles": ["Reader"], "collections": ["Page"], "actions": ["View"]}]}"#;
    rig.write("above/grants.json", grant);
    rig.reload();
    assert_eq!(rig.complaints("above"), [""; 0]);
    let above = rig.snapshot("above");
    assert_eq!(
        (above.loaded.dialect, above.model.grants.len()),
        ("native", base + 1)
    );
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn whoever_asks_for_a_reload_gets_one_that_began_later() {
    let rig = Rig::new();
    rig.write_profile("news", 1);
    let (root, store, rounds) = (rig.root(), Arc::clone(&rig.store), rig.rounds.clone());
    // Neither events nor rescans: only who asks is served.
    let mut config = WatchConfig::new(&root);
    config.events = false;
    config.pace.stat_every = Duration::MAX;
    config.pace.content_every = Duration::MAX;
    let directory = rig.directory;
    let watch = watch::run(config, rig.reloader).unwrap();
    assert_eq!(rounds.first().await.unwrap().number, 1);
    let write = |grants| fs::write(Path::new(&root).join("news/grants.json"), grants_text(grants)).unwrap();
    let begun = Instant::now();
    for grants in 2..=20 {
        write(grants);
        let round = rounds.ask(&watch.inlet()).await.unwrap();
        assert_eq!(round.failure, None);
        assert_eq!(store.current().find("news").unwrap().model.grants.len(), grants);
    }
    println!("19 reloads that were waited for: {:?}", begun.elapsed());
    drop(directory);
    let failed = rounds.ask(&watch.inlet()).await.unwrap();
    assert!(failed.failure.unwrap().contains("does not exist"));
    watch.stop();
    assert!(rounds.first().await.is_ok(), "what has ended stays told");
}
