//! The question bound to a model: names become ids, and every fact has one value, wherever the request tells it.

use std::borrow::Cow;

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::collection::Collection;
use crate::model::grant::{Mask, TargetMask};
use crate::model::id::{CollectionId, StateId};
use crate::model::workflow::Workflow;
use crate::vocab::effect::Operation;
use crate::vocab::network::Address;
use crate::vocab::value::{Object, Value, View};

use super::compare::view_text;
use super::condition::Truth;
use super::query::{Query, QueryError};
use super::role::{Effective, Identity, effective, identify};

/// What does not change from action to action.
pub(super) struct Facts<'q> {
    pub(super) model: &'q Model,
    pub(super) query: &'q Query<'q>,
    pub(super) collection_id: Option<CollectionId>,
    pub(super) collection: Option<&'q Collection>,
    pub(super) workflow: Option<&'q Workflow>,
    pub(super) identity: Identity<'q>,
    /// The owner's id; empty if unowned.
    pub(super) owner: Cow<'q, str>,
    /// Whether the subject owns the item.
    pub(super) owns: bool,
    pub(super) effective: Effective,
    /// A state that a new item is taken to have, whatever the request tells.
    assumed: Option<StateId>,
}

/// A state of an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State<'q> {
    /// The request does not tell it.
    Open,
    /// It has none.
    None,
    /// It has this one; without an id the policy does not know it.
    Named(Cow<'q, str>, Option<StateId>),
}

/// Where the item stands, and where it will.
#[derive(Clone, Debug)]
pub(super) struct Position<'q> {
    pub(super) state: State<'q>,
    /// Where it will stand, if anything is said about that.
    pub(super) told: Option<State<'q>>,
    /// Whether the state stays what it is: `True`, `False`, or not told.
    pub(super) stays: Truth,
}

impl<'q> Facts<'q> {
    /// Binds a question; whatever is the same for all actions is found out here.
    pub(super) fn bind(model: &'q Model, query: &'q Query<'q>) -> Result<Self, QueryError> {
        let collection_id = model
            .collection_names
            .find(query.resource.collection)
            .map(CollectionId::new);
        let collection = collection_id.and_then(|id| model.collection(id));
        let identity = identify(model, query);
        let owner = owner(model, collection, query)?;
        let owns = !owner.is_empty() && identity.id.is_some_and(|id| id == owner);
        let effective = effective(model, query, &identity, owns);
        Ok(Self {
            model,
            query,
            collection_id,
            collection,
            workflow: collection
                .and_then(|collection| collection.workflow)
                .and_then(|id| model.workflow(id)),
            identity,
            owner,
            owns,
            effective,
            assumed: None,
        })
    }

    /// Takes a new item to have this state.
    pub(super) fn assume(&mut self, state: StateId) {
        self.assumed = Some(state);
    }

    /// Tells whether a state of a new item is asked for by its name.
    pub(super) fn names_new_state(&self) -> bool {
        self.assumed.is_some() || !self.query.to_state.is_empty() || !self.query.resource.state.is_empty()
    }

    /// Tells whether the question is for some item and does not tell whose: it may be the subject's, or anybody's.
    pub(super) fn owner_is_open(&self) -> bool {
        let resource = &self.query.resource;
        let field = self
            .collection
            .and_then(|collection| collection.owner_field.as_deref());
        let is_told = || field.is_some_and(|field| resource.attributes.get(field).is_some());
        resource.any_item && self.owner.is_empty() && !is_told()
    }

    /// Returns the address of the request.
    pub(super) fn address(&self) -> Option<Address> {
        Address::parse(self.query.context.ip)
    }

    /// Returns a state by its name.
    #[inline(always)]
    pub(super) fn named(&self, name: Cow<'q, str>) -> State<'q> {
        let id = self.model.state_names.find(&name).map(StateId::new);
        State::Named(name, id)
    }

    /// Returns a state of the model.
    pub(super) fn known(&self, id: StateId) -> State<'q> {
        State::Named(Cow::Borrowed(self.model.state_names.name(id.index())), Some(id))
    }

