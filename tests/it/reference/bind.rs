//! What the request tells, put together: the state, the target, the owner, the item as stored and as it would be.

use std::borrow::Cow;
use std::collections::BTreeMap;

use placet::engine::query::Query;
use placet::policy::Policy;
use placet::policy::collection::Collection;
use placet::policy::workflow::{Target, Transition, Workflow};
use placet::vocab::effect::Operation;
use placet::vocab::value::{Object, Value, number_text};

use super::Malformed;

/// The state of the item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// In this state, which the policy may not know.
    Named(String),
    /// In no state.
    None,
    /// Not told.
    Open,
}

/// The state afterwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Afterwards {
    /// This one.
    Named(String),
    /// None.
    None,
    /// Not told, or known to the CMS alone.
    Unknown,
}

/// The facts of a request, bound to the names of the policy.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) collection: Option<&'a Collection>,
    pub(crate) workflow: Option<&'a Workflow>,
    pub(crate) state: State,
    pub(crate) afterwards: Afterwards,
    /// Whether the state stays what it is; an open state with no target counts as staying.
    pub(crate) stays: bool,
    /// Whether the state changes.
    pub(crate) moves: bool,
    /// Whether the question makes an item.
    pub(crate) creates: bool,
    /// The owner's id, empty if unowned.
    pub(crate) owner: String,
    /// Whether the question is for some item and does not tell whose.
    pub(crate) owner_open: bool,
    /// The transition named, if the workflow knows it.
    pub(crate) transition: Option<&'a Transition>,
    /// Whether the transition's map lacks the state.
    pub(crate) no_way: bool,
}

/// Returns the operation of an action.
pub(crate) fn operation(policy: &Policy, action: &str) -> Operation {
    if let Some(declared) = policy.actions.iter().find(|each| each.id.value == action) {
        // What happens inside of the item is nothing that is done to it.
        return if declared.inside {
            Operation::Other
        } else {
            declared.operation
        };
    }
    match action {
        "create" => Operation::Create,
        "read" => Operation::Read,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => Operation::Other,
    }
}

/// What an attribute tells about a name: nothing, that there is none, something that is no name, or the name.
enum Told {
    Nothing,
    Null,
    Odd,
    Name(String),
}

fn told(value: Option<&Value<'_>>) -> Told {
    match value {
        None => Told::Nothing,
        Some(Value::Null) => Told::Null,
        Some(Value::Text(text)) if text.is_empty() => Told::Null,
        Some(Value::Text(text)) => Told::Name(text.to_string()),
        Some(Value::Number(number)) => Told::Name(number_text(*number)),
        Some(Value::Bool(flag)) => Told::Name(flag.to_string()),
        Some(Value::List(_) | Value::Object(_)) => Told::Odd,
    }
}

fn told_text(text: &str) -> Told {
    if text.is_empty() {
        Told::Nothing
    } else {
        Told::Name(text.to_owned())
    }
}

/// Returns the first thing told, unless two different names are.
fn first_told(all: Vec<Told>) -> Result<Told, Malformed> {
    let mut names: Vec<&String> = Vec::new();
    for each in &all {
        if let Told::Name(name) = each {
            names.push(name);
        }
    }
    if names.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Malformed);
    }
    Ok(all
        .into_iter()
        .find(|each| !matches!(each, Told::Nothing))
        .unwrap_or(Told::Nothing))
}

/// Binds a question.
pub(crate) fn bind<'a>(policy: &'a Policy, query: &Query<'static>) -> Result<Facts<'a>, Malformed> {
    if query.action.is_empty() && query.transition.is_empty() {
        return Err(Malformed);
    }
    let resource = &query.resource;
    let collection = policy
        .collections
        .iter()
        .find(|each| each.id.value == resource.collection);
    let workflow = collection
        .and_then(|each| each.workflow.as_ref())
        .and_then(|id| policy.workflows.iter().find(|each| each.id.value == id.value));
    let state_field = collection
        .and_then(|each| each.state_field.as_ref())
        .map(|field| field.value.as_str());
    let stored = told(state_field.and_then(|field| resource.attributes.get(field)));
    let changed = told(state_field.and_then(|field| query.changes.get(field)));
    let creates = !query.action.is_empty() && operation(policy, query.action) == Operation::Create;
    let transition = workflow.and_then(|flow| {
        flow.transitions
            .iter()
            .find(|each| each.id.value == query.transition)
    });

    let mut facts = Facts {
        collection,
        workflow,
        state: State::None,
        afterwards: Afterwards::Unknown,
        stays: true,
        moves: false,
        creates,
        owner: owner(policy, query, collection)?,
        owner_open: resource.any_item && owner_is_untold(query, collection),
        transition,
        no_way: false,
    };
    if creates {
        let initial = collection
            .and_then(|each| each.initial_state.as_ref())
            .or_else(|| workflow.and_then(|flow| flow.initial_state.as_ref()));
        let all = vec![
            told_text(resource.state),
            told_text(query.to_state),
            changed,
            stored,
        ];
        facts.state = match first_told(all)? {
            Told::Name(name) => State::Named(name),
            Told::Null => State::None,
            Told::Odd => State::Open,
            Told::Nothing => initial.map_or(State::None, |name| State::Named(name.value.clone())),
        };
    } else {
        facts.state = match first_told(vec![told_text(resource.state), stored])? {
            Told::Name(name) => State::Named(name),
            Told::Null => State::None,
            Told::Odd => State::Open,
            Told::Nothing if state_field.is_some() || workflow.is_some() => State::Open,
            Told::Nothing => State::None,
        };
    }
    bind_target(changed_target(query, state_field)?, &mut facts)?;
    Ok(facts)
}

