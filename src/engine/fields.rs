//! Which fields of an item may be read or written, and the item without the others.

use std::borrow::Cow;

use smallvec::SmallVec;
use thin_vec::ThinVec;

use crate::model::Model;
use crate::model::collection::{Collection, Relation};
use crate::model::id::GrantId;
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::value::{Object, Value};

use super::check::{Question, judge};
use super::decision::{Decision, LeftOut, Rule};
use super::facts::Facts;
use super::query::{Query, QueryError, Resource};
use super::trace::NoTrace;

/// What may be read or written of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Filtered<'q> {
    /// Fields that pass, in the order of the question.
    pub allowed: Vec<&'q str>,
    /// Fields that do not, and why.
    pub denied: Vec<LeftOut<'q>>,
    /// Whether fields that the profile does not know pass.
    pub others_allowed: bool,
    /// Fields that may not select or sort, and why; all others of the question may.
    pub filter_denied: Vec<(&'q str, Reason)>,
    /// Values that a write would set by default.
    pub presets: ThinVec<(&'q str, Value<'q>)>,
    /// The decision on the item as such, no field named.
    pub item: Decision<'q>,
}

/// A field name that no profile knows: control characters are refused when names are read.
const UNKNOWN_FIELD: &str = "\u{1}";

/// Judges each field by itself, as a question for that field alone would be. Without names: every field that the collection
/// declares or a rule for it names.
///
/// # Errors
///
/// See [`super::check::check`].
pub fn filter<'q>(model: &'q Model, query: &'q Query<'q>) -> Result<Filtered<'q>, QueryError> {
    let facts = Facts::bind(model, query)?;
    let known = facts
        .collection
        .map_or(&[][..], |collection| &collection.known_fields);
    let known = known.iter().map(|field| model.field_names.name(field.index()));
    let names: Vec<&'q str> = if query.fields.is_empty() {
        known.collect()
    } else {
        query.fields.iter().copied().collect()
    };
    let question = Question {
        action: query.action,
        transition: "",
        fields: &[],
        filter_fields: &[],
    };
    let item = judge(&facts, &question, &mut NoTrace)?;
    let mut filtered = Filtered {
        allowed: Vec::new(),
        denied: Vec::new(),
        others_allowed: keeps(&facts, UNKNOWN_FIELD)?.is_ok(),
        filter_denied: Vec::new(),
        presets: item.presets.clone(),
        item,
    };
    for name in names {
        match keeps_path(&facts, name)? {
            Ok(()) => filtered.allowed.push(name),
            Err((reason, rules)) => filtered.denied.push(LeftOut {
                field: name,
                reason,
                rules,
            }),
        }
    }
    for name in &*query.filter_fields {
        let question = Question {
            action: query.action,
            transition: "",
            fields: &[],
            filter_fields: &[name],
        };
        let decision = judge(&facts, &question, &mut NoTrace)?;
        if !decision.is_allow() {
            filtered.filter_denied.push((name, decision.reason));
        }
    }
    Ok(filtered)
}

/// Returns the item of a question without the fields that do not pass; items in declared relations are filtered by what may
/// be read of them: one that may not be read at all becomes null, or is left out of its list.
///
/// # Errors
///
/// See [`super::check::check`].
pub fn filter_document(
    model: &Model,
    query: &Query<'_>,
    document: &Object<'_>,
) -> Result<Object<'static>, QueryError> {
    let facts = Facts::bind(model, query)?;
    let mut kept = Vec::with_capacity(document.len());
    for (name, value) in document.iter() {
        if keeps(&facts, name)?.is_err() {
            continue;
        }
        let relation = facts
            .collection
            .and_then(|row| row.field(name))
            .and_then(|field| field.relation);
        let value = match relation {
            Some(relation) => filter_related(model, query, relation, value)?,
            None => value.clone().into_owned(),
        };
        kept.push((Cow::Owned(name.to_owned()), value));
    }
    Ok(Object::new(kept))
}

fn filter_related(
    model: &Model,
    query: &Query<'_>,
    relation: Relation,
    value: &Value<'_>,
) -> Result<Value<'static>, QueryError> {
    match value {
        Value::Object(item) => Ok(filter_item(model, query, relation, item)?.unwrap_or(Value::Null)),
        Value::List(items) => {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                match item {
                    Value::Object(item) => kept.extend(filter_item(model, query, relation, item)?),
                    key @ (Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Text(_)
                    | Value::List(_)) => kept.push(key.clone().into_owned()),
                }
            }
            Ok(Value::List(kept))
        }
        key @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_)) => {
            Ok(key.clone().into_owned())
        }
    }
}

