//! The configuration as it is in force: options win over variables of the environment, these over the file, and the file over
//! what holds anyway. Whatever is wrong with a value is said with the place where it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use confique::{Config, Layer};
use jiff::Timestamp;
use thiserror::Error;

use crate::observe::logging;
use crate::server::config::{Address, Auth, Call, Listener, Secret, ServeConfig, Serves, TlsFiles};
use crate::server::settings::{BUILTIN, ListenerLayer, ListenerSettings, Settings, SettingsLayer, builtin};
use crate::server::settings_file::SettingsFile;
use crate::source::diagnostic::quote;
use crate::store::reload::ReloadConfig;
use crate::vocab::limits::{
    CONNECTION_AGE_SECONDS_MAX, CONNECTIONS_MAX, DRAIN_SECONDS_MAX, LISTENER_NAME_BYTES_MAX, LISTENERS_MAX,
    MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, STALE_SECONDS_MAX, THREADS_MAX, TOKEN_BYTES_MIN,
};

/// Lists the keys of a listener that mean something only if it serves gRPC.
pub(super) const OF_GRPC: [&str; 3] = ["allow", "detail", "auth"];

/// Says what is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// Where: a file with line and column, an option, or a variable.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
    /// Whether the place is in a configuration file.
    pub is_file: bool,
}

impl ConfigError {
    pub(super) fn at(place: String, message: String, help: Option<String>) -> Self {
        Self {
            place,
            message,
            help,
            is_file: true,
        }
    }

    pub(super) fn unreadable(name: &str, message: String) -> Self {
        let help = "name another file with `--config` (`PLACET_CONFIG`), or none";
        Self::at(name.to_owned(), message, Some(help.to_owned()))
    }
}

/// Holds what the command line and the environment say.
#[derive(Clone, Debug)]
pub struct Given {
    /// The options.
    pub layer: SettingsLayer,
    /// For each key that is set, by its path (`log.level`), what set it: `--log-level` or `PLACET_LOG_LEVEL`.
    pub origins: BTreeMap<String, String>,
}

/// Holds the configuration in force.
#[derive(Debug)]
pub struct Effective {
    /// The options.
    pub settings: Settings,
    /// The listeners by name, those that are off included.
    pub listeners: BTreeMap<String, ListenerSettings>,
    origins: BTreeMap<String, String>,
    file: Option<SettingsFile>,
}

impl Effective {
    /// Lays what is given over what the file says, and that over what holds anyway.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] if a listener has no address; nothing else is checked yet.
    pub fn merge(given: Given, file: Option<SettingsFile>) -> Result<Self, ConfigError> {
        let Given { mut layer, origins } = given;
        let mut below = file
            .as_ref()
            .map_or_else(SettingsLayer::empty, |file| file.layer.clone());
        let mut tables: BTreeMap<String, ListenerLayer> = BUILTIN
            .iter()
            .map(|(name, ..)| ((*name).to_owned(), builtin(name)))
            .collect();
        for layers in [below.listener.take(), layer.listener.take()]
            .into_iter()
            .flatten()
        {
            for (name, above) in layers {
                let table = tables.remove(&name).unwrap_or_else(ListenerLayer::empty);
                tables.insert(name, above.with_fallback(table));
            }
        }
        let layer = layer
            .with_fallback(below)
            .with_fallback(SettingsLayer::default_values());
        let mut effective = Self {
            settings: Settings::from_layer(layer).map_err(|error| fault(&error))?,
            listeners: BTreeMap::new(),
            origins,
            file,
        };
        for (name, table) in tables {
            if table.address.is_none() {
                let help = "write `address = \"127.0.0.1:7424\"`, or `address = \"off\"`";
                let message = format!("the listener {} has no address", quote(&name));
                return Err(effective.error(&["listener", &name], message, Some(help)));
            }
            let table = table.with_fallback(ListenerLayer::default_values());
            let settings = ListenerSettings::from_layer(table).map_err(|error| fault(&error))?;
            effective.listeners.insert(name, settings);
        }
        Ok(effective)
    }

    /// Returns what set a key: an option, a variable, a place in the file, or `default`.
    pub fn origin(&self, path: &[&str]) -> String {
        if let Some(origin) = self.origins.get(&path.join(".")) {
            return origin.clone();
        }
        let file = self.file.as_ref().filter(|file| file.has(path));
        file.and_then(|file| file.place(path))
            .unwrap_or_else(|| "default".to_owned())
    }

