//! Every way in which people and tools change a directory is noticed, and what is read at last is what lies there.
//!
//! Unless a test says otherwise the rescans are off, so that events alone must do it.

#![expect(
    clippy::print_stdout,
    reason = "latencies are shown, since asserting them would fail on a busy machine"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use placet::load::discover::{ScanLimits, read_root};
use placet::store::watch::{Flow, Wake, Watch, WatchConfig, run};
use tempfile::TempDir;

/// How long a change may stay unnoticed before the test fails; a hundred times what is usual.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const NEVER: Duration = Duration::MAX;

/// A watched root, and what its consumer read at each wake.
pub(crate) struct Rig {
    directory: TempDir,
    pub(crate) root: PathBuf,
    seen: Receiver<(Wake, String)>,
    pub(crate) watch: Watch,
}

impl Rig {
    /// Prepares a directory, then watches the path below it that `root` names, by events alone.
    fn by_events(root: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::start(root, prepare, |config| {
            config.pace.stat_every = NEVER;
            config.pace.content_every = NEVER;
        })
    }

    pub(crate) fn start(
        root: &str,
        prepare: impl FnOnce(&Path),
        adjust: impl FnOnce(&mut WatchConfig),
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let root = directory.path().join(root);
        let mut config = WatchConfig::new(&root);
        adjust(&mut config);
        let (sender, seen) = channel();
        let watch = run(config, reader(root.clone(), sender)).unwrap();
        let rig = Self {
            directory,
            root,
            seen,
            watch,
        };
        assert_eq!(rig.next().0, Wake::Started);
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn next(&self) -> (Wake, String) {
        self.seen.recv_timeout(PATIENCE).expect("a wake")
    }

    /// Waits until the consumer has read `content`, and returns what woke it.
    pub(crate) fn expect(&self, what: &str, content: &str) -> Wake {
        let begin = Instant::now();
        let mut last = String::from("nothing");
        while begin.elapsed() < PATIENCE {
            match self.seen.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
                Ok((wake, read)) if read == content => {
                    println!("{what}: read after {:?} by {wake:?}", begin.elapsed());
                    return wake;
                }
                Ok((_, read)) => last = read,
                Err(_) => break,
            }
        }
        panic!("{what}: `{content}` was never read; the last was `{last}`");
    }

    /// Asserts that nobody is woken for a while.
    pub(crate) fn expect_quiet(&self, time: Duration) {
        let woken = self.seen.recv_timeout(time);
        assert_eq!(woken, Err(RecvTimeoutError::Timeout));
    }

    /// Reads away the wakes that earlier steps of a test still cause.
    pub(crate) fn drain(&self) {
        while self.seen.recv_timeout(Duration::from_millis(300)).is_ok() {}
    }
}

/// Reads the root at each wake and sends all contents, or the error, as one text.
fn reader(root: PathBuf, sender: Sender<(Wake, String)>) -> impl FnMut(Wake) -> Flow + Send {
    move |wake| {
        let read = match read_root(&root, &ScanLimits::default()) {
            Ok(scan) => {
                let files = scan.profiles.into_iter().flat_map(|profile| profile.files);
                let texts = files.map(|file| String::from_utf8(file.bytes().into_owned()).unwrap());
                texts.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        if sender.send((wake, read)).is_ok() {
            Flow::Continue
        } else {
            Flow::Stop
        }
    }
}

pub(crate) fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Switches a volume to a new generation, in the steps in which the kubelet does it.
fn publish_volume(volume: &Path, generation: usize, content: &str) {
    let name = format!("..2026_01_01_00_00_00.{generation:09}");
    let old = fs::read_link(volume.join("..data")).ok();
    write(&volume.join(&name).join("grants.json"), content);
    symlink(&name, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    if !volume.join("grants.json").is_symlink() {
        symlink("..data/grants.json", volume.join("grants.json")).unwrap();
    }
    if let Some(old) = old {
        fs::remove_dir_all(volume.join(old)).unwrap();
    }
}

#[test]
fn a_mounted_volume_is_followed_through_many_generations() {
    let rig = Rig::by_events("root", |path| publish_volume(&path.join("root"), 0, "0"));
    for generation in 1..=20 {
        let content = generation.to_string();
        publish_volume(&rig.root, generation, &content);
        rig.expect("volume as root", &content);
    }
}

#[test]
fn a_volume_mounted_as_one_of_the_profiles_is_followed() {
    let rig = Rig::by_events("root", |path| publish_volume(&path.join("root/news"), 0, "0"));
    for generation in 1..=5 {
        let content = generation.to_string();
        publish_volume(&rig.path("root/news"), generation, &content);
        rig.expect("volume as profile", &content);
    }
}

#[test]
fn a_file_replaced_by_renaming_is_noticed_each_time() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=20 {
        let content = round.to_string();
        write(&rig.path("root/news/.new"), &content);
        fs::rename(rig.path("root/news/.new"), rig.path("root/news/grants.json")).unwrap();
        rig.expect("rename over", &content);
    }
}

#[test]
fn a_file_written_in_place_in_two_steps_is_read_when_complete() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=5 {
        let content = round.to_string();
        fs::File::create(rig.path("root/news/grants.json")).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        write(&rig.path("root/news/grants.json"), &content);
        rig.expect("truncate, then write", &content);
    }
}

#[test]
fn an_editor_that_keeps_a_backup_and_a_swap_file_is_followed() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=5 {
        let (file, backup) = (
            rig.path("root/news/grants.json"),
            rig.path("root/news/grants.json~"),
        );
        write(&rig.path("root/news/.grants.json.swp"), "swap");
        write(&rig.path("root/news/4913"), "");
        fs::remove_file(rig.path("root/news/4913")).unwrap();
        fs::rename(&file, &backup).unwrap();
        write(&file, &round.to_string());
        fs::remove_file(&backup).unwrap();
        fs::remove_file(rig.path("root/news/.grants.json.swp")).unwrap();
        rig.expect("editor", &round.to_string());
    }
}