/// Filters a related item by what may be read of it; `None` if it may not be read at all.
fn filter_item(
    model: &Model,
    query: &Query<'_>,
    relation: Relation,
    item: &Object<'_>,
) -> Result<Option<Value<'static>>, QueryError> {
    let Some(action) = action_of(model, Operation::Read) else {
        return Ok(None);
    };
    let collection = model.collection(relation.collection);
    let id = collection
        .and_then(|row| item.get(&row.key))
        .and_then(|key| key.view().text());
    let related = Query {
        action,
        transition: "",
        to_state: "",
        fields: ["*"].as_slice().into(),
        filter_fields: Default::default(),
        changes: Object::default(),
        subject: query.subject.clone(),
        context: query.context.clone(),
        resource: Resource {
            collection: model.collection_names.name(relation.collection.index()),
            id: id.as_deref().unwrap_or_default(),
            attributes: item.clone(),
            ..Resource::default()
        },
    };
    let facts = Facts::bind(model, &related)?;
    let question = Question {
        action,
        transition: "",
        fields: &["*"],
        filter_fields: &[],
    };
    if !judge(&facts, &question, &mut NoTrace)?.is_allow() {
        return Ok(None);
    }
    filter_document(model, &related, item).map(|item| Some(Value::Object(item)))
}

/// Returns the action that an operation is asked by: that of its usual name, else the first of the operation.
pub fn action_of(model: &Model, operation: Operation) -> Option<&str> {
    let usual = match operation {
        Operation::Read => "read",
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Other => return None,
    };
    let is_of = |index: usize| {
        model
            .actions
            .get(index)
            .is_some_and(|action| action.operation == operation)
    };
    let index = model
        .action_names
        .find(usual)
        .filter(|index| is_of(*index))
        .or_else(|| (0..model.actions.len()).find(|index| is_of(*index)))?;
    Some(model.action_names.name(index))
}

/// Why a field does not pass, and the denies that take it away.
type Withheld = (Reason, SmallVec<[GrantId; 2]>);

/// Whether a field passes by itself.
fn keeps<'f>(facts: &Facts<'f>, name: &'f str) -> Result<Result<(), Withheld>, QueryError> {
    let fields = [name];
    let question = Question {
        action: facts.query.action,
        transition: "",
        fields: &fields,
        filter_fields: &[],
    };
    let decision = judge(facts, &question, &mut NoTrace)?;
    if !decision.is_allow() {
        let refuses = |rule: &Rule| match rule {
            Rule::Grant(id) if decision.reason == Reason::Denied => Some(*id),
            Rule::Grant(_)
            | Rule::Constraint(_)
            | Rule::DocumentGrant(_)
            | Rule::Administrator(_)
            | Rule::Transition(_) => None,
        };
        return Ok(Err((
            decision.reason,
            decision.deciding.iter().filter_map(refuses).collect(),
        )));
    }
    let left_out = decision
        .left_out
        .into_iter()
        .find(|left_out| left_out.field == name);
    Ok(left_out.map_or(Ok(()), |left_out| Err((left_out.reason, left_out.rules))))
}

/// Whether a path through declared relations passes: each step by what may be read where it leads.
fn keeps_path<'f>(facts: &Facts<'f>, path: &'f str) -> Result<Result<(), Withheld>, QueryError> {
    let relation = |collection: Option<&Collection>, name: &str| {
        collection
            .and_then(|row| row.field(name))
            .and_then(|field| field.relation)
    };
    let Some((first, rest)) = path.split_once('.') else {
        return keeps(facts, path);
    };
    let Some(relation) = relation(facts.collection, first) else {
        return keeps(facts, path);
    };
    if let Err(reason) = keeps(facts, first)? {
        return Ok(Err(reason));
    }
    let model = facts.model;
    let Some(action) = action_of(model, Operation::Read) else {
        return Ok(Err((Reason::NoGrant, SmallVec::new())));
    };
    let related = Query {
        action,
        transition: "",
        to_state: "",
        fields: Default::default(),
        filter_fields: Default::default(),
        changes: Object::default(),
        subject: facts.query.subject.clone(),
        context: facts.query.context.clone(),
        // Which item it is nobody told, so the question is whether some item shows the field.
        resource: Resource {
            collection: model.collection_names.name(relation.collection.index()),
            any_item: true,
            ..Resource::default()
        },
    };
    let related = Facts::bind(model, &related)?;
    keeps_path(&related, rest)
}
