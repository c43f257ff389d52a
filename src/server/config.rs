//! The configuration of the daemon: as written on the command line or in the environment, and as checked.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::observe::logging::LogFormat;
use crate::server::listener::ListenerConfig;
use crate::server::options::ListenArgs;
use crate::store::reload::ReloadConfig;
use crate::vocab::limits::{
    CONNECTIONS_MAX, DRAIN_SECONDS_MAX, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, THREADS_MAX,
};

/// Holds the options of `placet serve` as written.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address for gRPC; port 0 takes any free one, which the log then names
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PLACET_LISTEN",
        default_value = "127.0.0.1:7420"
    )]
    pub listen: SocketAddr,

    /// Threads that decide; each serves connections of its own
    #[arg(long, value_name = "COUNT", env = "PLACET_THREADS", default_value_t = 1,
          value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX as u64))]
    pub threads: u64,

    /// Where else, to whom and how it is served
    #[command(flatten)]
    pub listeners: ListenArgs,

    /// Forget a profile when its directory is removed, instead of serving its last version as stale
    #[arg(long, env = "PLACET_ALLOW_REMOVAL")]
    pub allow_removal: bool,

    /// Seconds between saying NOT_SERVING and taking no more connections, for load balancers to notice
    #[arg(long, value_name = "SECONDS", env = "PLACET_GRACE_SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=DRAIN_SECONDS_MAX))]
    pub grace_seconds: u64,

    /// Seconds that requests in flight have to finish when the daemon is told to stop
    #[arg(long, value_name = "SECONDS", env = "PLACET_DRAIN_SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(..=DRAIN_SECONDS_MAX))]
    pub drain_seconds: u64,

    /// Largest request in bytes
    #[arg(long, value_name = "BYTES", env = "PLACET_MESSAGE_BYTES", default_value_t = 4 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX))]
    pub message_bytes: u32,

    /// How log lines look
    #[arg(
        long,
        value_name = "FORMAT",
        env = "PLACET_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,

    /// From which level on things are logged: error, warn, info, debug, trace, also by part (`info,placet::store=debug`)
    #[arg(long, value_name = "LEVEL", env = "PLACET_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Holds the configuration of the daemon, checked.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where gRPC is served, to whom, and what of it; the first one is the address of the daemon.
    pub listeners: Vec<ListenerConfig>,
    /// How many threads decide.
    pub threads: usize,
    /// How many connections there may be at once.
    pub connections_max: usize,
    /// How old a connection may become, about; without it as old as it likes.
    pub connection_age: Option<Duration>,
    /// What is loaded.
    pub reload: ReloadConfig,
    /// The profile for requests that name none.
    pub default_profile: Option<String>,
    /// How long the daemon serves on after it has said NOT_SERVING.
    pub grace: Duration,
    /// How long requests in flight are waited for at the end.
    pub drain: Duration,
    /// The largest request.
    pub message_bytes_max: usize,
}

impl ServeArgs {
    /// Checks the options; `profiles` is the profiles root.
    pub fn check(&self, profiles: &Path, default_profile: Option<&str>) -> ServeConfig {
        let mut reload = ReloadConfig::new(profiles);
        reload.allow_removal = self.allow_removal;
        ServeConfig {
            listeners: self.listeners.check(self.listen),
            threads: usize::try_from(self.threads).unwrap_or(1),
            connections_max: usize::try_from(self.listeners.connections).unwrap_or(CONNECTIONS_MAX),
            connection_age: self.listeners.connection_age(),
            reload,
            default_profile: default_profile.filter(|id| !id.is_empty()).map(str::to_owned),
            grace: Duration::from_secs(self.grace_seconds),
            drain: Duration::from_secs(self.drain_seconds),
            message_bytes_max: usize::try_from(self.message_bytes).unwrap_or(usize::MAX),
        }
    }
}
