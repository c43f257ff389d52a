//! `placet transitions`: what an item's state offers, and what the closed ways lack.

use clap::Args;

use crate::cli::Globals;
use crate::cli::answer::{BAD, GOOD, paint, reason_word, write_missing, write_snapshot, write_trace};
use crate::cli::ask;
use crate::cli::daemon::DaemonArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::cli::question::{QuestionArgs, QuestionError, set};
use crate::rpc::proto::v1;
use crate::source::diagnostic::quote;

/// Holds the options of `placet transitions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet transitions --profile editorial --role editor --collection articles --state ready_for_review\n  \
                  placet transitions --profile newsroom --role staff --collection articles       for a new article\n  \
                  placet transitions --address 127.0.0.1:7420 --collection articles --state draft --format json\n\n\
                  Ends with 0 if a transition is open, with 1 if none is.")]
pub struct TransitionsCommand {
    /// Name open transitions alone, not those that are closed to the subject
    #[arg(long, env = "PLACET_OPEN_ONLY")]
    pub open_only: bool,

    /// Language of the titles, such as `de`
    #[arg(long, value_name = "TAG", env = "PLACET_LOCALE")]
    pub locale: Option<String>,

    /// The daemon to ask, if one is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Who asks about what.
    #[command(flatten)]
    pub question: QuestionArgs,
}

/// Asks for transitions and writes them.
pub(super) fn run(command: &TransitionsCommand, globals: &Globals, output: &mut Output) -> Exit {
    let request = match request(command) {
        Ok(request) => request,
        Err(error) => return ask::refuse(&error, output),
    };
    let profile = request.profile.clone();
    let address = command.daemon.at();
    let response = match ask::ask(globals, address, &profile, output, |door| {
        door.transitions(request)
    }) {
        Ok(response) => response,
        Err(exit) => return exit,
    };
    match globals.format {
        Format::Json => {
            if let Err(exit) = ask::write_json("ListAllowedTransitionsResponse", &response, output) {
                return exit;
            }
        }
        Format::Text => write_text(&response, output),
    }
    if response.transitions.is_empty() {
        Exit::Refused
    } else {
        Exit::Done
    }
}

fn request(command: &TransitionsCommand) -> Result<v1::ListAllowedTransitionsRequest, QuestionError> {
    let question = &command.question;
    let mut request: v1::ListAllowedTransitionsRequest =
        question.asker.base("ListAllowedTransitionsRequest")?;
    question.asker.lay_over_head(
        &mut request.profile,
        &mut request.explain,
        &mut request.subject,
        &mut request.context,
    )?;
    question.lay_over_resource(&mut request.resource)?;
    set(&mut request.locale, command.locale.as_ref());
    request.include_denied = !command.open_only;
    Ok(request)
}

fn write_text(response: &v1::ListAllowedTransitionsResponse, output: &mut Output) {
    for option in &response.transitions {
        write_option(option, &paint(output, "open", GOOD), output);
    }
    for option in &response.denied {
        let word = format!(
            "{} {}",
            paint(output, "closed", BAD),
            reason_word(option.reason())
        );
        write_option(option, &word, output);
    }
    if response.transitions.is_empty() && response.denied.is_empty() {
        if response.reason() == v1::Reason::Unspecified {
            output.line("the state offers nothing");
        } else {
            let word = paint(output, "nothing", BAD);
            let reason = reason_word(response.reason());
            output.line(&format!("{word} {reason}: {}", response.message));
        }
    }
    write_snapshot(response.snapshot.as_ref(), output);
}

fn write_option(option: &v1::TransitionOption, word: &str, output: &mut Output) {
    let mut line = quote(&option.id);
    if !option.to_state.is_empty() && option.to_state != option.id {
        line.push_str(&format!(" to {}", quote(&option.to_state)));
    }
    if option.title != option.id {
        line.push_str(&format!(" \"{}\"", option.title));
    }
    line.push_str(&format!(": {word}"));
    if option.conditional {
        line.push_str(" (for some items)");
    }
    if option.reason() != v1::Reason::Allowed && !option.message.is_empty() {
        line.push_str(&format!(": {}", option.message));
    }
    output.line(&line);
    if option.requires_explanation {
        output.line("  needs an explanation");
    }
    if let Some(approvals) = &option.approvals {
        output.line(&format!(
            "  has {} of {} approvals",
            approvals.given, approvals.needed
        ));
    }
    write_missing(&option.missing, output);
    write_trace(option.trace.as_ref(), output);
}