fn changed_target(query: &Query<'static>, state_field: Option<&str>) -> Result<Told, Malformed> {
    let changed = told(state_field.and_then(|field| query.changes.get(field)));
    first_told(vec![told_text(query.to_state), changed])
}

fn bind_target(asked: Told, facts: &mut Facts<'_>) -> Result<(), Malformed> {
    let state_afterwards = match &facts.state {
        State::Named(name) => Afterwards::Named(name.clone()),
        State::None => Afterwards::None,
        State::Open => Afterwards::Unknown,
    };
    if facts.creates {
        facts.afterwards = state_afterwards;
        return Ok(());
    }
    // Where the transition leads: `None` if none is named.
    let led: Option<Afterwards> = facts.transition.map(|transition| match &transition.to {
        Target::State(name) => Afterwards::Named(name.value.clone()),
        Target::Unknown => Afterwards::Unknown,
        Target::Map(pairs) => match &facts.state {
            State::Named(state) => match pairs.iter().find(|(from, _)| from.value == *state) {
                Some((_, to)) => Afterwards::Named(to.value.clone()),
                None => {
                    facts.no_way = true;
                    Afterwards::Unknown
                }
            },
            State::None => {
                facts.no_way = true;
                Afterwards::Unknown
            }
            State::Open => Afterwards::Unknown,
        },
    });
    if let (Told::Name(asked), Some(Afterwards::Named(led))) = (&asked, &led)
        && asked != led
    {
        return Err(Malformed);
    }
    if let (Told::Null | Told::Odd, Some(Afterwards::Named(_))) = (&asked, &led) {
        return Err(Malformed);
    }
    facts.afterwards = match (asked, led) {
        (Told::Name(name), _) => Afterwards::Named(name),
        (Told::Null, _) => Afterwards::None,
        (Told::Odd, _) => Afterwards::Unknown,
        (Told::Nothing, Some(led)) => led,
        (Told::Nothing, None) => {
            facts.afterwards = state_afterwards;
            return Ok(());
        }
    };
    facts.stays = match (&facts.state, &facts.afterwards) {
        (State::Named(before), Afterwards::Named(after)) => before == after,
        (State::None, Afterwards::None) => true,
        (State::Named(_), Afterwards::None | Afterwards::Unknown)
        | (State::None, Afterwards::Named(_) | Afterwards::Unknown)
        | (State::Open, _) => false,
    };
    facts.moves = !matches!(facts.afterwards, Afterwards::Unknown) && !facts.stays;
    Ok(())
}

fn owner(
    policy: &Policy,
    query: &Query<'static>,
    collection: Option<&Collection>,
) -> Result<String, Malformed> {
    let told_owner = attribute_owner(policy, &query.resource.attributes, collection);
    match first_told(vec![told_text(query.resource.owner.id), told_owner])? {
        Told::Name(name) => Ok(name),
        Told::Null | Told::Nothing | Told::Odd => Ok(String::new()),
    }
}

fn owner_is_untold(query: &Query<'static>, collection: Option<&Collection>) -> bool {
    let field = collection
        .and_then(|each| each.owner.as_ref())
        .map(|owner| &owner.field.value);
    query.resource.owner.id.is_empty()
        && field.is_none_or(|field| query.resource.attributes.get(field).is_none())
}

fn attribute_owner(policy: &Policy, attributes: &Object<'_>, collection: Option<&Collection>) -> Told {
    let Some(fact) = collection.and_then(|each| each.owner.as_ref()) else {
        return Told::Nothing;
    };
    match attributes.get(&fact.field.value) {
        Some(Value::Object(object)) => {
            told(object.get(key_of(policy, related(collection, &fact.field.value))))
        }
        other => told(other),
    }
}

/// Returns the owner that an item's own attributes tell, empty if none.
pub(crate) fn owner_of(policy: &Policy, attributes: &Object<'_>, collection: Option<&Collection>) -> String {
    match attribute_owner(policy, attributes, collection) {
        Told::Name(name) => name,
        Told::Null | Told::Nothing | Told::Odd => String::new(),
    }
}

