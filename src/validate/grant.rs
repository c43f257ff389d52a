//! Grants and constraints: the names they use, and whether they can ever match.

use rustc_hash::FxHashSet;

use crate::policy::Selector;
use crate::policy::grant::{Constraint, Grant, Held, Scope, Selection};
use crate::policy::role::Implicit;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Effect, Operation};

use super::condition::check_condition;
use super::flow::Flow;
use super::names::Names;
use super::operand::check_preset;
use super::path::{Resolved, check_path};
use super::reach::{Facts, Reach};
use super::report::Report;
use super::shadow::Shadows;

/// Checks every grant and constraint.
pub(super) fn validate_grants(names: &Names<'_>, report: &mut Report<'_>) {
    let shadows = Shadows::new(names);
    for grant in &names.policy.grants {
        validate_grant(names, grant, report);
        shadows.check_shadowed(grant, report);
    }
    for constraint in &names.policy.constraints {
        validate_constraint(names, constraint, report);
    }
}

/// A rule as its complaints name it.
struct Rule<'p> {
    kind: &'static str,
    origin: Span,
    selection: &'p Selection,
}

fn validate_grant(names: &Names<'_>, grant: &Grant, report: &mut Report<'_>) {
    let kind = match grant.effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    let rule = Rule {
        kind,
        origin: grant.origin,
        selection: &grant.selection,
    };
    if grant.effect == Effect::Allow && grant.selection.roles == Selector::Any {
        let message = "an allow must name the roles that it is for";
        let help = "grant to `everyone` what all may do";
        report.add(Diagnostic::new(Code::MissingKey, grant.origin, message).help(help));
    }
    let reach = validate_selection(names, &rule, report);
    check_fields(names, &reach, &grant.fields, report);
    if grant.effect == Effect::Deny && matches!(&grant.fields, Selector::Only(fields) if fields.is_empty()) {
        let message = "the list of fields is empty, so the deny takes nothing away";
        report.add(Diagnostic::new(Code::EmptyList, grant.origin, message));
    }
    if grant.networks.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("the list of networks is empty, so the {kind} matches nothing");
        report.add(Diagnostic::new(Code::EmptyList, grant.origin, message));
    }
    let only_reads = asks_only(names, &grant.selection, &[Operation::Read]);
    if let Some(condition) = grant.validate.as_ref().filter(|_| only_reads) {
        report.add(idle_key("validate", condition.span));
    }
    // What a broken rule asks is no longer read.
    if grant.broken.is_none() {
        for condition in grant.selection.when.iter().chain(&grant.validate) {
            check_condition(names, &reach, condition, Severity::Error, report);
        }
    }
}

/// Tells whether a rule names its actions, and all of them are of these operations.
fn asks_only(names: &Names<'_>, selection: &Selection, operations: &[Operation]) -> bool {
    match &selection.actions {
        Selector::Only(actions) => {
            let is_such = |name: &Spanned<String>| operations.contains(&names.operation(&name.value));
            !actions.is_empty() && actions.iter().all(is_such)
        }
        Selector::Any | Selector::Except(_) => false,
    }
}

/// Complains about a key that nothing is asked of, as the rule is for actions that write nothing.
fn idle_key(key: &str, span: Span) -> Diagnostic {
    let message = format!("`{key}` means nothing here, as the actions of the rule write no values");
    Diagnostic::new(Code::UnknownKey, span, message).severity(Severity::Warning)
}

fn validate_constraint(names: &Names<'_>, constraint: &Constraint, report: &mut Report<'_>) {
    let rule = Rule {
        kind: "constraint",
        origin: constraint.origin,
        selection: &constraint.selection,
    };
    let reach = validate_selection(names, &rule, report);
    for condition in constraint.selection.when.iter().chain(&constraint.require) {
        check_condition(names, &reach, condition, Severity::Error, report);
    }
    // What is submitted is a request's own text: a field that the collection lacks is merely absent there.
    if let Some(condition) = &constraint.submitted {
        check_condition(names, &reach, condition, Severity::Warning, report);
    }
    for (name, value) in &constraint.presets {
        let path = std::slice::from_ref(name);
        if let Resolved::Fields(fields) = check_path(names, &reach, path, Severity::Error, report) {
            check_preset(names, name, &fields, value, report);
        }
    }
    if asks_only(
        names,
        &constraint.selection,
        &[Operation::Read, Operation::Delete],
    ) {
        if let Some(condition) = &constraint.submitted {
            report.add(idle_key("submitted", condition.span));
        }
        if let Some((name, _)) = constraint.presets.first() {
            report.add(idle_key("presets", name.span));
        }
    }
    let demands =
        constraint.require.is_some() || constraint.submitted.is_some() || constraint.networks.is_some();
    if !demands && constraint.presets.is_empty() {
        let message = "the constraint demands nothing";
        let help = "write `require`, `submitted`, `networks` or `presets`";
        let diagnostic = Diagnostic::new(Code::MissingKey, constraint.origin, message).help(help);
        report.add(diagnostic.severity(Severity::Warning));
    }
}

