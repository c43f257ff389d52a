//! What is said and done about profiles that are not what their files are, by a clock that the tests own.

use std::fs;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use placet::load::ProfileChanges;
use placet::model::Model;
use placet::policy::digest::Changes;
use placet::store::clock::Clock;
use placet::store::rounds::Counts;
use placet::store::snapshot::Unserved;
use placet::store::watch::Consumer;

use crate::reload::{BROKEN, ROLES, Rig};

const MAX_STALE: Duration = Duration::from_secs(600);

/// Two clocks that stand still until they are moved, each by itself.
#[derive(Clone)]
struct Time {
    began: Instant,
    steady: Arc<AtomicU64>,
    wall: Arc<AtomicI64>,
}

impl Time {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            steady: Arc::default(),
            wall: Arc::new(AtomicI64::new(1_800_000_000)),
        }
    }

    fn clock(&self) -> Clock {
        let (wall, steady) = (self.clone(), self.clone());
        Clock::new(move || wall.wall(), move || steady.now())
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_second(self.wall.load(Ordering::SeqCst)).unwrap()
    }

    /// Lets time pass; the time of day stands still.
    fn pass(&self, milliseconds: u64) {
        self.steady.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Sets the time of day; no time passes.
    fn set_wall(&self, by: SignedDuration) {
        self.wall.fetch_add(by.as_secs(), Ordering::SeqCst);
    }
}

fn rig(adjust: impl FnOnce(&mut placet::store::reload::ReloadConfig)) -> (Rig, Time) {
    let time = Time::new();
    let rig = Rig::with(None, |config| {
        config.clock = time.clock();
        config.max_stale = Some(MAX_STALE);
        adjust(config);
    });
    (rig, time)
}

/// Lets the reloader do what is due now, and returns in how many milliseconds it wants to be called again.
fn tend(rig: &mut Rig, time: &Time) -> Option<u128> {
    let now = time.now();
    rig.reloader
        .tend(now)
        .map(|at| at.saturating_duration_since(now).as_millis())
}

/// How long after a reload its memory is given back to the system.
const GIVEN_BACK_MS: u128 = 1_500;

/// The same when the memory that the last reload needed has been given back.
fn tend_later(rig: &mut Rig, time: &Time) -> Option<u128> {
    assert!(tend(rig, time) <= Some(GIVEN_BACK_MS));
    time.pass(u64::try_from(GIVEN_BACK_MS).unwrap());
    tend(rig, time)
}

fn unserved(rig: &Rig, id: &str) -> Option<Unserved> {
    rig.store.current().find(id).err()
}

#[test]
fn what_is_stale_for_too_long_answers_no_more_until_it_is_mended() {
    let (mut rig, time) = rig(|_| {});
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    assert_eq!(tend_later(&mut rig, &time), None, "nothing is stale");
    time.pass(5_000);
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    assert_eq!(tend_later(&mut rig, &time), Some(600_000 - GIVEN_BACK_MS));
    time.pass(398_500);
    // Another mistake is no new beginning.
    rig.write("news/grants.json", "{");
    rig.reload();
    assert_eq!(tend_later(&mut rig, &time), Some(200_000 - GIVEN_BACK_MS));
    time.pass(198_499);
    assert_eq!((tend(&mut rig, &time), unserved(&rig, "news")), (Some(1), None));
    let revision = rig.store.current().revision();
    time.pass(1);
    tend(&mut rig, &time);
    assert_eq!(unserved(&rig, "news"), Some(Unserved::Expired));
    assert!(rig.store.current().revision() > revision, "health hears of it");
    assert!(rig.store.current().is_ready(), "the other one goes on");
    assert_eq!(unserved(&rig, "shop"), None);
    // Once more, the files are looked at, and nothing is new.
    let revision = rig.reload();
    assert_eq!(rig.reload(), revision);
    assert_eq!(unserved(&rig, "news"), Some(Unserved::Expired));
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    assert_eq!(
        unserved(&rig, "news"),
        Some(Unserved::Expired),
        "broken otherwise"
    );
    assert_eq!(
        rig.generation("news"),
        1,
        "the last good version is kept all the time"
    );

    rig.write_profile("news", 1);
    rig.reload();
    assert_eq!(unserved(&rig, "news"), None);
    assert_eq!(rig.generation("news"), 1);
    assert_eq!(rig.entry("news").stale_since, None);
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    assert_eq!(
        tend_later(&mut rig, &time),
        Some(600_000 - GIVEN_BACK_MS),
        "the time counts from the new mistake"
    );
}

