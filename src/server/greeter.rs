//! Who takes connections in: one thread that stands at all doors for gRPC, and hands guests to the threads that serve them.
//!
//! A guest is handed on when he has said his first word: his handshake is done where TLS is spoken, and something has come
//! where it is not. So whatever strangers do at the door, connecting in masses, saying nothing, beginning handshakes, costs
//! this thread its time and none of those who are being served; and as it takes in no more than so many guests in a second, it
//! leaves the processors to the others too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::server::door::Hall;
use crate::server::listen::pause_after;
use crate::server::tally::Leaving;
use crate::server::threads::Habits;
use crate::server::tls::{Identity, names_of};
use crate::vocab::limits::{ACCEPTS_PER_SECOND_MAX, HANDSHAKE_TIME_MAX};

/// Where guests come from, and which threads they are handed to.
pub(super) struct Gate {
    /// The listener.
    pub(super) hall: Arc<Hall>,
    /// Its socket.
    pub(super) socket: Either<std::net::TcpListener, std::os::unix::net::UnixListener>,
    /// The threads.
    pub(super) hands: Vec<mpsc::Sender<Guest>>,
}

/// A client that has said his first word.
pub(super) struct Guest {
    /// The way to him.
    pub(super) stream: Parked,
    /// The names in his certificate.
    pub(super) names: Vec<String>,
    /// When he came.
    pub(super) arrived: Instant,
    /// Counts him out.
    pub(super) leaving: Leaving,
}

type Socket = Either<TcpStream, UnixStream>;
type ParkedSocket = Either<std::net::TcpStream, std::os::unix::net::UnixStream>;

/// A connection that no runtime knows, on its way from one thread to another.
pub(super) enum Parked {
    /// In the clear.
    Clear(ParkedSocket),
    /// Encrypted: what was agreed upon, and the socket apart from it.
    Encrypted(Box<TlsStream<Seat>>, ParkedSocket),
}

/// A connection that the runtime of this thread knows.
pub(super) type Stream = Either<Socket, TlsStream<Seat>>;

impl Parked {
    /// Makes the connection known to the runtime of this thread.
    pub(super) fn resume(self) -> io::Result<Stream> {
        match self {
            Self::Clear(socket) => Ok(Either::Left(register(socket)?)),
            Self::Encrypted(mut stream, socket) => {
                stream.get_mut().0.0 = Some(register(socket)?);
                Ok(Either::Right(*stream))
            }
        }
    }
}

fn register(socket: ParkedSocket) -> io::Result<Socket> {
    Ok(match socket {
        Either::Left(socket) => Either::Left(TcpStream::from_std(socket)?),
        Either::Right(socket) => Either::Right(UnixStream::from_std(socket)?),
    })
}

fn park(socket: Socket) -> io::Result<ParkedSocket> {
    Ok(match socket {
        Either::Left(socket) => Either::Left(socket.into_std()?),
        Either::Right(socket) => Either::Right(socket.into_std()?),
    })
}

/// The place of a socket, which is empty while the connection changes its thread.
#[derive(Debug)]
pub(super) struct Seat(Option<Socket>);