/// Returns the state that an item's own attributes tell.
pub(crate) fn state_of(attributes: &Object<'_>, collection: Option<&Collection>) -> State {
    let Some(collection) = collection else {
        return State::None;
    };
    let field = collection.state_field.as_ref();
    match told(field.and_then(|field| attributes.get(&field.value))) {
        Told::Name(name) => State::Named(name),
        Told::Null => State::None,
        Told::Odd => State::Open,
        Told::Nothing if field.is_some() || collection.workflow.is_some() => State::Open,
        Told::Nothing => State::None,
    }
}

/// Returns the name of the collection that a field leads to.
pub(crate) fn related<'a>(collection: Option<&'a Collection>, field: &str) -> Option<&'a str> {
    let field = collection?.fields.iter().find(|each| each.name.value == field)?;
    Some(field.relation.as_ref()?.collection.value.as_str())
}

/// Returns the name of a collection's key field.
pub(crate) fn key_of<'a>(policy: &'a Policy, collection: Option<&str>) -> &'a str {
    policy
        .collections
        .iter()
        .find(|each| Some(each.id.value.as_str()) == collection)
        .and_then(|each| each.key.as_ref())
        .map_or("id", |key| key.value.as_str())
}

/// Values by name, `None` where something is written whose value the request does not tell.
pub(crate) type Layer = BTreeMap<String, Option<Value<'static>>>;

/// Returns an object as a layer.
pub(crate) fn layer(object: &Object<'_>) -> Layer {
    object
        .iter()
        .map(|(name, value)| (name.to_owned(), Some(value.clone().into_owned())))
        .collect()
}

fn item(layers: &[&Layer]) -> Object<'static> {
    let mut merged = Layer::new();
    for each in layers {
        for (name, value) in *each {
            merged.insert(name.clone(), value.clone());
        }
    }
    Object::new(
        merged
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (Cow::Owned(name), value)))
            .collect(),
    )
}

fn with_twins(query: &Query<'static>, facts: &Facts<'_>, base: Layer) -> Layer {
    let mut base = base;
    let state_field = facts.collection.and_then(|each| each.state_field.as_ref());
    if let Some(field) = state_field
        && !query.resource.state.is_empty()
    {
        base.entry(field.value.clone())
            .or_insert_with(|| Some(Value::Text(Cow::Owned(query.resource.state.to_owned()))));
    }
    let owner_field = facts
        .collection
        .and_then(|each| each.owner.as_ref())
        .map(|owner| &owner.field);
    if let Some(field) = owner_field
        && !query.resource.owner.id.is_empty()
    {
        base.entry(field.value.clone())
            .or_insert_with(|| Some(Value::Text(Cow::Owned(query.resource.owner.id.to_owned()))));
    }
    base
}

/// Returns the item as it is stored.
pub(crate) fn stored_item(query: &Query<'static>, facts: &Facts<'_>) -> Object<'static> {
    item(&[&with_twins(query, facts, layer(&query.resource.attributes))])
}

/// Returns the item as it would be.
pub(crate) fn future_item(query: &Query<'static>, facts: &Facts<'_>, presets: &Layer) -> Object<'static> {
    let stored = layer(&query.resource.attributes);
    let changes = layer(&query.changes);
    let mut state = Layer::new();
    if let Some(field) = facts.collection.and_then(|each| each.state_field.as_ref()) {
        let told = [&stored, &changes, presets]
            .iter()
            .any(|layer| layer.contains_key(&field.value));
        let name = match (&facts.afterwards, &facts.state) {
            (Afterwards::Named(name), _) if facts.moves => Some(name),
            (_, State::Named(name)) if facts.creates && !told => Some(name),
            (Afterwards::Named(_) | Afterwards::None | Afterwards::Unknown, _) => None,
        };
        if let Some(name) = name {
            state.insert(field.value.clone(), Some(Value::Text(Cow::Owned(name.clone()))));
        }
    }
    let twins = with_twins(query, facts, Layer::new());
    if facts.creates {
        item(&[&twins, presets, &stored, &changes, &state])
    } else {
        item(&[&twins, &stored, presets, &changes, &state])
    }
}

/// Returns what is submitted: presets and changes alone, and the state that a request names in another way.
pub(crate) fn submitted_item(query: &Query<'static>, facts: &Facts<'_>, presets: &Layer) -> Object<'static> {
    let changes = layer(&query.changes);
    let mut state = Layer::new();
    let named = match (&facts.afterwards, &facts.state) {
        (Afterwards::Named(name), _) if !facts.creates && facts.moves => Some(name),
        (_, State::Named(name))
            if facts.creates && !(query.to_state.is_empty() && query.resource.state.is_empty()) =>
        {
            Some(name)
        }
        (Afterwards::Named(_) | Afterwards::None | Afterwards::Unknown, _) => None,
    };
    if let Some((field, name)) = facts
        .collection
        .and_then(|each| each.state_field.as_ref())
        .zip(named)
        && !changes.contains_key(&field.value)
    {
        state.insert(field.value.clone(), Some(Value::Text(Cow::Owned(name.clone()))));
    }
    item(&[presets, &changes, &state])
}
