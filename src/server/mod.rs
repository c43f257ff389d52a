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
//! * No request can take the daemon down, hold it for ever, or be answered CANCELLED where it failed: see `door.rs`.
//! * Threads that decide do nothing else and wait for nobody: see `threads.rs`.
//!
//! Read [`run`] first.

pub(crate) mod callers;
mod calls;
mod conduct;
pub mod config;
mod connection;
mod correlation;
mod door;
pub mod effective;
mod greeter;
mod head;
pub mod health;
mod listen;
pub mod metrics;
mod secrets;
pub mod services;
pub mod settings;
pub mod settings_file;
pub mod settings_print;
pub mod shutdown;
mod side;
pub mod tally;
mod threads;
mod tls;
mod unary;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::server::callers::{CallerBook, CallersError};
use crate::server::calls::Calls;
use crate::server::conduct::Ledger;
use crate::server::config::{Address, Listener, ServeConfig, Serves};
use crate::server::connection::Manners;
use crate::server::door::{Hall, Room};
use crate::server::health::{Health, HealthService};
use crate::server::listen::Bound;
use crate::server::metrics::{MetricsPage, Sources};
use crate::server::secrets::Secrets;
use crate::server::services::{Daemon, Services};
use crate::server::settings::BUILTIN;
use crate::server::side::{Pages, Side};
use crate::server::tally::{PageCounts, Seldom};
use crate::server::threads::{Crew, Habits};
use crate::server::tls::{Identity, TlsError};
use crate::source::diagnostic::did_you_mean;
use crate::store::PolicyStore;
use crate::store::reload::Reloader;
use crate::store::rounds::Stopped;
use crate::store::watch::{self, WatchConfig, WatchError};

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
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of callers cannot be used.
    #[error(transparent)]
    Callers(#[from] CallersError),
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
            Self::Tls(TlsError::Pair { .. }) => {
                Some("give the certificate and the key that was made with it, both whole".to_owned())
            }
            Self::Tls(_) => Some("give PEM files that the daemon may read".to_owned()),
            Self::Callers(CallersError::Line { .. }) => Some(
                "write a line per caller: a name, what he may call (decide,status,administer), and `token:…` or \
                 `cert:…`"
                    .to_owned(),
            ),
            Self::Callers(CallersError::Read { .. }) => Some("give a file that the daemon may read".to_owned()),
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
///
/// # Errors
///
/// A [`ServeError`] if it cannot start, or breaks down.
pub async fn run(config: ServeConfig, stop: Stop) -> Result<(), ServeError> {
    let started = Instant::now();
    if let Some(descriptors) = listen::raise_descriptors() {
        tracing::debug!(descriptors, "limit of descriptors");
    }
    let (bound, secrets) = bind(&config)?;
    let store = Arc::new(PolicyStore::new(config.default_profile.as_deref()));
    let (reloader, rounds) = Reloader::new(config.reload.clone(), Arc::clone(&store));
    let watch = watch::run(WatchConfig::new(&config.reload.root), reloader)?;
    let ask = Arc::new(Notify::new());
    let hangups = shutdown::reload_on_hangup(
        watch.inlet(),
        rounds.clone(),
        Arc::clone(&store),
        Arc::clone(&ask),
    )
    .map_err(ServeError::Signals)?;
    let ageing = tokio::spawn(secrets.clone().follow(ask, stop.soon.clone()));

    let daemon = Daemon {
        store: Arc::clone(&store),
        rounds: rounds.clone(),
        inlet: watch.inlet(),
        stopping: stop.soon.clone(),
        now: config.now,
        started_at: Timestamp::now(),
        calls: Arc::default(),
        tally: Arc::default(),
        message_bytes_max: config.message_bytes_max,
    };
    let (health, health_service) = Health::start().await;
    let services = services::register(&daemon, health_service.clone()).map_err(ServeError::Server)?;
    let habits = habits(&config);
    let halls = furnish(&config, bound, &secrets, &services, &daemon);
    let mut crew = Crew::start(halls, config.threads, &habits).map_err(ServeError::Thread)?;

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
            () = crew.ended() => return Err(ServeError::Server("it ended by itself".into())),
        },
        Err(error) => Err(error),
    };
    let (grace, drain) = if result.is_ok() {
        (config.grace, config.drain)
    } else {
        (Duration::ZERO, Duration::ZERO)
    };
    stop.soon.cancel();
    health.stop().await;
    tokio::select! {
        () = end(crew, health, &habits, grace, drain) => {}
        () = stop.now.cancelled() => tracing::warn!("stopped with requests in flight"),
    }
    habits.abandon.cancel();
    hangups.abort();
    ageing.abort();
    // The reload thread is not waited for: it may be in the middle of a long load, and holds nothing that could be lost.
    drop(watch);
    result
}

