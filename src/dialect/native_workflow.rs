//! Workflows in the native form, which holds the form of Nick's `workflows.json` as it stands.

use jiff::Timestamp;

use crate::policy::Selector;
use crate::policy::grant::{Grant, Selection};
use crate::policy::workflow::{ApprovalRule, State, Target, Transition, Workflow};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::Effect;
use crate::vocab::time::parse_instant;

use super::condition::read_condition;
use super::native_grant::{Home, read_grants};
use super::reader::{self, Empty, Item, Keys};
use super::selector;

/// Holds a workflow and what its states grant, in collections that are found when all of them are known.
#[derive(Clone, Debug)]
pub(super) struct WorkflowEntry {
    /// The workflow.
    pub(super) workflow: Workflow,
    /// The grants of its states, for any collection.
    pub(super) grants: Vec<Grant>,
}

/// Reads a workflow; its states and transitions may stand in an object `json` of their own.
pub(super) fn read_workflow(
    Item { id, mut keys, origin }: Item<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> WorkflowEntry {
    let (title, description) = keys.titles(diagnostics);
    let wrapped = keys
        .optional("json")
        .map(|json| Keys::open(json, "a workflow", diagnostics));
    let workflow = Workflow {
        id,
        title,
        description,
        initial_state: None,
        closed: true,
        states: Vec::new(),
        transitions: Vec::new(),
        origin,
    };
    let mut entry = WorkflowEntry {
        workflow,
        grants: Vec::new(),
    };
    match wrapped {
        None => read_body(&mut keys, &mut entry, diagnostics),
        Some(Some(mut body)) => {
            read_body(&mut body, &mut entry, diagnostics);
            body.finish(diagnostics);
        }
        Some(None) => {}
    }
    keys.finish(diagnostics);
    entry
}

fn read_body(keys: &mut Keys<'_>, entry: &mut WorkflowEntry, diagnostics: &mut Vec<Diagnostic>) {
    entry.workflow.initial_state = keys.id("initial_state", diagnostics);
    entry.workflow.closed = keys.bool("closed", diagnostics).unwrap_or(true);
    if let Some(json) = keys.required("states", diagnostics) {
        for item in reader::read_items(json, "a state", Empty::Refused, diagnostics) {
            let (state, grants) = read_state(item, diagnostics);
            entry.workflow.states.push(state);
            entry.grants.extend(grants);
        }
    }
    if let Some(json) = keys.optional("transitions") {
        for item in reader::read_items(json, "a transition", Empty::Refused, diagnostics) {
            entry
                .workflow
                .transitions
                .push(read_transition(item, diagnostics));
        }
    }
}

fn read_state(
    Item { id, mut keys, origin }: Item<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (State, Vec<Grant>) {
    let (title, description) = keys.titles(diagnostics);
    let transitions = keys.ids("transitions", diagnostics).unwrap_or_default();
    let permissions = keys.optional("permissions");
    let mut grants = permissions
        .map(|json| read_permissions(json, &id, diagnostics))
        .unwrap_or_default();
    if let Some(json) = keys.optional("grants") {
        grants.extend(read_grants(json, Home::State(&id), diagnostics));
    }
    keys.finish(diagnostics);
    (
        State {
            id,
            title,
            description,
            transitions,
            origin,
        },
        grants,
    )
}

/// Reads which role may do what in a state.
fn read_permissions(json: &Json, state: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Grant> {
    let mut grants = Vec::new();
    for Member { key, value } in reader::read_members(json, "`permissions`", diagnostics).unwrap_or_default()
    {
        let role = reader::check_id(&key.value, key.span, "a role", Empty::Refused, diagnostics);
        let actions = reader::read_ids(value, &quote(&key.value), Empty::Refused, diagnostics);
        // A role that may do nothing is written to be seen by people.
        let Some(actions) = actions.filter(|actions| role && !actions.is_empty()) else {
            continue;
        };
        let selection = Selection {
            roles: Selector::Only(vec![key.clone()]),
            actions: Selector::Only(actions),
            states: Selector::Only(vec![state.clone()]),
            ..Selection::default()
        };
        let origin = key.span.to(value.span);
        grants.push(Grant::new(Effect::Allow, selection, Selector::Any, origin));
    }
    grants
}

fn read_transition(Item { id, mut keys, origin }: Item<'_>, diagnostics: &mut Vec<Diagnostic>) -> Transition {
    let (title, description) = keys.titles(diagnostics);
    let to = keys.either(["to", "new_state"], diagnostics);
    let to = to
        .and_then(|member| read_target(member, diagnostics))
        .unwrap_or(Target::Unknown);
    let actions = keys.either(["actions", "permission"], diagnostics);
    let actions = actions.and_then(|Member { key, value }| {
        reader::read_ids(value, &quote(&key.value), Empty::Refused, diagnostics)
    });
    let from = keys.optional("from");
    let from = from.and_then(|json| selector::read_selector(json, "`from`", Empty::Refused, diagnostics));
    let listed = keys.bool("listed", diagnostics).unwrap_or(true);
    let when = keys
        .optional("when")
        .and_then(|json| read_condition(json, diagnostics));
    let explain = keys.bool("explain", diagnostics).unwrap_or(false);
    let opens = keys
        .optional("opens")
        .and_then(|json| read_instant(json, "`opens`", diagnostics));
    let closes = keys
        .optional("closes")
        .and_then(|json| read_instant(json, "`closes`", diagnostics));
    let approvals = keys.optional("approvals");
    let approvals = approvals
        .map(|json| read_approvals(json, diagnostics))
        .unwrap_or_default();
    keys.finish(diagnostics);
    let actions = actions.unwrap_or_default();
    Transition {
        id,
        title,
        description,
        to,
        actions,
        from,
        listed,
        when,
        explain,
        opens,
        closes,
        approvals,
        origin,
    }
}

/// Reads a state, or a map from the state before to the state afterwards.
fn read_target(Member { key, value }: &Member, diagnostics: &mut Vec<Diagnostic>) -> Option<Target> {
    let what = quote(&key.value);
    let Some(members) = value.as_object() else {
        if value.as_text().is_none() {
            reader::wrong_type(
                value,
                &what,
                "a state, or an object from state to state",
                diagnostics,
            );
            return None;
        }
        return reader::read_id(value, &what, Empty::Refused, diagnostics).map(Target::State);
    };
    let mut pairs = Vec::with_capacity(members.len());
    for Member { key, value } in members {
        let known = reader::check_id(&key.value, key.span, "a state", Empty::Refused, diagnostics);
        let to = reader::read_id(value, &quote(&key.value), Empty::Refused, diagnostics);
        pairs.extend(to.filter(|_| known).map(|to| (key.clone(), to)));
    }
    Some(Target::Map(pairs))
}

/// Reads a moment; without a zone it is taken as UTC, with a warning.
fn read_instant(json: &Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Timestamp> {
    let text = reader::read_text(json, what, diagnostics)?;
    if let Ok(instant) = text.value.parse() {
        return Some(instant);
    }
    let instant = parse_instant(&text.value);
    let help = "write it as `2026-05-01T08:00:00Z`";
    if instant.is_some() {
        let message = format!("{} names no zone and is read as UTC", quote(&text.value));
        diagnostics.push(Diagnostic::new(Code::AmbiguousTime, text.span, message).help(help));
    } else {
        let message = format!("{what} must be a moment, not {}", quote(&text.value));
        diagnostics.push(Diagnostic::new(Code::WrongType, text.span, message).help(help));
    }
    instant
}

/// Reads a number of people, a rule, or a list of rules.
fn read_approvals(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<ApprovalRule> {
    match &json.node {
        Node::List(values) => values
            .iter()
            .filter_map(|value| read_approval(value, diagnostics))
            .collect(),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Object(_) => {
            read_approval(json, diagnostics).into_iter().collect()
        }
    }
}

fn read_approval(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<ApprovalRule> {
    if json.as_object().is_none() {
        let count = read_count(
            json,
            "an approval",
            "a number of people, or an object",
            diagnostics,
        )?;
        return Some(approval(count, json.span));
    }
    let mut keys = Keys::open(json, "an approval", diagnostics)?;
    let count = keys.required("count", diagnostics);
    let count = count.and_then(|json| read_count(json, "`count`", "a number of people", diagnostics));
    let roles = keys.ids("roles", diagnostics).unwrap_or_default();
    let users = keys.ids("users", diagnostics).unwrap_or_default();
    let content_bound = keys.bool("content_bound", diagnostics).unwrap_or(true);
    keys.finish(diagnostics);
    Some(ApprovalRule {
        roles,
        users,
        content_bound,
        ..approval(count?, json.span)
    })
}

fn approval(count: u32, origin: Span) -> ApprovalRule {
    ApprovalRule {
        count,
        roles: Vec::new(),
        users: Vec::new(),
        // An edit voids an approval unless the policy says otherwise.
        content_bound: true,
        origin,
    }
}

fn read_count(json: &Json, what: &str, wanted: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let Some(number) = json.as_number() else {
        reader::wrong_type(json, what, wanted, diagnostics);
        return None;
    };
    let count = number.literal.parse().ok();
    if count.is_none() {
        let message = format!("{what} must be a whole number, not {}", quote(&number.literal));
        diagnostics.push(Diagnostic::new(Code::WrongType, json.span, message));
    }
    count
}
