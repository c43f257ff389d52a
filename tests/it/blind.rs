//! Changes are noticed although the operating system tells nothing, too little, or lies: the watchers here fail on purpose.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use notify::event::{Event, EventKind, Flag};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher, WatcherKind};
use placet::store::eyes::{Handler, Maker};
use placet::store::watch::{Wake, WatchConfig};
use placet::vocab::limits::WATCHERS_LOST_MAX;

use crate::watch::{PATIENCE, Rig, write};

const WORKS: u8 = 0;
const CANNOT_BE_MADE: u8 = 1;
const CANNOT_WATCH: u8 = 2;
const CANNOT_WATCH_BELOW: u8 = 3;
const PANICS: u8 = 4;
const IS_SILENT: u8 = 5;

/// How a watcher behaves now, and a way to make it report something.
#[derive(Clone, Default)]
struct Fault {
    kind: Arc<AtomicU8>,
    made: Arc<AtomicUsize>,
    handler: Arc<Mutex<Option<Handler>>>,
}

impl Fault {
    fn of(kind: u8) -> Self {
        let fault = Self::default();
        fault.set(kind);
        fault
    }

    fn set(&self, kind: u8) {
        self.kind.store(kind, Ordering::SeqCst);
    }

    fn is(&self, kind: u8) -> bool {
        self.kind.load(Ordering::SeqCst) == kind
    }

    /// Tells how many watchers were made so far.
    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    fn maker(&self) -> Maker {
        let fault = self.clone();
        Maker::new(move |handler| {
            if fault.is(CANNOT_BE_MADE) {
                let error = std::io::Error::from_raw_os_error(24);
                return Err(notify::Error::io(error));
            }
            fault.made.fetch_add(1, Ordering::SeqCst);
            let shared = Arc::clone(&fault.handler);
            *shared.lock().unwrap() = Some(handler);
            let real = RecommendedWatcher::new(
                {
                    let fault = fault.clone();
                    move |event| fault.report(event)
                },
                Config::default(),
            )?;
            Ok(Box::new(Faulty {
                fault: fault.clone(),
                real,
            }))
        })
    }

    fn report(&self, event: notify::Result<Event>) {
        if !self.is(IS_SILENT)
            && let Some(handler) = self.handler.lock().unwrap().as_mut()
        {
            handler(event);
        }
    }
}

struct Faulty {
    fault: Fault,
    real: RecommendedWatcher,
}

impl Watcher for Faulty {
    fn new<F: notify::EventHandler>(_: F, _: Config) -> notify::Result<Self> {
        Err(notify::Error::generic("made by its maker alone"))
    }

    fn watch(&mut self, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
        let is_below = mode == RecursiveMode::Recursive || path.ends_with("news");
        assert!(!self.fault.is(PANICS), "a fault that this test wants");
        if self.fault.is(CANNOT_WATCH) || self.fault.is(CANNOT_WATCH_BELOW) && is_below {
            return Err(notify::Error::new(ErrorKind::MaxFilesWatch));
        }
        self.real.watch(path, mode)
    }

    fn unwatch(&mut self, path: &Path) -> notify::Result<()> {
        self.real.unwatch(path)
    }

    fn kind() -> WatcherKind {
        WatcherKind::NullWatcher
    }
}

/// Watches with a faulty watcher and rescans by status alone.
fn rig(fault: &Fault) -> Rig {
    let maker = fault.maker();
    Rig::start(
        "root",
        |path| write(&path.join("root/news/grants.json"), "0"),
        move |config: &mut WatchConfig| {
            config.maker = maker;
            config.pace.stat_every = Duration::from_millis(100);
            config.pace.content_every = Duration::MAX;
        },
    )
}