fn habits(config: &ServeConfig) -> Habits {
    Habits {
        manners: Manners {
            // Cancelled later than `stop`: first the world hears that we stop, then no more connections are taken.
            closing: CancellationToken::new(),
            age: config.connection_age,
        },
        abandon: CancellationToken::new(),
        connections_max: u64::try_from(config.connections_max).unwrap_or(u64::MAX),
        seldom: Arc::new(Seldom::default()),
    }
}

/// Starts what is served beside the decisions.
fn start_side(
    config: &ServeConfig,
    daemon: &Daemon,
    health: &Health,
    health_service: &HealthService,
    started: Instant,
) -> Result<Side, ServeError> {
    let requests = Arc::new(PageCounts::default());
    let metrics = MetricsPage::new(Sources {
        store: Arc::clone(&daemon.store),
        calls: Arc::clone(&daemon.calls),
        tally: Arc::clone(&daemon.tally),
        pages: Arc::clone(&requests),
        reloads: Arc::clone(&config.reload.counts),
        started,
        clock: config.reload.clock.clone(),
        rounds: daemon.rounds.clone(),
    });
    let pages = Pages {
        health: health.clone(),
        metrics: Arc::new(metrics),
        tally: Arc::clone(&daemon.tally),
        requests,
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

/// Lists the listeners that serve gRPC; health alone is another matter.
fn of_grpc(config: &ServeConfig) -> impl Iterator<Item = &Listener> {
    config
        .listeners
        .iter()
        .filter(|listener| listener.serves == Serves::Grpc)
}

/// Reads secrets and takes all places, so that nothing begins that cannot go on.
fn bind(config: &ServeConfig) -> Result<(Vec<Bound>, Secrets), ServeError> {
    let mut secrets = Secrets::default();
    let mut bound = Vec::with_capacity(config.listeners.len());
    for listener in of_grpc(config) {
        let (name, calls) = (Arc::from(listener.name.as_str()), Calls::of(&listener.allow));
        if let Some(files) = &listener.tls {
            let identity = Arc::new(Identity::open(files)?);
            secrets.identities.push((Arc::clone(&name), identity));
        }
        if let Some(auth) = &listener.auth {
            let book = Arc::new(CallerBook::open(auth, calls)?);
            secrets.books.push((name, book));
        }
        let taken = listen::bind(listener).map_err(|source| bind_error(listener, source))?;
        bound.push(taken);
    }
    Ok((bound, secrets))
}

/// Furnishes a hall for each listener, and says where it is.
fn furnish(
    config: &ServeConfig,
    bound: Vec<Bound>,
    secrets: &Secrets,
    services: &Services,
    daemon: &Daemon,
) -> Vec<(Arc<Hall>, Bound)> {
    let (room, ledger) = (Arc::new(Room::default()), Arc::new(Ledger::default()));
    let of = |listener: &Listener| {
        let name: Arc<str> = listener.name.as_str().into();
        let identity = secrets.identities.iter().find(|(of, _)| *of == name);
        let book = secrets.books.iter().find(|(of, _)| *of == name);
        Hall {
            calls: Calls::of(&listener.allow),
            callers: book.map(|(_, book)| Arc::clone(book)),
            identity: identity.map(|(_, identity)| Arc::clone(identity)),
            service: services.decisions.clone().telling(listener.detail),
            routes: services.routes.clone(),
            message_bytes_max: config.message_bytes_max,
            room: Arc::clone(&room),
            ledger: Arc::clone(&ledger),
            tally: Arc::clone(&daemon.tally),
            counts: Arc::clone(&daemon.calls),
            name,
        }
    };
    let mut halls = Vec::with_capacity(bound.len());
    for (listener, bound) in of_grpc(config).zip(bound) {
        let address = bound.address().unwrap_or_else(|_| listener.address.to_string());
        let hall = of(listener);
        tracing::info!(
            address,
            listener = listener.name,
            calls = %hall.calls,
            tls = listener.tls.is_some(),
            callers = listener.auth.is_some(),
            "listening"
        );
        halls.push((Arc::new(hall), bound));
    }
    halls
}

/// Serves on for a while, takes no more connections, and waits for the requests in flight, at most as long as configured.
async fn end(mut crew: Crew, health: Health, habits: &Habits, grace: Duration, drain: Duration) {
    tokio::time::sleep(grace).await;
    habits.manners.closing.cancel();
    // Streams of health end only now: until then a watcher shall hear NOT_SERVING and not an ended stream.
    health.close().await;
    if tokio::time::timeout(drain, crew.ended()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs_f64(), "stopped with requests in flight");
    }
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