#[test]
fn files_that_are_gone_or_unread_make_stale_as_well() {
    let (mut rig, time) = rig(|_| {});
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    fs::remove_dir_all(rig.root().join("news")).unwrap();
    rig.reload();
    time.pass(300_000);
    fs::rename(rig.root(), rig.directory.path().join("away")).unwrap();
    rig.reload();
    let problem = |rig: &Rig, id: &str| rig.entry(id).problem();
    assert_eq!(problem(&rig, "news"), "the directory of profiles cannot be read");
    time.pass(300_000);
    tend(&mut rig, &time);
    assert_eq!(unserved(&rig, "news"), Some(Unserved::Expired));
    assert_eq!(unserved(&rig, "shop"), None, "for five minutes only");
    time.pass(300_000);
    tend(&mut rig, &time);
    assert_eq!(unserved(&rig, "shop"), Some(Unserved::Expired));
    assert!(!rig.store.current().is_ready() && !rig.store.current().is_serving());
    fs::rename(rig.directory.path().join("away"), rig.root()).unwrap();
    rig.reload();
    assert_eq!(unserved(&rig, "shop"), None);
    assert_eq!(problem(&rig, "shop"), "");
    assert_eq!(problem(&rig, "news"), "the directory of the profile is gone");
    assert_eq!(
        unserved(&rig, "news"),
        Some(Unserved::Expired),
        "it is still gone"
    );
}

#[test]
fn without_a_limit_stale_is_for_ever() {
    let (mut rig, time) = rig(|config| config.max_stale = None);
    rig.write_profile("news", 1);
    rig.reload();
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    time.pass(1_000_000_000);
    assert_eq!((tend(&mut rig, &time), unserved(&rig, "news")), (None, None));
}

#[test]
fn setting_the_time_of_day_changes_what_is_shown_and_nothing_else() {
    let (mut rig, time) = rig(|_| {});
    rig.write_profile("news", 1);
    rig.reload();
    let of = |rig: &Rig| (rig.snapshot("news").loaded_at, rig.snapshot("news").served_since);
    let first = of(&rig);
    assert_eq!(first.0, time.wall());
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    let since = rig.entry("news").stale_since.unwrap();
    for (years, rests) in [(10, 1), (-30, 2), (25, 3)] {
        time.set_wall(SignedDuration::from_hours(years * 24 * 365));
        let left = 600_000 - rests * GIVEN_BACK_MS;
        assert_eq!(tend_later(&mut rig, &time), Some(left), "{years} years");
        rig.reload();
        assert_eq!(rig.entry("news").stale_since.unwrap(), since);
        assert_eq!(rig.rounds.latest().took, Duration::ZERO);
        assert_eq!(unserved(&rig, "news"), None);
    }
    time.pass(595_500);
    tend(&mut rig, &time);
    assert_eq!(unserved(&rig, "news"), Some(Unserved::Expired));
    // A version that is published while the clock is wrong is as young as it is.
    time.set_wall(SignedDuration::from_hours(-24 * 365 * 40));
    rig.write_profile("news", 2);
    rig.reload();
    let second = of(&rig);
    assert!(second.0 < first.0);
    assert_eq!(second.1 - first.1, Duration::from_secs(600));
}

