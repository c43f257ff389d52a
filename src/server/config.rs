//! The configuration of the daemon: as written on the command line or in the environment, and as checked.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::observe::logging::LogFormat;
use crate::store::reload::ReloadConfig;
use crate::vocab::limits::{DRAIN_SECONDS_MAX, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, STALE_SECONDS_MAX};

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

    /// Forget a profile when its directory is removed, instead of serving its last version as stale
    #[arg(long, env = "PLACET_ALLOW_REMOVAL")]
    pub allow_removal: bool,

    /// Seconds for which a profile whose files are broken or gone is served as it last was; without this option for ever
    #[arg(long, value_name = "SECONDS", env = "PLACET_MAX_STALE",
          value_parser = clap::value_parser!(u64).range(1..=STALE_SECONDS_MAX))]
    pub max_stale: Option<u64>,

    /// Start without any good profile, NOT_SERVING, and wait for one
    #[arg(long, env = "PLACET_START_DEGRADED")]
    pub start_degraded: bool,

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
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// What is loaded.
    pub reload: ReloadConfig,
    /// Whether to go on if the first reload leaves nothing to serve.
    pub start_degraded: bool,
    /// The profile for requests that name none.
    pub default_profile: Option<String>,
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
        reload.max_stale = self.max_stale.map(Duration::from_secs);
        ServeConfig {
            listen: self.listen,
            reload,
            start_degraded: self.start_degraded,
            default_profile: default_profile.filter(|id| !id.is_empty()).map(str::to_owned),
            drain: Duration::from_secs(self.drain_seconds),
            message_bytes_max: usize::try_from(self.message_bytes).unwrap_or(usize::MAX),
        }
    }
}
