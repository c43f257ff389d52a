//! `placet plan`: on which items of a collection an action is allowed, and the filter that says it to a database.

use clap::{Args, ValueEnum};

use crate::cli::Globals;
use crate::cli::answer::{
    BAD, GOOD, paint, reason_word, value_text, write_rules, write_snapshot, write_trace,
};
use crate::cli::ask;
use crate::cli::daemon::DaemonArgs;
use crate::cli::exit::Exit;
use crate::cli::output::{Format, Output};
use crate::cli::plan_tree::tree_lines;
use crate::cli::question::{AskArgs, QuestionError, set, set_list};
use crate::rpc::proto::v1;
use crate::source::diagnostic::quote;

/// Holds the options of `placet plan`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  placet plan --profile newsroom --role intern --subject 7 --action read --collection articles\n  \
                  placet plan --profile newsroom --role intern --subject 7 --action read --collection articles \\\n    \
                  --target postgresql --target mongodb\n  \
                  placet plan --address 127.0.0.1:7420 --request @question.json --format json\n\n\
                  Ends with 0 if the action is allowed on all or some items, with 1 if it is on none, or if a target \
                  cannot say on which.")]
pub struct PlanCommand {
    /// Action, in the words of the profile
    #[arg(long, value_name = "NAME", env = "PLACET_ACTION")]
    pub action: Option<String>,

    /// Fields to be read (`*` for whatever may be read) or written; repeat it or separate by commas
    #[arg(long, value_name = "FIELD", env = "PLACET_FIELDS", value_delimiter = ',')]
    pub fields: Vec<String>,

    /// Fields by which the listing selects or sorts; repeat it or separate by commas
    #[arg(
        long,
        value_name = "FIELD",
        env = "PLACET_FILTER_FIELDS",
        value_delimiter = ','
    )]
    pub filter_fields: Vec<String>,

    /// Language to write the filter in; repeat it or separate by commas
    #[arg(
        long = "target",
        value_name = "TARGET",
        env = "PLACET_TARGET",
        value_delimiter = ','
    )]
    pub targets: Vec<PlanTarget>,

    /// Items may carry local roles of their own
    #[arg(long, env = "PLACET_LOCAL_ROLES")]
    pub local_roles: bool,

    /// The daemon to ask, if one is.
    #[command(flatten)]
    pub daemon: DaemonArgs,

    /// Who asks.
    #[command(flatten)]
    pub asker: AskArgs,
}

/// Says in which language a filter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanTarget {
    /// The filter JSON of Directus.
    Directus,
    /// SQL of PostgreSQL.
    Postgresql,
    /// SQL of MySQL and MariaDB.
    Mysql,
    /// SQL of SQLite.
    Sqlite,
    /// A query document of MongoDB.
    Mongodb,
}

impl PlanTarget {
    fn on_wire(self) -> v1::PlanTarget {
        match self {
            PlanTarget::Directus => v1::PlanTarget::Directus,
            PlanTarget::Postgresql => v1::PlanTarget::Postgresql,
            PlanTarget::Mysql => v1::PlanTarget::Mysql,
            PlanTarget::Sqlite => v1::PlanTarget::Sqlite,
            PlanTarget::Mongodb => v1::PlanTarget::Mongodb,
        }
    }
}

/// Asks for a plan and writes it.
pub(super) fn run(command: &PlanCommand, globals: &Globals, output: &mut Output) -> Exit {
    let request = match request(command) {
        Ok(request) => request,
        Err(error) => return ask::refuse(&error, output),
    };
    let profile = request.profile.clone();
    let address = command.daemon.at();
    let response = match ask::ask(globals, address, &profile, output, |door| door.plan(request)) {
        Ok(response) => response,
        Err(exit) => return exit,
    };
    match globals.format {
        Format::Json => {
            if let Err(exit) = ask::write_json("PlanQueryResponse", &response, output) {
                return exit;
            }
        }
        Format::Text => write_text(&response, output),
    }
    let is_usable = response.plan.as_ref().is_some_and(|plan| {
        matches!(plan.kind(), v1::PlanKind::Always | v1::PlanKind::Conditional)
            && plan.renderings.iter().all(|rendering| rendering.error.is_empty())
    });
    if is_usable { Exit::Done } else { Exit::Refused }
}