#[test]
fn each_reload_tells_what_came_of_it() {
    let (mut rig, time) = rig(|_| {});
    let told = |rig: &Rig| {
        let round = rig.rounds.latest();
        let (counts, sums) = (round.counts, (round.number, round.failures, round.swaps));
        let Counts {
            changed,
            unchanged,
            broken,
            gone,
            removed,
        } = counts;
        ([changed, unchanged, broken, gone, removed], sums)
    };
    assert!(rig.rounds.latest().ended.is_none() && rig.rounds.running_since().is_none());
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    assert_eq!(told(&rig), ([2, 0, 0, 0, 0], (1, 0, 1)));
    rig.reload();
    assert_eq!(told(&rig), ([0, 2, 0, 0, 0], (2, 0, 1)));
    let good = rig.rounds.latest().last_good.unwrap();
    assert_eq!(good.steady, time.now());
    time.pass(1_000);
    rig.write("news/grants.json", BROKEN);
    rig.write_profile("shop", 2);
    rig.reload();
    assert_eq!(told(&rig), ([1, 0, 1, 0, 0], (3, 1, 2)));
    fs::remove_dir_all(rig.root().join("shop")).unwrap();
    rig.reload();
    assert_eq!(told(&rig), ([0, 0, 1, 1, 0], (4, 2, 3)));
    rig.reload();
    assert_eq!(
        told(&rig),
        ([0, 0, 1, 1, 0], (5, 3, 3)),
        "it fails as long as it is not mended"
    );
    assert_eq!(rig.rounds.latest().last_good, Some(good));
    fs::rename(rig.root(), rig.directory.path().join("away")).unwrap();
    for failures in 4..6 {
        rig.reload();
        assert_eq!(told(&rig), ([0, 0, 2, 0, 0], (failures + 2, failures, 4)));
        assert!(rig.rounds.latest().failure.is_some());
    }
    assert!(rig.rounds.running_since().is_none());
}

#[test]
fn a_profile_that_is_forgotten_is_counted_once() {
    let (mut rig, _) = rig(|config| config.allow_removal = true);
    rig.write_profile("news", 1);
    rig.write_profile("shop", 1);
    rig.reload();
    fs::remove_dir_all(rig.root().join("shop")).unwrap();
    rig.reload();
    let counts = rig.rounds.latest().counts;
    assert_eq!((counts.removed, counts.unchanged, counts.gone), (1, 1, 0));
    rig.reload();
    assert_eq!(rig.rounds.latest().counts.removed, 0);
    assert_eq!(rig.rounds.latest().failures, 0);
}

