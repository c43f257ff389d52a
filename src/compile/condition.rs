//! Conditions become programs.

use regex::RegexBuilder;

use crate::model::condition as compiled;
use crate::model::id::{CollectionId, ConditionId};
use crate::policy::condition::{Condition, Leaf, Left, Node, Operand, OwnerPart, Related, Variable};
use crate::source::span::Spanned;
use crate::vocab::limits::PATTERN_BYTES_MAX;
use crate::vocab::operator::{FieldType, Function};
use crate::vocab::time::{Step, Unit};
use crate::vocab::value::{Value, quoted, write_literal};

use super::intern::Interner;

/// The collection whose declared fields a condition looks at, if it is one.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) collection: Option<CollectionId>,
}

/// Compiles a condition and returns its id.
pub(super) fn compile_condition(
    condition: &Condition,
    place: Place,
    interner: &mut Interner<'_>,
) -> ConditionId {
    let program = compile_program(condition, place, interner);
    let id = ConditionId::new(interner.model.conditions.len());
    interner.model.conditions.push(program);
    id
}

fn compile_program(condition: &Condition, place: Place, interner: &Interner<'_>) -> compiled::Program {
    let root = compile_node(condition, place, interner);
    compiled::Program {
        looks_at_clock: root.looks_at_clock(),
        joins: compile_joins(condition, place, interner),
        root,
    }
}

fn compile_joins(condition: &Condition, place: Place, interner: &Interner<'_>) -> Box<[compiled::Join]> {
    let mut paths = Vec::new();
    collect_joins(condition, &mut paths);
    paths.sort_by(|a: &(&[Spanned<String>], bool), b| {
        let steps = |path: &[Spanned<String>]| path.iter().map(|step| step.value.clone()).collect::<Vec<_>>();
        a.0.len()
            .cmp(&b.0.len())
            .then_with(|| steps(a.0).cmp(&steps(b.0)))
    });
    let mut joins: Vec<compiled::Join> = Vec::new();
    for (path, is_prefix) in paths {
        let path_steps = steps(path);
        match joins.last_mut() {
            Some(last) if last.path == path_steps => last.is_prefix |= is_prefix,
            Some(_) | None => {
                let is_many = walk(path, place, interner).is_many;
                joins.push(compiled::Join {
                    path: path_steps,
                    is_prefix,
                    is_many,
                });
            }
        }
    }
    joins.into()
}

fn compile_node(condition: &Condition, place: Place, interner: &Interner<'_>) -> compiled::Node {
    if is_neutral(condition) {
        return compiled::Node::Neutral;
    }
    // Beside others what is neutral drops out, whichever way they are joined.
    let all = |parts: &[Condition]| {
        parts
            .iter()
            .filter(|part| !is_neutral(part))
            .map(|part| compile_node(part, place, interner))
            .collect()
    };
    match &condition.node {
        Node::All(parts) => compiled::Node::All(all(parts)),
        Node::Any(parts) => compiled::Node::Any(all(parts)),
        Node::Not(part) => compiled::Node::Not(Box::new(compile_node(part, place, interner))),
        Node::Neutral => compiled::Node::Neutral,
        Node::Coded(coded) => compiled::Node::Coded(
            coded.code.value.as_str().into(),
            Box::new(compile_node(&coded.condition, place, interner)),
        ),
        Node::Related(related) => compiled::Node::Related(compile_related(related, place, interner)),
        Node::Leaf(leaf) => compiled::Node::Leaf(compile_leaf(leaf, place, interner)),
    }
}

/// Tells whether nothing in a condition asks anything.
pub(super) fn is_neutral(condition: &Condition) -> bool {
    match &condition.node {
        Node::Neutral => true,
        Node::All(parts) | Node::Any(parts) => parts.iter().all(is_neutral),
        Node::Not(part) => is_neutral(part),
        Node::Coded(coded) => is_neutral(&coded.condition),
        Node::Related(_) | Node::Leaf(_) => false,
    }
}