    /// Checks every value and returns what the daemon is to do.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] with the place of the first value that makes no sense.
    pub fn check(&self) -> Result<ServeConfig, ConfigError> {
        let settings = &self.settings;
        let mut reload = ReloadConfig::new(&settings.profiles);
        reload.allow_removal = settings.allow_removal;
        reload.max_stale = settings.max_stale.map(Duration::from_secs);
        if let Some(seconds) = settings.max_stale
            && !(1..=STALE_SECONDS_MAX).contains(&seconds)
        {
            let message = format!("{seconds} is not between 1 and {STALE_SECONDS_MAX}");
            return Err(self.error(&["max_stale"], message, None));
        }
        let numbers = [
            ("drain_seconds", settings.drain_seconds, 0, DRAIN_SECONDS_MAX),
            ("grace_seconds", settings.grace_seconds, 0, DRAIN_SECONDS_MAX),
            (
                "message_bytes",
                settings.message_bytes,
                MESSAGE_BYTES_MIN,
                MESSAGE_BYTES_MAX,
            ),
            ("threads", settings.threads, 1, THREADS_MAX),
            ("connections", settings.connections, 1, CONNECTIONS_MAX),
            (
                "connection_age_seconds",
                settings.connection_age_seconds,
                0,
                CONNECTION_AGE_SECONDS_MAX,
            ),
        ];
        for (key, value, least, most) in numbers {
            self.check_range(key, value, least, most)?;
        }
        if let Err(error) = logging::filter(&settings.log.level) {
            let help = "levels are error, warn, info, debug and trace";
            return Err(self.error(&["log", "level"], error.to_string(), Some(help)));
        }
        Ok(ServeConfig {
            listeners: self.check_listeners()?,
            reload,
            start_degraded: settings.start_degraded,
            now: Timestamp::now,
            default_profile: settings.default_profile.clone().filter(|id| !id.is_empty()),
            threads: usize::try_from(settings.threads).unwrap_or(1),
            connections_max: usize::try_from(settings.connections).unwrap_or(usize::MAX),
            connection_age: Some(settings.connection_age_seconds)
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            grace: Duration::from_secs(settings.grace_seconds),
            drain: Duration::from_secs(settings.drain_seconds),
            message_bytes_max: usize::try_from(settings.message_bytes).unwrap_or(usize::MAX),
        })
    }

    fn check_listeners(&self) -> Result<Vec<Listener>, ConfigError> {
        if self.listeners.len() > LISTENERS_MAX {
            let message = format!("there are more than {LISTENERS_MAX} listeners");
            return Err(self.error(&["listener"], message, None));
        }
        let mut listeners = Vec::new();
        let mut addresses = BTreeSet::new();
        for (name, settings) in &self.listeners {
            self.check_listener(name, settings)?;
            let is_any_port = matches!(settings.address, Address::Tcp(address) if address.port() == 0);
            if settings.address == Address::Off {
                continue;
            }
            if !addresses.insert(&settings.address) && !is_any_port {
                let message = format!(
                    "`{}` is the address of another listener already",
                    settings.address
                );
                return Err(self.error(&["listener", name, "address"], message, None));
            }
            listeners.push(listener(name, settings));
        }
        // Those that decide come first, in the log as well.
        listeners.sort_by_key(|listener| {
            listener.serves == Serves::Http || !listener.allow.contains(&Call::Decide)
        });
        if !listeners.iter().any(|listener| listener.serves == Serves::Grpc) {
            let help = "give the listener `grpc` an address with `--listen` (`PLACET_LISTEN`)";
            let message = "nobody could ask anything: no listener serves gRPC".to_owned();
            return Err(self.error(&["listener", "grpc", "address"], message, Some(help)));
        }
        Ok(listeners)
    }

