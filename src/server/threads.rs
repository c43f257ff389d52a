//! Who serves: threads that decide, each with a runtime of its own, and the runtime of everything else.
//!
//! A thread that decides does nothing else: loading, watching, administration and signals live elsewhere. Each has a socket of its
//! own for every address, over which the system spreads connections; those of a Unix socket are handed out in turn. No two
//! threads ever wait for each other.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::calls::Calls;
use crate::server::connection::{self, Manners};
use crate::server::door::Hall;
use crate::server::listen::{Bound, SocketFile, is_exhausted};
use crate::server::tally::Seldom;

/// How many connections wait for a thread.
const HANDED_MAX: usize = 64;

/// How long accepting pauses when it fails for a reason that does not pass by itself.
const PAUSE: Duration = Duration::from_millis(100);

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

/// Where the connections of one listener come from, for one thread.
enum Entrance {
    Tcp(TcpListener),
    Handed(mpsc::Receiver<UnixStream>),
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
        let mut seats: Vec<Vec<(Arc<Hall>, Entrance)>> = (0..threads).map(|_| Vec::new()).collect();
        let mut others = Vec::new();
        let mut files = Vec::new();
        for (hall, bound) in halls {
            let decides = hall.calls.include(Calls::DECIDE);
            let mut chosen: Vec<_> = if decides {
                seats.iter_mut().collect()
            } else {
                vec![&mut others]
            };
            match bound {
                Bound::Tcp(sockets) => {
                    for (seat, socket) in chosen.into_iter().zip(sockets) {
                        seat.push((Arc::clone(&hall), Entrance::Tcp(socket)));
                    }
                }
                Bound::Unix(listener, file) => {
                    files.push(file);
                    let mut hands = Vec::new();
                    for seat in &mut chosen {
                        let (sender, receiver) = mpsc::channel(HANDED_MAX);
                        hands.push(sender);
                        seat.push((Arc::clone(&hall), Entrance::Handed(receiver)));
                    }
                    let listener = tokio::net::UnixListener::from_std(listener)?;
                    tokio::spawn(hand_out(listener, hands, hall, habits.clone()));
                }
            }
        }
        for (number, seat) in seats.into_iter().enumerate() {
            let (habits, sign) = (habits.clone(), sign.clone());
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            thread::Builder::new()
                .name(format!("placet-decide-{number}"))
                .spawn(move || {
                    runtime.block_on(serve(seat, habits));
                    drop(sign);
                })?;
        }
        let habits = habits.clone();
        tokio::spawn(async move {
            serve(others, habits).await;
            drop(sign);
        });
        Ok(Self { busy, _files: files })
    }

    /// Waits until all have ended.
    pub(super) async fn ended(&mut self) {
        while self.busy.recv().await.is_some() {}
    }
}

/// Serves entrances until they are closed, and the connections until these have ended or are abandoned.
async fn serve(entrances: Vec<(Arc<Hall>, Entrance)>, habits: Habits) {
    let tracker = TaskTracker::new();
    for (hall, entrance) in entrances {
        let guests = Guests {
            hall,
            habits: habits.clone(),
            tracker: tracker.clone(),
        };
        tracker.spawn(async move {
            match entrance {
                Entrance::Tcp(socket) => guests.receive(socket).await,
                Entrance::Handed(hand) => guests.receive_handed(hand).await,
            }
        });
    }
    habits.manners.closing.cancelled().await;
    tracker.close();
    tokio::select! {
        () = tracker.wait() => {}
        () = habits.abandon.cancelled() => {}
    }
}

/// Takes connections in.
#[derive(Clone)]
struct Guests {
    hall: Arc<Hall>,
    habits: Habits,
    tracker: TaskTracker,
}

impl Guests {
    async fn receive(self, socket: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(socket) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(listener = %self.hall.name, %error, "cannot listen");
                return;
            }
        };
        let closing = self.habits.manners.closing.clone();
        while let Some(accepted) = unless(&closing, listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    // Without it an answer waits for the acknowledgement of the one before.
                    let _ = stream.set_nodelay(true);
                    self.welcome(stream);
                }
                Err(error) => complain(&error, &self.hall, &self.habits).await,
            }
        }
    }

    async fn receive_handed(self, mut hand: mpsc::Receiver<UnixStream>) {
        let closing = self.habits.manners.closing.clone();
        while let Some(Some(stream)) = unless(&closing, hand.recv()).await {
            if let Ok(stream) = tokio::net::UnixStream::from_std(stream) {
                self.welcome(stream);
            }
        }
    }

    fn welcome<T>(&self, stream: T)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tally = &self.hall.tally;
        tally.accepted.up();
        if tally.open.up() >= self.habits.connections_max {
            tally.open.down();
            tally.turned_away.up();
            if self.habits.seldom.is_due() {
                let connections = self.habits.connections_max;
                tracing::warn!(listener = %self.hall.name, connections, "too many connections, new ones are closed");
            }
            return;
        }
        let leaving = Leaving(Arc::clone(&self.hall));
        let (hall, manners) = (Arc::clone(&self.hall), self.habits.manners.clone());
        self.tracker.spawn(async move {
            let _leaving = leaving;
            connection::serve(stream, hall, manners).await;
        });
    }
}

/// Counts a connection out, however it ends.
struct Leaving(Arc<Hall>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.tally.open.down();
    }
}

/// Hands connections out, to one thread after the other.
async fn hand_out(
    listener: tokio::net::UnixListener,
    hands: Vec<mpsc::Sender<UnixStream>>,
    hall: Arc<Hall>,
    habits: Habits,
) {
    let mut next = 0_usize;
    while let Some(accepted) = unless(&habits.manners.closing, listener.accept()).await {
        let stream = accepted.and_then(|(stream, _)| stream.into_std());
        match stream {
            Ok(stream) => {
                next = next.wrapping_add(1);
                let hand = hands.get(next.checked_rem(hands.len()).unwrap_or_default());
                if let Some(hand) = hand
                    && hand.send(stream).await.is_err()
                {
                    return;
                }
            }
            Err(error) => complain(&error, &hall, &habits).await,
        }
    }
}

/// Waits for something unless the end comes first.
async fn unless<T>(closing: &CancellationToken, something: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = closing.cancelled() => None,
        done = something => Some(done),
    }
}

async fn complain(error: &io::Error, hall: &Hall, habits: &Habits) {
    // Whoever went away while he waited is no trouble of ours.
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    if habits.seldom.is_due() {
        let help = if is_exhausted(error) {
            "no descriptor is left: let the process have more (`ulimit -n`, `LimitNOFILE=`), or fewer `--connections`"
        } else {
            ""
        };
        tracing::error!(listener = %hall.name, %error, help, "cannot accept connections");
    }
    tokio::time::sleep(PAUSE).await;
}
