//! What a decision says to people: one sentence per reason, naming what decided.
//!
//! The sentences repeat names of the request and of rules, never a stored value. [`sentence`] is the whole table.

use super::encode::rule_name;
use super::out::Words;
use crate::engine::decision::{Decision, Rule, Violation};
use crate::engine::identity::groups_elsewhere;
use crate::engine::query::Query;
use crate::engine::role::list;
use crate::model::Model;
use crate::vocab::effect::Reason;

/// Writes why a decision is as it is, in one sentence.
pub(super) fn sentence(out: &mut Words<'_>, model: &Model, query: &Query<'_>, decision: &Decision<'_>) {
    let about = decision.about.unwrap_or_default();
    match decision.reason {
        Reason::Allowed => allowed(out, model, decision),
        Reason::NoGrant => {
            asked(out.put("no role of the subject may "), query);
            outside(out, model, query);
            elsewhere(out, model, query);
        }
        Reason::NoMatchingGrant => {
            asked(out.put("the subject may "), query);
            out.put(" in general, but not on this item or under these circumstances");
            outside(out, model, query);
            elsewhere(out, model, query);
        }
        Reason::Denied if about.is_empty() => {
            rules(out, model, decision);
            asked(out.put(" refuses to "), query);
        }
        Reason::Denied => {
            rules(out, model, decision);
            out.put(" takes the field ").quote(about).put(" away");
        }
        Reason::Violation => violated(out, model, decision),
        Reason::Network => {
            rules(out.put("the request does not come from where "), model, decision);
            out.put(" demands");
        }
        Reason::ExplanationRequired => {
            asked(out.put("to "), query);
            out.put(" needs an explanation, and none was given");
        }
        Reason::ApprovalMissing => approvals(out, model, decision),
        Reason::NotOffered => not_offered(out, query),
        Reason::UnknownCollection => unknown(out, "collection", about, query.resource.collection),
        Reason::UnknownAction => unknown(out, "action", about, query.action),
        Reason::UnknownTransition => unknown(out, "transition", about, query.transition),
        Reason::UnknownRole => {
            out.put("the profile knows none of the subject's roles and groups");
        }
        Reason::MissingAttribute => lacking(out, decision),
        Reason::BrokenRule => {
            rules(out, model, decision);
            out.put(" is known to be broken and therefore refuses");
        }
        Reason::Fault => {
            out.put("deciding went wrong, so the answer is no");
        }
        Reason::FieldOutOfReach | Reason::FieldNotCovered => field(out, decision.reason, about),
    }
}

/// Writes why one field is taken away, in one sentence.
pub(super) fn field(out: &mut Words<'_>, reason: Reason, field: &str) {
    let (before, after) = match reason {
        Reason::Allowed => ("the field ", " is open"),
        Reason::FieldOutOfReach => ("no rule opens the field ", " to the subject"),
        Reason::FieldNotCovered => (
            "the field ",
            " is open to the subject in general, but not on this item or so",
        ),
        Reason::Denied => ("a rule takes the field ", " away"),
        Reason::Violation => ("the field ", " breaks a rule with this value"),
        Reason::MissingAttribute => ("the request lacks a fact that decides on the field ", ""),
        Reason::NoGrant
        | Reason::NoMatchingGrant
        | Reason::UnknownRole
        | Reason::UnknownCollection
        | Reason::UnknownAction
        | Reason::UnknownTransition
        | Reason::NotOffered
        | Reason::Network
        | Reason::ExplanationRequired
        | Reason::ApprovalMissing => ("the item as such is not open, so the field ", " is not"),
        Reason::BrokenRule => ("a broken rule takes the field ", " away"),
        Reason::Fault => ("deciding on the field ", " went wrong, so the answer is no"),
    };
    out.put(before).quote(field).put(after);
}

/// Writes why there is nothing that a list of transitions could name, in one sentence.
pub(super) fn nothing_offered(out: &mut Words<'_>, reason: Reason, query: &Query<'_>) {
    let collection = query.resource.collection;
    match reason {
        Reason::UnknownCollection => unknown(out, "collection", "", collection),
        Reason::UnknownTransition => {
            out.put("the collection ")
                .quote(collection)
                .put(" has no workflow");
        }
        Reason::UnknownAction => {
            out.put("no action of the profile creates items");
        }
        Reason::Allowed
        | Reason::NoGrant
        | Reason::NoMatchingGrant
        | Reason::Denied
        | Reason::FieldOutOfReach
        | Reason::FieldNotCovered
        | Reason::Violation
        | Reason::Network
        | Reason::ExplanationRequired
        | Reason::ApprovalMissing
        | Reason::NotOffered
        | Reason::UnknownRole
        | Reason::MissingAttribute
        | Reason::BrokenRule
        | Reason::Fault => {
            out.put("the workflow of ")
                .quote(collection)
                .put(" does not have the state ");
            match query.resource.state {
                "" => out.put("of the item"),
                state => out.quote(state),
            };
        }
    }
}

/// Writes what is wrong with the item as it would be, in one sentence.
pub(super) fn violation(out: &mut Words<'_>, model: &Model, violation: &Violation<'_>) {
    let name = |out: &mut Words<'_>| rule_name(out, model, violation.rule);
    if violation.field.is_empty() {
        out.put("the rule ").quote_made(name).put(" does not hold");
        return;
    }
    out.put("the field ").quote(violation.field);
    out.put(" does not satisfy ").quote(violation.operator);
    out.put(" of the rule ").quote_made(name);
}

