//! `placet serve`: the daemon.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory};
use confique::Config;
use confique::meta::{FieldKind, LeafKind, Meta};
use tokio::runtime::Builder;

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::{Cli, Globals};
use crate::observe::logging::{self, Log, LogFormat};
use crate::server::config::ServeConfig;
use crate::server::effective::{ConfigError, Effective, Given};
use crate::server::settings::{Addresses, BUILTIN, Settings, SettingsLayer};
use crate::server::settings_file::SettingsFile;
use crate::server::shutdown::stop_on_signals;
use crate::server::{self, ServeError, Stop, settings_print};

/// Holds the options of `placet serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet serve --profiles policies --listen 127.0.0.1:7420\n  \
                  placet serve --config placet.toml         more than a few options\n  \
                  placet serve --print-config               the configuration in force, to begin a file with\n  \
                  PLACET_LOG_FORMAT=json placet serve       logs for machines\n  \
                  kill -HUP <pid>                           look at the files now\n  \
                  kill -TERM <pid>                          finish what is asked, then end\n\n\
                  Options win over variables of the environment, these over the file. The daemon notices changes in the \
                  profiles by itself. Its health is told by grpc.health.v1 under the names ``, `liveness` and \
                  `profile/<id>`, and by `placet health`.")]
pub struct ServeCommand {
    /// File with options, in TOML
    #[arg(long, value_name = "FILE", env = "PLACET_CONFIG")]
    pub config: Option<PathBuf>,

    /// Write the configuration in force, as a file that could be given to `--config`, and end
    #[arg(long, env = "PLACET_PRINT_CONFIG")]
    pub print_config: bool,

    /// Where to listen.
    #[command(flatten)]
    pub addresses: Addresses,

    /// What the daemon needs to know.
    #[command(flatten)]
    pub settings: SettingsLayer,
}

/// Runs the daemon until it is told to stop.
pub(super) fn run(
    command: &ServeCommand,
    globals: &Globals,
    matches: &ArgMatches,
    output: &mut Output,
) -> Exit {
    let configured = configure(command, globals, matches).and_then(|effective| {
        let config = effective.check()?;
        Ok((effective, config))
    });
    let (effective, config) = match configured {
        Ok(configured) => configured,
        Err(error) => {
            output.failure(&error, error.help.as_deref());
            return if error.is_file {
                Exit::BadConfig
            } else {
                Exit::Usage
            };
        }
    };
    if command.print_config {
        return match settings_print::print(&effective) {
            Ok(text) => {
                output.text(&text);
                Exit::Done
            }
            Err(error) => {
                output.failure(&error, None);
                Exit::Fault
            }
        };
    }
    let log = &effective.settings.log;
    match logging::start(log.format, &log.level) {
        Ok(lines) => run_daemon(config, log.format, lines, output),
        Err(error) => {
            output.failure(&error, None);
            Exit::Fault
        }
    }
}

/// Finds the configuration in force.
fn configure(
    command: &ServeCommand,
    globals: &Globals,
    matches: &ArgMatches,
) -> Result<Effective, ConfigError> {
    let mut layer = command.settings.clone();
    layer.profiles.clone_from(&globals.profiles);
    layer.default_profile.clone_from(&globals.default_profile);
    layer.listener = Some(command.addresses.layers());
    let given = Given {
        layer,
        origins: origins(matches),
    };
    // An empty variable of the environment means that there is no file.
    let path = command
        .config
        .as_ref()
        .filter(|path| !path.as_os_str().is_empty());
    let file = path.map(|path| SettingsFile::read(path)).transpose()?;
    Effective::merge(given, file)
}

/// Says in the help of each option what holds without it.
pub(super) fn tell_defaults(command: clap::Command) -> clap::Command {
    let mut keys = BTreeMap::new();
    list_keys(&Settings::META, &mut Vec::new(), &mut keys);
    command.mut_subcommand("serve", |serve| {
        serve.mut_args(|argument| {
            let default = keys.get(argument.get_id().as_str()).and_then(|key| default(key));
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            match default {
                Some(default) => argument.help(format!("{help} [default: {default}]")),
                None => argument,
            }
        })
    })
}

