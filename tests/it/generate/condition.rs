//! Random conditions on the fields of a collection.

use placet::policy::condition::{Coded, Condition, Leaf, Left, Node, Operand, OwnerPart, Related, Variable};

use placet::source::span::Spanned;
use placet::vocab::operator::{Function, Operand as Form, Operator};
use placet::vocab::time::{Step, Unit};
use placet::vocab::value::Value;

use super::random::Random;
use super::{MOMENTS, PEOPLE, STATES, names, span, text};

/// What a field holds, as far as choosing operators goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    Number,
    Flag,
    Moment,
    Clock,
    Tags,
    Person,
    Status,
    /// A list of related items, asked by its key.
    Rows,
    /// A geometry.
    Place,
    Anything,
}

/// Fields that conditions on a collection look at, as paths.
pub(crate) fn fields(collection: &str) -> &'static [(&'static [&'static str], Holds)] {
    match collection {
        "articles" => &[
            (&["title"], Holds::Text),
            (&["body"], Holds::Text),
            (&["status"], Holds::Status),
            (&["author"], Holds::Person),
            (&["author", "desk"], Holds::Text),
            (&["score"], Holds::Number),
            (&["day"], Holds::Moment),
            (&["at"], Holds::Moment),
            (&["clock"], Holds::Clock),
            (&["open"], Holds::Flag),
            (&["tags"], Holds::Tags),
            (&["category"], Holds::Text),
            (&["category", "label"], Holds::Text),
            (&["comments", "text"], Holds::Text),
            (&["comments", "score"], Holds::Number),
            (&["comments"], Holds::Rows),
            (&["place"], Holds::Place),
        ],
        "comments" => &[
            (&["text"], Holds::Text),
            (&["status"], Holds::Status),
            (&["author"], Holds::Person),
            (&["score"], Holds::Number),
        ],
        "categories" => &[(&["label"], Holds::Text), (&["slug"], Holds::Text)],
        "people" => &[(&["desk"], Holds::Text), (&["id"], Holds::Person)],
        _ => &[
            (&["x"], Holds::Anything),
            (&["y"], Holds::Anything),
            (&["status"], Holds::Status),
            (&["author"], Holds::Person),
            (&["deep", "x"], Holds::Anything),
            (&["rows", "x"], Holds::Anything),
            (&["rows", "y"], Holds::Anything),
            (&["more", "x"], Holds::Anything),
            (&["many"], Holds::Anything),
            (&["score"], Holds::Number),
            (&["place"], Holds::Place),
        ],
    }
}

/// Values that fields and operands are drawn from.
pub(crate) fn value(random: &mut Random, holds: Holds) -> Value<'static> {
    match holds {
        Holds::Text => text(random.word(&[
            "alpha",
            "Alpha",
            "beta",
            "alpha beta",
            "ÄRA",
            "ära",
            "sport",
            "5",
            "a",
        ])),
        Holds::Number => Value::Number(*random.pick(&[1.0, 2.0, 5.0, 5.5, 10.0])),
        Holds::Flag => Value::Bool(random.chance(50)),
        Holds::Moment => {
            let moment = random.word(MOMENTS);
            text(if random.chance(30) { &moment[..10] } else { moment })
        }
        Holds::Place => place(random),
        Holds::Clock => text(random.word(&["08:00", "12:30:15", "23:59"])),
        Holds::Tags => Value::List(
            random
                .some(&["alpha", "beta", "gamma"], 0, 2)
                .into_iter()
                .map(text)
                .collect(),
        ),
        Holds::Person => match random.word(PEOPLE) {
            "7" if random.chance(50) => Value::Number(7.0),
            id => text(id),
        },
        Holds::Status => text(random.word(STATES)),
        Holds::Rows => Value::Number(*random.pick(&[1.0, 2.0, 3.0])),
        Holds::Anything => {
            let kinds = [
                Holds::Text,
                Holds::Number,
                Holds::Flag,
                Holds::Moment,
                Holds::Clock,
                Holds::Tags,
            ];
            let kind = *random.pick(&kinds);
            value(random, kind)
        }
    }
}

