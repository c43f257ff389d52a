//! `placet fields`: which fields may be read or written.

use clap::{Args, ValueEnum};

use crate::cli::Globals;
use crate::cli::answer::{left_out_text, reason_word, write_presets, write_snapshot, write_trace};
use crate::cli::ask;
use crate::cli::daemon::DaemonArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::cli::question::{QuestionArgs, QuestionError, set, set_list, set_object};
use crate::rpc::proto::v1;
use crate::source::diagnostic::quote;

/// Holds the options of `placet fields`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet fields --profile newsroom --role intern --collection articles --state published\n  \
                  placet fields --profile editorial --role editor --operation update --collection articles \\\n    \
                  --state ready_for_review --id 7\n  \
                  placet fields --profile newsroom --role intern --collection articles --state published \\\n    \
                  --document @article.json --format json\n\n\
                  Ends with 0 if a field is open, with 1 if none is.")]
pub struct FieldsCommand {
    /// What is done with the fields [default: read, if no action is named]
    #[arg(long, value_name = "OPERATION", env = "PLACET_OPERATION")]
    pub operation: Option<FieldOperation>,

    /// Action, in the words of the profile
    #[arg(long, value_name = "NAME", env = "PLACET_ACTION")]
    pub action: Option<String>,

    /// Fields in question [default: those of the document, else all known ones]; repeat it or separate by commas
    #[arg(long, value_name = "FIELD", env = "PLACET_FIELDS", value_delimiter = ',')]
    pub fields: Vec<String>,

    /// Fields that shall select or sort; repeat it or separate by commas
    #[arg(
        long,
        value_name = "FIELD",
        env = "PLACET_FILTER_FIELDS",
        value_delimiter = ','
    )]
    pub filter_fields: Vec<String>,

    /// State in which the item would be afterwards
    #[arg(long, value_name = "STATE", env = "PLACET_TO_STATE")]
    pub to_state: Option<String>,

    /// Item to be read, or values to be written: a JSON object, or `@FILE`
    #[arg(long, value_name = "JSON", env = "PLACET_DOCUMENT")]
    pub document: Option<String>,

    /// The daemon to ask, if one is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Who asks about what.
    #[command(flatten)]
    pub question: QuestionArgs,
}

/// Says what is done with fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FieldOperation {
    /// Look at an item.
    Read,
    /// Make an item.
    Create,
    /// Change an item.
    Update,
}

/// Asks for fields and writes them.
pub(super) fn run(command: &FieldsCommand, globals: &Globals, output: &mut Output) -> Exit {
    let request = match request(command) {
        Ok(request) => request,
        Err(error) => return ask::refuse(&error, output),
    };
    let profile = request.profile.clone();
    let address = command.daemon.at();
    let response = match ask::ask(globals, address, &profile, output, |door| door.fields(request)) {
        Ok(response) => response,
        Err(exit) => return exit,
    };
    match globals.format {
        Format::Json => {
            if let Err(exit) = ask::write_json("FilterFieldsResponse", &response, output) {
                return exit;
            }
        }
        Format::Text => {
            if let Err(exit) = write_text(&response, output) {
                return exit;
            }
        }
    }
    if response.allowed.is_empty() && !response.others_allowed {
        Exit::Refused
    } else {
        Exit::Done
    }
}

fn request(command: &FieldsCommand) -> Result<v1::FilterFieldsRequest, QuestionError> {
    let question = &command.question;
    let mut request: v1::FilterFieldsRequest = question.asker.base("FilterFieldsRequest")?;
    question.asker.lay_over_head(
        &mut request.profile,
        &mut request.explain,
        &mut request.subject,
        &mut request.context,
    )?;
    question.lay_over_resource(&mut request.resource)?;
    set(&mut request.action, command.action.as_ref());
    set(&mut request.to_state, command.to_state.as_ref());
    set_list(&mut request.fields, &command.fields);
    set_list(&mut request.filter_fields, &command.filter_fields);
    set_object(&mut request.document, "document", command.document.as_ref())?;
    if let Some(operation) = command.operation {
        request.set_operation(match operation {
            FieldOperation::Read => v1::Operation::Read,
            FieldOperation::Create => v1::Operation::Create,
            FieldOperation::Update => v1::Operation::Update,
        });
    } else if request.action.is_empty() && request.operation == 0 {
        request.set_operation(v1::Operation::Read);
    }
    Ok(request)
}

fn write_text(response: &v1::FilterFieldsResponse, output: &mut Output) -> Result<(), Exit> {
    let note = if response.conditional {
        " (for some items)"
    } else {
        ""
    };
    let mut open: Vec<String> = response.allowed.iter().map(|field| quote(field)).collect();
    if response.others_allowed {
        open.push("any other".to_owned());
    }
    let list = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    output.line(&format!("open{note}: {}", list(open)));
    output.line(&format!(
        "closed: {}",
        list(response.denied.iter().map(left_out_text).collect())
    ));
    if !matches!(response.reason(), v1::Reason::Allowed | v1::Reason::Unspecified) {
        let reason = reason_word(response.reason());
        output.line(&format!("  the item as such: {reason}: {}", response.message));
    }
    for field in &response.filter_fields {
        let word = if field.usable { "may" } else { "may not" };
        let reason = if field.usable {
            String::new()
        } else {
            format!(" ({})", reason_word(field.reason()))
        };
        output.line(&format!(
            "  {} {word} select and sort{reason}",
            quote(&field.field)
        ));
    }
    write_presets(response.presets.as_ref(), output);
    if let Some(document) = &response.document {
        let value = crate::rpc::json::object_to_json(document).map_err(|error| {
            output.failure(&error, None);
            Exit::Fault
        })?;
        output.json(&value);
    }
    if let Some(moment) = &response.valid_until {
        output.line(&format!("  holds until {moment}"));
    }
    write_trace(response.trace.as_ref(), output);
    write_snapshot(response.snapshot.as_ref(), output);
    Ok(())
}