fn compile_related(related: &Related, place: Place, interner: &Interner<'_>) -> compiled::Related {
    let collection = walk(&related.path, place, interner).collection;
    let inside = Place { collection };
    compiled::Related {
        path: steps(&related.path),
        none: related.none,
        permitted: if related.permitted { collection } else { None },
        program: Box::new(compile_program(&related.condition, inside, interner)),
        text: dotted(&related.path).into(),
    }
}

fn compile_leaf(leaf: &Leaf, place: Place, interner: &Interner<'_>) -> compiled::Leaf {
    let end = match &leaf.left {
        Left::Field(path) => walk(path, place, interner),
        Left::Fact(_) => End::default(),
    };
    let related = end.collection.and_then(|id| interner.model.collection(id));
    let key = related.map_or("id", |collection| &collection.key);
    let name = match &leaf.left {
        Left::Field(path) => dotted(path),
        Left::Fact(variable) => variable_text(variable),
    };
    let pattern = match &leaf.right {
        // `validate` has compiled the same pattern under the same limits; one that fails here matches nothing.
        Operand::Value(Value::Text(text)) if leaf.operator == crate::vocab::operator::Operator::Regex => {
            RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().ok()
        }
        Operand::Value(_) | Operand::Variable(_) | Operand::List(_) => None,
    };
    compiled::Leaf {
        left: match &leaf.left {
            Left::Field(path) => compiled::Left::Field(steps(path)),
            Left::Fact(variable) => compiled::Left::Fact(compile_variable(variable)),
        },
        function: leaf.function,
        operator: leaf.operator,
        right: compile_operand(&leaf.right),
        pattern,
        kind: end.kind,
        key: key.into(),
        is_relation: end.collection.is_some(),
        is_many: end.is_many,
        operand_name: first_variable(&leaf.right)
            .map(variable_text)
            .unwrap_or_default()
            .into(),
        operand_text: operand_text(&leaf.right).into(),
        name: name.into(),
    }
}

/// What is declared of the end of a path.
#[derive(Default)]
struct End {
    kind: Option<FieldType>,
    collection: Option<CollectionId>,
    is_many: bool,
}

/// Follows a path through declared relations.
fn walk(path: &[Spanned<String>], place: Place, interner: &Interner<'_>) -> End {
    let model = &interner.model;
    let home = place.collection.and_then(|id| model.collection(id));
    let steps = path.iter().map(|step| &step.value);
    let field = model.declared(home, steps).last().flatten();
    let relation = field.and_then(|field| field.relation);
    End {
        kind: field.and_then(|field| field.kind),
        collection: relation.map(|relation| relation.collection),
        is_many: relation.is_some_and(|relation| relation.many),
    }
}

fn first_variable(operand: &Operand) -> Option<&Variable> {
    match operand {
        Operand::Value(_) => None,
        Operand::Variable(variable) => Some(variable),
        Operand::List(parts) => parts.iter().find_map(first_variable),
    }
}

/// Compiles an operand.
pub(super) fn compile_operand(operand: &Operand) -> compiled::Operand {
    match operand {
        Operand::Value(value) => compiled::Operand::Value(value.clone()),
        Operand::Variable(variable) => compiled::Operand::Variable(compile_variable(variable)),
        Operand::List(parts) => {
            let constants: Option<Vec<Value<'static>>> = parts
                .iter()
                .map(|part| match part {
                    Operand::Value(value) => Some(value.clone()),
                    Operand::Variable(_) | Operand::List(_) => None,
                })
                .collect();
            match constants {
                // Constants are one value, so that nothing is gathered while deciding.
                Some(values) => compiled::Operand::Value(Value::List(values)),
                None => compiled::Operand::List(parts.iter().map(compile_operand).collect()),
            }
        }
    }
}

