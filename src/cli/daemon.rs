//! The way to a daemon: where it is, how the connection is encrypted, and who calls.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use thiserror::Error;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};
use zeroize::Zeroizing;

use crate::server::callers::read_secret;

/// Holds the options that say whether a daemon is asked instead of local profiles, and how.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Daemon to ask instead of local profiles, such as `127.0.0.1:7420`
    #[arg(long, value_name = "ADDRESS", env = "PLACET_ADDRESS")]
    pub address: Option<String>,

    /// How that daemon is called.
    #[command(flatten)]
    pub call: CallArgs,
}

impl DaemonArgs {
    /// Returns the address of the daemon and how it is called, if one is asked.
    pub(super) fn at(&self) -> Option<(&str, &CallArgs)> {
        Some((self.address.as_deref()?, &self.call))
    }
}

/// Holds the options that say how a daemon is called.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "How the daemon is called")]
pub struct CallArgs {
    /// Authorities, in PEM, one of which has signed the certificate of the daemon; with it, TLS is spoken
    #[arg(long, value_name = "FILE", env = "PLACET_TLS_CA")]
    pub tls_ca: Option<PathBuf>,

    /// Certificate and chain to show to the daemon, in PEM, where it asks for one (mutual TLS)
    #[arg(long, value_name = "FILE", env = "PLACET_TLS_CERTIFICATE")]
    pub tls_certificate: Option<PathBuf>,

    /// Private key of that certificate, in PEM
    #[arg(long, value_name = "FILE", env = "PLACET_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Name that the certificate of the daemon must have, if that is not the host of its address
    #[arg(long, value_name = "NAME", env = "PLACET_TLS_NAME")]
    pub tls_name: Option<String>,

    /// File with the bearer token to send; the token itself may stand in the variable PLACET_TOKEN
    #[arg(long, value_name = "FILE", env = "PLACET_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,

    /// Whether a token in the variable is left where it is: a call that anybody may make needs none.
    #[arg(skip)]
    pub is_public: bool,
}

/// The variable that may hold a token. There is no such option: everybody may read the options of a process.
const TOKEN: &str = "PLACET_TOKEN";

/// A daemon that can be called.
pub(super) type Line = InterceptedService<Channel, Pass>;

/// Says why a daemon cannot be called.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// The address is none.
    #[error("`{0}` is no address of a daemon")]
    Address(String),
    /// A file cannot be read.
    #[error("cannot read `{}` for `--{option}`", .path.display())]
    File {
        option: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The options do not fit together.
    #[error("{0}")]
    Options(&'static str),
    /// The token is none.
    #[error("the token in {0} is empty, or cannot be part of a request")]
    Token(&'static str),
    /// The certificates cannot be used.
    #[error("cannot speak TLS with these files")]
    Tls(#[source] tonic::transport::Error),
    /// Nobody answers there.
    #[error("cannot reach a daemon at `{address}`")]
    Unreachable {
        address: String,
        source: tonic::transport::Error,
    },
    /// Nobody answers there in time.
    #[error("the daemon at `{0}` does not answer in time")]
    Silent(String),
}

impl CallError {
    /// Tells whether it is the words of the command that make no sense.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Address(_) | Self::Options(_) | Self::Token(_) => true,
            Self::File { .. } | Self::Tls(_) | Self::Unreachable { .. } | Self::Silent(_) => false,
        }
    }

    /// Returns what to do about it, if that is known.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::Address(_) => Some(
                "write it like `127.0.0.1:7420`, `http://host:7420`, `https://host:7420` or `unix:/run/placet.sock`",
            ),
            Self::Tls(_) => {
                Some("give PEM files: authorities, and a certificate with the key that belongs to it")
            }
            Self::Unreachable { .. } => Some(
                "start one with `placet serve`, or leave `--address` away to ask local profiles; where the daemon \
                 speaks TLS, say `--tls-ca`",
            ),
            Self::File { .. } | Self::Options(_) | Self::Token(_) | Self::Silent(_) => None,
        }
    }
}

/// Shows the token, if there is one, with each call.
#[derive(Clone)]
pub(super) struct Pass(Option<AsciiMetadataValue>);

