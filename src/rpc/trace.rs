//! How a decision was reached, as the wire tells it.

use super::encode::Encoder;
use super::proto::v1;
use crate::engine::condition::Truth;
use crate::engine::decision::Decision;
use crate::engine::query::{Query, QueryError};
use crate::engine::role::{self, Holding, How};
use crate::engine::trace::{Event, Outcome, Recorder};
use crate::vocab::limits::TRACE_EVENTS_MAX;

impl Encoder<'_> {
    /// Writes how a decision was reached.
    ///
    /// # Errors
    ///
    /// A [`QueryError`] if the question cannot be meant.
    pub(super) fn trace(
        &self,
        query: &Query<'_>,
        recorder: &Recorder,
        decision: &Decision<'_>,
    ) -> Result<v1::Trace, QueryError> {
        // A rule for all collections but this one is no candidate.
        let events = || {
            recorder
                .events
                .iter()
                .filter(|event| event.outcome != Outcome::Collection)
        };
        Ok(v1::Trace {
            roles: self.effective_roles(query)?,
            events: events()
                .take(TRACE_EVENTS_MAX)
                .map(|event| self.event(event, decision))
                .collect(),
            truncated: events().nth(TRACE_EVENTS_MAX).is_some(),
            withheld: false,
        })
    }

    /// Writes that this listener does not tell how a decision was reached.
    pub(super) fn withheld() -> v1::Trace {
        v1::Trace {
            withheld: true,
            ..v1::Trace::default()
        }
    }

    fn effective_roles(&self, query: &Query<'_>) -> Result<Vec<v1::EffectiveRole>, QueryError> {
        let roles = &self.model.roles;
        let via = |how: How| match how {
            How::Inherited(by) => roles.names.name(by.index()).to_owned(),
            How::Group(group) => roles.group_names.name(group.index()).to_owned(),
            How::Local(node) => node
                .and_then(|node| query.resource.ancestors.get(node))
                .map_or_else(String::new, |ancestor| ancestor.id.to_owned()),
            How::Implicit | How::Own | How::Users | How::Owner => String::new(),
        };
        let write = |holding: Holding| v1::EffectiveRole {
            role: roles.names.name(holding.role.index()).to_owned(),
            source: source(holding.how).into(),
            via: via(holding.how),
            administrator: roles.administrators.contains(holding.role.index()),
            outside_networks: holding.is_outside,
        };
        Ok(role::list(self.model, query)?.into_iter().map(write).collect())
    }

    fn event(&self, event: &Event, decision: &Decision<'_>) -> v1::TraceEvent {
        let leaf_result = event
            .leaf
            .as_ref()
            .map_or(v1::LeafResult::Unspecified, |leaf| leaf_result(leaf.truth));
        v1::TraceEvent {
            rule: Some(self.rule(event.rule)),
            outcome: outcome(event.outcome).into(),
            detail: self.event_words(event),
            leaf: event
                .leaf
                .as_ref()
                .map_or_else(String::new, |leaf| leaf.text.clone()),
            leaf_result: leaf_result.into(),
            fields: event.fields.clone(),
            decisive: decision.deciding.contains(&event.rule)
                || decision
                    .violations
                    .iter()
                    .any(|violation| violation.rule == event.rule),
        }
    }

    /// Writes what became of a rule, for people.
    fn event_words(&self, event: &Event) -> String {
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
        let asked = event
            .action
            .map(|action| self.model.action_names.name(action.index()));
        let open = if event.open {
            " (the request does not tell enough)"
        } else {
            ""
        };
        match asked {
            Some(action) => format!("for `{action}`: {words}{open}"),
            None => format!("{words}{open}"),
        }
    }
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