/// A point, a line or a rectangle; lines and sides run along the axes, so that whether they meet can be told by hand.
fn place(random: &mut Random) -> Value<'static> {
    let at = |x: usize, y: usize| Value::List(vec![Value::Number(x as f64), Value::Number(y as f64)]);
    let (x, y) = (random.below(5), random.below(5));
    let (width, height) = (random.between(1, 2), random.between(1, 2));
    let (kind, coordinates) = match random.below(4) {
        0 | 1 => ("Point", at(x, y)),
        2 if random.chance(50) => ("LineString", Value::List(vec![at(x, y), at(x + width, y)])),
        2 => ("LineString", Value::List(vec![at(x, y), at(x, y + height)])),
        _ => {
            let ring = vec![
                at(x, y),
                at(x + width, y),
                at(x + width, y + height),
                at(x, y + height),
                at(x, y),
            ];
            ("Polygon", Value::List(vec![Value::List(ring)]))
        }
    };
    Value::Object(placet::vocab::value::Object::new(vec![
        ("type".into(), text(kind)),
        ("coordinates".into(), coordinates),
    ]))
}

/// Operators that decide on what is submitted less often than others.
const RARELY_SUBMITTED: &[Operator] = &[
    Operator::Regex,
    Operator::Regex,
    Operator::Regex,
    Operator::Is,
    Operator::Is,
    Operator::Is,
    Operator::Regex,
    Operator::Ieq,
    Operator::Ieq,
    Operator::Nieq,
    Operator::Between,
    Operator::Nbetween,
    Operator::Empty,
    Operator::Empty,
    Operator::Nempty,
    Operator::Intersects,
    Operator::Nintersects,
    Operator::Neq,
    Operator::Eq,
    Operator::StartsWith,
    Operator::NstartsWith,
    Operator::IstartsWith,
    Operator::EndsWith,
    Operator::NendsWith,
    Operator::IendsWith,
    Operator::Like,
    Operator::Like,
    Operator::Nlike,
    Operator::IsText,
    Operator::IsText,
    Operator::IsNumber,
];
const PLACE: &[Operator] = &[
    Operator::Intersects,
    Operator::Nintersects,
    Operator::IntersectsBbox,
    Operator::NintersectsBbox,
    Operator::Null,
    Operator::Nnull,
];
const TEXT: &[Operator] = &[
    Operator::Eq,
    Operator::Neq,
    Operator::Is,
    Operator::Ieq,
    Operator::Nieq,
    Operator::In,
    Operator::Nin,
    Operator::Null,
    Operator::Nnull,
    Operator::Empty,
    Operator::Nempty,
    Operator::Contains,
    Operator::Ncontains,
    Operator::Icontains,
    Operator::Nicontains,
    Operator::StartsWith,
    Operator::NstartsWith,
    Operator::IstartsWith,
    Operator::NistartsWith,
    Operator::EndsWith,
    Operator::NendsWith,
    Operator::IendsWith,
    Operator::NiendsWith,
    Operator::Like,
    Operator::Nlike,
    Operator::IsText,
    Operator::IsNumber,
    Operator::Regex,
];
const ORDERED: &[Operator] = &[
    Operator::Eq,
    Operator::Neq,
    Operator::In,
    Operator::Nin,
    Operator::Null,
    Operator::Nnull,
    Operator::Lt,
    Operator::Lte,
    Operator::Gt,
    Operator::Gte,
    Operator::Between,
    Operator::Nbetween,
];
const FLAG: &[Operator] = &[Operator::Eq, Operator::Neq, Operator::Null, Operator::Nnull];
const TAGS: &[Operator] = &[
    Operator::Contains,
    Operator::Ncontains,
    Operator::Icontains,
    Operator::Nicontains,
    Operator::Empty,
    Operator::Nempty,
    Operator::Null,
    Operator::Nnull,
];
const KEYS: &[Operator] = &[
    Operator::Eq,
    Operator::Neq,
    Operator::Is,
    Operator::In,
    Operator::Nin,
    Operator::Null,
    Operator::Nnull,
];
const DATE_FUNCTIONS: &[Function] = &[
    Function::Year,
    Function::Month,
    Function::Week,
    Function::Day,
    Function::Weekday,
];
const TIME_FUNCTIONS: &[Function] = &[Function::Hour, Function::Minute, Function::Second];