/// Checks for whom, what and when a rule is, and returns what it is about.
fn validate_selection(names: &Names<'_>, rule: &Rule<'_>, report: &mut Report<'_>) -> Reach {
    let selection = rule.selection;
    names.check_selection(selection, report);
    check_lists(rule, report);
    let reach = Reach::new(names, &selection.collections);
    let own;
    let facts = if reach.wide {
        &names.everywhere
    } else {
        own = Facts::new(names, reach.places.iter().copied(), reach.undeclared);
        &own
    };
    check_holders(names, rule, report);
    check_scope(names, rule, facts, report);
    check_states(names, rule, facts, report);
    reach
}

fn check_lists(rule: &Rule<'_>, report: &mut Report<'_>) {
    let selection = rule.selection;
    let to_states = selection.to_states.as_ref().filter(|to_states| !to_states.same);
    let lists = [
        ("roles", Some(&selection.roles)),
        ("collections", Some(&selection.collections)),
        ("actions", Some(&selection.actions)),
        ("states", Some(&selection.states)),
        ("target states", to_states.map(|to_states| &to_states.selector)),
    ];
    for (what, selector) in lists {
        let empty = matches!(selector, Some(Selector::Only(listed)) if listed.is_empty());
        if empty {
            let message = format!(
                "the list of {what} is empty, so the {} matches nothing",
                rule.kind
            );
            report.add(Diagnostic::new(Code::EmptyList, rule.origin, message));
        }
    }
}

fn check_fields(names: &Names<'_>, reach: &Reach, fields: &Selector, report: &mut Report<'_>) {
    for field in fields.names() {
        check_path(names, reach, std::slice::from_ref(field), Severity::Error, report);
    }
}

/// Warns of rules for roles that nobody can hold in the way that the rule asks for.
fn check_holders(names: &Names<'_>, rule: &Rule<'_>, report: &mut Report<'_>) {
    let Selector::Only(roles) = &rule.selection.roles else {
        return;
    };
    let are_all =
        |implicit| !roles.is_empty() && roles.iter().all(|role| names.is_only(implicit, &role.value));
    let visitors_own_nothing = names.policy.settings.anonymous_id.is_none();
    let problem = if rule.selection.held != Held::Anywhere && are_all(Implicit::Owner) {
        Some("owners hold their role on their own items alone, which is what `held` leaves out")
    } else if rule.selection.scope == Scope::Mine && visitors_own_nothing && are_all(Implicit::Anonymous) {
        Some("visitors own nothing as long as the profile has no `anonymous_id`")
    } else {
        None
    };
    if let Some((problem, role)) = problem.zip(roles.first()) {
        let message = format!("{problem}, so the {} matches nothing", rule.kind);
        report.add(Diagnostic::new(Code::UnmatchableGrant, role.span, message));
    }
}

/// Checks that items have an owner if the rule asks for theirs.
fn check_scope(names: &Names<'_>, rule: &Rule<'_>, facts: &Facts, report: &mut Report<'_>) {
    let word = match rule.selection.scope {
        Scope::Any => return,
        Scope::Role => "role",
        Scope::Mine => "mine",
    };
    if let Selector::Only(actions) = &rule.selection.actions {
        for action in actions
            .iter()
            .filter(|action| names.operation(&action.value) == Operation::Create)
        {
            let message = format!(
                "nobody owns an item that is being made, so {} with scope `{word}` matches nothing",
                quote(&action.value)
            );
            report.add(Diagnostic::new(Code::UnmatchableGrant, action.span, message));
        }
    }
    let Some(place) = facts.unowned.and_then(|place| names.places.get(place)) else {
        return;
    };
    let id = &place.collection.id;
    let every = facts.owned == 0 && !facts.undeclared;
    let listed = match &rule.selection.collections {
        Selector::Only(named) => named.iter().find(|name| name.value == id.value),
        Selector::Any | Selector::Except(_) => None,
    };
    if listed.is_none() && !every {
        // A rule about everything is for those collections that have owners.
        return;
    }
    let message = if listed.is_none() {
        format!("scope `{word}` asks for the owner, and no collection declares an owner field")
    } else {
        format!(
            "scope `{word}` asks for the owner, and collection {} declares no owner field",
            quote(&id.value)
        )
    };
    let span = listed.map_or(rule.origin, |name| name.span);
    let severity = if every { Severity::Error } else { Severity::Warning };
    let diagnostic = Diagnostic::new(Code::NoOwnerField, span, message).severity(severity);
    report.add(
        diagnostic
            .label(id.span, "declared here")
            .help("declare `owner` there, or take another scope"),
    );
}

