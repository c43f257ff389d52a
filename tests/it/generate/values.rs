//! Values near those that conditions compare: equal ones, longer ones, ones in other letter case, and others.

use placet::engine::query::Query;
use placet::policy::condition::{Condition, Leaf, Left, Node, Operand, OwnerPart, Variable};
use placet::vocab::operator::{Function, Operator};
use placet::vocab::value::{Object, Value};

use super::condition::{self, Holds};
use super::random::Random;
use super::{MOMENTS, text};
use crate::reference::intern;

/// Returns an object without an entry.
pub(crate) fn without(object: &Object<'static>, name: &str) -> Object<'static> {
    let entries = object.iter().filter(|(each, _)| *each != name);
    Object::new(
        entries
            .map(|(name, value)| (name.to_owned().into(), value.clone()))
            .collect(),
    )
}

/// Puts a value at a path of an object.
pub(crate) fn set(object: &mut Object<'static>, path: &[&str], value: Value<'static>) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let value = if rest.is_empty() {
        value
    } else {
        let mut inner = match object.get(first) {
            Some(Value::Object(inner)) => inner.clone(),
            _ => Object::default(),
        };
        set(&mut inner, rest, value);
        Value::Object(inner)
    };
    let others = without(object, first);
    let mut entries: Vec<_> = others
        .iter()
        .map(|(name, value)| (name.to_owned().into(), value.clone()))
        .collect();
    entries.push(((*first).to_owned().into(), value));
    *object = Object::new(entries);
}

/// Returns a value for a field.
pub(crate) fn of_field(random: &mut Random, collection: &str, name: &str) -> Value<'static> {
    let known = condition::fields(collection)
        .iter()
        .find(|(path, _)| *path == [name]);
    let holds = known.map_or(Holds::Anything, |(_, holds)| *holds);
    condition::value(random, holds)
}

/// Makes a question tell values near those that a condition compares: of the item, or what is submitted.
pub(crate) fn meet(random: &mut Random, query: &mut Query<'static>, condition: &Condition, submits: bool) {
    if is_crowd(condition) && random.chance(70) {
        for list in ["rows", "more"] {
            let row = || Value::Object(Object::new(vec![("x".into(), text("nobody asks for it"))]));
            let rows = std::iter::repeat_with(row).take(101).collect();
            set(&mut query.resource.attributes, &[list], Value::List(rows));
        }
        return;
    }
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => {
            parts.iter().for_each(|part| meet(random, query, part, submits));
        }
        Node::Not(part) => meet(random, query, part, submits),
        Node::Coded(coded) => meet(random, query, &coded.condition, submits),
        Node::Neutral => {}
        Node::Related(related) => {
            let list = related.path[0].value.as_str();
            meet_rows(random, query, list, &related.condition);
        }
        Node::Leaf(leaf) => meet_leaf(random, query, leaf, submits),
    }
}

/// Whether a condition asks for items of two lists at once.
fn is_crowd(condition: &Condition) -> bool {
    let Node::All(parts) = &condition.node else {
        return false;
    };
    let begins_with = |part: &Condition, list: &str| match &part.node {
        Node::Leaf(leaf) => {
            leaf.operator == Operator::Eq && matches!(&leaf.left, Left::Field(path) if path[0].value == list)
        }
        _ => false,
    };
    matches!(parts.as_slice(), [one, other] if begins_with(one, "rows") && begins_with(other, "more"))
}