#[test]
fn whatever_is_wrong_with_the_watcher_rescans_notice_and_events_come_back() {
    for kind in [CANNOT_BE_MADE, CANNOT_WATCH, CANNOT_WATCH_BELOW, PANICS] {
        let fault = Fault::of(kind);
        let rig = rig(&fault);
        assert!(!rig.watch.inlet().has_events(), "fault {kind} is told");
        for round in 1..4 {
            write(&rig.path("root/news/grants.json"), &format!("{kind} {round}"));
            let wake = rig.expect("without events", &format!("{kind} {round}"));
            // The directories above may still be watched.
            assert!(
                wake == Wake::StatRescan || kind == CANNOT_WATCH_BELOW,
                "{kind}: {wake:?}"
            );
        }
        fault.set(WORKS);
        // The next look sets the watches anew.
        write(&rig.path("root/news/grants.json"), "mended");
        rig.expect("while it is mended", "mended");
        assert!(rig.watch.inlet().has_events(), "fault {kind} is over");
        rig.drain();
        write(&rig.path("root/news/grants.json"), "seen");
        assert_eq!(rig.expect("mended", "seen"), Wake::Event, "{kind}");
    }
}

#[test]
fn a_watcher_that_fails_later_is_told_and_done_without() {
    for kind in [CANNOT_WATCH, PANICS] {
        let fault = Fault::of(WORKS);
        let rig = rig(&fault);
        assert!(rig.watch.inlet().has_events());
        fault.set(kind);
        write(&rig.path("root/news/grants.json"), "1");
        rig.expect("the last event", "1");
        rig.drain();
        assert!(!rig.watch.inlet().has_events());
        write(&rig.path("root/news/grants.json"), "2");
        assert_eq!(rig.expect("after that", "2"), Wake::StatRescan);
    }
}

#[test]
fn watchers_that_die_one_after_the_other_are_given_up_and_rescans_go_on() {
    let fault = Fault::of(PANICS);
    let rig = rig(&fault);
    let begun = Instant::now();
    // Each look tries a new one.
    while fault.made() < WATCHERS_LOST_MAX {
        assert!(begun.elapsed() < PATIENCE, "{} watchers were made", fault.made());
        std::thread::sleep(Duration::from_millis(20));
    }
    fault.set(WORKS);
    for round in 1..4 {
        write(&rig.path("root/news/grants.json"), &round.to_string());
        assert_eq!(
            rig.expect("without any watcher", &round.to_string()),
            Wake::StatRescan
        );
    }
    assert!(!rig.watch.inlet().has_events());
    assert_eq!(fault.made(), WATCHERS_LOST_MAX);
}

#[test]
fn a_watcher_that_says_nothing_and_believes_to_be_well_deceives_nobody() {
    let fault = Fault::of(IS_SILENT);
    let rig = rig(&fault);
    assert!(rig.watch.inlet().has_events(), "nobody can know");
    write(&rig.path("root/news/grants.json"), "1");
    assert_eq!(rig.expect("silence", "1"), Wake::StatRescan);
    fs::remove_dir_all(&rig.root).unwrap();
    write(&rig.path("root/news/grants.json"), "recreated");
    assert_eq!(rig.expect("a new root in silence", "recreated"), Wake::StatRescan);
}

#[test]
fn an_error_and_a_lost_queue_are_reasons_to_look() {
    let fault = Fault::of(WORKS);
    let rig = rig(&fault);
    rig.drain();
    fault.report(Err(notify::Error::generic("something")));
    assert_eq!(rig.next().0, Wake::Event);
    let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    fault.report(Ok(lost));
    assert_eq!(rig.next().0, Wake::Event);
    fault.report(Ok(Event::new(EventKind::Any).add_path("/somewhere/else".into())));
    rig.expect_quiet(Duration::from_millis(300));
}

#[test]
fn without_events_a_time_set_back_hides_nothing_and_a_slow_writer_is_read_to_the_end() {
    let fault = Fault::of(IS_SILENT);
    let rig = rig(&fault);
    let path = rig.path("root/news/grants.json");
    let old = fs::metadata(&path).unwrap().modified().unwrap();
    write(&path, "1");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(rig.expect("same size, same time", "1"), Wake::StatRescan);
    let mut text = String::new();
    for number in 0..40 {
        text.push_str(&number.to_string());
        write(&path, &text);
        std::thread::sleep(Duration::from_millis(5));
    }
    rig.expect("200 ms of writing", &text);
}
