//! Changes of conditions: each comparison made to hold and made to fail, each group made another one.

use placet::policy::Policy;
use placet::policy::condition::{Condition, Leaf, Left, Node, Operand, OwnerPart, Related, Variable};
use placet::vocab::operator::{Function, Operator};
use placet::vocab::value::Value;

use super::policy::Rule;
use super::{Change, Edit};
use crate::generate::span;

/// Operators that stand in one row of the table in README.
const FAMILIES: &[(&str, &[Operator])] = &[
    ("_eq", &[Operator::Eq]),
    ("_neq", &[Operator::Neq]),
    ("_is", &[Operator::Is]),
    ("_ieq", &[Operator::Ieq, Operator::Nieq]),
    ("_in", &[Operator::In, Operator::Nin]),
    ("_lt", &[Operator::Lt, Operator::Lte, Operator::Gt, Operator::Gte]),
    ("_between", &[Operator::Between, Operator::Nbetween]),
    ("_null", &[Operator::Null, Operator::Nnull]),
    ("_empty", &[Operator::Empty, Operator::Nempty]),
    (
        "_contains",
        &[
            Operator::Contains,
            Operator::Ncontains,
            Operator::Icontains,
            Operator::Nicontains,
        ],
    ),
    (
        "_starts_with",
        &[
            Operator::StartsWith,
            Operator::NstartsWith,
            Operator::IstartsWith,
            Operator::NistartsWith,
        ],
    ),
    (
        "_ends_with",
        &[
            Operator::EndsWith,
            Operator::NendsWith,
            Operator::IendsWith,
            Operator::NiendsWith,
        ],
    ),
    ("_like", &[Operator::Like, Operator::Nlike]),
    ("_is_text", &[Operator::IsText, Operator::IsNumber]),
    ("_regex", &[Operator::Regex]),
    ("_submitted", &[Operator::Submitted]),
    (
        "_intersects",
        &[
            Operator::Intersects,
            Operator::Nintersects,
            Operator::IntersectsBbox,
            Operator::NintersectsBbox,
        ],
    ),
];
const NAMES: &[&str] = &[
    "_and",
    "_or",
    "_not",
    "_neutral in a group",
    "_some",
    "_none",
    "_some_permitted",
    "_none_permitted",
    "path to a related item",
    "path through related items",
    "path to its key",
    "fact on the left side",
    "$NOW",
    "$NOW and a step",
    "$CURRENT_USER",
    "$CURRENT_USER.x",
    "$CURRENT_ROLE",
    "$CURRENT_ROLE.x",
    "$CURRENT_ROLES",
    "$CURRENT_ROLES.x",
    "$CURRENT_POLICIES",
    "$CURRENT_POLICIES.x",
    "$CONTEXT.x",
    "$CONTEXT.ip",
    "$CONTEXT.now",
    "$CONTEXT.explanation",
    "$CONTEXT.comment_author_id",
    "$OWNER.id",
    "$OWNER.roles",
    "$ITEM",
];

/// The names of the constructs that [`changes`] changes.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    names.extend(Operator::ALL.iter().map(|operator| operator.name().to_owned()));
    names.extend(FAMILIES.iter().map(|(family, _)| format!("stored: {family} …")));
    names.extend(
        FAMILIES
            .iter()
            .map(|(family, _)| format!("submitted: {family} …")),
    );
    names.extend(
        Function::ALL
            .iter()
            .map(|function| format!("{}()", function.name())),
    );
    names
}

/// Where a condition stands.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    When(Rule),
    Validate(usize),
    Require(usize),
    Submitted(usize),
    /// Of a transition of a workflow.
    Transition(usize, usize),
}

impl Place {
    fn find(self, policy: &mut Policy) -> &mut Condition {
        let place = match self {
            Place::When(rule) => &mut rule.selection(policy).when,
            Place::Validate(at) => &mut policy.grants[at].validate,
            Place::Require(at) => &mut policy.constraints[at].require,
            Place::Submitted(at) => &mut policy.constraints[at].submitted,
            Place::Transition(flow, at) => &mut policy.workflows[flow].transitions[at].when,
        };
        place.as_mut().unwrap()
    }

    fn table(self) -> &'static str {
        match self {
            Place::Submitted(_) => "submitted",
            Place::When(_) | Place::Validate(_) | Place::Require(_) | Place::Transition(..) => "stored",
        }
    }
}

/// A condition that always holds, or never does.
fn constant(operator: Operator) -> Condition {
    Condition {
        node: Node::Leaf(Leaf {
            left: Left::Fact(Variable::Now(None)),
            function: None,
            operator,
            right: Operand::Value(Value::Bool(true)),
        }),
        span: span(),
    }
}

/// Returns a condition that always holds.
pub(crate) fn always() -> Condition {
    constant(Operator::Nnull)
}

/// Lists changes of a condition and its parts.
pub(crate) fn changes(place: Place, condition: &Condition, changes: &mut Vec<Change>) {
    walk(place, condition, &mut Vec::new(), changes);
}

/// Finds a part of a condition by the way to it.
fn part<'c>(mut condition: &'c mut Condition, way: &[usize]) -> &'c mut Condition {
    for step in way {
        condition = match &mut condition.node {
            Node::All(parts) | Node::Any(parts) => &mut parts[*step],
            Node::Not(part) => part,
            Node::Coded(coded) => &mut coded.condition,
            Node::Related(related) => &mut related.condition,
            Node::Neutral | Node::Leaf(_) => unreachable!("has no parts"),
        };
    }
    condition
}

fn replace(place: Place, way: &[usize], with: impl Fn(&Condition) -> Condition + 'static) -> Edit {
    let way = way.to_vec();
    Box::new(move |policy| {
        let here = part(place.find(policy), &way);
        *here = with(here);
    })
}

