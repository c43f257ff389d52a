//! The configuration of the daemon, checked: what [`run`](crate::server::run) is told. How it comes about, from options,
//! environment and file, is the matter of [`settings`](crate::server::settings) and
//! [`effective`](crate::server::effective).

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::rpc::encode::Detail;
use crate::store::reload::ReloadConfig;

/// Holds the configuration of the daemon, checked.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Where it listens, by name; none of them is off.
    pub listeners: Vec<Listener>,
    /// What is loaded.
    pub reload: ReloadConfig,
    /// Whether to go on if the first reload leaves nothing to serve.
    pub start_degraded: bool,
    /// The clock of requests that name no time.
    pub now: fn() -> Timestamp,
    /// The profile for requests that name none.
    pub default_profile: Option<String>,
    /// How many threads decide.
    pub threads: usize,
    /// How many connections for gRPC there may be at once.
    pub connections_max: usize,
    /// How old a connection for gRPC may become, about; without it as old as it likes.
    pub connection_age: Option<Duration>,
    /// How long the daemon serves on after it has said NOT_SERVING.
    pub grace: Duration,
    /// How long requests in flight are waited for at the end.
    pub drain: Duration,
    /// The largest request in bytes.
    pub message_bytes_max: usize,
}

/// Holds one place where the daemon listens.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it is called in the configuration, the log and the metrics.
    pub name: String,
    /// What is served there.
    pub serves: Serves,
    /// Where it is.
    pub address: Address,
    /// What callers may do.
    pub allow: Vec<Call>,
    /// How much answers explain.
    pub detail: Detail,
    /// The permissions of a Unix socket.
    pub mode: Mode,
    /// The owner of a Unix socket; the user of the daemon if nothing is said.
    pub owner: Option<Owner>,
    /// What it proves who it is with; without it connections are in the clear.
    pub tls: Option<TlsFiles>,
    /// Who may call; without it anybody who can connect.
    pub auth: Option<Auth>,
}

/// Names the files of TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities that client certificates must come from; without it clients show none.
    pub client_ca: Option<PathBuf>,
}

/// Says who may call, and what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// A token whose bearer may call whatever the listener allows.
    pub token: Option<Secret>,
    /// A file of callers.
    pub callers: Option<PathBuf>,
    /// Names in certificates, and what their owners may call.
    pub names: BTreeMap<String, Vec<Call>>,
}

/// Says what a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Serves {
    /// Decisions and administration.
    Grpc,
    /// Metrics and probes.
    Http,
    /// `grpc.health.v1` alone.
    Health,
}

/// Says what a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Ask for decisions.
    Decide,
    /// Read what is served, and watch it.
    Status,
    /// Make the daemon look at its files.
    Administer,
}

/// Says where a listener is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// An address and a port; port 0 takes any free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

/// Says that a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("is no address: write it like `127.0.0.1:7420`, `[::1]:7420`, `unix:/run/placet.sock` or `off`")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if text == "off" {
            return Ok(Self::Off);
        }
        match text.strip_prefix("unix:") {
            Some("") => Err(NoAddress),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| NoAddress),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}

/// Names the owner of a Unix socket: a user and a group, by name or number; what is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner {
    /// The user.
    pub user: Option<String>,
    /// The group.
    pub group: Option<String>,
}

/// Says that a text is no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no owner: write `user`, `user:group` or `:group`")]
pub struct NoOwner;

impl TryFrom<String> for Owner {
    type Error = NoOwner;

    fn try_from(text: String) -> Result<Self, NoOwner> {
        let (user, group) = text.split_once(':').unwrap_or((&text, ""));
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let owner = Self {
            user: part(user),
            group: part(group),
        };
        if group.contains(':') || (owner.user.is_none() && owner.group.is_none()) {
            return Err(NoOwner);
        }
        Ok(owner)
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        let user = owner.user.unwrap_or_default();
        owner
            .group
            .map_or_else(|| user.clone(), |group| format!("{user}:{group}"))
    }
}

/// Holds the permission bits of a Unix socket, as octal digits on the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(pub u32);

/// Says that a text is no mode.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("is no mode: write three octal digits, as in `\"660\"`")]
pub struct NoMode;

impl TryFrom<String> for Mode {
    type Error = NoMode;

    fn try_from(text: String) -> Result<Self, NoMode> {
        let is_octal =
            (3..=4).contains(&text.len()) && text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        let bits = u32::from_str_radix(&text, 8).ok().filter(|bits| *bits <= 0o777);
        bits.filter(|_| is_octal).map(Self).ok_or(NoMode)
    }
}

impl Default for Mode {
    /// Lets the owner and the group connect.
    fn default() -> Self {
        Self(0o660)
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        format!("{:03o}", mode.0)
    }
}

/// Holds what nobody may read over somebody's shoulder: it is never written out, neither to the log nor by
/// `--print-config`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

/// What stands where a secret would.
pub const MASK: &str = "<masked>";

impl Secret {
    /// Returns what is secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_read() {
        for text in [
            "127.0.0.1:7420",
            "[::1]:0",
            "unix:/run/placet.sock",
            "unix:placet.sock",
            "off",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "",
            "7420",
            "localhost:7420",
            "unix:",
            "/run/placet.sock",
            "127.0.0.1",
            "OFF",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }

    #[test]
    fn modes_are_octal_digits() {
        for (text, bits) in [("660", 0o660), ("0600", 0o600), ("777", 0o777)] {
            assert_eq!(Mode::try_from(text.to_owned()), Ok(Mode(bits)));
        }
        for text in ["", "66", "668", "+60", "1777", "00660"] {
            assert_eq!(Mode::try_from(text.to_owned()), Err(NoMode), "{text}");
        }
    }

    #[test]
    fn owners_are_users_and_groups() {
        for text in ["www", "www:cms", ":1000"] {
            assert_eq!(String::from(Owner::try_from(text.to_owned()).unwrap()), text);
        }
        for text in ["", ":", "a:b:c"] {
            assert_eq!(Owner::try_from(text.to_owned()), Err(NoOwner), "{text}");
        }
    }

    #[test]
    fn secrets_are_never_written() {
        let secret = Secret("hush".to_owned());
        assert_eq!(format!("{secret:?}"), MASK);
        assert_eq!(serde_json::to_value(&secret).unwrap(), MASK);
        assert_eq!(secret.reveal(), "hush");
    }
}