/// Which table the condition is for: some things are said of stored items alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Stored,
    Future,
    Submitted,
}

/// Makes a condition on a collection.
pub(crate) fn condition(random: &mut Random, collection: &str, purpose: For, depth: usize) -> Condition {
    let node = match random.below(if depth == 0 { 6 } else { 13 }) {
        12 => Node::Coded(Coded {
            code: Spanned::new("wrong".to_owned(), span()),
            condition: Box::new(condition(random, collection, purpose, depth - 1)),
        }),
        0..=6 => leaf(random, collection, purpose),
        7 | 8 => Node::All(parts(random, collection, purpose, depth)),
        9 | 10 => Node::Any(parts(random, collection, purpose, depth)),
        _ => Node::Not(Box::new(condition(random, collection, purpose, depth - 1))),
    };
    Condition { node, span: span() }
}

fn parts(random: &mut Random, collection: &str, purpose: For, depth: usize) -> Vec<Condition> {
    (0..random.between(1, 3))
        .map(|_| {
            if random.chance(14) && purpose == For::Stored {
                return neutral();
            }
            condition(random, collection, purpose, depth - 1)
        })
        .collect()
}

/// Makes a condition that asks nothing.
pub(crate) fn neutral() -> Condition {
    Condition {
        node: Node::Neutral,
        span: span(),
    }
}

/// A condition on two lists of related items, which may be more combinations than are tried.
pub(crate) fn crowd(random: &mut Random) -> Condition {
    let part = |path: &[&str], value: Value<'static>| Condition {
        node: field_leaf(path, None, Operator::Eq, Operand::Value(value)),
        span: span(),
    };
    let (one, other) = (value(random, Holds::Text), value(random, Holds::Text));
    Condition {
        node: Node::All(vec![part(&["rows", "x"], one), part(&["more", "x"], other)]),
        span: span(),
    }
}

fn leaf(random: &mut Random, collection: &str, purpose: For) -> Node {
    let relational = matches!(collection, "articles" | "notes") && purpose != For::Submitted;
    if relational && random.chance(18) {
        return related(random, collection);
    }
    if matches!(collection, "articles" | "notes")
        && random.chance(18)
        && let Some(node) = part_of_moment(random, collection)
    {
        return node;
    }
    if collection == "articles" && random.chance(10) {
        return same_moment(random);
    }
    if collection == "articles" && purpose != For::Submitted && random.chance(13) {
        return by_key(random);
    }
    if collection == "facts" || random.chance(22) {
        return fact(random);
    }
    if random.chance(if purpose == For::Stored { 2 } else { 10 }) {
        let (path, _) = *random.pick(fields(collection));
        return submitted(path);
    }
    let known: Vec<_> = fields(collection)
        .iter()
        .filter(|(path, holds)| purpose != For::Submitted || (path.len() == 1 && *holds != Holds::Rows))
        .collect();
    // Each operator, and each function, as often as another one.
    if random.chance(70) {
        let operator = if purpose == For::Submitted && random.chance(60) {
            *random.pick(RARELY_SUBMITTED)
        } else {
            *random.pick(Operator::ALL)
        };
        let taking: Vec<_> = known
            .iter()
            .filter(|(_, holds)| operators(*holds).contains(&operator))
            .collect();
        if !taking.is_empty() {
            let (path, holds) = ***random.pick(&taking);
            // Of a constant more is known than of what a request may tell.
            let right = match operand(random, operator, usual(holds, operator), false) {
                Operand::Variable(_) if purpose == For::Submitted => {
                    operand(random, operator, usual(holds, operator), false)
                }
                right => right,
            };
            return field_leaf(path, None, operator, right);
        }
    }
    let (path, holds) = **random.pick(&known);
    compare(
        random,
        path,
        holds,
        collection == "articles" || collection == "notes",
    )
}