impl Interceptor for Pass {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl CallArgs {
    /// Connects to a daemon: `127.0.0.1:7420`, `http://host:7420`, `https://host:7420` or `unix:/run/placet.sock`. Waits
    /// for it, and later for each of its answers, as long as `patience` says.
    pub(super) async fn connect(&self, address: &str, patience: Duration) -> Result<Line, CallError> {
        let is_local = address.starts_with("unix:");
        let url = if address.contains("://") || is_local {
            address.to_owned()
        } else if self.tls_ca.is_some() {
            format!("https://{address}")
        } else {
            format!("http://{address}")
        };
        let bad_address = || CallError::Address(address.to_owned());
        let mut endpoint = Endpoint::from_shared(url).map_err(|_| bad_address())?;
        let is_encrypted = endpoint.uri().scheme_str() == Some("https");
        if let Some(tls) = self.tls(is_encrypted)? {
            endpoint = endpoint.tls_config(tls).map_err(CallError::Tls)?;
        }
        let pass = Pass(self.token()?);
        if pass.0.is_some() && !is_encrypted && !is_local && !is_loopback(endpoint.uri()) {
            return Err(CallError::Options(
                "a token is sent by TLS, to a Unix socket, or to this very machine alone; say `--tls-ca`",
            ));
        }
        let endpoint = endpoint.connect_timeout(patience).timeout(patience);
        match tokio::time::timeout(patience, endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(InterceptedService::new(channel, pass)),
            Ok(Err(source)) => Err(CallError::Unreachable {
                address: address.to_owned(),
                source,
            }),
            Err(_) => Err(CallError::Silent(address.to_owned())),
        }
    }

    /// Returns how the connection is encrypted, if it is.
    fn tls(&self, is_encrypted: bool) -> Result<Option<ClientTlsConfig>, CallError> {
        let names_more = self.tls_certificate.is_some() || self.tls_key.is_some() || self.tls_name.is_some();
        let Some(authorities) = &self.tls_ca else {
            return if is_encrypted || names_more {
                Err(CallError::Options(
                    "TLS needs to know whom to believe; say `--tls-ca`",
                ))
            } else {
                Ok(None)
            };
        };
        if !is_encrypted {
            return Err(CallError::Options(
                "`--tls-ca` is for an address with TLS, and this one says that it has none",
            ));
        }
        let authorities = read("tls-ca", authorities)?;
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&*authorities));
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (read("tls-certificate", certificate)?, read("tls-key", key)?);
                tls = tls.identity(Identity::from_pem(&*certificate, &*key));
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                return Err(CallError::Options(
                    "`--tls-certificate` and `--tls-key` belong together",
                ));
            }
        }
        if let Some(name) = &self.tls_name {
            tls = tls.domain_name(name);
        }
        Ok(Some(tls))
    }

    /// Returns what is sent to say who calls.
    fn token(&self) -> Result<Option<AsciiMetadataValue>, CallError> {
        let (place, token) = match (&self.token_file, std::env::var(TOKEN)) {
            (Some(path), _) => {
                let bytes = read("token-file", path)?;
                let text = std::str::from_utf8(&bytes).unwrap_or_default();
                ("`--token-file`", Zeroizing::new(text.trim().to_owned()))
            }
            (None, Ok(token)) if !token.is_empty() && !self.is_public => {
                ("PLACET_TOKEN", Zeroizing::new(token))
            }
            (None, _) => return Ok(None),
        };
        if token.is_empty() {
            return Err(CallError::Token(place));
        }
        let text = Zeroizing::new(format!("Bearer {}", *token));
        let mut value: AsciiMetadataValue = text.parse().map_err(|_| CallError::Token(place))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Tells whether an address cannot be seen from elsewhere.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Reads the file of an option.
fn read(option: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, CallError> {
    read_secret(path).map_err(|source| CallError::File {
        option,
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for (address, expected) in [
            ("http://127.0.0.1:7420", true),
            ("http://127.3.2.1", true),
            ("http://[::1]:7420", true),
            ("http://localhost:7420", true),
            ("http://10.0.0.5:7420", false),
            ("http://localhost.example", false),
            ("http://[2001:db8::1]", false),
        ] {
            assert_eq!(is_loopback(&address.parse().unwrap()), expected, "{address}");
        }
    }
}
