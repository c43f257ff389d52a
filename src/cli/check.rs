//! `placet check`: one decision, and why.

use clap::Args;

use crate::cli::Globals;
use crate::cli::answer::{write_decision, write_snapshot, write_trace};
use crate::cli::ask;
use crate::cli::daemon::DaemonArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::cli::question::{QuestionArgs, QuestionError, set, set_list, set_object};
use crate::rpc::proto::v1;

/// Holds the options of `placet check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet check --profile editorial --action read --collection articles --state published\n  \
                  placet check --profile editorial --role editor --transition publish --collection articles \\\n    \
                  --state ready_for_review --attributes '{\"title\": \"T\", \"body\": \"B\", \"featured\": false}'\n  \
                  placet check --profile newsroom --subject 7 --role intern --action update --collection articles \\\n    \
                  --state draft --owner 7 --changes '{\"title\": \"T\"}' --explanation typo --explain\n  \
                  placet check --address 127.0.0.1:7420 --request @question.json --format json\n  \
                  placet check --address cms.example:7420 --tls-ca ca.crt --token-file token --request @question.json\n\n\
                  Ends with 0 if the decision is an allow, with 1 if it is a deny.")]
pub struct CheckCommand {
    /// Action to be decided, in the words of the profile
    #[arg(long, value_name = "NAME", env = "PLACET_ACTION")]
    pub action: Option<String>,

    /// Transition to be executed; then `--action` may be left away
    #[arg(long, value_name = "ID", env = "PLACET_TRANSITION")]
    pub transition: Option<String>,

    /// State in which the item would be afterwards
    #[arg(long, value_name = "STATE", env = "PLACET_TO_STATE")]
    pub to_state: Option<String>,

    /// Fields to be read (`*` for whatever may be read) or written; repeat it or separate by commas
    #[arg(long, value_name = "FIELD", env = "PLACET_FIELDS", value_delimiter = ',')]
    pub fields: Vec<String>,

    /// Fields by which the request selects or sorts; repeat it or separate by commas
    #[arg(
        long,
        value_name = "FIELD",
        env = "PLACET_FILTER_FIELDS",
        value_delimiter = ','
    )]
    pub filter_fields: Vec<String>,

    /// Proposed values: a JSON object, or `@FILE`
    #[arg(long, value_name = "JSON", env = "PLACET_CHANGES")]
    pub changes: Option<String>,

    /// The daemon to ask, if one is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Who asks about what.
    #[command(flatten)]
    pub question: QuestionArgs,
}

/// Asks for one decision and writes it.
pub(super) fn run(command: &CheckCommand, globals: &Globals, output: &mut Output) -> Exit {
    let request = match request(command) {
        Ok(request) => request,
        Err(error) => return ask::refuse(&error, output),
    };
    let profile = request.profile.clone();
    let address = command.daemon.at();
    let response = match ask::ask(globals, address, &profile, output, |door| door.check(request)) {
        Ok(response) => response,
        Err(exit) => return exit,
    };
    let is_allow = response
        .decision
        .as_ref()
        .is_some_and(|decision| decision.effect() == v1::Effect::Allow);
    match globals.format {
        Format::Json => {
            if let Err(exit) = ask::write_json("CheckResponse", &response, output) {
                return exit;
            }
        }
        Format::Text => {
            if let Some(decision) = &response.decision {
                write_decision(decision, output);
            }
            write_trace(response.trace.as_ref(), output);
            write_snapshot(response.snapshot.as_ref(), output);
        }
    }
    if is_allow { Exit::Done } else { Exit::Refused }
}

fn request(command: &CheckCommand) -> Result<v1::CheckRequest, QuestionError> {
    let question = &command.question;
    let mut request: v1::CheckRequest = question.asker.base("CheckRequest")?;
    question.asker.lay_over_head(
        &mut request.profile,
        &mut request.explain,
        &mut request.subject,
        &mut request.context,
    )?;
    question.lay_over_resource(&mut request.resource)?;
    set(&mut request.action, command.action.as_ref());
    set(&mut request.transition, command.transition.as_ref());
    set(&mut request.to_state, command.to_state.as_ref());
    set_list(&mut request.fields, &command.fields);
    set_list(&mut request.filter_fields, &command.filter_fields);
    set_object(&mut request.changes, "changes", command.changes.as_ref())?;
    Ok(request)
}