/// The operators that a field takes.
fn operators(holds: Holds) -> &'static [Operator] {
    match holds {
        Holds::Text | Holds::Status => TEXT,
        Holds::Number | Holds::Clock | Holds::Moment => ORDERED,
        Holds::Flag => FLAG,
        Holds::Tags => TAGS,
        Holds::Person | Holds::Rows => KEYS,
        Holds::Place => PLACE,
        Holds::Anything => TEXT,
    }
}

/// What an operator is compared with, where a field may hold anything.
fn usual(holds: Holds, operator: Operator) -> Holds {
    match holds {
        Holds::Anything if ORDERED.contains(&operator) && !TEXT.contains(&operator) => Holds::Number,
        Holds::Anything => Holds::Text,
        holds => holds,
    }
}

fn field_leaf(path: &[&str], function: Option<Function>, operator: Operator, right: Operand) -> Node {
    Node::Leaf(Leaf {
        left: Left::Field(names(path)),
        function,
        operator,
        right,
    })
}

/// Compares a part of a moment with that part of a moment which items hold, or counts a list.
fn part_of_moment(random: &mut Random, collection: &str) -> Option<Node> {
    let path: &[&str] = match (collection, random.below(8)) {
        ("articles", 0) => return Some(counted(random, &["comments"], Some(Function::Count))),
        ("articles", 1..=4) => &["at"],
        ("articles", _) => &["day"],
        (_, 0) => return Some(counted(random, &["many"], Some(Function::Count))),
        (_, 1..=4) => &["x"],
        _ => &["y"],
    };
    let functions = if path == ["day"] {
        DATE_FUNCTIONS.to_vec()
    } else {
        [TIME_FUNCTIONS, DATE_FUNCTIONS, TIME_FUNCTIONS].concat()
    };
    let function = *random.pick(&functions);
    let moment = text(random.word(MOMENTS));
    let part = crate::reference::leaf::apply(function, &moment)?;
    let operator = *random.pick(&[Operator::Eq, Operator::Neq, Operator::Gt, Operator::Lte]);
    Some(field_leaf(path, Some(function), operator, Operand::Value(part)))
}

/// Asks for a moment, which may be written in several ways.
fn same_moment(random: &mut Random) -> Node {
    let path: &[&str] = if random.chance(60) { &["at"] } else { &["day"] };
    let operator = *random.pick(&[
        Operator::Eq,
        Operator::Neq,
        Operator::In,
        Operator::Nin,
        Operator::Lt,
        Operator::Gte,
    ]);
    let right = match (operator.operand(), random.chance(50)) {
        (Form::List, _) => Operand::List(vec![Operand::Value(value(random, Holds::Moment))]),
        (_, true) => Operand::Variable(Variable::Now(random.chance(60).then(|| step(random)))),
        (_, false) => Operand::Value(value(random, Holds::Moment)),
    };
    field_leaf(path, None, operator, right)
}

/// A condition on articles that reads a value as what its field is declared to be.
pub(crate) fn typed(random: &mut Random) -> Condition {
    let node = match random.below(10) {
        0 | 1 => same_moment(random),
        2..=5 => by_key(random),
        6 => {
            let roles = Variable::Owner(OwnerPart::Roles);
            let operator = *random.pick(&[Operator::Contains, Operator::Ncontains]);
            Node::Leaf(Leaf {
                left: Left::Fact(roles),
                function: None,
                operator,
                right: Operand::Value(text(random.word(&["author", "editor"]))),
            })
        }
        _ => joined(random),
    };
    Condition { node, span: span() }
}

/// Asks for the text that the elements of a list make.
fn joined(random: &mut Random) -> Node {
    let operator = *random.pick(TEXT);
    let right = match operator.operand() {
        Form::Text | Form::Scalar | Form::Ordered if random.chance(70) => {
            let texts = ["alpha", "beta", "alpha,beta", "alpha,", "a", "gamma,alpha", "%,%"];
            Operand::Value(text(random.word(&texts)))
        }
        _ => operand(random, operator, Holds::Text, true),
    };
    field_leaf(&["tags"], Some(Function::Joined), operator, right)
}