/// Checks the states that a rule names.
fn check_states(names: &Names<'_>, rule: &Rule<'_>, facts: &Facts, report: &mut Report<'_>) {
    let selection = rule.selection;
    let targets = selection.to_states.as_ref().map(|to_states| &to_states.selector);
    let named = || {
        selection
            .states
            .names()
            .iter()
            .chain(targets.into_iter().flat_map(Selector::names))
    };
    let Some(first) = named().next() else { return };
    check_status_field(names, rule, facts, first, report);
    if facts.undeclared || facts.free_states || facts.flows.is_empty() {
        return;
    }
    let mut all_known = true;
    for name in named() {
        let flows = names
            .states
            .get(name.value.as_str())
            .map_or(&[][..], Vec::as_slice);
        if !flows.iter().any(|flow| facts.flows.binary_search(flow).is_ok()) {
            all_known = false;
            report_unknown_state(names, facts, name, report);
        }
    }
    if all_known {
        check_remaining_states(names, rule, facts, report);
        check_targets(names, rule, facts, report);
    }
}

fn check_status_field(
    names: &Names<'_>,
    rule: &Rule<'_>,
    facts: &Facts,
    first: &Spanned<String>,
    report: &mut Report<'_>,
) {
    let Some(place) = facts.stateless.and_then(|place| names.places.get(place)) else {
        return;
    };
    let every = facts.stateful == 0 && !facts.undeclared;
    let id = &place.collection.id;
    let listed = matches!(rule.selection.collections, Selector::Only(_));
    if !listed && !every {
        return;
    }
    let message = if listed {
        let id = quote(&id.value);
        format!("the rule names states, and collection {id} declares neither a state field nor a workflow")
    } else {
        "the rule names states, and no collection declares a state field or a workflow".to_owned()
    };
    let severity = if every { Severity::Error } else { Severity::Warning };
    let diagnostic = Diagnostic::new(Code::NoStatusField, first.span, message).severity(severity);
    report.add(
        diagnostic
            .label(id.span, "declared here")
            .help("declare `state_field` or `workflow` there"),
    );
}

fn report_unknown_state(names: &Names<'_>, facts: &Facts, name: &Spanned<String>, report: &mut Report<'_>) {
    let flows: Vec<&Flow<'_>> = facts
        .flows
        .iter()
        .filter_map(|flow| names.flows.get(*flow))
        .collect();
    if let [only] = flows.as_slice() {
        only.check_state(name, report);
        return;
    }
    let message = format!(
        "no workflow of the rule's collections has a state {}",
        quote(&name.value)
    );
    let known = flows.iter().flat_map(|flow| flow.states.keys().copied());
    report.unknown(Code::UnknownState, message, name, known);
}

/// Warns of a rule that excepts every state there is.
fn check_remaining_states(names: &Names<'_>, rule: &Rule<'_>, facts: &Facts, report: &mut Report<'_>) {
    let Selector::Except(excepted) = &rule.selection.states else {
        return;
    };
    let flows = || facts.flows.iter().filter_map(|flow| names.flows.get(*flow));
    // Only a list as long as the workflow can except all of it, so most are not looked at.
    let fewest = flows().map(|flow| flow.states.len()).max().unwrap_or(0);
    if excepted.len() >= fewest && flows().all(|flow| flow.selected(&rule.selection.states).is_empty()) {
        let message = format!("every state is excepted, so the {} matches nothing", rule.kind);
        report.add(Diagnostic::new(Code::UnmatchableGrant, rule.origin, message));
    }
}

/// Warns of target states to which no transition leads from where the rule begins.
fn check_targets(names: &Names<'_>, rule: &Rule<'_>, facts: &Facts, report: &mut Report<'_>) {
    let Some(Selector::Only(targets)) = rule
        .selection
        .to_states
        .as_ref()
        .map(|to_states| &to_states.selector)
    else {
        return;
    };
    let flows = || facts.flows.iter().filter_map(|flow| names.flows.get(*flow));
    if flows().any(|flow| !flow.workflow.closed || flow.leads_anywhere.contains(&true)) {
        return;
    }
    let begins: Vec<(&Flow<'_>, FxHashSet<usize>)> = flows()
        .map(|flow| (flow, flow.selected(&rule.selection.states).into_iter().collect()))
        .collect();
    for target in targets {
        let leads = begins.iter().any(|(flow, begins)| {
            let Some(state) = flow.states.get(target.value.as_str()) else {
                return false;
            };
            // Naming the state that the item is in covers staying there, and making an item there.
            let sources = flow.sources.get(*state).map_or(&[][..], Vec::as_slice);
            begins.contains(state) || sources.iter().any(|source| begins.contains(source))
        });
        if !leads {
            let message = format!(
                "no transition leads to {} from the states of the {}",
                quote(&target.value),
                rule.kind
            );
            report.add(Diagnostic::new(Code::UnmatchableGrant, target.span, message));
        }
    }
}
