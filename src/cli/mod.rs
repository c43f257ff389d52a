//! The room `cli`: the commands of the `placet` binary.
//!
//! **In** come the words of the command line and `PLACET_…` from the environment; **out** go lines and an [`Exit`]. A command
//! is one file with its options and a function that runs it; it uses the same rooms as the daemon, so a tool cannot decide
//! otherwise than the daemon does.
//!
//! What holds here:
//!
//! * Results go to standard output, the log and what went wrong with the command itself to standard error.
//! * Colours appear on a terminal only, unless asked for. `--format json` output is for machines, and stays compatible.
//! * Every option has an environment variable, an empty one being none, and every exit code is a row of one table in [`exit`].
//! * A question says on standard error which of its parts come from the environment.
//!
//! Read [`run`] first.

mod answer;
mod ask;
pub mod check;
pub mod daemon;
mod door;
pub mod exit;
pub mod fields;
pub mod health;
pub mod manifest;
pub mod output;
pub mod plan;
mod plan_tree;
pub mod question;
pub mod serve;
pub mod status;
pub mod transitions;
pub mod validate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::check::CheckCommand;
use crate::cli::exit::Exit;
use crate::cli::fields::FieldsCommand;
use crate::cli::health::HealthCommand;
use crate::cli::manifest::ManifestCommand;
use crate::cli::output::{Color, Format, Output};
use crate::cli::plan::PlanCommand;
use crate::cli::serve::ServeCommand;
use crate::cli::status::StatusCommand;
use crate::cli::transitions::TransitionsCommand;
use crate::cli::validate::ValidateCommand;

/// Holds the whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "placet",
    version,
    about = "Decides who may do what to which content, in which workflow state, with which fields",
    long_about = "Placet decides who may do what to which content, in which workflow state, with which fields.\n\n\
                  It reads policies from directories of JSON files, each a profile written in the form of a CMS or in \
                  Placet's own, and answers over gRPC. Files may change at any time: good changes are served within a \
                  moment, broken ones are reported and the last good version stays.\n\n\
                  Without a command, `placet` is `placet serve`.",
    max_term_width = 100
)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Holds the options that every command understands.
#[derive(Clone, Debug, Args)]
pub struct Globals {
    /// Directory that holds one directory per profile, or is a profile itself
    /// [default: policies]
    #[arg(long, global = true, value_name = "DIR", env = "PLACET_PROFILES")]
    pub profiles: Option<PathBuf>,

    /// Profile that answers when none is named; if there is only one, it does
    #[arg(long, global = true, value_name = "ID", env = "PLACET_DEFAULT_PROFILE")]
    pub default_profile: Option<String>,

    /// How results are written
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "PLACET_FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "PLACET_COLOR",
        default_value = "auto"
    )]
    pub color: Color,
}

impl Globals {
    /// Returns the profiles root: what is given, else `policies`.
    pub fn root(&self) -> &Path {
        self.profiles.as_deref().unwrap_or(Path::new("policies"))
    }
}

/// Names the commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve decisions over gRPC
    Serve(Box<ServeCommand>),
    /// Check profiles, and say what is wrong with them and where
    Validate(ValidateCommand),
    /// Name the files of profiles, so that half a copy is never served
    Manifest(ManifestCommand),
    /// Decide one question, and say why
    Check(Box<CheckCommand>),
    /// List the transitions that are open on an item, and what the others lack
    Transitions(Box<TransitionsCommand>),
    /// Tell which fields may be read or written
    Fields(Box<FieldsCommand>),
    /// Tell on which items of a collection an action is allowed, as a filter for a database
    Plan(Box<PlanCommand>),
    /// Ask a daemon whether it serves
    Health(HealthCommand),
    /// Ask a daemon what it serves, and what is wrong with the rest
    Status(StatusCommand),
}

/// Runs the command line and returns the exit code of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    let command = serve::tell_defaults(Cli::command());
    // An empty variable of the environment means that there is none.
    let command = command
        .after_help(format!("{EXAMPLES}\n\n{}", exit::help()))
        .mut_args(without_empty_variable)
        .mut_subcommands(|command| command.mut_args(without_empty_variable));
    let arguments = name_command(arguments.into_iter().collect(), &command);
    let parsed = command
        .clone()
        .try_get_matches_from(arguments)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let exit = match parsed {
        Ok((cli, matches)) => {
            let variables = from_environment(&command, &matches);
            run_command(&cli, &matches, &variables)
        }
        Err(error) => {
            // What cannot be printed, for instance into a closed pipe, is not worth another complaint.
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
        }
    };
    exit.into()
}

