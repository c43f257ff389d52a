//! Running a condition: groups, rows, related items, and what stands on both sides of a leaf.

use std::borrow::Cow;

use placet::policy::Policy;
use placet::policy::collection::Collection;
use placet::policy::condition::{Condition, Leaf, Left, Node, Operand, OwnerPart, Related, Variable};
use placet::policy::role::RoleKind;
use placet::source::span::Spanned;
use placet::vocab::effect::Effect;
use placet::vocab::limits::JOINED_ROWS_MAX;
use placet::vocab::operator::{FieldType, Function, Operand as Form, Operator};
use placet::vocab::time::instant_text;
use placet::vocab::value::{Object, Value};

use super::bind;
use super::kleene::Kleene;
use super::leaf::{self, Side};
use super::lookup::{self, Found, Root, Rows};
use super::matching::{Case, state_matches};
use super::roles;

/// Which table the leaves are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Stored,
    Submitted,
}

/// What a condition is asked of.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case<'a>,
    pub(crate) action: &'a str,
    pub(crate) table: Table,
    pub(crate) item: &'a Object<'static>,
    pub(crate) collection: Option<&'a Collection>,
    /// Presets and changes.
    pub(crate) submitted: &'a Object<'static>,
}

/// Tells whether a condition is neutral: nothing in it asks anything.
pub(crate) fn is_neutral(condition: &Condition) -> bool {
    match &condition.node {
        Node::Neutral => true,
        Node::All(parts) | Node::Any(parts) => parts.iter().all(is_neutral),
        Node::Not(part) => is_neutral(part),
        Node::Coded(coded) => is_neutral(&coded.condition),
        Node::Related(_) | Node::Leaf(_) => false,
    }
}

/// Decides a condition; one that is neutral is true.
pub(crate) fn holds(scene: Scene<'_>, condition: &Condition) -> Kleene {
    if is_neutral(condition) {
        return Kleene::True;
    }
    let mut paths = Vec::new();
    collect_paths(condition, &mut paths);
    if count_rows(scene, &paths, &Rows::new()) > JOINED_ROWS_MAX {
        // Where the questions of tests have so many items, all of a list are alike, so that the first stands for the others.
        return match over_rows(scene, condition, &Rows::new(), 1) {
            Kleene::True => Kleene::True,
            Kleene::False | Kleene::Fault | Kleene::Open => Kleene::Fault,
        };
    }
    over_rows(scene, condition, &Rows::new(), usize::MAX)
}

/// Why a condition cannot be decided on the rows chosen so far: there is a list of so many.
struct Stop(Vec<String>, usize);

fn chosen(rows: &Rows, prefix: &[String], row: Option<usize>) -> Rows {
    let mut rows = rows.clone();
    rows.insert(prefix.to_vec(), row);
    rows
}

fn choices(prefix: &[String], count: usize, rows: &Rows) -> Vec<Rows> {
    if count == 0 {
        vec![chosen(rows, prefix, None)]
    } else {
        (0..count).map(|row| chosen(rows, prefix, Some(row))).collect()
    }
}

/// The best of what a condition is on each choice of rows, of at most so many rows of each list.
fn over_rows(scene: Scene<'_>, condition: &Condition, rows: &Rows, most: usize) -> Kleene {
    match decide(scene, condition, rows) {
        Ok(truth) => truth.unwrap_or(Kleene::True),
        Err(Stop(prefix, count)) => choices(&prefix, count, rows)
            .iter()
            .take(most)
            .map(|rows| over_rows(scene, condition, rows, most))
            .max()
            .unwrap_or(Kleene::False),
    }
}

/// The paths that run through rows: those of all leaves, and those to related items.
fn collect_paths<'c>(condition: &'c Condition, paths: &mut Vec<(&'c [Spanned<String>], bool)>) {
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| collect_paths(part, paths)),
        Node::Not(part) => collect_paths(part, paths),
        Node::Coded(coded) => collect_paths(&coded.condition, paths),
        Node::Neutral => {}
        Node::Related(related) => paths.push((&related.path, true)),
        Node::Leaf(leaf) => {
            if let Left::Field(path) = &leaf.left
                && leaf.operator != Operator::Submitted
            {
                paths.push((path, leaf.function == Some(Function::Count)));
            }
        }
    }
}

fn count_rows(scene: Scene<'_>, paths: &[(&[Spanned<String>], bool)], rows: &Rows) -> usize {
    for (path, whole) in paths {
        if let Found::Rows(prefix, count) = lookup::find(root(scene), path, rows, *whole) {
            let choices = choices(&prefix, count, rows);
            // Rows in which no further list is asked for are all the same to count.
            let is_flat = paths
                .iter()
                .filter(|(path, _)| {
                    path.len() > prefix.len()
                        && path.iter().zip(&prefix).all(|(step, name)| step.value == *name)
                })
                .all(|(path, _)| path.len() == prefix.len() + 1);
            if is_flat && choices.len() > 100 {
                return choices.len() * count_rows(scene, paths, &choices[0]);
            }
            return choices.iter().map(|rows| count_rows(scene, paths, rows)).sum();
        }
    }
    1
}