fn compile_variable(variable: &Variable) -> compiled::Variable {
    let path = |steps: &[String]| steps.iter().map(|step| step.as_str().into()).collect();
    match variable {
        Variable::Now(step) => compiled::Variable::Now(*step),
        Variable::CurrentUser(steps) => compiled::Variable::CurrentUser(path(steps)),
        Variable::CurrentRole(steps) => compiled::Variable::CurrentRole(path(steps)),
        Variable::CurrentRoles(steps) => compiled::Variable::CurrentRoles(path(steps)),
        Variable::CurrentPolicies(steps) => compiled::Variable::CurrentPolicies(path(steps)),
        // The moment of the question has two names.
        Variable::Context(steps) if matches!(steps.as_slice(), [only] if only == "now") => {
            compiled::Variable::Now(None)
        }
        Variable::Context(steps) => compiled::Variable::Context(path(steps)),
        Variable::Owner(OwnerPart::Id) => compiled::Variable::OwnerId,
        Variable::Owner(OwnerPart::Roles) => compiled::Variable::OwnerRoles,
        Variable::Item => compiled::Variable::Item,
    }
}

/// Collects the paths that may run through, or end at, a list of related items.
fn collect_joins<'c>(condition: &'c Condition, joins: &mut Vec<(&'c [Spanned<String>], bool)>) {
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| collect_joins(part, joins)),
        Node::Not(part) => collect_joins(part, joins),
        Node::Coded(coded) => collect_joins(&coded.condition, joins),
        // What is asked of related items is a condition of its own; the way to them is not joined.
        Node::Neutral | Node::Related(_) => {}
        Node::Leaf(leaf) => {
            let Left::Field(path) = &leaf.left else { return };
            // A count is of the list itself, so the last step of its path is no row.
            let whole = if leaf.function == Some(Function::Count) {
                path.len().saturating_sub(1)
            } else {
                path.len()
            };
            for length in 1..=whole {
                joins.extend(path.get(..length).map(|prefix| (prefix, length < path.len())));
            }
        }
    }
}

fn steps(path: &[Spanned<String>]) -> Box<[Box<str>]> {
    path.iter().map(|step| step.value.as_str().into()).collect()
}

fn dotted(path: &[Spanned<String>]) -> String {
    path.iter()
        .map(|step| step.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}

fn variable_text(variable: &Variable) -> String {
    let (name, path) = match variable {
        Variable::Now(None) => return "$NOW".to_owned(),
        Variable::Now(Some(step)) => return format!("$NOW({})", step_text(*step)),
        Variable::CurrentUser(path) => ("$CURRENT_USER", path),
        Variable::CurrentRole(path) => ("$CURRENT_ROLE", path),
        Variable::CurrentRoles(path) => ("$CURRENT_ROLES", path),
        Variable::CurrentPolicies(path) => ("$CURRENT_POLICIES", path),
        Variable::Context(path) => ("$CONTEXT", path),
        Variable::Owner(OwnerPart::Id) => return "$OWNER.id".to_owned(),
        Variable::Owner(OwnerPart::Roles) => return "$OWNER.roles".to_owned(),
        Variable::Item => return "$ITEM".to_owned(),
    };
    std::iter::once(name)
        .chain(path.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(".")
}

fn step_text(step: Step) -> String {
    let unit = match step.unit {
        Unit::Years => "years",
        Unit::Months => "months",
        Unit::Milliseconds => "ms",
    };
    format!("{:+} {unit}", step.amount)
}

fn operand_text(operand: &Operand) -> String {
    match operand {
        Operand::Value(value) => {
            let mut text = String::new();
            // Text takes whatever is written to it.
            let _ = write_literal(&mut text, value);
            text
        }
        Operand::Variable(variable) => quoted(&variable_text(variable)),
        Operand::List(parts) => format!(
            "[{}]",
            parts.iter().map(operand_text).collect::<Vec<_>>().join(", ")
        ),
    }
}
