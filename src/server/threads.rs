//! Who serves: threads that decide, each with a runtime of its own, and the runtime of everything else.
//!
//! A thread that decides does nothing else: loading, watching, administration and signals live elsewhere, and connections are
//! handed to it when they have been taken in and greeted (`greeter.rs`). No two threads that decide ever wait for each other.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::calls::Calls;
use crate::server::connection::{self, Manners};
use crate::server::door::Hall;
use crate::server::greeter::{self, Gate, Guest, unless};
use crate::server::listen::{Bound, SocketFile};
use crate::server::tally::Seldom;

/// How many connections wait for a thread.
const HANDED_MAX: usize = 64;

/// After how many steps a thread that decides looks who has written: few enough that a client is not overlooked while another
/// one keeps the thread busy.
const STEPS: u32 = 31;

/// Says how connections are taken and end.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// How connections live and end.
    pub(super) manners: Manners,
    /// Cancelled when nobody waits for them any more.
    pub(super) abandon: CancellationToken,
    /// How many connections there may be in all.
    pub(super) connections_max: u64,
    /// Keeps the log readable when accepting fails.
    pub(super) seldom: Arc<Seldom>,
}

/// Threads and tasks that serve.
#[derive(Debug)]
pub(super) struct Crew {
    /// Sends nothing; it ends when all have.
    busy: mpsc::Receiver<()>,
    /// Sockets that are to be removed in the end.
    _files: Vec<SocketFile>,
}

impl Crew {
    /// Begins to serve every hall at its place. Where decisions are served, `threads` threads share it.
    pub(super) fn start(halls: Vec<(Arc<Hall>, Bound)>, threads: usize, habits: &Habits) -> io::Result<Self> {
        let (sign, busy) = mpsc::channel(1);
        let mut seats: Vec<Vec<Seat>> = (0..threads).map(|_| Vec::new()).collect();
        let (mut others, mut gates, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for (hall, bound) in halls {
            let decides = hall.calls.include(Calls::DECIDE);
            let chosen: Vec<_> = if decides {
                seats.iter_mut().collect()
            } else {
                vec![&mut others]
            };
            let mut hands = Vec::new();
            for seat in chosen {
                let (hand, guests) = mpsc::channel(HANDED_MAX);
                hands.push(hand);
                seat.push((Arc::clone(&hall), guests));
            }
            let socket = match bound {
                Bound::Tcp(socket) => Either::Left(socket),
                Bound::Unix(socket, file) => {
                    files.push(file);
                    Either::Right(socket)
                }
            };
            gates.push(Gate { hall, socket, hands });
        }
        for (number, seat) in seats.into_iter().enumerate() {
            let (habits, sign) = (habits.clone(), sign.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .event_interval(STEPS)
                .enable_all()
                .build()?;
            thread::Builder::new()
                .name(format!("placet-decide-{number}"))
                .spawn(move || {
                    runtime.block_on(serve(seat, habits));
                    drop(sign);
                })?;
        }
        let other_habits = habits.clone();
        tokio::spawn(async move {
            serve(others, other_habits).await;
            drop(sign);
        });
        greeter::start(gates, habits.clone())?;
        Ok(Self { busy, _files: files })
    }

    /// Waits until all have ended.
    pub(super) async fn ended(&mut self) {
        while self.busy.recv().await.is_some() {}
    }
}

/// The connections of one listener that are handed to one thread.
type Seat = (Arc<Hall>, mpsc::Receiver<Guest>);

/// Serves whoever is handed over until the end, and then until all of them have ended or are abandoned.
async fn serve(seats: Vec<Seat>, habits: Habits) {
    let tracker = TaskTracker::new();
    for (hall, guests) in seats {
        tracker.spawn(receive(hall, guests, habits.clone(), tracker.clone()));
    }
    habits.manners.closing.cancelled().await;
    tracker.close();
    tokio::select! {
        () = tracker.wait() => {}
        () = habits.abandon.cancelled() => {}
    }
}

/// Takes guests in one at a time: whoever is served already comes first.
async fn receive(hall: Arc<Hall>, mut guests: mpsc::Receiver<Guest>, habits: Habits, tracker: TaskTracker) {
    while let Some(Some(guest)) = unless(&habits.manners.closing, guests.recv()).await {
        tracker.spawn(connection::serve(
            guest,
            Arc::clone(&hall),
            habits.manners.clone(),
        ));
        tokio::task::yield_now().await;
    }
}