fn with_node(condition: &Condition, node: Node) -> Condition {
    Condition {
        node,
        span: condition.span,
    }
}

fn walk(place: Place, condition: &Condition, way: &mut Vec<usize>, changes: &mut Vec<Change>) {
    let constants = |way: &[usize]| {
        vec![
            replace(place, way, |_| always()),
            replace(place, way, |_| constant(Operator::Null)),
        ]
    };
    let one = |name: &str, edit: Edit| Change {
        names: vec![name.to_owned()],
        edits: vec![edit],
        about: None,
    };
    match &condition.node {
        Node::All(parts) | Node::Any(parts) => {
            if parts.len() > 1 {
                let is_all = matches!(condition.node, Node::All(_));
                let swapped = replace(place, way, |here| match &here.node {
                    Node::All(parts) => with_node(here, Node::Any(parts.clone())),
                    Node::Any(parts) => with_node(here, Node::All(parts.clone())),
                    _ => unreachable!("is a group"),
                });
                changes.push(one(if is_all { "_and" } else { "_or" }, swapped));
            }
            for (at, each) in parts.iter().enumerate() {
                way.push(at);
                if each.node == Node::Neutral && parts.len() > 1 {
                    changes.push(Change {
                        names: vec!["_neutral in a group".to_owned()],
                        edits: constants(way),
                        about: None,
                    });
                }
                walk(place, each, way, changes);
                way.pop();
            }
        }
        Node::Not(inner) => {
            let inside = replace(place, way, |here| match &here.node {
                Node::Not(inner) => (**inner).clone(),
                _ => unreachable!("is a negation"),
            });
            changes.push(one("_not", inside));
            way.push(0);
            walk(place, inner, way, changes);
            way.pop();
        }
        Node::Neutral => {}
        // A name of the failure decides nothing, what it names does.
        Node::Coded(coded) => {
            way.push(0);
            walk(place, &coded.condition, way, changes);
            way.pop();
        }
        Node::Related(related) => {
            changes.push(Change {
                names: vec![quantifier(related).to_owned()],
                edits: constants(way),
                about: None,
            });
            way.push(0);
            walk(place, &related.condition, way, changes);
            way.pop();
        }
        Node::Leaf(leaf) => changes.push(Change {
            names: leaf_names(place.table(), leaf),
            edits: constants(way),
            about: None,
        }),
    }
}

fn quantifier(related: &Related) -> &'static str {
    let Related {
        path: _,
        none,
        permitted,
        condition: _,
    } = related;
    match (none, permitted) {
        (false, false) => "_some",
        (true, false) => "_none",
        (false, true) => "_some_permitted",
        (true, true) => "_none_permitted",
    }
}

fn leaf_names(table: &str, leaf: &Leaf) -> Vec<String> {
    let Leaf {
        left,
        function,
        operator,
        right,
    } = leaf;
    let (family, _) = FAMILIES.iter().find(|(_, all)| all.contains(operator)).unwrap();
    let mut names = vec![operator.name().to_owned(), format!("{table}: {family} …")];
    names.extend(function.map(|function| format!("{}()", function.name())));
    names.extend(operand_names(right));
    match left {
        Left::Fact(variable) => {
            names.push("fact on the left side".to_owned());
            names.push(variable_name(variable));
        }
        Left::Field(path) => {
            let path: Vec<&str> = path.iter().map(|step| step.value.as_str()).collect();
            let by_key = *function != Some(Function::Count);
            names.extend(match path.as_slice() {
                ["comments" | "rows" | "more", _, ..] => Some("path through related items".to_owned()),
                ["comments"] if by_key => Some("path to its key".to_owned()),
                [_, _, ..] => Some("path to a related item".to_owned()),
                ["category" | "author"] if by_key => Some("path to its key".to_owned()),
                _ => None,
            });
        }
    }
    names
}

/// Returns the names of the variables of an operand.
pub(crate) fn operand_names(operand: &Operand) -> Vec<String> {
    let mut names: Vec<String> = match operand {
        Operand::Value(_) => Vec::new(),
        Operand::Variable(variable) => vec![variable_name(variable)],
        Operand::List(parts) => parts.iter().flat_map(operand_names).collect(),
    };
    names.sort();
    names.dedup();
    names
}

fn variable_name(variable: &Variable) -> String {
    let path = |name: &str, path: &[String]| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.x")
        }
    };
    match variable {
        Variable::Now(None) => "$NOW".to_owned(),
        Variable::Now(Some(_)) => "$NOW and a step".to_owned(),
        Variable::CurrentUser(way) => path("$CURRENT_USER", way),
        Variable::CurrentRole(way) => path("$CURRENT_ROLE", way),
        Variable::CurrentRoles(way) => path("$CURRENT_ROLES", way),
        Variable::CurrentPolicies(way) => path("$CURRENT_POLICIES", way),
        Variable::Context(way) => match way.as_slice() {
            [only] if ["ip", "now", "explanation", "comment_author_id"].contains(&only.as_str()) => {
                format!("$CONTEXT.{only}")
            }
            way => path("$CONTEXT", way),
        },
        Variable::Owner(OwnerPart::Id) => "$OWNER.id".to_owned(),
        Variable::Owner(OwnerPart::Roles) => "$OWNER.roles".to_owned(),
        Variable::Item => "$ITEM".to_owned(),
    }
}

#[test]
fn every_operator_is_of_one_family() {
    for operator in Operator::ALL {
        let families = FAMILIES.iter().filter(|(_, all)| all.contains(operator));
        assert_eq!(families.count(), 1, "{}", operator.name());
    }
}
