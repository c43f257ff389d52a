//! When the watcher wakes its consumer, to the millisecond: no test here waits, since the time is theirs.

use std::time::{Duration, Instant};

use placet::store::schedule::{Pace, Pending, Schedule, Step};
use placet::store::watch::{Flow, Wake};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A schedule, what was rung, and a clock that moves when the test says so.
struct Rig {
    begin: Instant,
    now: u64,
    pending: Pending,
    schedule: Schedule,
}

impl Rig {
    /// Begins after a first wake that took no time.
    fn new(adjust: impl FnOnce(&mut Pace)) -> Self {
        let mut pace = Pace::default();
        adjust(&mut pace);
        let begin = Instant::now();
        let schedule = Schedule::new(pace, begin);
        let mut rig = Self {
            begin,
            now: 0,
            pending: Pending::default(),
            schedule,
        };
        rig.wake(Wake::Started, 0, Flow::Continue);
        rig
    }

    fn at(&self, now: u64) -> Instant {
        self.begin + ms(now)
    }

    fn step(&self) -> Step {
        self.schedule.next(&self.pending, self.at(self.now))
    }

    fn ring(&mut self) {
        let now = self.at(self.now);
        let first = self.pending.events.map_or(now, |(first, _)| first);
        self.pending.events = Some((first, now));
    }

    /// Goes through a wake that takes so long.
    fn wake(&mut self, why: Wake, took: u64, flow: Flow) {
        self.pending = Pending::default();
        let (begun, ended) = (self.at(self.now), self.at(self.now + took));
        self.now += took;
        assert!(self.schedule.woke(why, begun, ended, flow));
    }

    /// Moves on to whatever is due next, and returns it.
    fn run(&mut self) -> Step {
        loop {
            match self.step() {
                Step::Wait(until) => {
                    let next = u64::try_from(until.duration_since(self.begin).as_millis()).unwrap();
                    assert!(next > self.now, "waiting for what is past would spin");
                    self.now = next;
                }
                step => return step,
            }
        }
    }
}

#[test]
fn events_are_taken_up_after_20_ms_of_quiet_and_at_most_200_ms_after_the_first() {
    let mut rig = Rig::new(|_| {});
    rig.now = 1_000;
    rig.ring();
    assert_eq!((rig.run(), rig.now), (Step::Wake(Wake::Event), 1_020));

    let mut rig = Rig::new(|_| {});
    rig.now = 1_000;
    while rig.step() != Step::Wake(Wake::Event) {
        rig.ring();
        rig.now += 10;
    }
    assert_eq!(rig.now, 1_200);
}

#[test]
fn rescans_come_every_2_s_and_every_60_s_whatever_happened_before() {
    let mut rig = Rig::new(|_| {});
    for look in 1..30 {
        assert_eq!((rig.run(), rig.now), (Step::Look, look * 2_000));
        let now = rig.at(rig.now);
        rig.schedule.saw_nothing(now);
    }
    assert_eq!((rig.run(), rig.now), (Step::Wake(Wake::ContentRescan), 60_000));
    rig.wake(Wake::ContentRescan, 0, Flow::Continue);
    assert_eq!((rig.run(), rig.now), (Step::Look, 62_000));
}

#[test]
fn a_rescan_that_is_due_lets_a_burst_finish() {
    let mut rig = Rig::new(|_| {});
    rig.now = 1_995;
    rig.ring();
    assert_eq!((rig.run(), rig.now), (Step::Wake(Wake::Event), 2_015));
    rig.wake(Wake::Event, 0, Flow::Continue);
    assert_eq!((rig.run(), rig.now), (Step::Look, 4_015));
}

#[test]
fn file_status_that_moves_must_stand_still_before_it_wakes_anybody() {
    let mut rig = Rig::new(|_| {});
    assert_eq!((rig.run(), rig.now), (Step::Look, 2_000));
    let now = rig.at(rig.now);
    assert!(!rig.schedule.saw_change(now, false), "it may go on");
    assert_eq!((rig.run(), rig.now), (Step::Look, 2_020));
    let now = rig.at(rig.now);
    assert!(rig.schedule.saw_change(now, true), "it stood still for 20 ms");
    rig.wake(Wake::StatRescan, 0, Flow::Continue);

    assert_eq!((rig.run(), rig.now), (Step::Look, 4_020));
    loop {
        let now = rig.at(rig.now);
        if rig.schedule.saw_change(now, false) {
            break;
        }
        assert_eq!(rig.run(), Step::Look);
    }
    assert_eq!(rig.now, 4_220, "what never stands still is read after 200 ms");
}

#[test]
fn a_change_that_was_taken_back_is_forgotten() {
    let mut rig = Rig::new(|_| {});
    rig.run();
    let now = rig.at(rig.now);
    assert!(!rig.schedule.saw_change(now, false));
    rig.run();
    let now = rig.at(rig.now);
    rig.schedule.saw_nothing(now);
    assert_eq!((rig.run(), rig.now), (Step::Look, 4_020));
    let now = rig.at(rig.now);
    assert!(!rig.schedule.saw_change(now, false), "the patience begins anew");
}