#[test]
fn a_file_removed_and_created_is_noticed() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=5 {
        fs::remove_file(rig.path("root/news/grants.json")).unwrap();
        write(&rig.path("root/news/grants.json"), &round.to_string());
        rig.expect("unlink and create", &round.to_string());
    }
}

#[test]
fn checkouts_of_git_are_followed() {
    let rig = Rig::by_events("clone/policies", |path| {
        let clone = path.join("clone");
        fs::create_dir(&clone).unwrap();
        if !git(&clone, &["init", "-q", "."]) {
            return;
        }
        for version in ["one", "two"] {
            fs::remove_dir_all(clone.join("policies")).ok();
            write(&clone.join("policies/news/grants.json"), version);
            write(
                &clone.join(format!("policies/news/{version}/grants.json")),
                version,
            );
            assert!(git(&clone, &["add", "-A"]));
            assert!(git(&clone, &["commit", "-q", "-m", version]));
            assert!(git(&clone, &["tag", version]));
        }
    });
    if !rig.root.exists() {
        println!("skipped: no git");
        return;
    }
    for round in 0..6 {
        let version = ["one", "two"][round % 2];
        assert!(git(&rig.path("clone"), &["checkout", "-q", version]));
        rig.expect("git checkout", &format!("{version} {version}"));
    }
}

/// Runs git in a directory, deaf to the settings of whoever runs the tests; false if it is not there or fails.
fn git(directory: &Path, arguments: &[&str]) -> bool {
    let settings = ["user.name=a", "user.email=a@b", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    for setting in settings {
        command.args(["-c", setting]);
    }
    command
        .args(arguments)
        .current_dir(directory)
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn a_root_removed_and_recreated_is_followed_and_so_are_later_edits() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=5 {
        fs::remove_dir_all(&rig.root).unwrap();
        write(&rig.path("root/news/grants.json"), &format!("new {round}"));
        rig.expect("recreated root", &format!("new {round}"));
        write(&rig.path("root/news/grants.json"), &format!("edited {round}"));
        rig.expect("edit after that", &format!("edited {round}"));
    }
}

#[test]
fn a_root_swapped_by_renaming_is_followed() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    for round in 1..=5 {
        write(&rig.path("next/news/grants.json"), &round.to_string());
        fs::rename(&rig.root, rig.path("last")).unwrap();
        fs::rename(rig.path("next"), &rig.root).unwrap();
        rig.expect("swapped root", &round.to_string());
        fs::remove_dir_all(rig.path("last")).unwrap();
    }
}

#[test]
fn a_root_that_vanishes_is_reported_and_not_taken_for_an_empty_one() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    fs::remove_dir_all(&rig.root).unwrap();
    rig.expect(
        "gone",
        &format!("the profiles root `{}` does not exist", rig.root.display()),
    );
    fs::create_dir(&rig.root).unwrap();
    rig.expect(
        "empty",
        &format!("the profiles root `{}` holds no profile", rig.root.display()),
    );
}

#[test]
fn a_root_created_late_is_found_even_below_missing_directories() {
    let rig = Rig::by_events("not/yet/root", |_| {});
    write(&rig.path("not/yet/root/news/grants.json"), "here");
    rig.expect("late root", "here");
    write(&rig.path("not/yet/root/news/grants.json"), "edited");
    rig.expect("edit of the late root", "edited");
}