/// Returns the default of a key as TOML has it, but texts without quotes.
fn default(key: &str) -> Option<String> {
    let mut fields = Settings::META.fields;
    let mut found = None;
    for name in key.split('.') {
        let field = fields.iter().find(|field| field.name == name)?;
        match field.kind {
            FieldKind::Nested { meta } => fields = meta.fields,
            FieldKind::Leaf { kind, .. } => found = Some(kind),
        }
    }
    let LeafKind::Required { default } = found? else {
        return None;
    };
    let value = toml::Value::try_from(default?).ok()?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// Tells for each key what set it, if it was an option or a variable.
fn origins(matches: &ArgMatches) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    list_keys(&Settings::META, &mut Vec::new(), &mut keys);
    for (name, _, _, id) in BUILTIN {
        keys.insert(id.to_owned(), format!("listener.{name}.address"));
    }
    keys.insert("listen_allow".to_owned(), "listener.grpc.allow".to_owned());
    let cli = Cli::command();
    let serve = cli
        .get_subcommands()
        .filter(|command| command.get_name() == "serve");
    let arguments: Vec<_> = std::iter::once(&cli)
        .chain(serve)
        .flat_map(clap::Command::get_arguments)
        .collect();
    let given = matches.subcommand_matches("serve").unwrap_or(matches);
    let mut origins = BTreeMap::new();
    for argument in arguments {
        let id = argument.get_id().as_str();
        let Some(key) = keys.get(id) else { continue };
        let origin = match given.value_source(id) {
            Some(ValueSource::CommandLine) => argument.get_long().map(|long| format!("--{long}")),
            Some(ValueSource::EnvVariable) => {
                argument.get_env().map(|name| name.to_string_lossy().into_owned())
            }
            // By default nothing is set here: defaults are a matter of the settings.
            _ => None,
        };
        origins.extend(origin.map(|origin| (key.clone(), origin)));
    }
    origins
}

/// Lists the keys by the ids of their options.
fn list_keys(meta: &'static Meta, path: &mut Vec<&'static str>, keys: &mut BTreeMap<String, String>) {
    for field in meta.fields {
        path.push(field.name);
        match field.kind {
            FieldKind::Nested { meta } => list_keys(meta, path, keys),
            FieldKind::Leaf { .. } => {
                keys.insert(path.join("_"), path.join("."));
            }
        }
        path.pop();
    }
}

fn run_daemon(config: ServeConfig, log: LogFormat, lines: Log, output: &mut Output) -> Exit {
    // Threads that decide have runtimes of their own; this one loads, administers and waits for signals.
    let runtime = match Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("placet")
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&error, None);
            return Exit::Unavailable;
        }
    };
    let result = runtime.block_on(serve(config));
    // Requests that did not end in time are not waited for once more.
    runtime.shutdown_background();
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            let help = error.help();
            match log {
                LogFormat::Text => {
                    // What was logged before stands before it.
                    drop(lines);
                    output.failure(&error, help.as_deref());
                }
                // Whoever reads the log by machine must find the end of it there, too.
                LogFormat::Json => tracing::error!(error = &error as &dyn Error, help, "cannot serve"),
            }
            exit_of(&error)
        }
    }
}

async fn serve(config: ServeConfig) -> Result<(), ServeError> {
    let stop = Stop::default();
    stop_on_signals(stop.soon.clone(), stop.now.clone()).map_err(ServeError::Signals)?;
    server::run(config, stop).await
}

fn exit_of(error: &ServeError) -> Exit {
    match error {
        ServeError::Bind { .. } => Exit::BadAddress,
        ServeError::Tls(_)
        | ServeError::Callers(_)
        | ServeError::Watch(_)
        | ServeError::Thread(_)
        | ServeError::Signals(_)
        | ServeError::Root(_) => Exit::Unavailable,
        ServeError::NoProfile(_) => Exit::BadProfile,
        ServeError::UnknownDefault { .. } => Exit::Usage,
        ServeError::Server(_) => Exit::Fault,
    }
}