fn request(command: &PlanCommand) -> Result<v1::PlanQueryRequest, QuestionError> {
    let asker = &command.asker;
    let mut request: v1::PlanQueryRequest = asker.base("PlanQueryRequest")?;
    asker.lay_over_head(
        &mut request.profile,
        &mut request.explain,
        &mut request.subject,
        &mut request.context,
    )?;
    set(&mut request.collection, asker.collection.as_ref());
    set(&mut request.action, command.action.as_ref());
    set_list(&mut request.fields, &command.fields);
    set_list(&mut request.filter_fields, &command.filter_fields);
    if !command.targets.is_empty() {
        let targets = command.targets.iter().map(|target| i32::from(target.on_wire()));
        request.targets = targets.collect();
    }
    request.local_roles |= command.local_roles;
    Ok(request)
}

fn write_text(response: &v1::PlanQueryResponse, output: &mut Output) {
    if let Some(plan) = &response.plan {
        let (word, color) = kind_word(plan.kind());
        let mut head = paint(output, word, color);
        if !matches!(plan.reason(), v1::Reason::Allowed | v1::Reason::Unspecified) {
            head.push_str(&format!(" {}", reason_word(plan.reason())));
        }
        if !plan.message.is_empty() {
            head.push_str(&format!(": {}", plan.message));
        }
        output.line(&head);
        write_filter(plan, 1, output);
        for rendering in &plan.renderings {
            write_rendering(rendering, output);
        }
        write_rules("decided by", &plan.grants, output);
    }
    let is_never = response
        .plan
        .as_ref()
        .is_none_or(|plan| kind_word(plan.kind()).1 == BAD);
    for field in response.fields.iter().filter(|_| !is_never) {
        write_field(field, output);
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
    if let Some(moment) = &response.valid_until {
        output.line(&format!("  holds until {moment}"));
    }
    write_trace(response.trace.as_ref(), output);
    write_snapshot(response.snapshot.as_ref(), output);
}

/// The word of a kind, and its colour. What no version knows counts as never.
fn kind_word(kind: v1::PlanKind) -> (&'static str, &'static str) {
    match kind {
        v1::PlanKind::Always => ("ALWAYS", GOOD),
        v1::PlanKind::Conditional => ("CONDITIONAL", GOOD),
        v1::PlanKind::Never | v1::PlanKind::Unspecified => ("NEVER", BAD),
    }
}

fn write_filter(plan: &v1::Plan, depth: usize, output: &mut Output) {
    for line in plan.filter.iter().flat_map(|filter| tree_lines(filter, depth)) {
        output.line(&line);
    }
}

fn write_field(field: &v1::FieldPlan, output: &mut Output) {
    let name = quote(&field.field);
    let Some(plan) = &field.plan else { return };
    match plan.kind() {
        v1::PlanKind::Always => output.line(&format!("  the field {name} on every item of these")),
        v1::PlanKind::Conditional => {
            output.line(&format!("  the field {name} on those where"));
            write_filter(plan, 2, output);
        }
        v1::PlanKind::Never | v1::PlanKind::Unspecified => {
            let reason = reason_word(plan.reason());
            output.line(&format!("  the field {name} on no item ({reason})"));
        }
    }
}

fn write_rendering(rendering: &v1::PlanRendering, output: &mut Output) {
    let name = rendering.target().as_str_name();
    let name = name
        .strip_prefix("PLAN_TARGET_")
        .unwrap_or(name)
        .to_ascii_lowercase();
    if !rendering.error.is_empty() {
        let word = paint(output, "cannot say it", BAD);
        output.line(&format!("  {name} {word}: {}", rendering.error));
        return;
    }
    output.line(&format!("  {name}: {}", rendering.text));
    for (index, value) in rendering.parameters.iter().enumerate() {
        output.line(&format!("    parameter {}: {}", index + 1, value_text(value)));
    }
}
