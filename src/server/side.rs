//! The thread beside the ones that decide: HTTP with metrics and probes, and health over gRPC for probes from outside. Whatever
//! happens here, decisions do not wait for it; and probes are answered while decisions are at their limit.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::server::config::{Address, Listener, ServeConfig, Serves};
use crate::server::connection::{self, About, Manners};
use crate::server::health::{Health, HealthService};
use crate::server::listen;
use crate::server::metrics::{MetricsPage, PageForm};
use crate::server::tally::{Connections, Page, PageCounts, Seldom, Tally};
use crate::server::{ServeError, bind_error};
use crate::vocab::limits::{
    HEADER_BYTES_MAX, HTTP_CONNECTION_TIME_MAX, HTTP_CONNECTIONS_MAX, HTTP_HEAD_TIME_MAX,
};

/// Holds what the pages are made of.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// What probes are told.
    pub(super) health: Health,
    /// The metrics.
    pub(super) metrics: Arc<MetricsPage>,
    /// What is counted of connections.
    pub(super) tally: Arc<Tally>,
    /// What is counted of requests.
    pub(super) requests: Arc<PageCounts>,
}

/// The thread, while it runs.
#[derive(Debug)]
pub(super) struct Side {
    closing: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Side {
    /// Takes the addresses and starts to serve them.
    ///
    /// # Errors
    ///
    /// A [`ServeError`] if an address cannot be had, or no thread.
    pub(super) fn start(
        config: &ServeConfig,
        pages: &Pages,
        health: &HealthService,
    ) -> Result<Self, ServeError> {
        let mut sockets = Vec::new();
        for listener in config
            .listeners
            .iter()
            .filter(|listener| listener.serves != Serves::Grpc)
        {
            let socket = bind(listener).map_err(|source| bind_error(listener, source))?;
            let address = socket
                .local_addr()
                .map_err(|source| bind_error(listener, source))?;
            tracing::info!(listener = listener.name, %address, "listening");
            sockets.push((listener.name.as_str().into(), listener.serves, socket));
        }
        let closing = CancellationToken::new();
        if sockets.is_empty() {
            return Ok(Self {
                closing,
                thread: None,
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Thread)?;
        let (pages, health, closed) = (pages.clone(), health.clone(), closing.clone());
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve_all(sockets, pages, health) => {}
                    () = closed.cancelled() => {}
                }
            });
        };
        let thread = thread::Builder::new()
            .name("placet-side".to_owned())
            .spawn(serve)
            .map_err(ServeError::Thread)?;
        Ok(Self {
            closing,
            thread: Some(thread),
        })
    }
}

impl Drop for Side {
    /// Stops at once: probes and scrapes come again.
    fn drop(&mut self) {
        self.closing.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for HTTP had panicked");
        }
    }
}

fn bind(listener: &Listener) -> io::Result<TcpListener> {
    match &listener.address {
        Address::Tcp(address) => listen::bind_tcp(*address),
        // The configuration is checked.
        Address::Unix(_) | Address::Off => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn serve_all(sockets: Vec<(Arc<str>, Serves, TcpListener)>, pages: Pages, health: HealthService) {
    let tally = Arc::clone(&pages.tally);
    let router = router(pages);
    let routes = Routes::new(health);
    let mut servers = JoinSet::new();
    for (name, serves, socket) in sockets {
        let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
            tracing::error!("a listener was lost before it began");
            continue;
        };
        match serves {
            Serves::Http => {
                let counts = Arc::clone(&tally.http);
                let (router, counted) = (router.clone(), Arc::clone(&counts));
                let serve = move |stream| serve_http(stream, router.clone(), Arc::clone(&counted));
                servers.spawn(receive(socket, name, counts, serve));
            }
            Serves::Health | Serves::Grpc => {
                let counts = Arc::clone(&tally.health);
                let (routes, counted, of) = (routes.clone(), Arc::clone(&counts), Arc::clone(&name));
                let serve = move |stream| {
                    let about = About {
                        name: Arc::clone(&of),
                        counts: Arc::clone(&counted),
                        arrived: Instant::now(),
                        conduct: None,
                    };
                    serve_health(stream, routes.clone(), about)
                };
                servers.spawn(receive(socket, name, counts, serve));
            }
        };
    }
    while servers.join_next().await.is_some() {}
}

/// Takes connections in, and serves so many at once; the next one waits until another one has ended.
async fn receive<F>(
    socket: tokio::net::TcpListener,
    name: Arc<str>,
    counts: Arc<Connections>,
    serve: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let seldom = Seldom::default();
    loop {
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                listen::pause_after(&error, &name, &seldom).await;
                continue;
            }
        };
        let leaving = counts.enter();
        while connections.try_join_next().is_some() {}
        let permit = match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                counts.delayed.up();
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                    return;
                };
                permit
            }
        };
        let _ = stream.set_nodelay(true);
        let serving = serve(stream);
        connections.spawn(async move {
            serving.await;
            drop((permit, leaving));
        });
    }
}

