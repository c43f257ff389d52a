//! What a decision says to people: one sentence per reason, naming what decided.
//!
//! The sentences repeat names of the request and of rules, never a stored value. [`sentence`] is the whole table.

use super::encode::rule_name;
use crate::engine::decision::{Decision, Rule, Violation};
use crate::engine::query::Query;
use crate::engine::role::list;
use crate::model::Model;
use crate::source::diagnostic::quote;
use crate::vocab::effect::Reason;

/// Returns why a decision is as it is, in one sentence.
pub(super) fn sentence(model: &Model, query: &Query<'_>, decision: &Decision<'_>) -> String {
    let what = Asked { query };
    let about = decision.about.unwrap_or_default();
    match decision.reason {
        Reason::Allowed => allowed(model, decision),
        Reason::NoGrant => format!("no role of the subject may {what}{}", outside(model, query)),
        Reason::NoMatchingGrant => {
            let but = "but not on this item or under these circumstances";
            format!(
                "the subject may {what} in general, {but}{}",
                outside(model, query)
            )
        }
        Reason::Denied if about.is_empty() => {
            format!("{} refuses to {what}", rules(model, decision, "a rule"))
        }
        Reason::Denied => format!(
            "{} takes the field {} away",
            rules(model, decision, "a rule"),
            quote(about)
        ),
        Reason::Violation => violated(model, decision),
        Reason::Network => format!(
            "the request does not come from where {} demands",
            rules(model, decision, "a rule")
        ),
        Reason::ExplanationRequired => format!("to {what} needs an explanation, and none was given"),
        Reason::ApprovalMissing => approvals(model, decision),
        Reason::NotOffered => not_offered(query),
        Reason::UnknownCollection => {
            format!(
                "the profile knows no collection {}",
                quote(named(about, query.resource.collection))
            )
        }
        Reason::UnknownAction => format!(
            "the profile knows no action {}",
            quote(named(about, query.action))
        ),
        Reason::UnknownTransition => {
            format!(
                "the profile knows no transition {}",
                quote(named(about, query.transition))
            )
        }
        Reason::UnknownRole => "the profile knows none of the subject's roles and groups".to_owned(),
        Reason::MissingAttribute => lacking(decision),
        Reason::BrokenRule => {
            format!(
                "{} is known to be broken and therefore refuses",
                rules(model, decision, "a rule")
            )
        }
        Reason::Fault => "deciding went wrong, so the answer is no".to_owned(),
        Reason::FieldOutOfReach | Reason::FieldNotCovered => field(decision.reason, about),
    }
}

/// Returns why one field is taken away, in one sentence.
pub(super) fn field(reason: Reason, field: &str) -> String {
    let field = quote(field);
    match reason {
        Reason::Allowed => format!("the field {field} is open"),
        Reason::FieldOutOfReach => format!("no rule opens the field {field} to the subject"),
        Reason::FieldNotCovered => {
            format!("the field {field} is open to the subject in general, but not on this item or so")
        }
        Reason::Denied => format!("a rule takes the field {field} away"),
        Reason::Violation => format!("the field {field} breaks a rule with this value"),
        Reason::MissingAttribute => format!("the request lacks a fact that decides on the field {field}"),
        Reason::NoGrant
        | Reason::NoMatchingGrant
        | Reason::UnknownRole
        | Reason::UnknownCollection
        | Reason::UnknownAction
        | Reason::UnknownTransition
        | Reason::NotOffered
        | Reason::Network
        | Reason::ExplanationRequired
        | Reason::ApprovalMissing => format!("the item as such is not open, so the field {field} is not"),
        Reason::BrokenRule => format!("a broken rule takes the field {field} away"),
        Reason::Fault => format!("deciding on the field {field} went wrong, so the answer is no"),
    }
}

/// Returns why there is nothing that a list of transitions could name, in one sentence.
pub(super) fn nothing_offered(reason: Reason, query: &Query<'_>) -> String {
    let collection = quote(query.resource.collection);
    match reason {
        Reason::UnknownCollection => format!("the profile knows no collection {collection}"),
        Reason::UnknownTransition => format!("the collection {collection} has no workflow"),
        Reason::UnknownAction => "no action of the profile creates items".to_owned(),
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
        | Reason::Fault => match query.resource.state {
            "" => format!("the workflow of {collection} does not have the state of the item"),
            state => format!(
                "the workflow of {collection} does not have the state {}",
                quote(state)
            ),
        },
    }
}