/// Asks which item a relation leads to.
fn by_key(random: &mut Random) -> Node {
    let (path, holds): (&[&str], _) = *random.pick(&[
        (&["author"] as &[&str], Holds::Person),
        (&["category"], Holds::Text),
        (&["category"], Holds::Text),
        (&["category"], Holds::Text),
        (&["category"], Holds::Text),
        (&["comments"], Holds::Rows),
        (&["comments"], Holds::Rows),
        (&["comments"], Holds::Rows),
    ]);
    let operator = *random.pick(KEYS);
    let right = operand(random, operator, holds, false);
    field_leaf(path, None, operator, right)
}

fn submitted(path: &[&str]) -> Node {
    Node::Leaf(Leaf {
        left: Left::Field(names(&path[..1])),
        function: None,
        operator: Operator::Submitted,
        right: Operand::Value(Value::Bool(true)),
    })
}

fn related(random: &mut Random, collection: &str) -> Node {
    let (path, inner) = if collection == "articles" {
        ("comments", "comments")
    } else {
        ("rows", "row")
    };
    let inner_condition = if inner == "comments" {
        condition(random, "comments", For::Stored, 1)
    } else {
        let holds = Holds::Anything;
        Condition {
            node: compare(random, &["x"], holds, false),
            span: span(),
        }
    };
    Node::Related(Related {
        path: names(&[path]),
        none: random.chance(40),
        permitted: inner == "comments" && random.chance(50),
        condition: Box::new(inner_condition),
    })
}

fn fact(random: &mut Random) -> Node {
    let variables: &[(Variable, Holds)] = &[
        (Variable::Context(vec!["mode".into()]), Holds::Text),
        (Variable::Context(vec!["deep".into(), "x".into()]), Holds::Text),
        (Variable::CurrentUser(vec![]), Holds::Person),
        (Variable::CurrentUser(vec!["desk".into()]), Holds::Text),
        (Variable::CurrentRole(vec![]), Holds::Text),
        (Variable::CurrentRole(vec!["desk".into()]), Holds::Text),
        (Variable::Owner(OwnerPart::Id), Holds::Person),
        (Variable::Item, Holds::Text),
        (Variable::Now(None), Holds::Moment),
        (Variable::CurrentRoles(vec![]), Holds::Tags),
        (Variable::CurrentPolicies(vec![]), Holds::Tags),
        (Variable::Owner(OwnerPart::Roles), Holds::Tags),
        (Variable::Context(vec!["ip".into()]), Holds::Text),
        (Variable::Context(vec!["explanation".into()]), Holds::Text),
        (Variable::Context(vec!["comment_author_id".into()]), Holds::Person),
        (Variable::Context(vec!["now".into()]), Holds::Moment),
        (Variable::CurrentRoles(vec!["desk".into()]), Holds::Tags),
        (Variable::CurrentPolicies(vec!["desk".into()]), Holds::Tags),
    ];
    let (variable, holds) = random.pick(variables).clone();
    let constant = |random: &mut Random| match &variable {
        Variable::Item => text(random.word(&["saved", "new", "none"])),
        Variable::CurrentRole(path) if path.is_empty() => text(random.word(&["author", "editor"])),
        Variable::CurrentRoles(path) | Variable::CurrentPolicies(path) if !path.is_empty() => {
            text(random.word(&["sport", "alpha"]))
        }
        Variable::CurrentRoles(_) | Variable::Owner(OwnerPart::Roles) => {
            text(random.word(&["author", "editor"]))
        }
        Variable::Context(path) if path[0] == "ip" => text(random.word(&["10.1.2.3", "192.168.0.9"])),
        Variable::Context(path) if path[0] == "explanation" => text("because"),
        Variable::CurrentPolicies(_) => text(random.word(&["basic", "extra"])),
        _ => value(random, holds),
    };
    let (operator, right) = match holds {
        Holds::Tags => (
            *random.pick(&[Operator::Contains, Operator::Ncontains]),
            Operand::Value(constant(random)),
        ),
        Holds::Moment => {
            let operator = *random.pick(&[Operator::Lt, Operator::Lte, Operator::Gt, Operator::Gte]);
            (operator, Operand::Value(constant(random)))
        }
        _ => match random.below(5) {
            0 => (Operator::Null, Operand::Value(Value::Bool(true))),
            1 => (Operator::Nnull, Operand::Value(Value::Bool(true))),
            2 => (Operator::Neq, Operand::Value(constant(random))),
            3 => {
                let list = vec![Operand::Value(constant(random)), Operand::Value(constant(random))];
                (*random.pick(&[Operator::In, Operator::Nin]), Operand::List(list))
            }
            _ => (Operator::Eq, Operand::Value(constant(random))),
        },
    };
    Node::Leaf(Leaf {
        left: Left::Fact(variable),
        function: None,
        operator,
        right,
    })
}

