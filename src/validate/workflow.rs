//! Workflows: their states, where transitions lead, and what these ask.

use rustc_hash::FxHashSet;

use crate::policy::Selector;
use crate::policy::workflow::{ApprovalRule, Target, Transition};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::vocab::limits::APPROVERS_MAX;

use super::condition::check_condition;
use super::flow::Flow;
use super::names::Names;
use super::reach::Reach;
use super::report::Report;

/// Checks every workflow.
pub(super) fn validate_workflows(names: &Names<'_>, report: &mut Report<'_>) {
    for flow in &names.flows {
        let errors_before = report.error_count();
        validate_names(flow, report);
        let reach = Reach::of_places(flow.places.clone(), flow.places.is_empty());
        for transition in &flow.workflow.transitions {
            validate_targets(flow, transition, report);
            validate_transition(names, &reach, transition, report);
        }
        validate_offers(flow, report);
        // With a name that leads nowhere, all behind it would be unreachable as well.
        if flow.workflow.closed && report.error_count() == errors_before {
            validate_graph(names, flow, report);
        }
    }
}

fn validate_names(flow: &Flow<'_>, report: &mut Report<'_>) {
    let workflow = flow.workflow;
    workflow
        .states
        .iter()
        .for_each(|state| report.check_id("state", &state.id));
    workflow
        .transitions
        .iter()
        .for_each(|transition| report.check_id("transition", &transition.id));
    report.check_unique("state", workflow.states.iter().map(|state| &state.id));
    report.check_unique(
        "transition",
        workflow.transitions.iter().map(|transition| &transition.id),
    );
    if let Some(initial) = &workflow.initial_state {
        flow.check_state(initial, report);
    }
    for name in workflow.states.iter().flat_map(|state| &state.transitions) {
        if !flow.transitions.contains_key(name.value.as_str()) {
            let workflow = quote(&workflow.id.value);
            let message = format!("workflow {workflow} has no transition {}", quote(&name.value));
            report.unknown(
                Code::UnknownTransition,
                message,
                name,
                flow.transitions.keys().copied(),
            );
        }
    }
}

fn validate_targets(flow: &Flow<'_>, transition: &Transition, report: &mut Report<'_>) {
    match &transition.to {
        Target::State(target) => flow.check_state(target, report),
        Target::Map(pairs) => {
            for (from, to) in pairs {
                flow.check_state(from, report);
                flow.check_state(to, report);
            }
            report.check_unique("source", pairs.iter().map(|(from, _)| from));
        }
        Target::Unknown => {}
    }
    let Some(from) = &transition.from else { return };
    from.names()
        .iter()
        .for_each(|state| flow.check_state(state, report));
    if matches!(from, Selector::Only(states) if states.is_empty()) {
        let message = format!(
            "the list of states is empty, so transition {} starts nowhere",
            quote(&transition.id.value)
        );
        report.add(Diagnostic::new(Code::EmptyList, transition.id.span, message));
    }
}

fn validate_transition(names: &Names<'_>, reach: &Reach, transition: &Transition, report: &mut Report<'_>) {
    transition
        .actions
        .iter()
        .for_each(|action| names.check_action(action, report));
    if let Some(when) = &transition.when {
        check_condition(names, reach, when, Severity::Error, report);
    }
    if let (Some(opens), Some(closes)) = (transition.opens, transition.closes)
        && closes <= opens
    {
        let message = format!(
            "transition {} closes before it opens",
            quote(&transition.id.value)
        );
        let diagnostic = Diagnostic::new(Code::EmptyWindow, transition.id.span, message);
        report.add(diagnostic.help(format!("it opens at {opens} and closes at {closes}")));
    }
    for rule in &transition.approvals {
        validate_approval(names, rule, report);
    }
}

fn validate_approval(names: &Names<'_>, rule: &ApprovalRule, report: &mut Report<'_>) {
    rule.roles.iter().for_each(|role| names.check_role(role, report));
    // An empty id equals nobody's.
    rule.users.iter().for_each(|user| report.check_id("user", user));
    let people: FxHashSet<&str> = rule.users.iter().map(|user| user.value.as_str()).collect();
    let problem = if rule.count == 0 {
        Some("an approval by nobody is none".to_owned())
    } else if rule.count > APPROVERS_MAX {
        let message = format!(
            "an approval by {} people is asked for, more than {APPROVERS_MAX}",
            rule.count
        );
        report.add(Diagnostic::new(Code::TooManyRules, rule.origin, message));
        None
    } else if !people.is_empty() && usize::try_from(rule.count).is_ok_and(|count| count > people.len()) {
        Some(format!(
            "{} people must approve, and only {} may",
            rule.count,
            people.len()
        ))
    } else {
        None
    };
    if let Some(message) = problem {
        report.add(Diagnostic::new(Code::ImpossibleApproval, rule.origin, message));
    }
}