    /// Finds where the item stands and where it will, for an action of this operation. `named` is the target of a named
    /// transition.
    pub(super) fn position(
        &self,
        operation: Operation,
        named: Option<State<'q>>,
    ) -> Result<Position<'q>, QueryError> {
        if operation == Operation::Create {
            return Ok(Position::resting(self.state_of_new()?));
        }
        let state = self.state_of_stored()?;
        let told = self.told(self.query.to_state, &self.query.changes, "to_state", "changes")?;
        if told.is_none() && named.is_none() {
            return Ok(Position::resting(state));
        }
        Self::moved(state, told, named)
    }

    /// The position of an item whose state afterwards is told by the request or by a transition.
    #[inline(never)]
    fn moved(
        state: State<'q>,
        told: Option<State<'q>>,
        named: Option<State<'q>>,
    ) -> Result<Position<'q>, QueryError> {
        let target = match (told, named) {
            (None, None) => return Ok(Position::resting(state)),
            (Some(told), Some(named)) => {
                if matches!(&named, State::Named(..)) && told != named {
                    return Err(QueryError::Conflict {
                        first: "transition",
                        second: "to_state",
                    });
                }
                told
            }
            (Some(target), None) | (None, Some(target)) => target,
        };
        let stays = match (&state, &target) {
            (State::Open, _) | (_, State::Open) => Truth::Open,
            (State::None | State::Named(..), _) => Truth::of(state == target),
        };
        Ok(Position {
            state,
            told: Some(target),
            stays,
        })
    }

    /// The state of a stored item.
    #[inline(always)]
    pub(super) fn state_of_stored(&self) -> Result<State<'q>, QueryError> {
        let resource = &self.query.resource;
        if let Some(state) = self.told(
            resource.state,
            &resource.attributes,
            "resource.state",
            "resource.attributes",
        )? {
            return Ok(state);
        }
        let has_states = self.collection.is_some_and(Collection::has_states);
        Ok(if has_states { State::Open } else { State::None })
    }

    /// The state that a new item will have.
    fn state_of_new(&self) -> Result<State<'q>, QueryError> {
        if let Some(state) = self.assumed {
            return Ok(self.known(state));
        }
        let resource = &self.query.resource;
        let written = self.told(resource.state, &self.query.changes, "resource.state", "changes")?;
        let asked = self.told(
            self.query.to_state,
            &resource.attributes,
            "to_state",
            "resource.attributes",
        )?;
        if let (Some(State::Named(written, _)), Some(State::Named(asked, _))) = (&written, &asked)
            && written != asked
        {
            return Err(QueryError::Conflict {
                first: "resource.state",
                second: "to_state",
            });
        }
        let initial = || {
            self.collection
                .and_then(|collection| collection.initial_state)
                .map(|id| self.known(id))
        };
        // A name that is asked for outweighs a null that is written.
        let told = match (written, asked) {
            (Some(State::None), Some(asked)) if !self.query.to_state.is_empty() => Some(asked),
            (written, asked) => written.or(asked),
        };
        Ok(told.or_else(initial).unwrap_or(State::None))
    }

    /// A state that a name and an object may tell; two different ones are a conflict.
    #[inline(always)]
    fn told(
        &self,
        name: &'q str,
        object: &'q Object<'q>,
        first: &'static str,
        second: &'static str,
    ) -> Result<Option<State<'q>>, QueryError> {
        match self.value_of_state(object) {
            Some(value) => self.told_by_value(name, value, QueryError::Conflict { first, second }),
            None if name.is_empty() => Ok(None),
            None => Ok(Some(self.named(Cow::Borrowed(name)))),
        }
    }

    /// The value of the field that holds the state.
    #[inline]
    fn value_of_state(&self, object: &'q Object<'q>) -> Option<&'q Value<'q>> {
        if object.is_empty() {
            return None;
        }
        object.get(self.collection?.state_field.as_deref()?)
    }

    #[inline(never)]
    fn told_by_value(
        &self,
        name: &'q str,
        value: &'q Value<'q>,
        conflict: QueryError,
    ) -> Result<Option<State<'q>>, QueryError> {
        let by_value = state_by_value(self.model, value.view());
        if name.is_empty() {
            return Ok(Some(by_value));
        }
        match by_value {
            State::Named(other, _) if other != name => Err(conflict),
            State::Named(..) | State::None | State::Open => Ok(Some(self.named(Cow::Borrowed(name)))),
        }
    }

    /// The owner's roles: those of the request, of the attribute path, and of the users table.
    pub(super) fn owner_roles(&self) -> Bits {
        let resource = &self.query.resource;
        let told = told_owner_roles(self.collection, &resource.attributes);
        let names: Vec<&str> = resource
            .owner
            .roles
            .iter()
            .copied()
            .chain(told.iter().map(AsRef::as_ref))
            .collect();
        super::role::roles_of_owner(self.model, &self.owner, &names)
    }
}

