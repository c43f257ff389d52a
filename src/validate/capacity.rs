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

/// Checks that there is not too much of anything.
pub(super) fn validate_capacity(policy: &Policy, report: &mut Report<'_>) {
    let whole = "the profile";
    check(&policy.roles, ROLES_MAX, |it| it.origin, "roles", whole, report);
    check(
        &policy.groups,
        GROUPS_MAX,
        |it| it.origin,
        "groups",
        whole,
        report,
    );
    check(&policy.users, USERS_MAX, |it| it.origin, "users", whole, report);
    check(
        &policy.actions,
        ACTIONS_MAX,
        |it| it.origin,
        "actions",
        whole,
        report,
    );
    check(
        &policy.collections,
        COLLECTIONS_MAX,
        |it| it.origin,
        "collections",
        whole,
        report,
    );
    check(
        &policy.grants,
        GRANTS_MAX,
        |it| it.origin,
        "grants",
        whole,
        report,
    );
    check(
        &policy.constraints,
        CONSTRAINTS_MAX,
        |it| it.origin,
        "constraints",
        whole,
        report,
    );
    check(
        &policy.document_grants,
        DOCUMENT_GRANTS_MAX,
        |it| it.origin,
        "document grants",
        whole,
        report,
    );
    check(
        &policy.workflows,
        WORKFLOWS_MAX,
        |it| it.origin,
        "workflows",
        whole,
        report,
    );
    for collection in &policy.collections {
        let fields = collection.fields.as_deref().unwrap_or_default();
        let whole = format!("collection {}", quote(&collection.id.value));
        check(fields, FIELDS_MAX, |it| it.name.span, "fields", &whole, report);
    }
    for workflow in &policy.workflows {
        let whole = format!("workflow {}", quote(&workflow.id.value));
        check(
            &workflow.states,
            STATES_MAX,
            |it| it.id.span,
            "states",
            &whole,
            report,
        );
        check(
            &workflow.transitions,
            TRANSITIONS_MAX,
            |it| it.id.span,
            "transitions",
            &whole,
            report,
        );
        for transition in &workflow.transitions {
            let whole = format!("transition {}", quote(&transition.id.value));
            check(
                &transition.approvals,
                APPROVAL_RULES_MAX,
                |it| it.origin,
                "approval rules",
                &whole,
                report,
            );
        }
    }
}

/// Reports the first thing beyond a limit.
fn check<T>(
    things: &[T],
    max: usize,
    place: impl Fn(&T) -> Span,
    kind: &str,
    whole: &str,
    report: &mut Report<'_>,
) {
    if let Some(first) = things.get(max) {
        let message = format!("{whole} has {} {kind}, more than {max}", things.len());
        report.add(Diagnostic::new(Code::TooManyRules, place(first), message));
    }
}
