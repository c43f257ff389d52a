//! Facts that a decision lacked, and the values that might be told for them: those that rules compare them with, and their
//! neighbours.

use crate::model::Model;
use crate::model::condition::{Leaf, Left, Operand, Variable};
use crate::model::workflow::Transition;
use crate::vocab::value::{Object, Value};

use super::decision::Decision;
use super::programs::Touched;
use super::query::Query;

/// How the digest of the content is named among what lacks.
pub(super) const DIGEST: &str = "resource.content_digest";

/// A fact that the request does not tell, and values that rules compare it with.
pub(super) struct Unknown<'q> {
    pub(super) name: &'q str,
    place: Place<'q>,
    pub(super) values: Vec<Value<'q>>,
}

/// Where in a question a fact is told.
enum Place<'q> {
    Resource(&'q [Box<str>]),
    Subject(&'q [Box<str>]),
    Context(&'q [Box<str>]),
    Digest,
}

impl<'q> Unknown<'q> {
    /// Tells the fact.
    pub(super) fn tell<'x>(&self, query: &mut Query<'x>, value: &Value<'x>)
    where
        'q: 'x,
    {
        let (object, path) = match self.place {
            Place::Resource(path) => (&mut query.resource.attributes, path),
            Place::Subject(path) => (&mut query.subject.attributes, path),
            Place::Context(path) => (&mut query.context.attributes, path),
            Place::Digest => return,
        };
        *object = with(object, path, value);
    }
}

/// Returns the object with a value at a path.
fn with<'x>(object: &Object<'x>, path: &'x [Box<str>], value: &Value<'x>) -> Object<'x> {
    let Some((first, rest)) = path.split_first() else {
        return object.clone();
    };
    let inner = match (rest, object.get(first)) {
        ([], _) => value.clone(),
        (rest, Some(Value::Object(inner))) => Value::Object(with(inner, rest, value)),
        (rest, _) => Value::Object(with(&Object::default(), rest, value)),
    };
    let mut entries: Vec<_> = object
        .iter()
        .map(|(name, value)| (name.to_owned().into(), value.clone()))
        .collect();
    entries.push((first.as_ref().into(), inner));
    Object::new(entries)
}

/// Finds the facts that a decision lacked, and what they are compared with.
pub(super) fn unknowns<'q>(
    model: &'q Model,
    query: &'q Query<'q>,
    touched: &Touched<'q>,
    decision: &Decision<'_>,
    transition: Option<&Transition>,
) -> Vec<Unknown<'q>> {
    let mut unknowns: Vec<Unknown<'q>> = Vec::new();
    // Approvals that are bound to the content count for none that nobody names.
    let is_bound =
        transition.is_some_and(|transition| transition.approvals.iter().any(|rule| rule.content_bound));
    if is_bound && query.resource.content_digest.is_empty() {
        unknowns.push(Unknown {
            name: DIGEST,
            place: Place::Digest,
            values: Vec::new(),
        });
    }
    for condition in &touched.programs {
        condition.each_leaf(&mut |leaf, prefix| {
            if !prefix.is_empty() {
                // What related items lack cannot be told one by one.
                return;
            }
            for (name, place, values) in [of_left(leaf, query), of_right(leaf, query)]
                .into_iter()
                .flatten()
            {
                if !decision.lacking.contains(&name) {
                    continue;
                }
                match unknowns.iter_mut().find(|unknown| unknown.name == name) {
                    Some(unknown) => unknown.values.extend(values),
                    None => unknowns.push(Unknown { name, place, values }),
                }
            }
        });
    }
    if model.roles.has_contexts {
        of_groups(model, query, &mut unknowns);
    }
    for unknown in &mut unknowns {
        let mut values: Vec<Value<'q>> = Vec::new();
        for value in unknown.values.drain(..) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        unknown.values = values;
    }
    unknowns
}