fn root(scene: Scene<'_>) -> Root<'_> {
    Root {
        policy: scene.case.policy,
        item: scene.item,
        collection: scene.collection,
    }
}

/// Decides a condition on chosen rows; `None` for a neutral part.
fn decide(scene: Scene<'_>, condition: &Condition, rows: &Rows) -> Result<Option<Kleene>, Stop> {
    match &condition.node {
        Node::Neutral => Ok(None),
        Node::All(parts) => Ok(members(scene, parts, rows)?.into_iter().min()),
        Node::Any(parts) => Ok(members(scene, parts, rows)?.into_iter().max()),
        Node::Not(part) => Ok(decide(scene, part, rows)?.map(Kleene::not)),
        Node::Coded(coded) => decide(scene, &coded.condition, rows),
        Node::Related(related) => quantify(scene, related, rows).map(Some),
        Node::Leaf(leaf) => decide_leaf(scene, leaf, rows).map(Some),
    }
}

fn members(scene: Scene<'_>, parts: &[Condition], rows: &Rows) -> Result<Vec<Kleene>, Stop> {
    let mut found = Vec::new();
    for part in parts {
        found.extend(decide(scene, part, rows)?);
    }
    Ok(found)
}

fn absent(policy: &Policy) -> Side {
    if policy.settings.absent_is_null {
        Side::known(Value::Null)
    } else {
        Side::Open
    }
}

fn decide_leaf(scene: Scene<'_>, leaf: &Leaf, rows: &Rows) -> Result<Kleene, Stop> {
    if leaf.operator == Operator::Submitted {
        let Left::Field(path) = &leaf.left else {
            return Ok(Kleene::False);
        };
        return Ok(path
            .first()
            .is_some_and(|name| scene.submitted.get(&name.value).is_some())
            .into());
    }
    let left = match &leaf.left {
        Left::Fact(variable) => resolve(scene.case, variable),
        Left::Field(path) => {
            match lookup::find(root(scene), path, rows, leaf.function == Some(Function::Count)) {
                Found::Rows(prefix, count) => return Err(Stop(prefix, count)),
                Found::Absent if scene.table == Table::Submitted => {
                    return Ok(leaf.function.is_none().into());
                }
                Found::Absent => absent(scene.case.policy),
                Found::Open => Side::Open,
                Found::Null => Side::known(Value::Null),
                Found::Value(value, declared) => {
                    let moment = matches!(
                        declared.kind,
                        Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp)
                    );
                    by_key(scene.case.policy, leaf, value, declared, moment)
                }
            }
        }
    };
    let left = match (leaf.function, left) {
        (Some(function), Side::Known { value, .. }) => match leaf::apply(function, &value) {
            Some(value) => Side::known(value),
            None => return Ok(Kleene::False),
        },
        (_, left) => left,
    };
    let right = operands(scene.case, leaf.operator, &leaf.right);
    if let (Table::Stored, Side::Known { value, .. }) = (scene.table, &left)
        && *value == Value::Null
        && matches!(leaf.operator, Operator::In | Operator::Nin)
    {
        return Ok(null_among(leaf, &right));
    }
    Ok(match scene.table {
        Table::Stored => leaf::stored(leaf.operator, &left, &right),
        Table::Submitted => leaf::submitted(leaf.operator, &left, &right),
    })
}

/// Null is one of no list, and none of an empty one alone. What the elements of a written list are does not matter for that;
/// of a list that the request does not tell, neither is known.
fn null_among(leaf: &Leaf, right: &[Side]) -> Kleene {
    let written = !matches!(leaf.right, Operand::Variable(_));
    if !written && matches!(right, [Side::Open]) {
        return Kleene::Open;
    }
    let is_empty = match &leaf.right {
        Operand::List(parts) => parts.is_empty(),
        Operand::Value(_) | Operand::Variable(_) => right.is_empty(),
    };
    (leaf.operator == Operator::Nin && is_empty).into()
}

/// A related item compares by its key.
fn by_key(
    policy: &Policy,
    leaf: &Leaf,
    value: &Value<'static>,
    declared: lookup::Declared<'_>,
    moment: bool,
) -> Side {
    let compares = !matches!(leaf.operator.operand(), Form::Flag | Form::Geometry);
    match value {
        Value::Object(object) if compares => match object.get(bind::key_of(policy, declared.related)) {
            Some(key) => Side::known(key.clone()),
            None if declared.related.is_some() => absent(policy),
            None => Side::Known {
                value: value.clone(),
                moment,
            },
        },
        other => Side::Known {
            value: other.clone(),
            moment,
        },
    }
}

