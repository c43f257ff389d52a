//! The compiled policy: ids instead of names, dense tables, condition programs. Immutable once built.
//!
//! Comes from `compile`, is read by `engine`. It knows neither files nor JSON: where a thing was declared is an
//! [`origin::Origin`] that `compile` resolved.
//!
//! INVARIANT: every id in a model was made for this model, so that look-ups by id always succeed; the accessors still answer
//! something harmless for a foreign id (an empty slice, no entry), never panic.
//!
//! Read [`grant`] first: [`slot::Slots`] is the path of every decision.

pub mod bits;
pub mod collection;
pub mod condition;
pub mod document;
pub mod grant;
pub mod id;
pub mod origin;
pub mod role;
pub mod slot;
pub mod symbol;
pub mod workflow;

use std::collections::BTreeMap;

use crate::vocab::effect::{Operation, Reason};

use collection::{Collection, Field, Title};
use condition::Program;
use document::DocumentGrants;
use grant::{Constraint, Grant};
use id::{ActionId, CollectionId, ConditionId, ConstraintId, GrantId, OriginId, TransitionId, WorkflowId};
use origin::Origin;
use role::Roles;
use slot::Slots;
use symbol::Symbols;
use workflow::{Transition, Workflow};

/// A compiled policy.
#[derive(Debug, Default)]
pub struct Model {
    /// What holds for the profile as a whole.
    pub settings: Settings,
    /// Roles, groups and known users.
    pub roles: Roles,
    /// Names of actions.
    pub action_names: Symbols,
    /// Actions, by id.
    pub actions: Vec<Action>,
    /// Names of collections.
    pub collection_names: Symbols,
    /// Collections, by id.
    pub collections: Vec<Collection>,
    /// Names of states.
    pub state_names: Symbols,
    /// Names of fields.
    pub field_names: Symbols,
    /// Workflows, by id.
    pub workflows: Vec<Workflow>,
    /// Names of workflows.
    pub workflow_names: Symbols,
    /// Transitions of all workflows, by id.
    pub transitions: Vec<Transition>,
    /// Grants, by id.
    pub grants: Vec<Grant>,
    /// Which denies refuse an action on a collection.
    pub refusals: Slots<GrantId>,
    /// Which denies take fields of a collection away from an action.
    pub takings: Slots<GrantId>,
    /// Which allows are for a collection and an action.
    pub allows: Slots<GrantId>,
    /// Constraints, by id.
    pub constraints: Vec<Constraint>,
    /// Which constraints are for a collection and an action.
    pub constraint_slots: Slots<ConstraintId>,
    /// Condition programs, by id.
    pub conditions: Vec<Program>,
    /// Grants on single documents.
    pub document_grants: DocumentGrants,
    /// Where things were declared, by id.
    pub origins: Vec<Origin>,
    /// Whether any grant demands an explanation.
    pub demands_explanations: bool,
    /// Whether any rule looks at the clock.
    pub looks_at_clock: bool,
}

/// What holds for a profile as a whole.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether an attribute that a request lacks counts as null.
    pub absent_is_null: bool,
    /// The id under which visitors own things; empty if they own nothing.
    pub anonymous_id: Box<str>,
    /// Error codes of the CMS by reason.
    pub codes: BTreeMap<Reason, Box<str>>,
}

/// A compiled action.
#[derive(Clone, Debug)]
pub struct Action {
    /// A title for people.
    pub title: Title,
    /// What kind of work it is.
    pub operation: Operation,
    /// Whether it creates inside of the item that is asked about.
    pub inside: bool,
    /// The action that listings ask.
    pub listed_by: ActionId,
    /// Error codes of the CMS by reason.
    pub codes: BTreeMap<Reason, Box<str>>,
    /// Those of questions for some item, which come first.
    pub any_item_codes: BTreeMap<Reason, Box<str>>,
}

impl Action {
    /// Returns what the action does to the item that is asked about: one that creates inside of it does nothing else to it.
    pub fn on_item(&self) -> Operation {
        if self.inside {
            Operation::Other
        } else {
            self.operation
        }
    }
}

impl Model {
    /// Returns the id that stands for every action that the policy does not know.
    pub fn unknown_action(&self) -> ActionId {
        ActionId::new(self.action_names.len())
    }

    /// Returns an action.
    pub fn action(&self, id: ActionId) -> Option<&Action> {
        self.actions.get(id.index())
    }

    /// Returns a collection.
    pub fn collection(&self, id: CollectionId) -> Option<&Collection> {
        self.collections.get(id.index())
    }

    /// Returns for each step of a path of fields and relations what is declared of it; behind a step that is not declared to be a
    /// relation nothing is.
    pub fn declared<'m, 'p>(
        &'m self,
        collection: Option<&'m Collection>,
        path: impl IntoIterator<Item = &'p (impl AsRef<str> + ?Sized + 'p)>,
    ) -> impl Iterator<Item = Option<&'m Field>> {
        let mut here = collection;
        path.into_iter().map(move |step| {
            let field = here.and_then(|row| row.field(step.as_ref()));
            let relation = field.and_then(|field| field.relation);
            here = relation.and_then(|relation| self.collection(relation.collection));
            field
        })
    }

    /// Returns a workflow.
    pub fn workflow(&self, id: WorkflowId) -> Option<&Workflow> {
        self.workflows.get(id.index())
    }

    /// Returns a transition.
    pub fn transition(&self, id: TransitionId) -> Option<&Transition> {
        self.transitions.get(id.index())
    }

    /// Returns all grants for a collection and an action: what refuses, what takes fields away, what allows.
    pub fn grants_for(
        &self,
        collection: Option<CollectionId>,
        action: ActionId,
    ) -> impl Iterator<Item = (GrantId, &Grant)> {
        [&self.refusals, &self.takings, &self.allows]
            .into_iter()
            .flat_map(move |slots| slots.find(collection, action))
            .filter_map(|id| Some((id, self.grant(id)?)))
    }

    /// Returns a grant.
    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(id.index())
    }

    /// Returns a constraint.
    pub fn constraint(&self, id: ConstraintId) -> Option<&Constraint> {
        self.constraints.get(id.index())
    }

    /// Returns a condition program.
    pub fn condition(&self, id: ConditionId) -> Option<&Program> {
        self.conditions.get(id.index())
    }

    /// Returns where something was declared.
    pub fn origin(&self, id: OriginId) -> Option<&Origin> {
        self.origins.get(id.index())
    }
}