#[test]
fn failed_readings_are_retried_after_100_ms_and_then_twice_as_long_up_to_10_s() {
    let mut rig = Rig::new(|pace| pace.stat_every = ms(600_000));
    let mut pauses = Vec::new();
    rig.wake(Wake::Event, 0, Flow::Retry);
    for _ in 0..10 {
        let before = rig.now;
        assert_eq!(rig.run(), Step::Wake(Wake::Retry));
        pauses.push(rig.now - before);
        rig.wake(Wake::Retry, 0, Flow::Retry);
    }
    assert_eq!(
        pauses,
        [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]
    );
    rig.wake(Wake::Event, 0, Flow::Retry);
    let before = rig.now;
    rig.run();
    assert_eq!(rig.now - before, 100, "a change is news");
    rig.wake(Wake::Retry, 0, Flow::Continue);
    assert_eq!(rig.run(), Step::Wake(Wake::ContentRescan));
}

#[test]
fn whoever_asks_is_served_at_once_but_never_more_often_than_every_50_ms() {
    let mut rig = Rig::new(|_| {});
    rig.now = 1_000;
    rig.pending.asked = true;
    assert_eq!((rig.run(), rig.now), (Step::Wake(Wake::Asked), 1_000));
    let mut wakes = 0;
    while rig.now < 2_000 {
        rig.wake(Wake::Asked, 1, Flow::Continue);
        rig.pending.asked = true;
        assert_eq!(rig.run(), Step::Wake(Wake::Asked));
        wakes += 1;
    }
    assert_eq!(wakes, 20);
}

#[test]
fn after_a_long_reload_it_rests_as_long_as_that_took_and_at_most_5_s() {
    for (took, rested) in [(700, 700), (60_000, 5_000), (10, 40)] {
        let mut rig = Rig::new(|_| {});
        rig.now = 1_000;
        rig.wake(Wake::Event, took, Flow::Continue);
        let ended = rig.now;
        rig.pending.asked = true;
        assert_eq!((rig.run(), rig.now - ended), (Step::Wake(Wake::Asked), rested));
    }
}

#[test]
fn an_endless_stream_of_events_takes_at_most_half_of_the_time() {
    let mut rig = Rig::new(|_| {});
    let (mut busy, mut wakes) = (0, 0);
    while rig.now < 60_000 {
        rig.ring();
        match rig.step() {
            Step::Wake(why) => {
                rig.wake(why, 300, Flow::Continue);
                busy += 300;
                wakes += 1;
            }
            Step::Look => {
                let now = rig.at(rig.now);
                rig.schedule.saw_nothing(now);
            }
            Step::Wait(_) => rig.now += 5,
            step => panic!("{step:?}"),
        }
    }
    assert!(busy * 2 <= rig.now, "{wakes} wakes took {busy} of {} ms", rig.now);
    assert!(wakes >= 60_000 / 810, "and it goes on: {wakes}");
}

#[test]
fn tending_waits_for_nothing_and_never_spins() {
    let mut rig = Rig::new(|_| {});
    rig.now = 1_000;
    let now = rig.at(rig.now);
    rig.schedule.tended(now, Some(now));
    assert_eq!((rig.run(), rig.now), (Step::Tend, 1_001));
    let now = rig.at(rig.now);
    rig.schedule.tended(now, Some(rig.at(5_000)));
    rig.ring();
    assert_eq!((rig.run(), rig.now), (Step::Wake(Wake::Event), 1_021));
    rig.wake(Wake::Event, 4_000, Flow::Continue);
    rig.pending.asked = true;
    assert_eq!(rig.step(), Step::Tend, "during the rest after a reload, too");
    rig.schedule.tended(rig.at(rig.now), None);
    assert_eq!(rig.run(), Step::Wake(Wake::Asked));
}

#[test]
fn to_stop_comes_before_everything() {
    let mut rig = Rig::new(|_| {});
    rig.ring();
    rig.pending.asked = true;
    rig.pending.stop = true;
    assert_eq!(rig.step(), Step::Stop);
    let (begun, ended) = (rig.at(0), rig.at(1));
    assert!(!rig.schedule.woke(Wake::Event, begun, ended, Flow::Stop));
}

#[test]
fn periods_at_both_ends_of_the_clock_neither_spin_nor_panic() {
    let mut rig = Rig::new(|pace| {
        pace.stat_every = Duration::ZERO;
        pace.content_every = Duration::MAX;
        pace.rest_max = Duration::MAX;
        pace.pause_min = Duration::ZERO;
    });
    assert_eq!((rig.run(), rig.now), (Step::Look, 1));
    let now = rig.at(rig.now);
    rig.schedule.saw_nothing(now);
    assert_eq!((rig.run(), rig.now), (Step::Look, 2));
}
