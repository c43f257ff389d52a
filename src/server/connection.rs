//! One connection: its handshakes, its requests, and its end.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::server::door::{Door, Hall};
use crate::server::tls::names_of;
use crate::vocab::limits;

/// Says how connections live and end.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    /// Cancelled when connections shall finish what they have begun and end.
    pub(super) closing: CancellationToken,
    /// How old a connection may become, about.
    pub(super) age: Option<Duration>,
}

/// Serves a connection to its end.
pub(super) async fn serve<T>(stream: T, hall: Arc<Hall>, manners: Manners)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(identity) = &hall.identity else {
        return serve_clear(stream, Door::new(Arc::clone(&hall), Vec::new()), hall, manners).await;
    };
    let accepting = TlsAcceptor::from(identity.config()).accept(stream);
    let stream = match tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, accepting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            hall.tally.failed_handshakes.up();
            tracing::debug!(listener = %hall.name, %error, "handshake failed");
            return;
        }
        Err(_) => {
            hall.tally.failed_handshakes.up();
            tracing::debug!(listener = %hall.name, "handshake took too long");
            return;
        }
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let names = certificates
        .and_then(|chain| chain.first())
        .map(names_of)
        .unwrap_or_default();
    serve_clear(stream, Door::new(Arc::clone(&hall), names), hall, manners).await;
}

async fn serve_clear<T>(stream: T, door: Door, hall: Arc<Hall>, manners: Manners)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let greeted = Arc::new(AtomicBool::new(false));
    let stream = Listened {
        inner: stream,
        heard: 0,
        greeted: Arc::clone(&greeted),
    };
    let (drain, mut draining) = oneshot::channel();
    let (cut, mut cutting) = oneshot::channel();
    // Times and signals are a task of their own: the connection itself is woken for each packet and asks for nothing else.
    let _attendant = AbortOnDropHandle::new(tokio::spawn(attend(
        Arc::clone(&hall),
        greeted,
        manners,
        drain,
        cut,
    )));
    let mut connection = pin!(http2().serve_connection(TokioIo::new(stream), door));
    let mut is_draining = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(listener = %hall.name, %error, "connection failed");
                }
                return;
            }
            order = &mut draining, if !is_draining => {
                is_draining = true;
                if order.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
            order = &mut cutting => {
                if let Ok(why) = order {
                    tracing::debug!(listener = %hall.name, why, "connection is cut");
                }
                return;
            }
        }
    }
}

/// Tells a connection when to finish, and cuts it where it does not even begin.
async fn attend(
    hall: Arc<Hall>,
    greeted: Arc<AtomicBool>,
    manners: Manners,
    drain: oneshot::Sender<()>,
    cut: oneshot::Sender<&'static str>,
) {
    let Manners { closing, age } = manners;
    let early = tokio::select! {
        () = closing.cancelled() => true,
        () = tokio::time::sleep(limits::HANDSHAKE_TIME_MAX) => false,
    };
    if !greeted.load(Ordering::Relaxed) {
        hall.tally.failed_handshakes.up();
        let _ = cut.send("the client does not speak HTTP/2, or too slowly");
        return;
    }
    if !early {
        let aged = async {
            match age {
                Some(age) => tokio::time::sleep(spread(age)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closing.cancelled() => {}
            () = aged => {
                let _ = drain.send(());
                tokio::select! {
                    // The daemon has a limit of its own for its end.
                    () = closing.cancelled() => std::future::pending().await,
                    () = tokio::time::sleep(limits::AGED_TIME_MAX) => {
                        let _ = cut.send("it is old, and does not end");
                    }
                }
                return;
            }
        }
    }
    let _ = drain.send(());
    // Whoever holds the other ends must not take this for an order.
    std::future::pending::<()>().await;
    drop(cut);
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

/// A stream that notices when enough has come for the beginning of HTTP/2.
struct Listened<T> {
    inner: T,
    heard: usize,
    greeted: Arc<AtomicBool>,
}

/// The preface, and the head of the settings that must follow it.
const GREETING_BYTES: usize = 24 + 9;

impl<T: AsyncRead + Unpin> AsyncRead for Listened<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(context, buffer);
        if self.heard < GREETING_BYTES {
            self.heard += buffer.filled().len() - before;
            if self.heard >= GREETING_BYTES {
                self.greeted.store(true, Ordering::Relaxed);
            }
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Listened<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    /// No: a connection that writes pieces together sends each answer from a quarter of a kibibyte on by a call of its own. This
    /// one gathers answers up to a kibibyte, of which many leave at once.
    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_live_about_as_long_as_they_may() {
        let ages: Vec<_> = (0..100).map(|_| spread(Duration::from_secs(1000))).collect();
        let (least, most) = (Duration::from_secs(900), Duration::from_secs(1100));
        assert!(ages.iter().all(|age| (least..=most).contains(age)), "{ages:?}");
        assert!(ages.iter().any(|age| age != &ages[0]));
    }
}