fn compare(random: &mut Random, path: &[&str], holds: Holds, lists: bool) -> Node {
    let mut function = None;
    let mut operand_holds = holds;
    let operator = match holds {
        Holds::Text | Holds::Status => *random.pick(TEXT),
        Holds::Number | Holds::Clock => *random.pick(ORDERED),
        Holds::Flag => *random.pick(FLAG),
        Holds::Tags if random.chance(25) => {
            function = Some(Function::Joined);
            operand_holds = Holds::Text;
            *random.pick(TEXT)
        }
        Holds::Place => *random.pick(PLACE),
        Holds::Tags => *random.pick(TAGS),
        Holds::Person | Holds::Rows => *random.pick(KEYS),
        Holds::Moment if random.chance(35) => {
            let dates = path != ["at"] || random.chance(50);
            function = Some(*random.pick(if dates { DATE_FUNCTIONS } else { TIME_FUNCTIONS }));
            operand_holds = Holds::Number;
            *random.pick(ORDERED)
        }
        Holds::Moment => *random.pick(ORDERED),
        Holds::Anything => {
            let all = [TEXT, ORDERED, KEYS];
            let set = *random.pick(&all);
            if set == ORDERED {
                operand_holds = *random.pick(&[Holds::Number, Holds::Number, Holds::Moment, Holds::Clock]);
            }
            *random.pick(set)
        }
    };
    if holds == Holds::Rows && random.chance(40) {
        function = Some(Function::Count);
        return counted(random, path, function);
    }
    if holds == Holds::Anything && path == ["many"] && lists && random.chance(60) {
        return counted(random, path, Some(Function::Count));
    }
    if matches!(function, Some(Function::Year)) && random.chance(70) {
        let right = Operand::Value(Value::Number(*random.pick(&[2025.0, 2026.0])));
        let operator = *random.pick(&[Operator::Eq, Operator::Gt, Operator::Lt]);
        return Node::Leaf(Leaf {
            left: Left::Field(names(path)),
            function,
            operator,
            right,
        });
    }
    let right = operand(random, operator, operand_holds, function.is_some());
    Node::Leaf(Leaf {
        left: Left::Field(names(path)),
        function,
        operator,
        right,
    })
}

fn counted(random: &mut Random, path: &[&str], function: Option<Function>) -> Node {
    let operator = *random.pick(&[Operator::Eq, Operator::Gt, Operator::Lte]);
    let right = Operand::Value(Value::Number(*random.pick(&[0.0, 1.0, 2.0])));
    Node::Leaf(Leaf {
        left: Left::Field(names(path)),
        function,
        operator,
        right,
    })
}