fn without_empty_variable(argument: Arg) -> Arg {
    let is_empty = argument
        .get_env()
        .and_then(std::env::var_os)
        .is_some_and(|value| value.is_empty());
    if is_empty {
        argument.env(Resettable::Reset)
    } else {
        argument
    }
}

/// Lists the options of the command itself that the environment gives, as `PLACET_ACTION (--action)`.
fn from_environment(command: &clap::Command, matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else {
        return Vec::new();
    };
    let Some(command) = command.find_subcommand(name) else {
        return Vec::new();
    };
    let is_given = |argument: &&Arg| {
        let id = argument.get_id().as_str();
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::EnvVariable)
    };
    let tell = |argument: &Arg| {
        let variable = argument.get_env()?.to_string_lossy();
        Some(format!("{variable} (--{})", argument.get_long()?))
    };
    command
        .get_arguments()
        .filter(is_given)
        .filter_map(tell)
        .collect()
}

fn run_command(cli: &Cli, matches: &ArgMatches, variables: &[String]) -> Exit {
    let mut output = Output::new(cli.globals.color);
    let asks = match &cli.command {
        Command::Serve(_)
        | Command::Validate(_)
        | Command::Manifest(_)
        | Command::Health(_)
        | Command::Status(_) => false,
        Command::Check(_) | Command::Transitions(_) | Command::Fields(_) | Command::Plan(_) => true,
    };
    if asks && !variables.is_empty() {
        let variables = variables.join(", ");
        output.error_text(&format!(
            "placet: part of the question by the environment: {variables}\n"
        ));
    }
    match &cli.command {
        Command::Serve(command) => serve::run(command, &cli.globals, matches, &mut output),
        Command::Validate(command) => validate::run(command, &cli.globals, &mut output),
        Command::Manifest(command) => manifest::run(command, &cli.globals, &mut output),
        Command::Check(command) => check::run(command, &cli.globals, &mut output),
        Command::Transitions(command) => transitions::run(command, &cli.globals, &mut output),
        Command::Fields(command) => fields::run(command, &cli.globals, &mut output),
        Command::Plan(command) => plan::run(command, &cli.globals, &mut output),
        Command::Health(command) => health::run(command, &cli.globals, &mut output),
        Command::Status(command) => status::run(command, &cli.globals, &mut output),
    }
}

/// Puts `serve` where no command is named, so that `placet` and `placet --listen …` start the daemon.
fn name_command(mut arguments: Vec<OsString>, command: &clap::Command) -> Vec<OsString> {
    let words = arguments.get(1..).unwrap_or_default();
    let is_option = words
        .first()
        .is_none_or(|word| word.as_encoded_bytes().starts_with(b"-"));
    let asks_for_help = words.iter().any(|word| {
        ["-h", "--help", "-V", "--version"]
            .iter()
            .any(|help| word == help)
    });
    let is_named = words.iter().any(|word| {
        word == "help"
            || command
                .get_subcommands()
                .any(|command| word == command.get_name())
    });
    if is_option && !asks_for_help && !is_named {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    arguments
}

const EXAMPLES: &str = "\
Examples:
  placet                                    serve the profiles in `policies` on 127.0.0.1:7420
  placet --profiles /etc/placet/profiles    serve those of another directory
  placet validate policies/newsroom         check one profile while you write it
  placet validate --format json             the same for machines, all profiles
  placet check --profile editorial --role editor --action update --collection articles --state published
                                            one decision, and why; `placet help check` has more
  placet status                             what the daemon on this machine serves, and what is wrong with the rest
  placet health profile/news                whether it serves a profile, for probes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_command_where_none_is_named() {
        let cases = [
            ("placet", "placet serve"),
            ("placet --listen 127.0.0.1:0", "placet serve --listen 127.0.0.1:0"),
            ("placet --profiles a validate", "placet --profiles a validate"),
            ("placet validate", "placet validate"),
            ("placet --help", "placet --help"),
            ("placet help", "placet help"),
            ("placet -V", "placet -V"),
            ("placet vallidate", "placet vallidate"),
        ];
        for (given, expected) in cases {
            let given = given.split(' ').map(OsString::from).collect();
            let expected: Vec<_> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(name_command(given, &Cli::command()), expected);
        }
    }

    #[test]
    fn every_option_has_an_environment_variable() {
        let root = Cli::command();
        for command in std::iter::once(&root).chain(root.get_subcommands()) {
            let own = command
                .get_arguments()
                .filter(|argument| argument.get_long().is_some());
            for argument in own.filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
            {
                let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                let place = format!("{} --{}", command.get_name(), argument.get_long().unwrap());
                assert!(
                    variable.is_some_and(|name| name.starts_with("PLACET_")),
                    "{place}"
                );
            }
        }
    }
}
