//! One connection that has been taken in: the beginning of HTTP/2, its requests, and its end.

use std::error::Error;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, BufWriter, ReadBuf, Take};
use tokio::sync::oneshot;
use tokio::time::Sleep;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::codegen::http::{Request, Response};

use crate::server::conduct::Conduct;
use crate::server::door::{Door, Hall};
use crate::server::greeter::Guest;
use crate::server::tally::Connections;
use crate::vocab::limits;

/// Says how connections live and end.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    /// Cancelled when connections shall finish what they have begun and end.
    pub(super) closing: CancellationToken,
    /// How old a connection may become, about.
    pub(super) age: Option<Duration>,
}

/// Serves a connection for gRPC to its end.
pub(super) async fn serve(guest: Guest, hall: Arc<Hall>, manners: Manners) {
    let Guest {
        stream,
        names,
        arrived,
        leaving,
    } = guest;
    let stream = match stream.resume() {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(listener = %hall.name, %error, "connection is lost");
            return;
        }
    };
    let conduct = Arc::new(Conduct::new(Arc::clone(&hall.ledger)));
    let about = About {
        name: Arc::clone(&hall.name),
        counts: Arc::clone(&hall.tally.grpc),
        arrived,
        conduct: Some(Arc::clone(&conduct)),
    };
    let door = Door::new(hall, names, conduct);
    match stream {
        Either::Left(stream) => converse(stream, door, about, manners).await,
        Either::Right(stream) => converse(stream, door, about, manners).await,
    }
    drop(leaving);
}

/// Says which connection it is.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// What the log calls the listener.
    pub(super) name: Arc<str>,
    /// What is counted of its connections.
    pub(super) counts: Arc<Connections>,
    /// When it was accepted.
    pub(super) arrived: Instant,
    /// How the client behaves, where his bad manners could harm others.
    pub(super) conduct: Option<Arc<Conduct>>,
}

/// Speaks HTTP/2 with a client, and lets a service answer him.
pub(super) async fn converse<T, S, B>(stream: T, service: S, about: About, manners: Manners)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let greeted = Arc::new(AtomicBool::new(false));
    let turn_is_over = Arc::new(AtomicBool::new(false));
    let stream = Listened {
        inner: BufWriter::with_capacity(WRITTEN_AT_ONCE, stream).take(0),
        heard: 0,
        since_turn: 0,
        turn_is_over: Arc::clone(&turn_is_over),
        greeted: Arc::clone(&greeted),
        conduct: about.conduct.clone(),
        counts: Arc::clone(&about.counts),
        rest: None,
    };
    let (name, counts) = (Arc::clone(&about.name), Arc::clone(&about.counts));
    let (drain, mut draining) = oneshot::channel();
    let (cut, mut cutting) = oneshot::channel();
    // Times and signals are a task of their own: the connection itself is woken for each packet and asks for nothing else.
    let _attendant = AbortOnDropHandle::new(tokio::spawn(attend(
        about,
        Arc::clone(&greeted),
        manners,
        drain,
        cut,
    )));
    let mut connection = pin!(Turns {
        inner: http2().serve_connection(TokioIo::new(stream), service),
        turn_is_over,
    });
    let mut is_draining = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    if !greeted.load(Ordering::Relaxed) {
                        counts.failed_handshakes.up();
                    }
                    tracing::debug!(listener = %name, %error, "connection failed");
                }
                return;
            }
            order = &mut draining, if !is_draining => {
                is_draining = true;
                if order.is_ok() {
                    Pin::new(&mut connection.inner).graceful_shutdown();
                }
            }
            order = &mut cutting => {
                if let Ok(why) = order {
                    tracing::debug!(listener = %name, why, "connection is cut");
                }
                return;
            }
        }
    }
}