/// Checks that what a state offers leads somewhere from there, and that it can be executed there.
fn validate_offers(flow: &Flow<'_>, report: &mut Report<'_>) {
    let starts = flow
        .starts()
        .into_iter()
        .map(|starts| starts.into_iter().collect::<FxHashSet<usize>>());
    let starts: Vec<FxHashSet<usize>> = starts.collect();
    let sources: Vec<Option<FxHashSet<&str>>> =
        flow.workflow.transitions.iter().map(mapped_sources).collect();
    for (source, state) in flow.workflow.states.iter().enumerate() {
        for name in &state.transitions {
            let Some(index) = flow.transitions.get(name.value.as_str()) else {
                continue;
            };
            let starts_here = starts.get(*index).is_none_or(|starts| starts.contains(&source));
            let mapped = sources.get(*index).and_then(Option::as_ref);
            let leads = mapped.is_none_or(|sources| sources.contains(state.id.value.as_str()));
            let lacking = match (starts_here, leads) {
                (false, _) => "cannot be executed from there",
                (true, false) => "does not say where it leads from there",
                (true, true) => continue,
            };
            let message = format!(
                "state {} offers transition {}, which {lacking}",
                quote(&state.id.value),
                quote(&name.value),
            );
            report.add(Diagnostic::new(Code::UntakeableTransition, name.span, message));
        }
    }
}

fn mapped_sources(transition: &Transition) -> Option<FxHashSet<&str>> {
    match &transition.to {
        Target::Map(pairs) => Some(pairs.iter().map(|(from, _)| from.value.as_str()).collect()),
        Target::State(_) | Target::Unknown => None,
    }
}

/// Looks for states that no item gets into, and states that no item gets out of.
fn validate_graph(names: &Names<'_>, flow: &Flow<'_>, report: &mut Report<'_>) {
    let workflow = quote(&flow.workflow.id.value);
    if let Some(reached) = find_reached(names, flow) {
        for (state, _) in flow
            .workflow
            .states
            .iter()
            .zip(&reached)
            .filter(|(_, reached)| !**reached)
        {
            let message = format!(
                "no transition of workflow {workflow} leads to state {}",
                quote(&state.id.value)
            );
            let help = "items get here only if a grant lets them be created here";
            report.add(Diagnostic::new(Code::UnreachableState, state.id.span, message).help(help));
        }
    }
    let leaves = |state: usize| {
        let targets = flow.targets.get(state).map_or(&[][..], Vec::as_slice);
        targets.iter().any(|target| *target != state) || flow.leads_anywhere.get(state) == Some(&true)
    };
    let ways_out: Vec<bool> = (0..flow.workflow.states.len()).map(leaves).collect();
    if !ways_out.contains(&true) {
        return;
    }
    for (state, _) in flow
        .workflow
        .states
        .iter()
        .zip(&ways_out)
        .filter(|(_, leaves)| !**leaves)
    {
        let message = format!(
            "no transition of workflow {workflow} leaves state {}",
            quote(&state.id.value)
        );
        report.add(Diagnostic::new(Code::DeadEnd, state.id.span, message));
    }
}

/// Tells for each state whether an item can get there; `None` if nobody can know.
fn find_reached(names: &Names<'_>, flow: &Flow<'_>) -> Option<Vec<bool>> {
    let places = flow.places.iter().filter_map(|place| names.places.get(*place));
    let initial = places.filter_map(|place| place.collection.initial_state.as_ref());
    let begin: Vec<&str> = initial
        .chain(&flow.workflow.initial_state)
        .map(|state| state.value.as_str())
        .collect();
    if begin.is_empty() {
        return None;
    }
    let creatable = names.creatable.iter().copied();
    let begin = begin
        .into_iter()
        .chain(creatable)
        .filter_map(|state| flow.states.get(state).copied());
    let mut open: Vec<usize> = begin.collect();
    let mut reached = vec![false; flow.workflow.states.len()];
    while let Some(state) = open.pop() {
        let Some(seen) = reached.get_mut(state) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        if flow.leads_anywhere.get(state) == Some(&true) {
            return None;
        }
        open.extend(flow.targets.get(state).into_iter().flatten());
    }
    Some(reached)
}