#[test]
fn a_link_to_the_root_that_is_retargeted_is_followed() {
    let rig = Rig::by_events("current", |path| {
        write(&path.join("release-0/news/grants.json"), "0");
        symlink("release-0", path.join("current")).unwrap();
    });
    for round in 1..=5 {
        let release = format!("release-{round}");
        write(&rig.path(&release).join("news/grants.json"), &round.to_string());
        symlink(&release, rig.path("tmp")).unwrap();
        fs::rename(rig.path("tmp"), &rig.root).unwrap();
        rig.expect("retargeted link", &round.to_string());
        write(
            &rig.path(&release).join("news/grants.json"),
            &format!("edited {round}"),
        );
        rig.expect("edit behind the link", &format!("edited {round}"));
    }
}

#[test]
fn a_link_in_the_middle_of_the_way_to_the_root_is_followed() {
    let rig = Rig::by_events("sync/current/policies", |path| {
        write(&path.join("sync/.trees/0/policies/news/grants.json"), "0");
        symlink(path.join("sync/.trees/0"), path.join("sync/current")).unwrap();
    });
    for round in 1..=5 {
        let tree = rig.path("sync/.trees").join(round.to_string());
        write(&tree.join("policies/news/grants.json"), &round.to_string());
        symlink(&tree, rig.path("sync/tmp")).unwrap();
        fs::rename(rig.path("sync/tmp"), rig.path("sync/current")).unwrap();
        rig.expect("retargeted parent", &round.to_string());
    }
}

#[test]
fn a_root_inside_a_volume_is_followed_when_the_volume_switches() {
    let rig = Rig::by_events("volume/policies", |path| {
        write(&path.join("volume/..0/policies/news/grants.json"), "0");
        symlink("..0", path.join("volume/..data")).unwrap();
        symlink("..data/policies", path.join("volume/policies")).unwrap();
    });
    for round in 1..=5 {
        let name = format!("..{round}");
        write(
            &rig.path("volume").join(&name).join("policies/news/grants.json"),
            &round.to_string(),
        );
        symlink(&name, rig.path("volume/..data_tmp")).unwrap();
        fs::rename(rig.path("volume/..data_tmp"), rig.path("volume/..data")).unwrap();
        fs::remove_dir_all(rig.path("volume").join(format!("..{}", round - 1))).unwrap();
        rig.expect("root inside a volume", &round.to_string());
    }
}

#[test]
fn a_modification_time_set_back_hides_nothing() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    let old = fs::metadata(rig.path("root/news/grants.json"))
        .unwrap()
        .modified()
        .unwrap();
    for round in 1..=5 {
        write(&rig.path("root/news/.new"), &round.to_string());
        let file = fs::File::options()
            .write(true)
            .open(rig.path("root/news/.new"))
            .unwrap();
        file.set_modified(old).unwrap();
        fs::rename(rig.path("root/news/.new"), rig.path("root/news/grants.json")).unwrap();
        rig.expect("same size, same time", &round.to_string());
    }
}

#[test]
fn a_directory_copied_slowly_is_complete_in_the_end() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/a/grants.json"), "0"));
    for file in 1..=8 {
        write(
            &rig.path(&format!("root/b/deep/{file}/grants.json")),
            &file.to_string(),
        );
        std::thread::sleep(Duration::from_millis(30));
    }
    rig.expect("slow copy", "0 1 2 3 4 5 6 7 8");
}

