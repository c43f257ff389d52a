//! Finding a value by its path in an item.

use std::collections::BTreeMap;

use placet::policy::Policy;
use placet::policy::collection::{Collection, Field};
use placet::source::span::Spanned;
use placet::vocab::operator::FieldType;
use placet::vocab::value::{Object, Value, number_text};

/// Which row of each list of related items is looked at; `None` is the row of nothing but null.
pub(crate) type Rows = BTreeMap<Vec<String>, Option<usize>>;

/// What stands at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found<'v> {
    /// A value, with what is declared of its field.
    Value(&'v Value<'static>, Declared<'v>),
    /// Null, since something on the way is null.
    Null,
    /// A name on the way lacks.
    Absent,
    /// Not told: a related item stands there by its key alone.
    Open,
    /// A list of so many related items stands in the way: the caller must choose a row.
    Rows(Vec<String>, usize),
}

/// What is declared of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Declared<'v> {
    pub(crate) kind: Option<FieldType>,
    /// The related collection.
    pub(crate) related: Option<&'v str>,
    /// Whether the field stands for a list of related items.
    pub(crate) many: bool,
}

/// Where looking up begins, and how.
#[derive(Clone, Copy)]
pub(crate) struct Root<'v> {
    pub(crate) policy: &'v Policy,
    pub(crate) item: &'v Object<'static>,
    pub(crate) collection: Option<&'v Collection>,
}

fn declared<'v>(collection: Option<&'v Collection>, name: &str) -> Declared<'v> {
    let field: Option<&Field> =
        collection.and_then(|each| each.fields.iter().find(|field| field.name.value == name));
    Declared {
        kind: field.and_then(|field| field.kind),
        related: field
            .and_then(|field| field.relation.as_ref())
            .map(|relation| relation.collection.value.as_str()),
        many: field
            .and_then(|field| field.relation.as_ref())
            .is_some_and(|relation| relation.many),
    }
}

/// Returns a collection by name.
pub(crate) fn collection<'v>(policy: &'v Policy, name: Option<&str>) -> Option<&'v Collection> {
    policy
        .collections
        .iter()
        .find(|each| Some(each.id.value.as_str()) == name)
}

/// Tells whether a list stands for related items.
fn is_related(items: &[Value<'static>], declared: Declared<'_>) -> bool {
    declared.many || (!items.is_empty() && items.iter().all(|item| matches!(item, Value::Object(_))))
}

/// Finds the value at a path. `whole` keeps a list of related items at the end of the path instead of asking for a row.
pub(crate) fn find<'v>(root: Root<'v>, path: &[Spanned<String>], rows: &Rows, whole: bool) -> Found<'v> {
    let mut here: &'v Object<'static> = root.item;
    let mut about = root.collection;
    let mut walked: Vec<String> = Vec::new();
    for (at, name) in path.iter().enumerate() {
        let last = at + 1 == path.len();
        walked.push(name.value.clone());
        let known = declared(about, &name.value);
        let Some(mut value) = here.get(&name.value) else {
            return Found::Absent;
        };
        if let Value::List(items) = value
            && !(last && whole)
            && (is_related(items, known) || (items.is_empty() && !last))
        {
            match rows.get(&walked) {
                None => return Found::Rows(walked, items.len()),
                Some(None) => return Found::Null,
                Some(Some(row)) => value = &items[*row],
            }
        }
        if last {
            return match value {
                Value::Null => Found::Null,
                other => Found::Value(other, known),
            };
        }
        match value {
            Value::Null => return Found::Null,
            Value::Object(object) => here = object,
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => return Found::Open,
        }
        about = collection(root.policy, known.related);
    }
    Found::Absent
}

/// Finds a plain path among attributes of the subject, the context or a role.
pub(crate) fn plain(attributes: &Object<'_>, path: &[String]) -> Option<Value<'static>> {
    let mut here = attributes;
    for (at, name) in path.iter().enumerate() {
        let value = here.get(name)?;
        if at + 1 == path.len() {
            return Some(value.clone().into_owned());
        }
        match value {
            Value::Null => return Some(Value::Null),
            Value::Object(object) => here = object,
            Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => return None,
        }
    }
    None
}

/// Returns the owner's roles that an item's attributes tell.
pub(crate) fn owner_roles(attributes: &Object<'_>, collection: Option<&Collection>) -> Vec<String> {
    let Some(path) = collection
        .and_then(|each| each.owner.as_ref())
        .and_then(|owner| owner.roles.as_ref())
    else {
        return Vec::new();
    };
    let path: Vec<String> = path.iter().map(|part| part.value.clone()).collect();
    match plain(attributes, &path) {
        Some(Value::List(values)) => values.iter().filter_map(name_of).collect(),
        Some(value) => name_of(&value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn name_of(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) if !text.is_empty() => Some(text.to_string()),
        Value::Number(number) => Some(number_text(*number)),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Object(_) => None,
    }
}