/// Writes what the request asks, after "may" or "to": "`update` in `articles` (state `draft`)".
fn asked(out: &mut Words<'_>, query: &Query<'_>) {
    match (query.action, query.transition) {
        ("", transition) => out.put("execute ").quote(transition),
        (action, "") => out.quote(action),
        (action, transition) => out.quote(action).put(" and execute ").quote(transition),
    };
    if !query.resource.collection.is_empty() {
        out.put(" in ").quote(query.resource.collection);
    }
    if !query.resource.state.is_empty() {
        out.put(" (state ").quote(query.resource.state).put(")");
    }
}

fn allowed(out: &mut Words<'_>, model: &Model, decision: &Decision<'_>) {
    match decision.deciding.first() {
        None => {
            out.put("no permission is asked for that");
        }
        Some(Rule::Administrator(role)) => {
            let role = model.roles.names.name(role.index());
            out.quote(role).put(" is an administrator");
        }
        Some(Rule::Grant(_) | Rule::Constraint(_) | Rule::DocumentGrant(_) | Rule::Transition(_)) => {
            rules(out.put("allowed by "), model, decision);
        }
    }
}

fn violated(out: &mut Words<'_>, model: &Model, decision: &Decision<'_>) {
    match decision.violations.as_slice() {
        [] => {
            out.put("the item as it would be breaks a rule");
        }
        [only] => violation(out, model, only),
        [first, more @ ..] => {
            violation(out, model, first);
            out.put(" (and ").count(more.len() as u64).put(" more)");
        }
    }
}

fn approvals(out: &mut Words<'_>, model: &Model, decision: &Decision<'_>) {
    let name = decision
        .transition
        .and_then(|id| model.transition(id))
        .map_or("", |transition| &transition.name);
    let (needed, given) = decision
        .approvals
        .iter()
        .fold((0_u64, 0_u64), |(needed, given), count| {
            (needed + u64::from(count.needed), given + u64::from(count.given))
        });
    out.put("the transition ").quote(name).put(" has ").count(given);
    out.put(" of ").count(needed).put(" approvals");
}

fn not_offered(out: &mut Words<'_>, query: &Query<'_>) {
    match (query.transition, query.to_state) {
        ("", "") => out.put("this change of state"),
        ("", state) => out.put("the way to the state ").quote(state),
        (transition, _) => out.put("the transition ").quote(transition),
    };
    match query.resource.state {
        "" => out.put(" is not open now"),
        state => out.put(" is not open from the state ").quote(state).put(" now"),
    };
}

fn lacking(out: &mut Words<'_>, decision: &Decision<'_>) {
    match decision.lacking.as_slice() {
        [] => out.put("the request lacks a fact that a rule needs"),
        [only] => out
            .put("the request does not tell ")
            .quote(only)
            .put(", which a rule needs"),
        [first, more @ ..] => {
            out.put("the request does not tell ").quote(first);
            out.put(" and ")
                .count(more.len() as u64)
                .put(" more that rules need")
        }
    };
}

/// Writes which groups of the subject do not count in this context; nothing if all of them do.
fn elsewhere(out: &mut Words<'_>, model: &Model, query: &Query<'_>) {
    match groups_elsewhere(model, query).as_slice() {
        [] => {}
        [only] => {
            out.put("; the group ")
                .quote(only)
                .put(" counts in other contexts alone");
        }
        [first, more @ ..] => {
            out.put("; the group ").quote(first);
            out.put(" and ").count(more.len() as u64);
            out.put(" more count in other contexts alone");
        }
    }
}

/// Writes which roles of the subject do not count for where the request comes from; nothing if all of them do.
fn outside(out: &mut Words<'_>, model: &Model, query: &Query<'_>) {
    if !model.roles.has_networks {
        return;
    }
    let holdings = list(model, query).unwrap_or_default();
    let names: Vec<&str> = holdings
        .iter()
        .filter(|holding| holding.is_outside)
        .map(|holding| model.roles.names.name(holding.role.index()))
        .collect();
    match names.as_slice() {
        [] => return,
        [only] => out
            .put("; the role ")
            .quote(only)
            .put(" counts in its networks alone, and "),
        [first, more @ ..] => {
            out.put("; the role ").quote(first);
            out.put(" and ").count(more.len() as u64);
            out.put(" more count in their networks alone, and ")
        }
    };
    out.put(if query.context.ip.is_empty() {
        "the request tells no address"
    } else {
        "the request comes from elsewhere"
    });
}

/// Writes the rules that decided, by name: the first, and how many more.
fn rules(out: &mut Words<'_>, model: &Model, decision: &Decision<'_>) {
    let Some((first, more)) = decision.deciding.split_first() else {
        out.put("a rule");
        return;
    };
    out.put("the rule ")
        .quote_made(|out| rule_name(out, model, *first));
    if !more.is_empty() {
        out.put(" (and ").count(more.len() as u64).put(" more)");
    }
}

/// Writes that the profile does not know what the engine names, else what the request does.
fn unknown(out: &mut Words<'_>, what: &str, about: &str, asked: &str) {
    let name = if about.is_empty() { asked } else { about };
    out.put("the profile knows no ").put(what).put(" ").quote(name);
}