fn meet_leaf(random: &mut Random, query: &mut Query<'static>, leaf: &Leaf, submits: bool) {
    if random.chance(15) {
        return;
    }
    match &leaf.left {
        Left::Fact(variable) => meet_fact(random, query, variable, leaf),
        Left::Field(path) => {
            let path: Vec<&'static str> = path.iter().map(|step| intern(&step.value)).collect();
            let is_rows = matches!(path[0], "comments" | "rows" | "more");
            if leaf.operator == Operator::Submitted {
                if random.chance(60) {
                    let value = of_field(random, query.resource.collection, path[0]);
                    set(&mut query.changes, &[path[0]], value);
                } else {
                    query.changes = without(&query.changes, path[0]);
                }
            } else if is_rows {
                meet_row(random, query, &path, leaf);
            } else if path == ["status"] {
                // A fact of its own, which more than one part of a question may tell.
            } else if path == ["author"] || path == ["category"] {
                let Some(value) = near(random, query, leaf) else {
                    return;
                };
                if path == ["author"] {
                    query.resource.owner.id = "";
                }
                let key = if path == ["author"] { "id" } else { "slug" };
                query.resource.attributes = without(&query.resource.attributes, path[0]);
                let whole = [path[0], key];
                let way = if random.chance(60) { &whole[..] } else { &path };
                set(&mut query.resource.attributes, way, value);
            } else {
                let Some(value) = near(random, query, leaf) else {
                    return;
                };
                let object = if submits && path.len() == 1 && random.chance(75) {
                    &mut query.changes
                } else {
                    &mut query.resource.attributes
                };
                set(object, &path, value);
            }
        }
    }
}

/// Puts a value into one of the related items.
fn meet_row(random: &mut Random, query: &mut Query<'static>, path: &[&'static str], leaf: &Leaf) {
    if path.len() == 1 && random.chance(12) {
        // Keys alone: nothing else is told of the related items.
        let keys = (0..random.below(3))
            .map(|at| Value::Number(at as f64 + 1.0))
            .collect();
        set(&mut query.resource.attributes, &[path[0]], Value::List(keys));
        return;
    }
    let mut rows = match query.resource.attributes.get(path[0]) {
        Some(Value::List(rows)) if rows.iter().all(|row| matches!(row, Value::Object(_))) => rows.clone(),
        _ => Vec::new(),
    };
    if rows.len() > 3 {
        return;
    }
    if leaf.function == Some(Function::Count) {
        rows.truncate(random.below(3));
    } else if let Some(value) = near(random, query, leaf) {
        if rows.is_empty() {
            rows.push(Value::Object(Object::default()));
        }
        let at = random.below(rows.len());
        let key = path.get(1).copied().unwrap_or("id");
        if let Value::Object(row) = &mut rows[at] {
            set(row, &[key], value.clone());
            if path.len() == 1 {
                set(row, &["number"], value);
            }
        }
    }
    set(&mut query.resource.attributes, &[path[0]], Value::List(rows));
}

fn meet_rows(random: &mut Random, query: &mut Query<'static>, list: &str, condition: &Condition) {
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => {
            for part in parts {
                meet_rows(random, query, list, part);
            }
        }
        Node::Not(part) => meet_rows(random, query, list, part),
        Node::Coded(coded) => meet_rows(random, query, list, &coded.condition),
        Node::Neutral | Node::Related(_) => {}
        Node::Leaf(leaf) => match &leaf.left {
            Left::Fact(variable) => meet_fact(random, query, variable, leaf),
            Left::Field(path) => {
                let path = [intern(list), intern(&path[0].value)];
                meet_row(random, query, &path, leaf);
            }
        },
    }
}

fn meet_fact(random: &mut Random, query: &mut Query<'static>, variable: &Variable, leaf: &Leaf) {
    let Some(value) = near(random, query, leaf) else {
        return;
    };
    let name = match &value {
        Value::Text(text) => intern(text),
        _ => "",
    };
    match variable {
        Variable::CurrentUser(path) if path.is_empty() => query.subject.id = name,
        Variable::CurrentUser(path) => {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            set(&mut query.subject.attributes, &path, value);
        }
        Variable::Context(path) => match path[0].as_str() {
            "ip" => query.context.ip = name,
            "explanation" => query.context.explanation = name,
            "comment_author_id" => query.context.comment_author_id = name,
            "now" => {}
            _ => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                set(&mut query.context.attributes, &path, value);
            }
        },
        Variable::Item => {
            query.resource.id = if random.chance(50) { "1" } else { "" };
            if random.chance(30) {
                query.resource.attributes = Object::default();
                query.changes = Object::default();
            }
        }
        Variable::Owner(OwnerPart::Id) => {
            query.resource.attributes = without(&query.resource.attributes, "author");
            query.resource.owner.id = name;
        }
        Variable::Owner(OwnerPart::Roles) => {
            query.resource.owner.roles = std::iter::once(name).collect();
        }
        Variable::CurrentRole(_) | Variable::CurrentRoles(_) => {
            if super::PLAIN_ROLES.contains(&name) {
                query.subject.roles = std::iter::once(name).collect();
            }
        }
        Variable::Now(_) | Variable::CurrentPolicies(_) => {}
    }
}

