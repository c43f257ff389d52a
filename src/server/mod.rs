//! The room `server`: the daemon's outer shell, from the bound socket to the last request.
//!
//! **In** come a checked configuration ([`config`]) and a signal to stop; what the daemon does in between is served by the
//! services that [`services`] registers, the one place that lists them.
//!
//! What holds here:
//!
//! * The daemon listens before it has loaded anything, and says NOT_SERVING until the first good version is published.
//! * A start without any good profile fails, unless `--start-degraded` is set; later nothing that happens on disk can end
//!   the daemon.
//! * To stop means: say NOT_SERVING, take no more connections, let requests in flight finish, and not wait longer than was
//!   configured.
//! * No request can take the daemon down, hold it for ever, or be answered CANCELLED where it failed: see `layers.rs`.
//!
//! Read [`run`] first.

pub mod config;
pub mod effective;
pub mod health;
mod layers;
pub mod metrics;
pub mod services;
pub mod settings;
pub mod settings_file;
pub mod settings_print;
pub mod shutdown;
mod side;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Server, TcpIncoming};

use crate::server::config::{Address, Listener, ServeConfig, Serves};
use crate::server::health::{Health, HealthService};
use crate::server::layers::Guard;
use crate::server::metrics::{MetricsPage, Sources};
use crate::server::services::{Daemon, Services};
use crate::server::settings::BUILTIN;
use crate::server::side::{Pages, Side};
use crate::source::diagnostic::did_you_mean;
use crate::store::PolicyStore;
use crate::store::reload::Reloader;
use crate::store::rounds::Stopped;
use crate::store::watch::{self, WatchConfig, WatchError};
use crate::vocab::limits;

/// Says why the daemon cannot start, or why it ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on `{address}`, the address of the listener `{listener}`")]
    Bind {
        /// The name of the listener.
        listener: String,
        /// The address as configured.
        address: Address,
        /// What the system said.
        source: std::io::Error,
    },
    /// The watcher has no thread.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A thread cannot be had.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The process cannot receive signals.
    #[error("cannot receive signals")]
    Signals(#[source] std::io::Error),
    /// The profiles root cannot be read, for the reason given.
    #[error("{0}")]
    Root(Arc<str>),
    /// All profiles are broken.
    #[error("no profile in `{}` can be served", .0.display())]
    NoProfile(PathBuf),
    /// The default profile does not exist.
    #[error("there is no profile `{id}` that could be the default one")]
    UnknownDefault {
        /// The id as configured.
        id: String,
        /// The id that was probably meant.
        near: Option<String>,
    },
    /// The server broke down.
    #[error("the server failed")]
    Server(#[source] Box<dyn Error + Send + Sync>),
}

impl ServeError {
    /// Returns what to do about it, if that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Bind { listener, source, .. } => Some(help_with_address(listener, source)),
            Self::Root(_) => {
                Some("say where the profiles are with `--profiles` (`PLACET_PROFILES`)".to_owned())
            }
            Self::NoProfile(root) => Some(format!(
                "`placet validate {}` tells what is wrong with each",
                root.display()
            )),
            Self::UnknownDefault { near, .. } => near.as_ref().map(|near| format!("did you mean `{near}`?")),
            Self::Watch(_) | Self::Thread(_) | Self::Signals(_) | Self::Server(_) => None,
        }
    }
}

fn help_with_address(listener: &str, error: &std::io::Error) -> String {
    let option = BUILTIN.iter().find(|(name, ..)| *name == listener);
    let way = option.map_or_else(
        || format!("in the table `[listener.{listener}]` of the configuration file"),
        |(_, _, _, id)| {
            let long = id.replace('_', "-");
            format!("with `--{long}` (`PLACET_{}`)", id.to_uppercase())
        },
    );
    let kind = error.kind();
    if kind == std::io::ErrorKind::AddrInUse {
        return format!(
            "something listens there already, perhaps another placet: stop it, or choose another address {way}; port 0 \
             takes any that is free"
        );
    }
    if kind == std::io::ErrorKind::PermissionDenied {
        return format!("this user may not: take a port from 1024 on, or another path, {way}");
    }
    format!("choose an address of this machine {way}")
}

