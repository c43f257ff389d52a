//! Which reloads have begun and ended, and what came of them: for whoever waits for one, and for whoever counts them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch as channel;

use crate::store::clock::Moment;
use crate::store::watch::Inlet;

/// Says how one reload ended, and how all of them did so far; what is served is told by the store.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Counts the reloads of this process, from 1; 0 stands for none yet.
    pub number: u64,
    /// Why the root could not be read.
    pub failure: Option<Arc<str>>,
    /// What became of the profiles.
    pub counts: Counts,
    /// When it ended.
    pub ended: Option<Moment>,
    /// How long it took.
    pub took: Duration,
    /// When the last one ended after which every profile was served as its files are.
    pub last_good: Option<Moment>,
    /// How many reloads so far ended with the root unread or a profile broken or gone.
    pub failures: u64,
    /// How many reloads so far changed what is served or what is said about it.
    pub swaps: u64,
    /// What keeps changes of the files from being seen at all, as sentences.
    pub frozen: Arc<[String]>,
}

/// Counts profiles by what one reload made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Served in a new version.
    pub changed: usize,
    /// Served as before.
    pub unchanged: usize,
    /// Broken, or broken still.
    pub broken: usize,
    /// Gone from disk and kept.
    pub gone: usize,
    /// Forgotten.
    pub removed: usize,
}

/// Says which reload began last, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begun {
    number: u64,
    at: Option<Instant>,
}

/// Tells which reloads have begun and ended.
#[derive(Clone, Debug)]
pub struct Rounds {
    begun: channel::Receiver<Begun>,
    ended: channel::Receiver<Round>,
}

/// Says that no reload will end any more.
#[derive(Debug, Error)]
#[error("the daemon is stopping")]
pub struct Stopped;

impl Rounds {
    /// Waits until the first reload has ended.
    pub async fn first(&self) -> Result<Round, Stopped> {
        self.ended_after(0).await
    }

    /// Asks for a reload, and waits until one that began after this call has ended.
    pub async fn ask(&self, inlet: &Inlet) -> Result<Round, Stopped> {
        let begun = self.begun.borrow().number;
        inlet.ask();
        self.ended_after(begun).await
    }

    /// Returns the reload that ended last.
    pub fn latest(&self) -> Round {
        self.ended.borrow().clone()
    }

    /// Returns when the reload began that is in progress; a file system that hangs shows here.
    pub fn running_since(&self) -> Option<Instant> {
        let begun = *self.begun.borrow();
        begun.at.filter(|_| begun.number > self.ended.borrow().number)
    }

    async fn ended_after(&self, number: u64) -> Result<Round, Stopped> {
        let mut ended = self.ended.clone();
        let round = ended.wait_for(|round| round.number > number).await;
        round.map(|round| round.clone()).map_err(|_| Stopped)
    }
}

/// The other end: tells the waiting of each reload.
#[derive(Debug)]
pub(super) struct Ledger {
    begun: channel::Sender<Begun>,
    ended: channel::Sender<Round>,
}

impl Ledger {
    pub(super) fn new() -> (Self, Rounds) {
        let (begun, seen_begun) = channel::channel(Begun::default());
        let (ended, seen_ended) = channel::channel(Round::default());
        let rounds = Rounds {
            begun: seen_begun,
            ended: seen_ended,
        };
        (Self { begun, ended }, rounds)
    }

    /// Tells that a reload begins, before it reads anything.
    pub(super) fn begin(&self, at: Instant) {
        let number = self.begun.borrow().number.saturating_add(1);
        self.begun.send_replace(Begun { number, at: Some(at) });
    }

    /// Sums up the reload that has ended; nobody is told yet.
    pub(super) fn sum(&self, round: Ending, now: Moment) -> Round {
        let before = self.ended.borrow().clone();
        let begun = *self.begun.borrow();
        let is_good = round.failure.is_none() && round.counts.broken == 0 && round.counts.gone == 0;
        Round {
            number: begun.number,
            failure: round.failure,
            counts: round.counts,
            ended: Some(now),
            took: begun
                .at
                .map_or(Duration::ZERO, |at| now.steady.saturating_duration_since(at)),
            last_good: if is_good { Some(now) } else { before.last_good },
            failures: before.failures.saturating_add(u64::from(!is_good)),
            swaps: before.swaps.saturating_add(u64::from(round.has_swapped)),
            frozen: round.frozen,
        }
    }

    /// Tells that it has ended, and what came of it.
    pub(super) fn end(&self, round: Round) {
        self.ended.send_replace(round);
    }

    /// Returns why the last reload could not read the root.
    pub(super) fn last_failure(&self) -> Option<Arc<str>> {
        self.ended.borrow().failure.clone()
    }
}

/// What a reload knows of its own end.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) failure: Option<Arc<str>>,
    pub(super) counts: Counts,
    pub(super) has_swapped: bool,
    pub(super) frozen: Arc<[String]>,
}