/// Returns a value near the right side of a comparison; `None` if there is none.
fn near(random: &mut Random, query: &Query<'static>, leaf: &Leaf) -> Option<Value<'static>> {
    if random.chance(5) {
        return Some(Value::Null);
    }
    if leaf.function.is_some() {
        return Some(text(random.word(MOMENTS)));
    }
    let value = right(random, query, &leaf.right)?;
    Some(match (leaf.operator, value) {
        (Operator::Null | Operator::Nnull, _) => {
            if random.chance(50) {
                Value::Null
            } else {
                return None;
            }
        }
        (Operator::Empty | Operator::Nempty, _) => match random.below(4) {
            0 => Value::Null,
            1 => text(""),
            2 => Value::List(Vec::new()),
            _ => text("alpha"),
        },
        (Operator::Regex, _) => text(random.word(&["alpha", "bat", "Alpha", "", "5"])),
        (_, Value::Text(told)) if placet::vocab::time::parse_instant(&told).is_some() => {
            if random.chance(75) {
                respelled(random, &told)
            } else {
                text(random.word(MOMENTS))
            }
        }
        (_, Value::Text(told)) => {
            let told = told.as_ref();
            match random.below(8) {
                0 => text(&told.to_uppercase()),
                1 => text(&format!("{told} beta")),
                2 => text(&format!("beta {told}")),
                3 => text(&format!("{}x", told.to_uppercase())),
                4 => text(&format!("x{}", told.to_uppercase())),
                5 => return None,
                _ => respelled(random, told),
            }
        }
        (_, Value::Number(number)) => match random.below(5) {
            0 => Value::Number(number + 1.0),
            1 => Value::Number(number - 1.0),
            2 => return None,
            3 => text(&placet::vocab::value::number_text(number)),
            _ => Value::Number(number),
        },
        (_, value @ (Value::Bool(_) | Value::List(_))) => value,
        (_, value @ Value::Object(_)) if random.chance(50) => value,
        (_, Value::Null | Value::Object(_)) => return None,
    })
}

/// A moment in another spelling, now and then.
fn respelled(random: &mut Random, told: &str) -> Value<'static> {
    match (random.chance(50), placet::vocab::time::parse_instant(told)) {
        (true, Some(moment)) => {
            let hour = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
            text(&moment.to_zoned(hour).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
        }
        _ => text(told),
    }
}

fn right(random: &mut Random, query: &Query<'static>, operand: &Operand) -> Option<Value<'static>> {
    match operand {
        Operand::Value(value) => Some(value.clone()),
        Operand::List(parts) => {
            if parts.is_empty() {
                return None;
            }
            let part = random.pick(parts).clone();
            right(random, query, &part)
        }
        Operand::Variable(variable) => match variable {
            Variable::CurrentUser(path) => match path.first() {
                None => Some(text(query.subject.id)),
                Some(first) => query.subject.attributes.get(first).cloned(),
            },
            Variable::Context(path) => query.context.attributes.get(&path[0]).cloned(),
            Variable::Owner(OwnerPart::Id) => Some(text(query.resource.owner.id)),
            Variable::Now(_) => Some(text(&query.context.now.to_string())),
            Variable::CurrentRole(path) | Variable::CurrentRoles(path) if path.is_empty() => {
                query.subject.roles.first().map(|role| text(role))
            }
            Variable::CurrentRole(_) => Some(*random.pick(&[0, 1, 2])).map(|at| match at {
                0 => text("sport"),
                1 => text("alpha"),
                _ => Value::Number(5.0),
            }),
            Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) => {
                Some(text(random.word(&["sport", "alpha", "basic", "extra"])))
            }
            Variable::Owner(OwnerPart::Roles) => Some(text(random.word(&["author", "editor"]))),
            Variable::Item => Some(text(random.word(&["saved", "new"]))),
        },
    }
}