impl From<Stopped> for ServeError {
    fn from(stopped: Stopped) -> Self {
        Self::Server(Box::new(stopped))
    }
}

/// Tells the daemon to end.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Ends it after the requests in flight.
    pub soon: CancellationToken,
    /// Ends it without waiting for them any longer.
    pub now: CancellationToken,
}

/// Runs the daemon until it is told to stop.
pub async fn run(config: ServeConfig, stop: Stop) -> Result<(), ServeError> {
    let started = Instant::now();
    let sockets = bind(&config).await?;
    let store = Arc::new(PolicyStore::new(config.default_profile.as_deref()));
    let (reloader, rounds) = Reloader::new(config.reload.clone(), Arc::clone(&store));
    let watch = watch::run(WatchConfig::new(&config.reload.root), reloader)?;
    let hangups = shutdown::reload_on_hangup(watch.inlet(), rounds.clone(), Arc::clone(&store));
    let hangups = hangups.map_err(ServeError::Signals)?;

    let daemon = Daemon {
        store: Arc::clone(&store),
        rounds: rounds.clone(),
        inlet: watch.inlet(),
        stopping: stop.soon.clone(),
        started_at: Timestamp::now(),
        calls: Arc::default(),
        message_bytes_max: config.message_bytes_max,
    };
    let (health, health_service) = Health::start().await;
    // Cancelled later than `stop`: first the world hears that we stop, then no more connections are taken.
    let closing = CancellationToken::new();
    let mut servers = JoinSet::new();
    for (listener, socket) in sockets {
        let services =
            services::register(&daemon, listener, health_service.clone()).map_err(ServeError::Server)?;
        let address = socket
            .local_addr()
            .map_err(|source| bind_error(listener, source))?;
        spawn_server(&mut servers, socket, services, closing.clone());
        tracing::info!(listener = listener.name, %address, "listening");
    }

    // Dropped last, so that probes are answered to the end.
    let _side = start_side(&config, &daemon, &health, &health_service, started)?;

    let started = tokio::select! {
        first = rounds.first() => {
            check_start(&config, &store, first?.failure).or_else(|error| excuse(&config, error))
        }
        () = stop.soon.cancelled() => Ok(()),
    };
    let result = match started {
        Ok(()) => tokio::select! {
            () = health.follow(&store, &stop.soon) => Ok(()),
            ended = servers.join_next() => return Err(server_failure(ended)),
        },
        Err(error) => Err(error),
    };
    let drain = if result.is_ok() {
        config.drain
    } else {
        Duration::ZERO
    };
    stop.soon.cancel();
    health.stop().await;
    closing.cancel();
    tokio::select! {
        drained = drain_servers(servers, health, drain) => drained?,
        () = stop.now.cancelled() => tracing::warn!("stopped with requests in flight"),
    }
    hangups.abort();
    // The reload thread is not waited for: it may be in the middle of a long load, and holds nothing that could be lost.
    drop(watch);
    result
}

/// Starts what is served beside the decisions.
fn start_side(
    config: &ServeConfig,
    daemon: &Daemon,
    health: &Health,
    health_service: &HealthService,
    started: Instant,
) -> Result<Side, ServeError> {
    let metrics = MetricsPage::new(Sources {
        store: Arc::clone(&daemon.store),
        calls: Arc::clone(&daemon.calls),
        reloads: Arc::clone(&config.reload.counts),
        started,
        clock: config.reload.clock.clone(),
        rounds: daemon.rounds.clone(),
    });
    let pages = Pages {
        health: health.clone(),
        metrics: Arc::new(metrics),
    };
    Side::start(config, &pages, health_service)
}

