//! Every key of the configuration, once: what it is called, what it means, and what holds if nobody sets it.
//!
//! A field of [`Settings`] is a key of the configuration file, an option of `placet serve`, and a variable `PLACET_…`, all
//! named alike: `[log] level`, `--log-level`, `PLACET_LOG_LEVEL`. Its doc comment is the help of the option and the comment
//! that `--print-config` writes; its default stands beside it. Whoever adds a key adds a field here, says in
//! [`Effective::check`](crate::server::effective::Effective::check) which values make sense, and a row in README.
//!
//! Listeners are tables with a name; three of them exist without being written ([`builtin`]), so that options of the command
//! line can speak of them.

#![expect(
    unused_qualifications,
    reason = "the derived code names the type of a table by the path of the field"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use confique::{Config, Layer};
use serde::Serialize;

use crate::observe::logging::LogFormat;
use crate::rpc::encode::Detail;
use crate::server::config::{Address, Call, Mode, Owner, Secret, Serves};

/// Holds every option of the daemon.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(derive(Clone, Debug, clap::Args)))]
pub struct Settings {
    /// Directory that holds one directory per profile, or is a profile itself
    #[config(default = "policies", layer_attr(arg(skip)))]
    pub profiles: PathBuf,

    /// Profile that answers when none is named; if there is only one, it does
    #[config(layer_attr(arg(skip)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_profile: Option<String>,

    /// Forget a profile when its directory is removed, instead of serving its last version as stale
    #[config(
        default = false,
        layer_attr(arg(long, env = "PLACET_ALLOW_REMOVAL", value_name = "YES", num_args = 0..=1, require_equals = true,
                       default_missing_value = "true", value_parser = BoolishValueParser::new()))
    )]
    pub allow_removal: bool,

    /// Seconds for which a profile whose files are broken or gone is served as it last was; without this option for ever
    #[config(layer_attr(arg(long, env = "PLACET_MAX_STALE", value_name = "SECONDS")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_stale: Option<u64>,

    /// Start without any good profile, NOT_SERVING, and wait for one
    #[config(
        default = false,
        layer_attr(arg(long, env = "PLACET_START_DEGRADED", value_name = "YES", num_args = 0..=1, require_equals = true,
                       default_missing_value = "true", value_parser = BoolishValueParser::new()))
    )]
    pub start_degraded: bool,

    /// Threads that decide; each serves connections of its own
    #[config(
        default = 1,
        layer_attr(arg(long, env = "PLACET_THREADS", value_name = "COUNT"))
    )]
    pub threads: u64,

    /// Connections for gRPC at once; the next one is closed
    #[config(
        default = 4_096,
        layer_attr(arg(long, env = "PLACET_CONNECTIONS", value_name = "COUNT"))
    )]
    pub connections: u64,

    /// Seconds after which a connection for gRPC is asked to end, give or take a tenth, so that clients spread anew; 0: never
    #[config(
        default = 0,
        layer_attr(arg(long, env = "PLACET_CONNECTION_AGE_SECONDS", value_name = "SECONDS"))
    )]
    pub connection_age_seconds: u64,

    /// Seconds between saying NOT_SERVING and taking no more connections at the end, for load balancers to notice
    #[config(
        default = 0,
        layer_attr(arg(long, env = "PLACET_GRACE_SECONDS", value_name = "SECONDS"))
    )]
    pub grace_seconds: u64,

    /// Seconds that requests in flight have to finish when the daemon is told to stop
    #[config(
        default = 10,
        layer_attr(arg(long, env = "PLACET_DRAIN_SECONDS", value_name = "SECONDS"))
    )]
    pub drain_seconds: u64,

    /// Largest request in bytes
    #[config(
        default = 4_194_304,
        layer_attr(arg(long, env = "PLACET_MESSAGE_BYTES", value_name = "BYTES"))
    )]
    pub message_bytes: u64,

    /// What is logged, and how
    #[config(nested, layer_attr(command(flatten)))]
    pub log: LogSettings,

    /// Where the daemon listens: tables by name
    #[config(default = {}, layer_attr(arg(skip)))]
    #[serde(skip)]
    pub listener: BTreeMap<String, ListenerLayer>,
}

/// Holds the options of the log.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(derive(Clone, Debug, clap::Args)))]
pub struct LogSettings {
    /// How log lines look
    #[config(
        default = "text",
        layer_attr(arg(
            id = "log_format",
            long = "log-format",
            env = "PLACET_LOG_FORMAT",
            value_name = "FORMAT"
        ))
    )]
    pub format: LogFormat,

    /// From which level on things are logged: error, warn, info, debug, trace, also by part (`info,placet::store=debug`)
    #[config(
        default = "info",
        layer_attr(arg(
            id = "log_level",
            long = "log-level",
            env = "PLACET_LOG_LEVEL",
            value_name = "LEVEL"
        ))
    )]
    pub level: String,
}

/// Holds the options of one listener.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(derive(Clone, Debug)))]
pub struct ListenerSettings {
    /// What is served there: `grpc` (decisions and administration), `http` (`/metrics`, `/healthz`, `/readyz`), or `health`
    /// (`grpc.health.v1` alone, for probes from outside)
    #[config(default = "grpc")]
    pub serves: Serves,

    /// Where: `127.0.0.1:7420`, `[::1]:7420`, `unix:/run/placet/placet.sock`, or `off`; port 0 takes any free one
    pub address: Address,