/// Returns the state that a value of its field tells: numbers and booleans name one as they are written, null and an empty text
/// are none, and of a list or an object nothing is known.
pub(super) fn state_by_value<'v>(model: &Model, value: View<'v>) -> State<'v> {
    match view_text(value) {
        Some(text) if text.is_empty() => State::None,
        Some(text) => {
            let id = model.state_names.find(&text).map(StateId::new);
            State::Named(text, id)
        }
        None if matches!(value, View::Null) => State::None,
        None => State::Open,
    }
}

/// Returns the owner's role or roles as the attributes of an item tell them.
pub(super) fn told_owner_roles<'v>(
    collection: Option<&Collection>,
    attributes: &'v Object<'v>,
) -> Vec<Cow<'v, str>> {
    let Some(path) = collection.and_then(|collection| collection.owner_roles.as_ref()) else {
        return Vec::new();
    };
    let mut here = View::Object(attributes);
    for step in path {
        match here {
            View::Object(object) => match object.get(step) {
                Some(value) => here = value.view(),
                None => return Vec::new(),
            },
            View::Null | View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => {
                return Vec::new();
            }
        }
    }
    match here {
        View::List(values) => values
            .iter()
            .filter_map(|value| view_text(value.view()))
            .collect(),
        View::Null | View::Bool(_) | View::Number(_) | View::Text(_) | View::Object(_) => {
            view_text(here).into_iter().collect()
        }
    }
}

/// The owner's id: of the request, or of the owner field.
fn owner<'q>(
    model: &'q Model,
    collection: Option<&'q Collection>,
    query: &'q Query<'q>,
) -> Result<Cow<'q, str>, QueryError> {
    let told = query.resource.owner.id;
    let by_field = collection.and_then(|collection| {
        let field = collection.owner_field.as_deref()?;
        let value = query.resource.attributes.get(field)?;
        owner_of_value(model, collection, field, value)
    });
    match by_field {
        Some(owner) if told.is_empty() || owner == told => Ok(owner),
        Some(owner) if !owner.is_empty() => Err(QueryError::Conflict {
            first: "resource.owner.id",
            second: "resource.attributes",
        }),
        Some(_) | None => Ok(Cow::Borrowed(told)),
    }
}

/// The owner's id as the owner field tells it: the value itself, or the key of the related item.
#[inline(never)]
pub(super) fn owner_of_value<'q>(
    model: &Model,
    collection: &Collection,
    field: &str,
    value: &'q Value<'q>,
) -> Option<Cow<'q, str>> {
    let key = || {
        let relation = collection.field(field).and_then(|field| field.relation);
        relation
            .and_then(|relation| model.collection(relation.collection))
            .map_or("id", |row| row.key.as_ref())
    };
    match value {
        Value::Object(object) => view_text(object.get(key())?.view()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            view_text(value.view())
        }
    }
}

impl<'q> Position<'q> {
    /// Returns the position of an item that stays where it is.
    pub(super) fn resting(state: State<'q>) -> Self {
        Self {
            state,
            told: None,
            stays: Truth::True,
        }
    }

    /// Returns where the item will stand.
    pub(super) fn target(&self) -> &State<'q> {
        self.told.as_ref().unwrap_or(&self.state)
    }

    /// Tells whether the item moves to another state.
    pub(super) fn moves(&self) -> bool {
        self.stays != Truth::True && matches!(self.target(), State::Named(..) | State::None)
    }

    /// Tells whether a rule for these states is for this one.
    pub(super) fn is_in(&self, states: &Mask<Bits>) -> Truth {
        matches_state(&self.state, states)
    }

    /// Tells whether a rule for these states afterwards is for this one.
    pub(super) fn leads_to(&self, target: Option<&TargetMask>) -> Truth {
        let Some(mask) = target else { return Truth::True };
        let same = if mask.same { self.stays } else { Truth::False };
        match &mask.states {
            Mask::Any => Truth::True,
            Mask::Only(_) => same.or(matches_state(self.target(), &mask.states)),
            Mask::Except(_) => same.not().and(matches_state(self.target(), &mask.states)),
        }
    }
}

/// Tells whether a selector of states is for a state.
#[inline]
pub(super) fn matches_state(state: &State<'_>, states: &Mask<Bits>) -> Truth {
    match (states, state) {
        (Mask::Any, _) => Truth::True,
        (Mask::Only(_) | Mask::Except(_), State::Open) => Truth::Open,
        (Mask::Only(_) | Mask::Except(_), State::None) => Truth::of(matches!(states, Mask::Except(_))),
        (Mask::Only(_) | Mask::Except(_), State::Named(_, id)) => {
            Truth::of(states.selects(id.map(StateId::index)))
        }
    }
}
