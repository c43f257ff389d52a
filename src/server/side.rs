//! The thread beside the ones that decide: HTTP with metrics and probes, and health over gRPC for probes from outside. Whatever
//! happens here, decisions do not wait for it; and probes are answered while decisions are at their limit.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Server, TcpIncoming};

use crate::server::config::{Address, Listener, ServeConfig, Serves};
use crate::server::health::{Health, HealthService};
use crate::server::metrics::{MetricsPage, PageForm};
use crate::server::{ServeError, bind_error};
use crate::vocab::limits::{
    HEADER_BYTES_MAX, HEADER_BYTES_READ_MAX, HTTP_CONNECTION_TIME_MAX, HTTP_CONNECTIONS_MAX,
    HTTP_HEAD_TIME_MAX, KEEPALIVE_EVERY, KEEPALIVE_PATIENCE, STREAMS_PER_CONNECTION_MAX,
};

/// Holds what the pages are made of.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// What probes are told.
    pub(super) health: Health,
    /// The metrics.
    pub(super) metrics: Arc<MetricsPage>,
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
            sockets.push((listener.serves, socket));
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
        Address::Tcp(address) => {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        }
        // The configuration is checked.
        Address::Unix(_) | Address::Off => Err(io::ErrorKind::Unsupported.into()),
    }
}

async fn serve_all(sockets: Vec<(Serves, TcpListener)>, pages: Pages, health: HealthService) {
    let router = router(pages);
    let mut servers = JoinSet::new();
    for (serves, socket) in sockets {
        let Ok(socket) = tokio::net::TcpListener::from_std(socket) else {
            tracing::error!("a listener was lost before it began");
            continue;
        };
        match serves {
            Serves::Http => servers.spawn(serve_http(socket, router.clone())),
            Serves::Health | Serves::Grpc => servers.spawn(serve_health(socket, health.clone())),
        };
    }
    while servers.join_next().await.is_some() {}
}

async fn serve_health(socket: tokio::net::TcpListener, health: HealthService) {
    let incoming = TcpIncoming::from(socket).with_nodelay(Some(true));
    let served = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_BYTES_READ_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_PATIENCE))
        .serve_with_incoming(health, incoming)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "health is not served any more");
    }
}

async fn serve_http(socket: tokio::net::TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match socket.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    serve_connection(stream, router).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: it passes when others give theirs back.
                tracing::warn!(%error, "a connection for HTTP is not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEAD_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What a client does wrong here is its own affair.
    let _ = tokio::time::timeout(HTTP_CONNECTION_TIME_MAX, connection).await;
}

fn router(pages: Pages) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/readyz/{profile}", get(profile_ready))
        .layer(from_fn(never_stored))
        .with_state(pages)
}

async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
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