    /// What callers may do on a listener for gRPC: `decide`, `status` (read what is served), `administer` (reload)
    #[config(default = ["decide"])]
    pub allow: Vec<Call>,

    /// How much answers explain on a listener for gRPC: `none`, `code` (ids of rules), `full` (places, messages, ways out)
    #[config(default = "full")]
    pub detail: Detail,

    /// Who may connect to a Unix socket, as permission bits in octal digits; `"660"` if nothing is said
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// Whose a Unix socket is: `"user"`, `"user:group"` or `":group"`, by name or number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,

    /// How connections are encrypted; not at all without a certificate
    #[config(nested)]
    pub tls: TlsSettings,

    /// How callers prove who they are; everybody who can connect may call if nothing is said
    #[config(nested)]
    pub auth: AuthSettings,
}

/// Holds the options of encryption.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(derive(Clone, Debug)))]
pub struct TlsSettings {
    /// File with the certificate and its chain, in PEM
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,

    /// File with the private key, in PEM
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,

    /// File with the authorities, in PEM, one of which must have signed the certificate of each caller
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

/// Holds the options of authentication.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(derive(Clone, Debug)))]
pub struct AuthSettings {
    /// The one bearer token that callers must send; a file is the better place for it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,

    /// File of callers, a line each: a name, what he may call, and his token or the name in his certificate; read again when
    /// it changes
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callers: Option<PathBuf>,

    /// Names in certificates of callers, and what each may do
    #[config(default = {})]
    pub names: BTreeMap<String, Vec<Call>>,
}

/// Holds those options of a listener that somebody wrote.
pub type ListenerLayer = <ListenerSettings as Config>::Layer;

/// Holds those options that somebody wrote.
pub type SettingsLayer = <Settings as Config>::Layer;

/// Lists the listeners that exist without being written: what they serve, where, and which option sets the address.
pub const BUILTIN: [(&str, Serves, &str, &str); 5] = [
    ("grpc", Serves::Grpc, "127.0.0.1:7420", "listen"),
    ("socket", Serves::Grpc, "off", "socket_listen"),
    ("admin", Serves::Grpc, "127.0.0.1:7423", "admin_listen"),
    ("http", Serves::Http, "127.0.0.1:7421", "http_listen"),
    ("health", Serves::Health, "off", "health_listen"),
];

/// Returns what holds for a listener before anybody writes anything about it.
pub fn builtin(name: &str) -> ListenerLayer {
    let mut layer = ListenerLayer::empty();
    if let Some((_, serves, address, _)) = BUILTIN.iter().find(|(builtin, ..)| *builtin == name) {
        layer.serves = Some(*serves);
        layer.address = address.parse().ok();
    }
    if name == "admin" {
        layer.allow = Some(vec![Call::Status, Call::Administer]);
    }
    layer
}

/// Holds the addresses of the listeners that exist without being written, as options.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Addresses {
    /// Address for gRPC, as `127.0.0.1:7420` or `unix:/run/placet.sock`; port 0 takes any free one, which the log then
    /// names [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS", env = "PLACET_LISTEN")]
    pub listen: Option<Address>,

    /// What callers may do at the address for gRPC: any of decide, status, administer, with commas [default: decide]
    #[arg(
        long,
        value_name = "CALLS",
        env = "PLACET_LISTEN_ALLOW",
        value_delimiter = ','
    )]
    pub listen_allow: Option<Vec<Call>>,

    /// Unix socket for gRPC beside the address, as `unix:/run/placet/placet.sock` [default: off]
    #[arg(long, value_name = "ADDRESS", env = "PLACET_SOCKET_LISTEN")]
    pub socket_listen: Option<Address>,

    /// Address for status and administration over gRPC; `off` for none [default: 127.0.0.1:7423]
    #[arg(long, value_name = "ADDRESS", env = "PLACET_ADMIN_LISTEN")]
    pub admin_listen: Option<Address>,

    /// Address for HTTP: /metrics, /healthz, /readyz; `off` for none [default: 127.0.0.1:7421]
    #[arg(long, value_name = "ADDRESS", env = "PLACET_HTTP_LISTEN")]
    pub http_listen: Option<Address>,

    /// Address where nothing but grpc.health.v1 is served, for probes from outside [default: off]
    #[arg(long, value_name = "ADDRESS", env = "PLACET_HEALTH_LISTEN")]
    pub health_listen: Option<Address>,
}

impl Addresses {
    /// Returns the listeners that the options speak of.
    pub fn layers(&self) -> BTreeMap<String, ListenerLayer> {
        let written = [
            ("grpc", &self.listen),
            ("socket", &self.socket_listen),
            ("admin", &self.admin_listen),
            ("http", &self.http_listen),
            ("health", &self.health_listen),
        ];
        let layer = |(name, address): (&str, &Option<Address>)| {
            let address = address.clone()?;
            let layer = ListenerLayer {
                address: Some(address),
                ..ListenerLayer::empty()
            };
            Some((name.to_owned(), layer))
        };
        let mut layers: BTreeMap<_, _> = written.into_iter().filter_map(layer).collect();
        if let Some(allow) = &self.listen_allow {
            layers
                .entry("grpc".to_owned())
                .or_insert_with(ListenerLayer::empty)
                .allow = Some(allow.clone());
        }
        layers
    }
}