/// Tells a connection when to finish, and cuts it where it does not even begin.
async fn attend(
    about: About,
    greeted: Arc<AtomicBool>,
    manners: Manners,
    drain: oneshot::Sender<()>,
    cut: oneshot::Sender<&'static str>,
) {
    let Manners { closing, age } = manners;
    let mut aged = pin!(async {
        match age {
            Some(age) => tokio::time::sleep_until((about.arrived + spread(age)).into()).await,
            None => std::future::pending().await,
        }
    });
    let early = tokio::select! {
        () = closing.cancelled() => Some(Order::Close),
        () = &mut aged => Some(Order::Age),
        () = tokio::time::sleep_until((about.arrived + limits::HANDSHAKE_TIME_MAX).into()) => None,
    };
    if !greeted.load(Ordering::Relaxed) {
        about.counts.failed_handshakes.up();
        let _ = cut.send("the client does not speak HTTP/2, or too slowly");
        return;
    }
    let order = match early {
        Some(order) => order,
        None => tokio::select! {
            () = closing.cancelled() => Order::Close,
            () = &mut aged => Order::Age,
        },
    };
    let _ = drain.send(());
    match order {
        Order::Age => tokio::select! {
            // The daemon has a limit of its own for its end.
            () = closing.cancelled() => std::future::pending().await,
            () = tokio::time::sleep(limits::AGED_TIME_MAX) => {
                let _ = cut.send("it is old, and does not end");
            }
        },
        Order::Close => {
            // Whoever holds the other end must not take its loss for an order.
            std::future::pending::<()>().await;
            drop(cut);
        }
    }
}

/// Why a connection shall finish.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// The daemon ends.
    Close,
    /// It is old.
    Age,
}

/// Returns about so much time, so that connections that began together do not end together.
fn spread(age: Duration) -> Duration {
    let thousandths = 900 + RandomState::new().hash_one(age) % 201;
    age / 1000 * u32::try_from(thousandths).unwrap_or(1000)
}

fn http2() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .max_header_list_size(limits::HEADER_BYTES_READ_MAX)
        .max_pending_accept_reset_streams(limits::RESET_STREAMS_MAX)
        .max_local_error_reset_streams(limits::RESET_STREAMS_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits::KEEPALIVE_EVERY)
        .keep_alive_timeout(limits::KEEPALIVE_PATIENCE);
    builder
}

/// A connection that has a turn whenever it is woken. Within one, HTTP/2 asks again and again whether something has come, even
/// when it heard that the turn is over: what begins then would never end while a client sends more.
struct Turns<C> {
    inner: C,
    turn_is_over: Arc<AtomicBool>,
}

impl<C: Future + Unpin> Future for Turns<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<C::Output> {
        self.turn_is_over.store(false, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll(context)
    }
}

/// A stream that notices when enough has come for the beginning of HTTP/2, that lets others have their turn when much has come at
/// once, so that a client who sends without end keeps nobody waiting, and that rests when what came was good for nothing.
struct Listened<T> {
    /// What is written is gathered until HTTP/2 has nothing more to say at this moment: an answer is three frames, and a long one
    /// would be sent in three pieces.
    inner: Take<BufWriter<T>>,
    heard: usize,
    since_turn: u64,
    turn_is_over: Arc<AtomicBool>,
    greeted: Arc<AtomicBool>,
    conduct: Option<Arc<Conduct>>,
    counts: Arc<Connections>,
    /// Ends when it may be read again.
    rest: Option<Pin<Box<Sleep>>>,
}

/// What HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The preface, and the head of the settings that must follow it.
const GREETING_BYTES: usize = PREFACE.len() + 9;

/// How much of a connection is read before it is the turn of the others: of the smallest streams some hundreds.
const TURN_BYTES: u64 = 8 * 1024;

/// How much is gathered at most before it is written.
const WRITTEN_AT_ONCE: usize = 16 * 1024;