impl Seat {
    fn socket(self: Pin<&mut Self>) -> io::Result<Pin<&mut Socket>> {
        let socket = self.get_mut().0.as_mut();
        socket
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Seat {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.socket() {
            Ok(socket) => socket.poll_read(context, buffer),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Seat {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.socket() {
            Ok(socket) => socket.poll_write(context, bytes),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket() {
            Ok(socket) => socket.poll_flush(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket() {
            Ok(socket) => socket.poll_shutdown(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.socket() {
            Ok(socket) => socket.poll_write_vectored(context, buffers),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

/// Starts the thread; it ends when connections are no more taken in.
pub(super) fn start(gates: Vec<Gate>, habits: Habits) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("placet-greet".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                for gate in gates {
                    tokio::spawn(gate.stand(habits.clone()));
                }
                habits.manners.closing.cancelled().await;
            });
        })?;
    Ok(())
}

enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Without it an answer waits for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                Ok(Either::Left(stream))
            }
            Self::Unix(listener) => Ok(Either::Right(listener.accept().await?.0)),
        }
    }
}

impl Gate {
    async fn stand(self, habits: Habits) {
        let Self { hall, socket, hands } = self;
        let listening = match socket {
            Either::Left(socket) => TcpListener::from_std(socket).map(Listening::Tcp),
            Either::Right(socket) => UnixListener::from_std(socket).map(Listening::Unix),
        };
        let listening = match listening {
            Ok(listening) => listening,
            Err(error) => {
                tracing::error!(listener = %hall.name, %error, "cannot listen");
                return;
            }
        };
        let hands = Arc::new(hands);
        let mut pace = Pace::default();
        let mut next = 0_usize;
        while let Some(accepted) = unless(&habits.manners.closing, listening.accept()).await {
            match accepted {
                Ok(socket) => {
                    next = next.wrapping_add(1);
                    welcome(socket, &hall, &habits, Arc::clone(&hands), next);
                    pace.step().await;
                }
                Err(error) => pause_after(&error, &hall.name, &habits.seldom).await,
            }
        }
    }
}

/// Lets a guest in if there is room, and waits for his first word beside all others.
fn welcome(
    socket: Socket,
    hall: &Arc<Hall>,
    habits: &Habits,
    hands: Arc<Vec<mpsc::Sender<Guest>>>,
    turn: usize,
) {
    let counts = &hall.tally.grpc;
    let leaving = counts.enter();
    if counts.open.get() > habits.connections_max {
        counts.turned_away.up();
        if habits.seldom.is_due() {
            let connections = habits.connections_max;
            tracing::warn!(listener = %hall.name, connections, "too many connections, new ones are closed");
        }
        return;
    }
    let hall = Arc::clone(hall);
    tokio::spawn(async move {
        let arrived = Instant::now();
        let greeting = tokio::time::timeout(HANDSHAKE_TIME_MAX, greet(socket, hall.identity.as_deref()));
        let (stream, names) = match greeting.await {
            Ok(Ok(Some(greeted))) => greeted,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                hall.tally.grpc.failed_handshakes.up();
                tracing::debug!(listener = %hall.name, %error, "handshake failed");
                return;
            }
            Err(_) => {
                hall.tally.grpc.failed_handshakes.up();
                tracing::debug!(listener = %hall.name, "handshake took too long");
                return;
            }
        };
        let guest = Guest {
            stream,
            names,
            arrived,
            leaving,
        };
        hand_over(guest, &hands, turn).await;
    });
}

/// Waits for the first word; returns the connection and the names in the certificate, or nothing if the client went away.
async fn greet(socket: Socket, identity: Option<&Identity>) -> io::Result<Option<(Parked, Vec<String>)>> {
    let Some(identity) = identity else {
        match &socket {
            Either::Left(socket) => {
                if socket.peek(&mut [0]).await? == 0 {
                    return Ok(None);
                }
            }
            Either::Right(socket) => socket.readable().await?,
        }
        return Ok(Some((Parked::Clear(park(socket)?), Vec::new())));
    };
    let acceptor = TlsAcceptor::from(identity.config());
    let mut stream = acceptor.accept(Seat(Some(socket))).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let names = certificates
        .and_then(|chain| chain.first())
        .map(names_of)
        .unwrap_or_default();
    let socket = stream.get_mut().0.0.take();
    let socket = socket.ok_or(io::ErrorKind::NotConnected)?;
    Ok(Some((Parked::Encrypted(Box::new(stream), park(socket)?), names)))
}

/// Hands a guest to the thread whose turn it is, or to one that has time.
async fn hand_over(mut guest: Guest, hands: &[mpsc::Sender<Guest>], turn: usize) {
    let Some(first) = turn.checked_rem(hands.len()) else {
        return;
    };
    let (before, after) = hands.split_at(first);
    for hand in after.iter().chain(before) {
        match hand.try_send(guest) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => {
                guest = back
            }
        }
    }
    if let Some(hand) = after.first() {
        let _ = hand.send(guest).await;
    }
}

/// Keeps how many connections are taken within its bound, and leaves their backlog to the system.
#[derive(Debug)]
struct Pace {
    /// How many may be taken at once.
    left: u64,
    since: Instant,
}

/// How many may be taken at once by whoever was at rest: a tenth of those of a second.
const AT_ONCE: u64 = ACCEPTS_PER_SECOND_MAX / 10;

/// How long it rests when it has taken too many.
const REST: Duration = Duration::from_millis(2);

impl Default for Pace {
    fn default() -> Self {
        Self {
            left: AT_ONCE,
            since: Instant::now(),
        }
    }
}

impl Pace {
    /// Counts a connection, and rests if there are too many.
    async fn step(&mut self) {
        while !self.take(Instant::now()) {
            tokio::time::sleep(REST).await;
        }
    }

    /// Takes one of those that are left, if there is one at this moment.
    fn take(&mut self, now: Instant) -> bool {
        if self.left == 0 {
            let passed = now.saturating_duration_since(self.since).as_millis();
            let earned = u64::try_from(passed)
                .unwrap_or(u64::MAX)
                .saturating_mul(ACCEPTS_PER_SECOND_MAX)
                / 1000;
            if earned == 0 {
                return false;
            }
            self.left = earned.min(AT_ONCE);
            self.since = now;
        }
        self.left -= 1;
        true
    }
}

/// Waits for something unless the end comes first.
pub(super) async fn unless<T>(closing: &CancellationToken, something: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = closing.cancelled() => None,
        done = something => Some(done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_second_it_takes_no_more_than_it_may_and_a_few_at_once() {
        let mut pace = Pace::default();
        let begun = pace.since;
        let mut taken = 0;
        // A flood: somebody waits in each of the thousand milliseconds, always.
        for millisecond in 0..1000 {
            while pace.take(begun + Duration::from_millis(millisecond)) {
                taken += 1;
            }
        }
        let (least, most) = (ACCEPTS_PER_SECOND_MAX, ACCEPTS_PER_SECOND_MAX + AT_ONCE);
        assert!((least..=most).contains(&taken), "{taken}");
        // Whoever comes after a rest is not held up.
        let later = begun + Duration::from_secs(60);
        assert!((0..AT_ONCE).all(|_| pace.take(later)));
        assert!(!pace.take(later));
    }
}
