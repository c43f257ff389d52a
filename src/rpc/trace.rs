//! How a decision was reached, as the wire tells it.

use super::encode::Encoder;
use super::proto::v1;
use crate::engine::decision::Decision;
use crate::engine::query::{Query, QueryError};
use crate::engine::role::{self, How};
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
        let events = recorder.events.iter().take(TRACE_EVENTS_MAX);
        Ok(v1::Trace {
            roles: self.effective_roles(query)?,
            events: events.map(|event| self.event(event, decision)).collect(),
            truncated: recorder.events.len() > TRACE_EVENTS_MAX,
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
        let write = |(id, how): (_, How)| -> v1::EffectiveRole {
            let id: crate::model::id::RoleId = id;
            v1::EffectiveRole {
                role: roles.names.name(id.index()).to_owned(),
                source: source(how).into(),
                via: String::new(),
                administrator: roles.administrators.contains(id.index()),
                outside_networks: false,
            }
        };
        Ok(role::list(self.model, query)?.into_iter().map(write).collect())
    }

    fn event(&self, event: &Event, decision: &Decision<'_>) -> v1::TraceEvent {
        let is_leaf =
            matches!(event.outcome, Outcome::Condition | Outcome::Validate) && !event.detail.is_empty();
        let leaf_result = match (is_leaf, event.open) {
            (false, _) => v1::LeafResult::Unspecified,
            (true, true) => v1::LeafResult::Open,
            (true, false) => v1::LeafResult::False,
        };
        v1::TraceEvent {
            rule: Some(self.rule(event.rule)),
            outcome: outcome(event.outcome).into(),
            detail: self.event_words(event),
            leaf: if is_leaf {
                event.detail.clone()
            } else {
                String::new()
            },
            leaf_result: leaf_result.into(),
            fields: Vec::new(),
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
            Outcome::Validate => "wants the item to be otherwise afterwards",
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

fn source(how: How) -> v1::RoleSource {
    match how {
        How::Implicit | How::Owner => v1::RoleSource::Implicit,
        How::Inherited => v1::RoleSource::Inherited,
        How::Own => v1::RoleSource::Own,
        How::Group => v1::RoleSource::Group,
        How::Users => v1::RoleSource::UsersTable,
        How::Local => v1::RoleSource::Local,
    }
}

fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Matched => v1::Outcome::Matched,
        Outcome::Roles => v1::Outcome::Roles,
        Outcome::Held => v1::Outcome::Held,
        // The wire has no word for it: such rules are not among its candidates.
        Outcome::Collection => v1::Outcome::Unspecified,
        Outcome::State => v1::Outcome::State,
        Outcome::TargetState => v1::Outcome::TargetState,
        Outcome::Scope => v1::Outcome::Scope,
        Outcome::Network => v1::Outcome::Network,
        Outcome::Condition => v1::Outcome::Condition,
        Outcome::Fields => v1::Outcome::Fields,
        Outcome::Validate => v1::Outcome::Validate,
        Outcome::Neutral => v1::Outcome::Neutral,
        Outcome::NotOffered => v1::Outcome::NotOffered,
        Outcome::Time => v1::Outcome::Time,
        Outcome::Approvals => v1::Outcome::Approvals,
    }
}