impl<T> Listened<T> {
    /// Counts what has come of the greeting, and notices when it is whole.
    fn hear(&mut self, words: &[u8]) {
        for byte in words.iter().take(GREETING_BYTES - self.heard) {
            if PREFACE.get(self.heard).is_some_and(|expected| expected != byte) {
                // It is none, and never becomes one.
                self.heard = GREETING_BYTES;
                return;
            }
            self.heard += 1;
        }
        if self.heard == GREETING_BYTES {
            self.greeted.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until a client that owes too much may be heard again.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.rest.is_none()
            && let Some(time) = self.conduct.as_ref().and_then(|conduct| conduct.rest())
        {
            self.counts.slowed.up();
            self.rest = Some(Box::pin(tokio::time::sleep(time)));
        }
        match &mut self.rest {
            Some(rest) => {
                ready!(rest.as_mut().poll(context));
                self.rest = None;
                Poll::Ready(())
            }
            None => Poll::Ready(()),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Listened<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turn_is_over.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        let Some(left) = TURN_BYTES.checked_sub(self.since_turn).filter(|left| *left > 0) else {
            self.since_turn = 0;
            self.turn_is_over.store(true, Ordering::Relaxed);
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        // Within a turn nothing that came has been understood yet, so only the beginning of one shows what a client owes.
        if self.since_turn == 0 {
            ready!(self.poll_rest(context));
        }
        let before = buffer.filled().len();
        self.inner.set_limit(left);
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        match &poll {
            Poll::Ready(_) => {
                let bytes = buffer.filled().len() - before;
                self.since_turn += u64::try_from(bytes).unwrap_or(left);
                if let Some(conduct) = &self.conduct {
                    conduct.hear(bytes);
                }
            }
            // Nothing is left to be read: it is the turn of the others anyway.
            Poll::Pending => self.since_turn = 0,
        }
        if self.heard < GREETING_BYTES {
            self.hear(buffer.filled().get(before..).unwrap_or_default());
        }
        poll
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Listened<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.inner.get_mut()).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_shutdown(context)
    }

    /// No: a connection that writes pieces together sends each answer from a quarter of a kibibyte on by a call of its own. This
    /// one gathers answers up to a kibibyte, of which many leave at once.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::server::conduct::Ledger;

    /// Reads until the turn is over or nothing is left, and returns how much it was.
    fn read_a_turn<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut Listened<T>, room: usize) -> usize {
        stream.turn_is_over.store(false, Ordering::Relaxed);
        let mut bytes = 0;
        loop {
            let mut buffer = vec![0; room];
            let mut buffer = ReadBuf::new(&mut buffer);
            let mut context = Context::from_waker(std::task::Waker::noop());
            match Pin::new(&mut *stream).poll_read(&mut context, &mut buffer) {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => return bytes,
            }
            match buffer.filled().len() {
                0 => return bytes,
                more => bytes += more,
            }
        }
    }

    #[test]
    fn what_comes_in_one_piece_is_understood_before_it_is_owed() {
        let ledger: Arc<Ledger> = Arc::default();
        // Others have wasted all the time that there is for that.
        let other = Conduct::new(Arc::clone(&ledger));
        (0..100_000).for_each(|_| other.forsake());
        assert!(other.rest().is_some());
        for room in [300, 4_000, 8_191, 8_192, 60_000] {
            let conduct = Arc::new(Conduct::new(Arc::clone(&ledger)));
            let mut stream = Listened {
                inner: BufWriter::new(Cursor::new(Vec::new())).take(0),
                heard: 0,
                since_turn: 0,
                turn_is_over: Arc::default(),
                greeted: Arc::default(),
                conduct: Some(Arc::clone(&conduct)),
                counts: Arc::default(),
                rest: None,
            };
            // Two hundred calls, again and again.
            for _ in 0..20 {
                *stream.inner.get_mut().get_mut() = Cursor::new(vec![b'x'; 200 * 260]);
                let mut left = 200 * 260;
                while left > 0 {
                    let bytes = read_a_turn(&mut stream, room);
                    assert!(
                        stream.rest.is_none(),
                        "it rests after {bytes} bytes in reads of {room}"
                    );
                    assert!(
                        (1..=8 * 1024).contains(&bytes),
                        "{bytes} bytes in reads of {room}"
                    );
                    left -= bytes;
                    (0..bytes / 260).for_each(|_| conduct.understand(250));
                }
                (0..200).for_each(|_| conduct.answer());
            }
        }
    }

    #[test]
    fn connections_live_about_as_long_as_they_may() {
        let ages: Vec<_> = (0..100).map(|_| spread(Duration::from_secs(1000))).collect();
        let (least, most) = (Duration::from_secs(900), Duration::from_secs(1100));
        assert!(ages.iter().all(|age| (least..=most).contains(age)), "{ages:?}");
        assert!(ages.iter().any(|age| age != &ages[0]));
    }
}
