//! The question bound to a model: names become ids, and every fact has one value, wherever the request tells it.

use std::borrow::Cow;

use crate::model::Model;
use crate::model::bits::Bits;
use crate::model::collection::Collection;
use crate::model::grant::{Mask, TargetMask};
use crate::model::id::{CollectionId, StateId};
use crate::model::slot::Sketch;
use crate::model::workflow::Workflow;
use crate::vocab::effect::Operation;
use crate::vocab::network::Address;
use crate::vocab::value::{Object, Value, View};

use super::condition::Truth;
use super::identity::{Identity, identify};
use super::query::{Query, QueryError};
use super::role::{Effective, find_effective};

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

/// What is bound first: the collection, and the owner, whom two parts of the request may tell differently.
pub(super) struct Ownership<'q> {
    collection_id: Option<CollectionId>,
    collection: Option<&'q Collection>,
    owner: Cow<'q, str>,
}

impl<'q> Ownership<'q> {
    /// Finds the collection and the owner of the item.
    #[inline(always)]
    pub(super) fn bind(model: &'q Model, query: &'q Query<'q>) -> Result<Self, QueryError> {
        let collection_id: Option<CollectionId> = model.collection_names.id(query.resource.collection);
        let collection = collection_id.and_then(|id| model.collection(id));
        let owner = owner(model, collection, query)?;
        Ok(Self {
            collection_id,
            collection,
            owner,
        })
    }
}

impl<'q> Facts<'q> {
    /// Binds a question; whatever is the same for all actions is found out here.
    pub(super) fn bind(model: &'q Model, query: &'q Query<'q>) -> Result<Self, QueryError> {
        let mut facts = Self::of(model, query, Ownership::bind(model, query)?);
        facts.find_roles();
        Ok(facts)
    }

    /// Binds what is asked of an item; roles are still to be found.
    #[inline(always)]
    pub(super) fn of(model: &'q Model, query: &'q Query<'q>, item: Ownership<'q>) -> Self {
        let identity = identify(model, query);
        let owns = !item.owner.is_empty() && identity.id.is_some_and(|id| id == item.owner);
        let workflow = item.collection.and_then(|collection| collection.workflow);
        Self {
            model,
            query,
            collection_id: item.collection_id,
            collection: item.collection,
            workflow: workflow.and_then(|id| model.workflow(id)),
            identity,
            owner: item.owner,
            owns,
            effective: Effective::NONE,
            assumed: None,
        }
    }

    /// Finds the effective roles.
    #[inline(never)]
    pub(super) fn find_roles(&mut self) {
        find_effective(
            self.model,
            self.query,
            &self.identity,
            self.owns,
            &mut self.effective,
        );
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
    #[inline]
    pub(super) fn owner_is_open(&self) -> bool {
        self.query.resource.any_item && self.owner_is_untold()
    }

    fn owner_is_untold(&self) -> bool {
        let field = self
            .collection
            .and_then(|collection| collection.owner_field.as_deref());
        let is_told = |field: &str| self.query.resource.attributes.get(field).is_some();
        self.owner.is_empty() && !field.is_some_and(is_told)
    }

    /// Returns the address of the request.
    pub(super) fn address(&self) -> Option<Address> {
        Address::parse(self.query.context.ip)
    }

    /// Returns a state by its name.
    #[inline(always)]
    pub(super) fn named(&self, name: Cow<'q, str>) -> State<'q> {
        let id = self.model.state_names.id(&name);
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
        let query = self.query;
        let rests = query.to_state.is_empty() && query.changes.is_empty() && named.is_none();
        if operation == Operation::Create
            || !rests
            || self.value_of_state(&query.resource.attributes).is_some()
        {
            return self.told_position(operation, named);
        }
        Ok(Position::resting(self.state_by_name()))
    }

    /// The position where more is told than the name of a state.
    #[inline(never)]
    fn told_position(
        &self,
        operation: Operation,
        named: Option<State<'q>>,
    ) -> Result<Position<'q>, QueryError> {
        if operation == Operation::Create {
            return Ok(Position::resting(self.state_of_new()?));
        }
        let state = self.state_of_stored()?;
        let told = self.told(self.query.to_state, &self.query.changes, "to_state", "changes")?;
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
    pub(super) fn state_of_stored(&self) -> Result<State<'q>, QueryError> {
        let resource = &self.query.resource;
        if let Some(value) = self.value_of_state(&resource.attributes) {
            let (first, second) = ("resource.state", "resource.attributes");
            return self.told_by_value(resource.state, value, QueryError::Conflict { first, second });
        }
        Ok(self.state_by_name())
    }

    /// The state of a stored item of which at most the name is told.
    #[inline(always)]
    fn state_by_name(&self) -> State<'q> {
        let name = self.query.resource.state;
        if !name.is_empty() {
            return self.named(Cow::Borrowed(name));
        }
        let has_states = self.collection.is_some_and(Collection::has_states);
        if has_states { State::Open } else { State::None }
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
    fn told(
        &self,
        name: &'q str,
        object: &'q Object<'q>,
        first: &'static str,
        second: &'static str,
    ) -> Result<Option<State<'q>>, QueryError> {
        match self.value_of_state(object) {
            Some(value) => {
                let state = self.told_by_value(name, value, QueryError::Conflict { first, second });
                state.map(Some)
            }
            None if name.is_empty() => Ok(None),
            None => Ok(Some(self.named(Cow::Borrowed(name)))),
        }
    }

    /// The value of the field that holds the state.
    #[inline(always)]
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
    ) -> Result<State<'q>, QueryError> {
        let by_value = state_by_value(self.model, value.view());
        if name.is_empty() {
            return Ok(by_value);
        }
        match by_value {
            State::Named(other, _) if other != name => Err(conflict),
            State::Named(..) | State::None | State::Open => Ok(self.named(Cow::Borrowed(name))),
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
    match value.text() {
        Some(text) if text.is_empty() => State::None,
        Some(text) => {
            let id = model.state_names.id(&text);
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
        View::List(values) => values.iter().filter_map(|value| value.view().text()).collect(),
        View::Null | View::Bool(_) | View::Number(_) | View::Text(_) | View::Object(_) => {
            here.text().into_iter().collect()
        }
    }
}

/// The owner's id: of the request, or of the owner field.
#[inline(always)]
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
        Value::Object(object) => object.get(key())?.view().text(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            value.view().text()
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

    /// Returns the sketch of a question for the state that the item is in.
    #[inline]
    pub(super) fn narrow(&self, sketch: Sketch) -> Sketch {
        match &self.state {
            State::Open => sketch,
            State::None => sketch.in_state(None),
            State::Named(_, id) => sketch.in_state(*id),
        }
    }

    /// Tells whether a rule for these states is for this one.
    #[inline]
    pub(super) fn is_in(&self, states: &Mask<Bits>) -> Truth {
        matches_state(&self.state, states)
    }

    /// Tells whether a rule for these states afterwards is for this one.
    #[inline]
    pub(super) fn leads_to(&self, target: Option<&TargetMask>) -> Truth {
        target.map_or(Truth::True, |mask| self.leads_into(mask))
    }

    fn leads_into(&self, mask: &TargetMask) -> Truth {
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
