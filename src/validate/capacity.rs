//! Whether a policy fits the limits.

use crate::policy::Policy;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::span::Span;
use crate::vocab::limits::{
    ACTIONS_MAX, APPROVAL_RULES_MAX, COLLECTIONS_MAX, CONSTRAINTS_MAX, DOCUMENT_GRANTS_MAX, FIELDS_MAX,
    GRANTS_MAX, GROUPS_MAX, ROLES_MAX, STATES_MAX, TRANSITIONS_MAX, USERS_MAX, WORKFLOWS_MAX,
};

use super::report::Report;

/// Checks that there is not too much of anything, and tells whether that is so.
pub(super) fn validate_capacity(policy: &Policy, report: &mut Report<'_>) -> bool {
    let mut found = Vec::new();
    let whole = "the profile";
    found.extend(excess(whole, "roles", &policy.roles, ROLES_MAX, |it| it.origin));
    found.extend(excess(whole, "groups", &policy.groups, GROUPS_MAX, |it| {
        it.origin
    }));
    found.extend(excess(whole, "users", &policy.users, USERS_MAX, |it| it.origin));
    found.extend(excess(whole, "actions", &policy.actions, ACTIONS_MAX, |it| {
        it.origin
    }));
    let collections = &policy.collections;
    found.extend(excess(whole, "collections", collections, COLLECTIONS_MAX, |it| {
        it.origin
    }));
    found.extend(excess(whole, "grants", &policy.grants, GRANTS_MAX, |it| {
        it.origin
    }));
    let constraints = &policy.constraints;
    found.extend(excess(whole, "constraints", constraints, CONSTRAINTS_MAX, |it| {
        it.origin
    }));
    let documents = policy.document_grants.len();
    if let Some(first) = policy.document_grants.find_span(DOCUMENT_GRANTS_MAX) {
        let message = format!("{whole} has {documents} document grants, more than {DOCUMENT_GRANTS_MAX}");
        found.push(Diagnostic::new(Code::TooManyRules, first, message));
    }
    found.extend(excess(
        whole,
        "workflows",
        &policy.workflows,
        WORKFLOWS_MAX,
        |it| it.origin,
    ));
    for collection in collections {
        let whole = format!("collection {}", quote(&collection.id.value));
        let fields = &collection.fields;
        found.extend(excess(&whole, "fields", fields, FIELDS_MAX, |it| it.name.span));
    }
    for workflow in &policy.workflows {
        let whole = format!("workflow {}", quote(&workflow.id.value));
        let transitions = &workflow.transitions;
        found.extend(excess(&whole, "states", &workflow.states, STATES_MAX, |it| {
            it.id.span
        }));
        found.extend(excess(
            &whole,
            "transitions",
            transitions,
            TRANSITIONS_MAX,
            |it| it.id.span,
        ));
        for transition in transitions {
            let whole = format!("transition {}", quote(&transition.id.value));
            let rules = &transition.approvals;
            found.extend(excess(
                &whole,
                "approval rules",
                rules,
                APPROVAL_RULES_MAX,
                |it| it.origin,
            ));
        }
    }
    let fits = found.is_empty();
    found.into_iter().for_each(|diagnostic| report.add(diagnostic));
    fits
}

/// Complains about the first thing beyond a limit.
fn excess<T>(
    whole: &str,
    kind: &str,
    things: &[T],
    max: usize,
    place: impl Fn(&T) -> Span,
) -> Option<Diagnostic> {
    let message = || format!("{whole} has {} {kind}, more than {max}", things.len());
    things
        .get(max)
        .map(|first| Diagnostic::new(Code::TooManyRules, place(first), message()))
}