/// Adds what the context does not tell and some group wants to know, with what would make the group count.
fn of_groups<'q>(model: &'q Model, query: &Query<'q>, unknowns: &mut Vec<Unknown<'q>>) {
    for within in model.roles.groups.iter().flat_map(|group| &group.context) {
        let name = within.attribute.first();
        if name.is_none_or(|name| query.context.attributes.get(name).is_some()) {
            continue;
        }
        let values = within.values.iter().map(|value| Value::Text((&**value).into()));
        match unknowns.iter_mut().find(|unknown| unknown.name == &*within.name) {
            Some(unknown) => unknown.values.extend(values),
            None => unknowns.push(Unknown {
                name: &within.name,
                place: Place::Context(&within.attribute),
                values: values.collect(),
            }),
        }
    }
}

type Told<'q> = (&'q str, Place<'q>, Vec<Value<'q>>);

/// The left side of a leaf, with values that its right side is about.
fn of_left<'q>(leaf: &'q Leaf, query: &'q Query<'q>) -> Option<Told<'q>> {
    let place = match &leaf.left {
        Left::Field(path) => Place::Resource(path),
        Left::Fact(variable) => place_of(variable)?,
    };
    let mut values = Vec::new();
    near(&leaf.right, query, &mut values);
    values.extend([
        Value::Null,
        Value::Bool(true),
        Value::Number(0.0),
        Value::Text("?".into()),
        Value::Text("".into()),
    ]);
    values.extend(["0001-01-01", "9999-12-30"].map(|day| Value::Text(day.into())));
    Some((&leaf.name, place, values))
}

/// The right side of a leaf, with the value of its left side.
fn of_right<'q>(leaf: &'q Leaf, query: &'q Query<'q>) -> Option<Told<'q>> {
    let variable = match &leaf.right {
        Operand::Variable(variable) => variable,
        Operand::Value(_) | Operand::List(_) => return None,
    };
    let Left::Field(path) = &leaf.left else {
        return None;
    };
    let mut value = query.resource.attributes.get(path.first()?);
    for step in path.iter().skip(1) {
        value = match value {
            Some(Value::Object(object)) => object.get(step),
            Some(_) | None => None,
        };
    }
    let value = value.cloned().unwrap_or(Value::Text("?".into()));
    let mut values = vec![Value::List(vec![value.clone()]), value.clone()];
    if let Value::Number(number) = value {
        values.extend([-1.0, 1.0].map(|step| Value::Number(number + step)));
    }
    values.extend([Value::Text("?".into()), Value::Number(0.0)]);
    values.extend(["0001-01-01", "9999-12-30"].map(|day| Value::Text(day.into())));
    Some((&leaf.operand_name, place_of(variable)?, values))
}

fn place_of(variable: &Variable) -> Option<Place<'_>> {
    match variable {
        Variable::CurrentUser(path) if !path.is_empty() => Some(Place::Subject(path)),
        Variable::Context(path) => Some(Place::Context(path)),
        Variable::CurrentUser(_)
        | Variable::Now(_)
        | Variable::CurrentRole(_)
        | Variable::CurrentRoles(_)
        | Variable::CurrentPolicies(_)
        | Variable::OwnerId
        | Variable::OwnerRoles
        | Variable::Item => None,
    }
}

/// Collects the values of an operand, and their neighbours.
fn near<'q>(operand: &'q Operand, query: &'q Query<'q>, values: &mut Vec<Value<'q>>) {
    match operand {
        Operand::List(parts) => parts.iter().for_each(|part| near(part, query, values)),
        Operand::Value(Value::List(list)) => values.extend(list.iter().cloned()),
        Operand::Value(Value::Number(number)) => {
            values.extend([0.0, -1.0, 1.0].map(|step| Value::Number(number + step)));
        }
        Operand::Value(value) => values.push(value.clone()),
        Operand::Variable(Variable::CurrentUser(path)) => match path.split_first() {
            None => values.push(Value::Text(query.subject.id.into())),
            Some((first, _)) => values.extend(query.subject.attributes.get(first).cloned()),
        },
        Operand::Variable(Variable::Context(path)) => {
            values.extend(
                path.first()
                    .and_then(|first| query.context.attributes.get(first))
                    .cloned(),
            );
        }
        Operand::Variable(_) => {}
    }
}