#[test]
fn why_a_profile_is_stale_is_one_sentence() {
    let (mut rig, _) = rig(|_| {});
    rig.write_profile("news", 1);
    rig.reload();
    assert_eq!(rig.entry("news").problem(), "");
    rig.write("news/grants.json", BROKEN);
    rig.reload();
    assert_eq!(rig.entry("news").problem(), "the files have 1 error");
    rig.write("news/grants.json", &BROKEN.replace("edtior", "edtior\", \"autor"));
    rig.reload();
    assert_eq!(rig.entry("news").problem(), "the files have 2 errors");
    rig.write_profile("other", 1);
    rig.write("other/profile.json", r#"{"id": "news"}"#);
    rig.reload();
    assert_eq!(
        rig.entry("news").problem(),
        "2 directories hold a profile with this id"
    );
}

#[test]
fn what_a_reload_changed_is_counted_by_what_rules_say_and_not_by_where_they_stand() {
    let mut rig = Rig::new();
    rig.write_profile("news", 3);
    rig.reload();
    let mut last = rig.snapshot("news");
    let mut edit = |what: &str, grants: &str, roles: &str| {
        rig.write("news/grants.json", grants);
        rig.write("news/roles.json", roles);
        rig.reload();
        let now = rig.snapshot("news");
        assert_ne!(now.digest, last.digest, "{what}");
        let ProfileChanges { rules, others } = now.loaded.changes_since(Some(&last.loaded));
        last = now;
        let numbers = |changes: Changes| [changes.added, changes.changed, changes.removed];
        (numbers(rules), numbers(others))
    };
    let grant = |collection: &str, id: &str| {
        format!(r#"{{{id}"roles": ["editor"], "collections": ["{collection}"], "actions": ["read"]}}"#)
    };
    let list = |grants: &[String]| format!(r#"{{"grants": [{}]}}"#, grants.join(",\n\n"));
    let plain = ["c0", "c1", "c2"].map(|collection| grant(collection, ""));
    let none = [0, 0, 0];
    assert_eq!(edit("other layout", &list(&plain), ROLES), (none, none));
    let mut turned = plain.clone();
    turned.reverse();
    assert_eq!(edit("other order", &list(&turned), ROLES), (none, none));
    let more = [&plain[..], &[grant("c3", "")]].concat();
    assert_eq!(edit("one more", &list(&more), ROLES), ([1, 0, 0], none));
    assert_eq!(edit("two fewer", &list(&more[2..]), ROLES), ([0, 0, 2], none));
    let other = [grant("c2", ""), grant("c9", "")];
    assert_eq!(edit("one other", &list(&other), ROLES), ([0, 1, 0], none));
    let named = [grant("c2", r#""id": "a", "#), grant("c9", r#""id": "b", "#)];
    assert_eq!(edit("names", &list(&named), ROLES), ([2, 0, 2], none));
    let named = [grant("c3", r#""id": "a", "#), grant("c9", r#""id": "b", "#)];
    assert_eq!(edit("one of the named", &list(&named), ROLES), ([0, 1, 0], none));
    let roles = r#"{"roles": [{"id": "editor", "title": "Editor"}, {"id": "author"}]}"#;
    assert_eq!(edit("roles", &list(&named), roles), (none, [1, 1, 0]));
    assert_eq!(edit("roles back", &list(&named), ROLES), (none, [0, 1, 1]));
    let first = rig.snapshot("news").loaded.changes_since(None);
    assert_eq!(first.rules.added, 2, "without an older version everything is new");
}

#[test]
fn a_changed_transition_is_a_changed_rule() {
    let mut rig = Rig::new();
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/editorial");
    for entry in fs::read_dir(samples).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            let text = fs::read_to_string(entry.path()).unwrap();
            rig.write(
                &format!("editorial/{}", entry.file_name().to_str().unwrap()),
                &text,
            );
        }
    }
    rig.reload();
    let before = rig.snapshot("editorial");
    let path = rig.root().join("editorial/workflows.json");
    let text = fs::read_to_string(&path).unwrap();
    let edited = text.replacen("\"explain\": true", "\"explain\": false", 1);
    assert_ne!(
        text, edited,
        "the sample has a transition that demands an explanation"
    );
    fs::write(&path, edited).unwrap();
    rig.reload();
    let changes = rig
        .snapshot("editorial")
        .loaded
        .changes_since(Some(&before.loaded));
    assert_eq!(
        (changes.rules.changed, changes.rules.added, changes.rules.removed),
        (1, 0, 0)
    );
}

#[test]
fn memory_of_old_versions_is_given_back_between_reloads_as_well() {
    let (mut rig, time) = rig(|config| config.max_stale = None);
    rig.write_profile("news", 1);
    rig.reload();
    let request = rig.snapshot("news");
    let first: Weak<Model> = Arc::downgrade(&request.model);
    rig.write_profile("news", 2);
    rig.reload();
    let mut pauses = Vec::new();
    while let Some(pause) = tend(&mut rig, &time) {
        pauses.push(pause);
        if pauses.len() == 12 {
            break;
        }
        time.pass(u64::try_from(pause).unwrap());
    }
    assert_eq!(
        pauses,
        [
            // In 1,280 are 240 until what loading needed is given back to the system.
            20, 40, 80, 160, 320, 640, 240, 1_040, 2_560, 5_120, 10_000, 10_000
        ],
        "a request that lasts is looked for ever less often"
    );
    drop(request);
    assert!(first.upgrade().is_some(), "the request does not pay");
    time.pass(10_000);
    assert_eq!(
        tend(&mut rig, &time),
        Some(GIVEN_BACK_MS),
        "and then to the system"
    );
    assert!(first.upgrade().is_none());
    assert_eq!(tend_later(&mut rig, &time), None);
}