/// Tells whether the first reload leaves anything to serve.
fn check_start(
    config: &ServeConfig,
    store: &PolicyStore,
    failure: Option<Arc<str>>,
) -> Result<(), ServeError> {
    if let Some(reason) = failure {
        return Err(ServeError::Root(reason));
    }
    let published = store.current();
    if let Some(id) = &config.default_profile
        && !published.entries().contains_key(id.as_str())
    {
        let ids = published.entries().keys().map(|id| &**id);
        let near = did_you_mean(id, ids).map(str::to_owned);
        return Err(ServeError::UnknownDefault { id: id.clone(), near });
    }
    if !published.is_serving() {
        return Err(ServeError::NoProfile(config.reload.root.clone()));
    }
    let (profiles, default) = (
        published.entries().len(),
        published.default_id().map_or("", |id| id),
    );
    tracing::info!(profiles, default, "ready");
    Ok(())
}

/// Takes the addresses of all listeners for gRPC.
async fn bind(config: &ServeConfig) -> Result<Vec<(&Listener, TcpListener)>, ServeError> {
    let mut sockets = Vec::new();
    for listener in config
        .listeners
        .iter()
        .filter(|listener| listener.serves == Serves::Grpc)
    {
        if let Address::Tcp(address) = &listener.address {
            let socket = TcpListener::bind(address).await;
            sockets.push((listener, socket.map_err(|source| bind_error(listener, source))?));
        }
    }
    Ok(sockets)
}

/// Lets the daemon start without anything to serve if it was told to; it says NOT_SERVING until there is something.
fn excuse(config: &ServeConfig, error: ServeError) -> Result<(), ServeError> {
    if !config.start_degraded {
        return Err(error);
    }
    tracing::error!(
        error = &error as &dyn Error,
        "started without a profile that can be served"
    );
    Ok(())
}

fn bind_error(listener: &Listener, source: std::io::Error) -> ServeError {
    ServeError::Bind {
        listener: listener.name.clone(),
        address: listener.address.clone(),
        source,
    }
}

type Running = JoinSet<Result<(), tonic::transport::Error>>;

fn spawn_server(running: &mut Running, socket: TcpListener, services: Services, closing: CancellationToken) {
    let incoming = TcpIncoming::from(socket).with_nodelay(Some(true));
    let server = Server::builder()
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(limits::RESET_STREAMS_MAX))
        .http2_max_local_error_reset_streams(Some(limits::RESET_STREAMS_MAX))
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_PATIENCE));
    let guarded = Guard::new(services.prepare());
    running.spawn(async move {
        server
            .serve_with_incoming_shutdown(guarded, incoming, closing.cancelled_owned())
            .await
    });
}

/// Waits for the requests in flight, at most as long as configured.
async fn drain_servers(mut servers: Running, health: Health, drain: Duration) -> Result<(), ServeError> {
    // Streams of health end only now: while requests drain, a watcher shall hear NOT_SERVING and not an ended stream.
    health.close().await;
    let all = async {
        while let Some(ended) = servers.join_next().await {
            if !matches!(ended, Ok(Ok(()))) {
                return Err(server_failure(Some(ended)));
            }
        }
        Ok(())
    };
    match tokio::time::timeout(drain, all).await {
        Ok(ended) => ended,
        Err(_) => {
            servers.abort_all();
            tracing::warn!(seconds = drain.as_secs_f64(), "stopped with requests in flight");
            Ok(())
        }
    }
}

fn server_failure(
    ended: Option<Result<Result<(), tonic::transport::Error>, tokio::task::JoinError>>,
) -> ServeError {
    match ended {
        None | Some(Ok(Ok(()))) => ServeError::Server("it ended by itself".into()),
        Some(Ok(Err(error))) => ServeError::Server(Box::new(error)),
        Some(Err(error)) => ServeError::Server(Box::new(error)),
    }
}