/// Returns what is wrong with the item as it would be, in one sentence.
pub(super) fn violation(model: &Model, violation: &Violation<'_>) -> String {
    let rule = quote(&rule_name(model, violation.rule));
    if violation.field.is_empty() {
        return format!("the rule {rule} does not hold");
    }
    format!(
        "the field {} does not satisfy {} of the rule {rule}",
        quote(violation.field),
        quote(violation.operator)
    )
}

/// What the request asks, as words after "may" or "to": "`update` `articles` in state `draft`".
struct Asked<'q> {
    query: &'q Query<'q>,
}

impl std::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let query = self.query;
        match (query.action, query.transition) {
            ("", transition) => write!(f, "execute {}", quote(transition))?,
            (action, "") => write!(f, "{}", quote(action))?,
            (action, transition) => write!(f, "{} and execute {}", quote(action), quote(transition))?,
        }
        if !query.resource.collection.is_empty() {
            write!(f, " in {}", quote(query.resource.collection))?;
        }
        if !query.resource.state.is_empty() {
            write!(f, " (state {})", quote(query.resource.state))?;
        }
        Ok(())
    }
}

fn allowed(model: &Model, decision: &Decision<'_>) -> String {
    match decision.deciding.first() {
        None => "no permission is asked for that".to_owned(),
        Some(Rule::Administrator(role)) => {
            let role = model.roles.names.name(role.index());
            format!("{} is an administrator", quote(role))
        }
        Some(Rule::Grant(_) | Rule::Constraint(_) | Rule::DocumentGrant(_) | Rule::Transition(_)) => {
            format!("allowed by {}", rules(model, decision, "a rule"))
        }
    }
}

fn violated(model: &Model, decision: &Decision<'_>) -> String {
    match decision.violations.as_slice() {
        [] => "the item as it would be breaks a rule".to_owned(),
        [only] => violation(model, only),
        [first, more @ ..] => format!("{} (and {} more)", violation(model, first), more.len()),
    }
}

fn approvals(model: &Model, decision: &Decision<'_>) -> String {
    let name = decision
        .transition
        .and_then(|id| model.transition(id))
        .map_or("", |transition| &transition.name);
    let (needed, given) = decision.approvals.iter().fold((0, 0), |(needed, given), count| {
        (needed + count.needed, given + count.given)
    });
    format!("the transition {} has {given} of {needed} approvals", quote(name))
}

fn not_offered(query: &Query<'_>) -> String {
    let way = if query.transition.is_empty() {
        match query.to_state {
            "" => "this change of state".to_owned(),
            state => format!("the way to the state {}", quote(state)),
        }
    } else {
        format!("the transition {}", quote(query.transition))
    };
    match query.resource.state {
        "" => format!("{way} is not open now"),
        state => format!("{way} is not open from the state {} now", quote(state)),
    }
}

fn lacking(decision: &Decision<'_>) -> String {
    match decision.lacking.as_slice() {
        [] => "the request lacks a fact that a rule needs".to_owned(),
        [only] => format!("the request does not tell {}, which a rule needs", quote(only)),
        [first, more @ ..] => {
            format!(
                "the request does not tell {} and {} more that rules need",
                quote(first),
                more.len()
            )
        }
    }
}

/// Says which roles of the subject do not count for where the request comes from; nothing if all of them do.
fn outside(model: &Model, query: &Query<'_>) -> String {
    if !model.roles.has_networks {
        return String::new();
    }
    let holdings = list(model, query).unwrap_or_default();
    let names: Vec<&str> = holdings
        .iter()
        .filter(|holding| holding.is_outside)
        .map(|holding| model.roles.names.name(holding.role.index()))
        .collect();
    let why = if query.context.ip.is_empty() {
        "the request tells no address"
    } else {
        "the request comes from elsewhere"
    };
    match names.as_slice() {
        [] => String::new(),
        [only] => format!(
            "; the role {} counts in its networks alone, and {why}",
            quote(only)
        ),
        [first, more @ ..] => format!(
            "; the role {} and {} more count in their networks alone, and {why}",
            quote(first),
            more.len()
        ),
    }
}

/// Returns the rules that decided, by name: the first, and how many more.
fn rules(model: &Model, decision: &Decision<'_>, nameless: &str) -> String {
    let Some(first) = decision.deciding.first() else {
        return nameless.to_owned();
    };
    let first = quote(&rule_name(model, *first));
    match decision.deciding.len() - 1 {
        0 => format!("the rule {first}"),
        more => format!("the rule {first} (and {more} more)"),
    }
}

/// Returns what the engine names, else what the request does.
fn named<'n>(about: &'n str, asked: &'n str) -> &'n str {
    if about.is_empty() { asked } else { about }
}