async fn serve_health(stream: TcpStream, routes: Routes, about: About) {
    // Whoever stops the thread ends its connections.
    let manners = Manners {
        closing: CancellationToken::new(),
        age: None,
    };
    connection::converse(stream, TowerToHyperService::new(routes), about, manners).await;
}

async fn serve_http(stream: TcpStream, router: Router, counts: Arc<Connections>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEAD_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What a client does wrong here is its own affair.
    if let Ok(Err(error)) = tokio::time::timeout(HTTP_CONNECTION_TIME_MAX, connection).await
        && (error.is_timeout() || error.is_parse())
    {
        counts.failed_handshakes.up();
    }
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/readyz/{profile}", get(profile_ready))
        .layer(from_fn_with_state(Arc::clone(&pages.requests), count))
        .with_state(pages)
}

/// Counts a request, and forbids that its answer is kept.
async fn count(State(requests): State<Arc<PageCounts>>, request: Request, next: Next) -> Response {
    let page = Page::of(request.uri().path());
    let mut response = next.run(request).await;
    requests.add(page, response.status().as_u16());
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let form = PageForm::accepted(accept.unwrap_or_default());
    match pages.metrics.write(form) {
        Ok(page) => ([(CONTENT_TYPE, form.media_type())], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Tells what the empty name of `grpc.health.v1` tells.
async fn ready(State(pages): State<Pages>) -> Response {
    if pages.health.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// Tells what `profile/<id>` of `grpc.health.v1` tells.
async fn profile_ready(State(pages): State<Pages>, Path(id): Path<String>) -> Response {
    match pages.health.is_profile_ready(&id) {
        None => (StatusCode::NOT_FOUND, "unknown\n").into_response(),
        Some(true) => "ready\n".into_response(),
        Some(false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The clock stands still while something happens, and leaps where everybody waits.
    #[tokio::test(start_paused = true)]
    async fn a_connection_for_http_ends_however_busy_it_is() {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, _) = socket.accept().await.unwrap();
        let router = Router::new().route("/", get(|| async { "ok\n" }));
        let begun = tokio::time::Instant::now();
        let serving = tokio::spawn(serve_http(stream, router, Arc::default()));
        let mut asked = 0_u64;
        let mut answer = [0; 1024];
        while client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .is_ok()
            && matches!(client.read(&mut answer).await, Ok(1..))
        {
            asked += 1;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        serving.await.unwrap();
        let lived = begun.elapsed();
        assert!(
            lived >= HTTP_CONNECTION_TIME_MAX,
            "{lived:?} after {asked} requests"
        );
        assert!(
            lived < HTTP_CONNECTION_TIME_MAX + Duration::from_secs(6),
            "{lived:?}"
        );
        assert!(asked >= HTTP_CONNECTION_TIME_MAX.as_secs() / 6, "{asked}");
    }
}