#[test]
fn a_directory_that_cannot_be_watched_does_not_blind_the_others() {
    // The superuser can watch it, so this proves something only for everybody else.
    let rig = Rig::by_events("root", |path| {
        write(&path.join("root/a/grants.json"), "0");
        fs::create_dir(path.join("root/lost+found")).unwrap();
        fs::set_permissions(path.join("root/lost+found"), Permissions::from_mode(0o000)).unwrap();
        write(&path.join("root/z/grants.json"), "0");
    });
    write(&rig.path("root/z/grants.json"), "1");
    rig.expect("beside an unreadable directory", "0 1");
    assert!(rig.watch.inlet().has_events());
    fs::set_permissions(rig.path("root/lost+found"), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn without_events_the_rescan_by_status_notices() {
    let rig = Rig::start(
        "root",
        |path| write(&path.join("root/news/grants.json"), "0"),
        |config| {
            config.events = false;
            config.pace.stat_every = Duration::from_millis(50);
            config.pace.content_every = NEVER;
        },
    );
    assert!(!rig.watch.inlet().has_events());
    for round in 1..=5 {
        write(&rig.path("root/news/grants.json"), &round.to_string());
        assert_eq!(rig.expect("status", &round.to_string()), Wake::StatRescan);
    }
    fs::remove_dir_all(&rig.root).unwrap();
    write(&rig.path("root/news/grants.json"), "recreated");
    rig.expect("recreated, by status", "recreated");
    rig.drain();
    rig.expect_quiet(Duration::from_millis(300));
}

#[test]
fn events_and_rescans_together_notice_even_where_the_system_has_no_watches_left() {
    // To see the second half, run it where `fs.inotify.max_user_watches` or `max_user_instances` is used up.
    let rig = Rig::start(
        "root",
        |path| publish_volume(&path.join("root"), 0, "0"),
        |config| config.pace.stat_every = Duration::from_millis(100),
    );
    println!("events: {}", rig.watch.inlet().has_events());
    for generation in 1..=5 {
        publish_volume(&rig.root, generation, &generation.to_string());
        let wake = rig.expect("events and rescans", &generation.to_string());
        assert!(matches!(wake, Wake::Event | Wake::StatRescan), "{wake:?}");
    }
}

#[test]
fn without_events_and_status_the_rescan_by_content_notices() {
    let rig = Rig::start(
        "root",
        |path| write(&path.join("root/news/grants.json"), "0"),
        |config| {
            config.events = false;
            config.pace.stat_every = NEVER;
            config.pace.content_every = Duration::from_millis(100);
        },
    );
    write(&rig.path("root/news/grants.json"), "1");
    assert_eq!(rig.expect("content", "1"), Wake::ContentRescan);
}

#[test]
fn a_quiet_directory_wakes_nobody_although_it_is_read_and_the_neighbours_are_busy() {
    let rig = Rig::start(
        "root",
        |path| write(&path.join("root/news/grants.json"), "0"),
        |config| config.pace.stat_every = Duration::from_millis(50),
    );
    rig.drain();
    for round in 0..20 {
        write(&rig.path("neighbour.log"), &round.to_string());
        fs::read(rig.path("root/news/grants.json")).unwrap();
        read_root(&rig.root, &ScanLimits::default()).unwrap();
    }
    rig.expect_quiet(Duration::from_millis(500));
}

#[test]
fn asking_wakes_at_once() {
    let rig = Rig::by_events("root", |path| write(&path.join("root/news/grants.json"), "0"));
    rig.watch.inlet().ask();
    assert_eq!(rig.next(), (Wake::Asked, "0".to_owned()));
    rig.expect_quiet(Duration::from_millis(100));
}

/// Starts a watch whose consumer stands still in each wake until it is released.
fn start_gated(root: &Path) -> (Watch, Receiver<Wake>, Sender<Flow>) {
    let mut config = WatchConfig::new(root);
    config.pace.stat_every = NEVER;
    config.pace.content_every = NEVER;
    config.pace.retry_first = Duration::from_millis(10);
    config.pace.retry_max = Duration::from_millis(40);
    let (wakes, woken) = channel();
    let (release, gate) = channel();
    let watch = run(config, move |wake| {
        wakes.send(wake).unwrap();
        gate.recv().unwrap_or(Flow::Stop)
    });
    (watch.unwrap(), woken, release)
}

#[test]
fn changes_during_a_wake_lead_to_exactly_one_more() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("root/news/grants.json");
    write(&file, "0");
    let (watch, woken, release) = start_gated(&directory.path().join("root"));
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Started));
    for round in 0..10 {
        write(&file, &round.to_string());
        std::thread::sleep(Duration::from_millis(30));
    }
    release.send(Flow::Continue).unwrap();
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Event));
    release.send(Flow::Continue).unwrap();
    assert_eq!(
        woken.recv_timeout(Duration::from_millis(400)),
        Err(RecvTimeoutError::Timeout)
    );

    for _ in 0..10 {
        watch.inlet().ask();
    }
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Asked));
    watch.inlet().ask();
    release.send(Flow::Continue).unwrap();
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Asked));
    release.send(Flow::Stop).unwrap();
    watch.stop();
    assert_eq!(woken.try_recv().ok(), None);
}

#[test]
fn a_failed_reading_is_retried_with_growing_pauses_until_it_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let (watch, woken, release) = start_gated(&directory.path().join("root"));
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Started));
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let begin = Instant::now();
        release.send(Flow::Retry).unwrap();
        assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Retry));
        pauses.push(begin.elapsed());
    }
    let wanted = [10, 20, 40, 40].map(Duration::from_millis);
    assert!(
        pauses.iter().zip(wanted).all(|(pause, wanted)| *pause >= wanted),
        "{pauses:?}"
    );
    release.send(Flow::Continue).unwrap();
    assert_eq!(
        woken.recv_timeout(Duration::from_millis(200)),
        Err(RecvTimeoutError::Timeout)
    );
    watch.stop();
}

#[test]
fn a_reload_that_panics_does_not_end_the_watching() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = WatchConfig::new(directory.path());
    config.pace.retry_first = Duration::from_millis(1);
    let (wakes, woken) = channel();
    let watch = run(config, move |wake| {
        wakes.send(wake).unwrap();
        assert_ne!(wake, Wake::Started, "a fault that this test wants");
        Flow::Continue
    });
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Started));
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Wake::Retry));
    watch.unwrap().stop();
}