fn operand(random: &mut Random, operator: Operator, holds: Holds, function: bool) -> Operand {
    let scalar_holds = if holds == Holds::Tags { Holds::Text } else { holds };
    match operator.operand() {
        Form::Flag => Operand::Value(Value::Bool(true)),
        Form::Pattern => Operand::Value(text(random.word(&[
            "^a",
            "a$",
            "^[a-z]+$",
            "b.t",
            "(?i)ALPHA",
            "^$",
        ]))),
        Form::List => {
            if random.chance(12) && !function {
                return Operand::Variable(list_variable(random));
            }
            Operand::List(
                (0..random.between(0, 3))
                    .map(|_| scalar(random, scalar_holds, function))
                    .collect(),
            )
        }
        Form::Pair => Operand::List(vec![
            scalar(random, scalar_holds, function),
            scalar(random, scalar_holds, function),
        ]),
        Form::Text if matches!(operator, Operator::Like | Operator::Nlike) && random.chance(70) => {
            Operand::Value(text(
                random.word(&["a%", "%A", "%e_a%", "_", "%", "alpha,%", "%ä%"]),
            ))
        }
        Form::Text => match scalar(random, scalar_holds, function) {
            Operand::Value(Value::Text(text)) => Operand::Value(Value::Text(text)),
            Operand::Variable(variable) => Operand::Variable(variable),
            Operand::Value(_) | Operand::List(_) => Operand::Value(value(random, Holds::Text)),
        },
        Form::Scalar | Form::Ordered => scalar(random, scalar_holds, function),
        Form::Geometry => Operand::Value(place(random)),
    }
}

fn list_variable(random: &mut Random) -> Variable {
    random
        .pick(&[
            Variable::CurrentRoles(vec![]),
            Variable::CurrentRoles(vec!["desk".into()]),
            Variable::CurrentPolicies(vec![]),
            Variable::CurrentUser(vec!["list".into()]),
            Variable::Owner(OwnerPart::Roles),
        ])
        .clone()
}

fn scalar(random: &mut Random, holds: Holds, function: bool) -> Operand {
    if function || !random.chance(22) {
        let mut constant = value(random, holds);
        if let (Holds::Anything, Value::List(_)) = (holds, &constant) {
            constant = text("alpha");
        }
        return Operand::Value(constant);
    }
    let variable = match holds {
        Holds::Moment => Variable::Now(random.chance(60).then(|| step(random))),
        Holds::Person => random
            .pick(&[Variable::CurrentUser(vec![]), Variable::Owner(OwnerPart::Id)])
            .clone(),
        Holds::Number => random
            .pick(&[
                Variable::CurrentUser(vec!["level".into()]),
                Variable::CurrentRole(vec!["level".into()]),
            ])
            .clone(),
        Holds::Flag | Holds::Clock | Holds::Rows | Holds::Place => {
            let constant = value(random, holds);
            return Operand::Value(constant);
        }
        Holds::Text | Holds::Status | Holds::Tags | Holds::Anything => random
            .pick(&[
                Variable::CurrentUser(vec!["desk".into()]),
                Variable::CurrentRole(vec!["desk".into()]),
                Variable::CurrentUser(vec!["deep".into(), "x".into()]),
                Variable::Context(vec!["mode".into()]),
                Variable::CurrentRole(vec![]),
                Variable::Item,
            ])
            .clone(),
    };
    Operand::Variable(variable)
}

/// Makes a step away from now.
pub(crate) fn step(random: &mut Random) -> Step {
    match random.below(4) {
        0 => Step {
            amount: -1,
            unit: Unit::Years,
        },
        1 => Step {
            amount: 1,
            unit: Unit::Months,
        },
        2 => Step {
            amount: -86_400_000,
            unit: Unit::Milliseconds,
        },
        _ => Step {
            amount: 3_600_000,
            unit: Unit::Milliseconds,
        },
    }
}

/// Makes a value for a preset of a field.
pub(crate) fn preset(random: &mut Random, holds: Holds) -> Operand {
    match holds {
        Holds::Tags => Operand::List(vec![Operand::Value(text("alpha")), Operand::Value(text("beta"))]),
        Holds::Rows => Operand::Value(Value::Null),
        Holds::Anything if random.chance(30) => Operand::List(vec![Operand::Value(text("alpha"))]),
        Holds::Text if random.chance(35) => Operand::Variable(Variable::CurrentUser(vec!["desk".into()])),
        Holds::Person if random.chance(50) => Operand::Variable(Variable::CurrentUser(vec![])),
        _ => scalar(random, holds, false),
    }
}
