//! How a decision was reached, as the wire tells it.

use super::check::Decided;
use super::encode::Encoder;
use super::out::{Nested, Out, Words};
use super::proto::fields as field;
use super::proto::v1;
use crate::engine::condition::Truth;
use crate::engine::decision::Decision;
use crate::engine::query::Query;
use crate::engine::role::{Holding, How};
use crate::engine::trace::{Event, Outcome, Recorder};
use crate::vocab::limits::TRACE_EVENTS_MAX;

/// What an answer tells of how it was reached.
#[derive(Debug)]
pub(super) enum Account {
    /// Nothing: nobody asked.
    Unasked,
    /// That this listener does not tell it.
    Withheld,
    /// Everything: what became of each rule, and the roles.
    Told(Box<(Recorder, Vec<Holding>)>),
}

impl Account {
    /// Returns the account of an answer that does not tell how it was reached.
    pub(super) fn silent(is_asked: bool) -> Self {
        if is_asked { Self::Withheld } else { Self::Unasked }
    }
}

impl Encoder<'_> {
    /// Writes how a decision was reached, if that was asked.
    pub(super) fn trace(&self, out: &mut Out<'_>, to: Nested, query: &Query<'_>, decided: &Decided<'_>) {
        match &decided.account {
            Account::Unasked => {}
            Account::Withheld => withheld(out, to),
            Account::Told(told) => {
                let (recorder, holdings) = &**told;
                out.part(to, |out| {
                    self.steps(out, query, &decided.decision, recorder, holdings);
                });
            }
        }
    }

    fn steps(
        &self,
        out: &mut Out<'_>,
        query: &Query<'_>,
        decision: &Decision<'_>,
        recorder: &Recorder,
        holdings: &[Holding],
    ) {
        for holding in holdings {
            out.part(field::trace::ROLES, |out| {
                self.effective_role(out, query, *holding)
            });
        }
        // A rule for all collections but this one is no candidate.
        let mut events = recorder
            .events
            .iter()
            .filter(|event| event.outcome != Outcome::Collection);
        for event in events.by_ref().take(TRACE_EVENTS_MAX) {
            out.part(field::trace::EVENTS, |out| self.event(out, event, decision));
        }
        out.flag(field::trace::TRUNCATED, events.next().is_some());
    }

    fn effective_role(&self, out: &mut Out<'_>, query: &Query<'_>, holding: Holding) {
        use field::effective_role as to;
        let roles = &self.model.roles;
        let via = match holding.how {
            How::Inherited(by) => roles.names.name(by.index()),
            How::Group(group) => roles.group_names.name(group.index()),
            How::Local(node) => node
                .and_then(|node| query.resource.ancestors.get(node))
                .map_or("", |ancestor| ancestor.id),
            How::Implicit | How::Own | How::Users | How::Owner => "",
        };
        out.text(to::ROLE, roles.names.name(holding.role.index()));
        out.word(to::SOURCE, source(holding.how));
        out.text(to::VIA, via);
        out.flag(
            to::ADMINISTRATOR,
            roles.administrators.contains(holding.role.index()),
        );
        out.flag(to::OUTSIDE_NETWORKS, holding.is_outside);
    }

    fn event(&self, out: &mut Out<'_>, event: &Event, decision: &Decision<'_>) {
        use field::trace_event as to;
        out.part(to::RULE, |out| self.rule(out, event.rule));
        out.word(to::OUTCOME, outcome(event.outcome));
        out.words(to::DETAIL, |words| self.event_words(words, event));
        if let Some(leaf) = &event.leaf {
            out.text(to::LEAF, &leaf.text);
            out.word(to::LEAF_RESULT, leaf_result(leaf.truth));
        }
        for name in &event.fields {
            out.text(to::FIELDS, name);
        }
        let is_violated = || {
            let mut rules = decision.violations.iter().map(|violation| violation.rule);
            rules.any(|rule| rule == event.rule)
        };
        out.flag(
            to::DECISIVE,
            decision.deciding.contains(&event.rule) || is_violated(),
        );
    }

    /// Writes what became of a rule, for people.
    fn event_words(&self, out: &mut Words<'_>, event: &Event) {
        let words = match event.outcome {
            Outcome::Matched => "fits",
            Outcome::Roles => "is for other roles",
            Outcome::Held => "wants the role to be held in another way",
            Outcome::Collection => "is for other collections",
            Outcome::State => "is for other states",
            Outcome::TargetState => "is for changes to other states",
            Outcome::Scope => "is for items of other people",
            Outcome::Network => "wants the request to come from another network",
            Outcome::Condition => "has a condition that does not hold",
            Outcome::Fields => "covers none of the fields",
            Outcome::Validate | Outcome::Require => "wants the item to be otherwise afterwards",
            Outcome::Submitted => "wants other values to be submitted",
            Outcome::Explanation => "fits and demands an explanation",
            Outcome::Broken => "is known to be broken and therefore refuses",
            Outcome::Neutral => "stands back behind rules with conditions",
            Outcome::NotOffered => "is not offered from this state",
            Outcome::Time => "is closed at this time",
            Outcome::Approvals => "lacks approvals",
        };
        if let Some(action) = event.action {
            let action = self.model.action_names.name(action.index());
            out.put("for `").put(action).put("`: ");
        }
        out.put(words);
        if event.open {
            out.put(" (the request does not tell enough)");
        }
    }
}

/// Writes that this listener does not tell how a decision was reached.
pub(super) fn withheld(out: &mut Out<'_>, to: Nested) {
    out.part(to, |out| out.flag(field::trace::WITHHELD, true));
}

fn leaf_result(truth: Truth) -> v1::LeafResult {
    match truth {
        Truth::False => v1::LeafResult::False,
        Truth::Open => v1::LeafResult::Open,
        Truth::True => v1::LeafResult::True,
    }
}

fn source(how: How) -> v1::RoleSource {
    match how {
        How::Implicit | How::Owner => v1::RoleSource::Implicit,
        How::Inherited(_) => v1::RoleSource::Inherited,
        How::Own => v1::RoleSource::Own,
        How::Group(_) => v1::RoleSource::Group,
        How::Users => v1::RoleSource::UsersTable,
        How::Local(_) => v1::RoleSource::Local,
    }
}

fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Matched => v1::Outcome::Matched,
        Outcome::Roles => v1::Outcome::Roles,
        Outcome::Held => v1::Outcome::Held,
        // Never written: such rules are no candidates.
        Outcome::Collection => v1::Outcome::Unspecified,
        Outcome::State => v1::Outcome::State,
        Outcome::TargetState => v1::Outcome::TargetState,
        Outcome::Scope => v1::Outcome::Scope,
        Outcome::Network => v1::Outcome::Network,
        Outcome::Condition => v1::Outcome::Condition,
        Outcome::Fields => v1::Outcome::Fields,
        Outcome::Validate => v1::Outcome::Validate,
        Outcome::Require => v1::Outcome::Require,
        Outcome::Submitted => v1::Outcome::Submitted,
        Outcome::Explanation => v1::Outcome::Explanation,
        Outcome::Broken => v1::Outcome::Broken,
        Outcome::Neutral => v1::Outcome::Neutral,
        Outcome::NotOffered => v1::Outcome::NotOffered,
        Outcome::Time => v1::Outcome::Time,
        Outcome::Approvals => v1::Outcome::Approvals,
    }
}
