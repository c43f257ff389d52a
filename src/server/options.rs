//! The options of listeners, as written and as checked: an address for decisions, a socket beside it, and an address for
//! administration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::rpc::encode::Detail;
use crate::server::listener::{Calls, ListenerConfig, Owner, Place, TlsFiles, UnixPlace};
use crate::vocab::limits::{CONNECTION_AGE_SECONDS_MAX, CONNECTIONS_MAX};

/// Holds the options of listeners as written.
#[derive(Clone, Debug, Args)]
pub struct ListenArgs {
    /// What may be called at `--listen` and `--socket`: any of decide, status, administer
    #[arg(
        long,
        value_name = "CALLS",
        env = "PLACET_LISTEN_CALLS",
        default_value = "decide"
    )]
    pub listen_calls: Calls,

    /// Unix socket for gRPC, beside the address
    #[arg(long, value_name = "PATH", env = "PLACET_SOCKET")]
    pub socket: Option<PathBuf>,

    /// Permissions of the socket, octal
    #[arg(long, value_name = "MODE", env = "PLACET_SOCKET_MODE", default_value = "660", value_parser = parse_mode)]
    pub socket_mode: u32,

    /// Owner of the socket: `user`, `user:group` or `:group`, by name or number
    #[arg(long, value_name = "OWNER", env = "PLACET_SOCKET_OWNER")]
    pub socket_owner: Option<Owner>,

    /// Address for administration and status, or `off`
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PLACET_ADMIN_LISTEN",
        default_value = "127.0.0.1:7423"
    )]
    pub admin_listen: AdminPlace,

    /// Certificate in PEM, with those between it and its root: TLS at both addresses; read again when it changes
    #[arg(
        long,
        value_name = "FILE",
        env = "PLACET_TLS_CERTIFICATE",
        requires = "tls_key"
    )]
    pub tls_certificate: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "PLACET_TLS_KEY",
        requires = "tls_certificate"
    )]
    pub tls_key: Option<PathBuf>,

    /// Authorities in PEM that the certificates of clients must come from: mutual TLS
    #[arg(
        long,
        value_name = "FILE",
        env = "PLACET_TLS_CLIENT_CA",
        requires = "tls_certificate"
    )]
    pub tls_client_ca: Option<PathBuf>,

    /// File of those who may call at the addresses, by token or certificate; read again when it changes
    #[arg(long, value_name = "FILE", env = "PLACET_CALLERS")]
    pub callers: Option<PathBuf>,

    /// How much decisions explain: none (effect and reason), code (and ids of rules), full (everything)
    #[arg(long, value_name = "DETAIL", env = "PLACET_DETAIL", default_value = "full", value_parser = parse_detail)]
    pub detail: Detail,

    /// Connections at once; the next one is closed
    #[arg(long, value_name = "COUNT", env = "PLACET_CONNECTIONS", default_value_t = 4_096,
          value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX as u64))]
    pub connections: u64,

    /// Seconds after which a connection is asked to end, give or take a tenth, so that clients spread anew; 0: never
    #[arg(long, value_name = "SECONDS", env = "PLACET_CONNECTION_AGE_SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(..=CONNECTION_AGE_SECONDS_MAX))]
    pub connection_age_seconds: u64,
}

/// Says where administration is served, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPlace {
    /// Nowhere.
    Off,
    /// At an address.
    At(SocketAddr),
}

impl std::str::FromStr for AdminPlace {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At)
    }
}

impl ListenArgs {
    /// Returns the listeners that the options ask for; `listen` is the address of decisions.
    pub fn check(&self, listen: SocketAddr) -> Vec<ListenerConfig> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: self.tls_client_ca.clone(),
            }),
            (None, _) | (_, None) => None,
        };
        let tcp = |name: &str, address, calls| ListenerConfig {
            name: name.into(),
            place: Place::Tcp(address),
            calls,
            detail: self.detail,
            tls: tls.clone(),
            callers: self.callers.clone(),
        };
        let mut listeners = vec![tcp("grpc", listen, self.listen_calls)];
        // Who may use the socket is said by its owner and mode.
        listeners.extend(self.socket.as_ref().map(|path| ListenerConfig {
            name: "socket".into(),
            place: Place::Unix(UnixPlace {
                path: path.clone(),
                mode: self.socket_mode,
                owner: self.socket_owner.clone(),
            }),
            calls: self.listen_calls,
            detail: self.detail,
            tls: None,
            callers: None,
        }));
        if let AdminPlace::At(address) = self.admin_listen {
            listeners.push(tcp("admin", address, Calls::STATUS.and(Calls::ADMINISTER)));
        }
        listeners
    }

    /// Returns how old connections may become.
    pub fn connection_age(&self) -> Option<Duration> {
        (self.connection_age_seconds > 0).then(|| Duration::from_secs(self.connection_age_seconds))
    }
}

fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        Ok(_) | Err(_) => Err("write permissions as `chmod` has them, such as 660".to_owned()),
    }
}

fn parse_detail(text: &str) -> Result<Detail, String> {
    match text {
        "none" => Ok(Detail::None),
        "code" => Ok(Detail::Code),
        "full" => Ok(Detail::Full),
        _ => Err("it is none, code or full".to_owned()),
    }
}