/// Resolves the right side: one side, or for lists each element.
fn operands(case: &Case<'_>, operator: Operator, right: &Operand) -> Vec<Side> {
    let lists = matches!(operator.operand(), Form::List | Form::Pair);
    match right {
        Operand::Value(Value::List(values)) if lists => values.iter().cloned().map(Side::known).collect(),
        Operand::Value(value) => vec![Side::known(value.clone())],
        Operand::Variable(variable) => match resolve(case, variable) {
            Side::Known {
                value: Value::List(values),
                ..
            } if lists => values.into_iter().map(Side::known).collect(),
            side => vec![side],
        },
        Operand::List(parts) => parts
            .iter()
            .flat_map(|part| operands(case, Operator::In, part))
            .collect(),
    }
}

/// Resolves the value of a preset.
pub(crate) fn preset(case: &Case<'_>, operand: &Operand) -> Option<Value<'static>> {
    match operand {
        Operand::Value(value) => Some(value.clone()),
        Operand::Variable(variable) => match resolve(case, variable) {
            Side::Open => None,
            Side::Known { value, .. } => Some(value),
        },
        Operand::List(parts) => {
            let mut values = Vec::new();
            for side in parts.iter().flat_map(|part| operands(case, Operator::In, part)) {
                match side {
                    Side::Open => return None,
                    Side::Known { value, .. } => values.push(value),
                }
            }
            Some(Value::List(values))
        }
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

/// What the context tells of itself; `None` for its attributes.
fn told_of_itself(case: &Case<'_>, path: &[String]) -> Option<Side> {
    let [only] = path else { return None };
    let context = &case.query.context;
    let told = match only.as_str() {
        "ip" => context.ip,
        "explanation" => context.explanation,
        "comment_author_id" => context.comment_author_id,
        "now" => {
            let value = text(&instant_text(context.now));
            return Some(Side::Known { value, moment: true });
        }
        _ => return None,
    };
    Some(if told.is_empty() {
        absent(case.policy)
    } else {
        Side::known(text(told))
    })
}

/// Resolves a fact of the request.
pub(crate) fn resolve(case: &Case<'_>, variable: &Variable) -> Side {
    let query = case.query;
    let attribute = |attributes: &Object<'_>, path: &[String]| {
        lookup::plain(attributes, path).map_or_else(|| absent(case.policy), Side::known)
    };
    let role_attribute = |role: &str, path: &[String]| {
        roles::find(case.policy, role)
            .and_then(|role| lookup::plain(&role.attributes, path))
            .unwrap_or(Value::Null)
    };
    let listed = |kind: RoleKind, path: &[String]| {
        let ids = case
            .roles
            .order
            .iter()
            .filter(|role| roles::kind(case.policy, role) == kind);
        let values = ids.map(|role| {
            if path.is_empty() {
                text(role)
            } else {
                role_attribute(role, path)
            }
        });
        Side::known(Value::List(
            values.filter(|value| *value != Value::Null).collect(),
        ))
    };
    match variable {
        Variable::Now(step) => {
            let now = query.context.now;
            let moment = step.map_or(Some(now), |step| step.from(now));
            let value = moment.map_or(Value::Null, |moment| text(&instant_text(moment)));
            Side::Known { value, moment: true }
        }
        Variable::CurrentUser(path) if path.is_empty() => Side::known(if case.roles.anonymous {
            Value::Null
        } else {
            text(query.subject.id)
        }),
        Variable::CurrentUser(path) => attribute(&query.subject.attributes, path),
        Variable::CurrentRole(path) => Side::known(match case.roles.claimed.first() {
            None => Value::Null,
            Some(role) if path.is_empty() => text(role),
            Some(role) => role_attribute(role, path),
        }),
        Variable::CurrentRoles(path) => listed(RoleKind::Role, path),
        Variable::CurrentPolicies(path) => listed(RoleKind::Policy, path),
        Variable::Context(path) => match told_of_itself(case, path) {
            Some(side) => side,
            None => attribute(&query.context.attributes, path),
        },
        Variable::Owner(_) if case.facts.owner_open => Side::Open,
        Variable::Owner(OwnerPart::Id) => Side::known(if case.facts.owner.is_empty() {
            Value::Null
        } else {
            text(&case.facts.owner)
        }),
        Variable::Owner(OwnerPart::Roles) => Side::known(Value::List(
            case.owner_names.iter().map(|role| text(role)).collect(),
        )),
        Variable::Item => Side::known(text(if !query.resource.id.is_empty() {
            "saved"
        } else if !query.resource.attributes.is_empty() || !query.changes.is_empty() {
            "new"
        } else {
            "none"
        })),
    }
}

/// Decides a question about related items.
fn quantify(scene: Scene<'_>, related: &Related, rows: &Rows) -> Result<Kleene, Stop> {
    let (list, declared) = match lookup::find(root(scene), &related.path, rows, true) {
        Found::Rows(prefix, count) => return Err(Stop(prefix, count)),
        Found::Value(value, declared) => (value, declared),
        Found::Null => (&Value::Null, lookup::Declared::default()),
        Found::Absent if scene.case.policy.settings.absent_is_null => {
            (&Value::Null, lookup::Declared::default())
        }
        Found::Absent | Found::Open => return Ok(Kleene::Open),
    };
    let items: Vec<&Value<'static>> = match list {
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().collect(),
        Value::Object(_) => vec![list],
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => return Ok(Kleene::Open),
    };
    let collection = lookup::collection(scene.case.policy, declared.related);
    let nothing = Object::default();
    let mut some = Kleene::False;
    for item in items {
        let Value::Object(item) = item else {
            some = some.max(Kleene::Open);
            continue;
        };
        let inner = Scene {
            item,
            collection,
            // A request submits fields of the item, never those of others.
            submitted: &nothing,
            ..scene
        };
        let mut truth = holds(inner, &related.condition);
        if related.permitted {
            truth = truth.min(permitted(inner));
        }
        some = some.max(truth);
    }
    Ok(if related.none { some.not() } else { some })
}

/// Tells whether an allow of the same action admits a related item; yes if the subject has none for its collection.
fn permitted(scene: Scene<'_>) -> Kleene {
    let case: &Case<'_> = scene.case;
    let policy = case.policy;
    let Some(collection) = scene.collection.filter(|_| !scene.action.is_empty()) else {
        return Kleene::True;
    };
    if case.roles.administrator.is_some() {
        return Kleene::True;
    }
    let owner = bind::owner_of(policy, scene.item, Some(collection));
    let owner_names = roles::owner_names(
        policy,
        &bare(case),
        &owner,
        lookup::owner_roles(scene.item, Some(collection)),
    );
    let mut facts = case.facts.clone();
    facts.collection = Some(collection);
    facts.state = bind::state_of(scene.item, Some(collection));
    facts.owner = owner.clone();
    facts.owner_open = false;
    facts.stays = true;
    facts.moves = false;
    facts.afterwards = match &facts.state {
        bind::State::Named(name) => bind::Afterwards::Named(name.clone()),
        bind::State::None => bind::Afterwards::None,
        bind::State::Open => bind::Afterwards::Unknown,
    };
    let mut query = case.query.clone();
    query.resource.collection = super::intern(&collection.id.value);
    query.resource.local_roles = Vec::new();
    query.resource.ancestors = Vec::new();
    let there = Case {
        policy,
        query: &query,
        roles: roles::resolve(policy, &query, &owner),
        owner_roles: roles::owner_closure(policy, &owner, &owner_names),
        owner_names: case.owner_names.clone(),
        facts,
    };
    let allows: Vec<_> = policy
        .grants
        .iter()
        .filter(|grant| grant.effect == Effect::Allow && grant.broken.is_none())
        .filter(|grant| {
            let selection = &grant.selection;
            selection.collections.selects(&collection.id.value)
                && selection.actions.selects(scene.action)
                && super::matching::through(selection, &there.roles).is_none_or(|roles| !roles.is_empty())
        })
        .collect();
    if allows.is_empty() {
        return Kleene::True;
    }
    let conditional = allows
        .iter()
        .any(|grant| grant.selection.when.as_ref().is_some_and(|c| !is_neutral(c)));
    let mut best = Kleene::False;
    for grant in allows {
        let mut truth = super::matching::reaches(&there, &grant.selection, scene.action)
            .min(state_matches(&grant.selection.states, &there.facts.state))
            .min(super::matching::in_scope(&there, &grant.selection));
        if let Some(networks) = &grant.networks {
            truth = truth.min(roles::inside(networks, case.query.context.ip).into());
        }
        if let Some(when) = &grant.selection.when {
            let neutral = is_neutral(when);
            let when = if neutral && conditional {
                Kleene::False
            } else {
                holds(scene, when)
            };
            truth = truth.min(when);
        }
        best = best.max(truth);
    }
    best
}

/// The question without what it tells about the owner of the item asked about.
fn bare(case: &Case<'_>) -> placet::engine::query::Query<'static> {
    let mut query = case.query.clone();
    query.resource.owner = placet::engine::query::Owner::default();
    query
}