    fn check_listener(&self, name: &str, settings: &ListenerSettings) -> Result<(), ConfigError> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > LISTENER_NAME_BYTES_MAX || !name.bytes().all(is_word) {
            let help = format!(
                "names of listeners are made of `a` to `z`, digits, `-` and `_`, at most {LISTENER_NAME_BYTES_MAX}"
            );
            let message = format!("a listener cannot be called {}", quote(name));
            return Err(self.error(&["listener", name], message, Some(&help)));
        }
        // What such a listener does not do cannot be asked of it, lest somebody relies on it.
        if settings.serves != Serves::Grpc
            && let Some(key) = OF_GRPC
                .iter()
                .find(|key| self.is_written(&["listener", name, key]))
        {
            let message = format!("`{key}` means nothing on a listener that does not serve gRPC");
            return Err(self.error(&["listener", name, key], message, None));
        }
        self.check_secrets(name, settings)?;
        if !matches!(settings.address, Address::Unix(_)) {
            for (key, is_set) in [
                ("mode", settings.mode.is_some()),
                ("owner", settings.owner.is_some()),
            ] {
                if is_set {
                    let message = format!("`{key}` means nothing but on a Unix socket");
                    return Err(self.error(&["listener", name, key], message, None));
                }
            }
        } else if settings.serves != Serves::Grpc {
            let message = "only gRPC is served on Unix sockets".to_owned();
            return Err(self.error(&["listener", name, "address"], message, None));
        }
        Ok(())
    }

    /// Checks what has to do with encryption and callers.
    fn check_secrets(&self, name: &str, settings: &ListenerSettings) -> Result<(), ConfigError> {
        let (tls, auth) = (&settings.tls, &settings.auth);
        let wants_tls = tls.certificate.is_some() || tls.key.is_some() || tls.client_ca.is_some();
        if wants_tls && settings.serves != Serves::Grpc {
            let message = "`tls` is there for gRPC alone".to_owned();
            return Err(self.error(&["listener", name, "tls"], message, None));
        }
        if wants_tls && (tls.certificate.is_none() || tls.key.is_none()) {
            let message = "`certificate` and `key` belong together".to_owned();
            return Err(self.error(&["listener", name, "tls"], message, None));
        }
        if !auth.names.is_empty() && tls.client_ca.is_none() {
            let help = "name the authorities of those certificates with `client_ca` in the table `tls`";
            let message = "nobody is asked for a certificate, so nobody has these names".to_owned();
            return Err(self.error(&["listener", name, "auth", "names"], message, Some(help)));
        }
        let is_short = |token: &Secret| token.reveal().len() < TOKEN_BYTES_MIN;
        if auth.token.as_ref().is_some_and(is_short) {
            let message = format!("a token has at least {TOKEN_BYTES_MIN} characters");
            return Err(self.error(&["listener", name, "auth", "token"], message, None));
        }
        Ok(())
    }

    /// Checks that a number lies between two others.
    fn check_range(&self, key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let message = if least == 0 {
            format!("{value} is more than {most}")
        } else {
            format!("{value} is not between {least} and {most}")
        };
        Err(self.error(&[key], message, None))
    }

    fn is_written(&self, path: &[&str]) -> bool {
        self.file.as_ref().is_some_and(|file| file.has(path))
    }

    fn error(&self, path: &[&str], message: String, help: Option<&str>) -> ConfigError {
        let given = self.origins.get(&path.join("."));
        let place = match given {
            Some(origin) => Some(origin.clone()),
            None => self.file.as_ref().and_then(|file| file.place(path)),
        };
        ConfigError {
            is_file: given.is_none() && place.is_some(),
            place: place.unwrap_or_else(|| path.join(".")),
            message,
            help: help.map(str::to_owned),
        }
    }
}

fn listener(name: &str, settings: &ListenerSettings) -> Listener {
    let (tls, auth) = (&settings.tls, &settings.auth);
    let files = tls.certificate.as_ref().zip(tls.key.as_ref());
    let knows_callers = auth.token.is_some() || auth.callers.is_some() || !auth.names.is_empty();
    Listener {
        name: name.to_owned(),
        serves: settings.serves,
        address: settings.address.clone(),
        allow: settings.allow.clone(),
        detail: settings.detail,
        mode: settings.mode.unwrap_or_default(),
        owner: settings.owner.clone(),
        tls: files.map(|(certificate, key)| TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_ca: tls.client_ca.clone(),
        }),
        auth: knows_callers.then(|| Auth {
            token: auth.token.clone(),
            callers: auth.callers.clone(),
            names: auth.names.clone(),
        }),
    }
}

/// Says that the settings lack what they cannot lack.
fn fault(error: &confique::Error) -> ConfigError {
    ConfigError::at("configuration".to_owned(), error.to_string(), None)
}
