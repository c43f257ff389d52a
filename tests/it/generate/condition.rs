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
            if random.chance(6) && purpose == For::Stored {
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

fn leaf(random: &mut Random, collection: &str, purpose: For) -> Node {
    let relational = matches!(collection, "articles" | "notes") && purpose != For::Submitted;
    if relational && random.chance(14) {
        return related(random, collection);
    }
    if collection == "facts" || random.chance(14) {
        return fact(random);
    }
    if purpose != For::Stored && random.chance(8) {
        let (path, _) = *random.pick(fields(collection));
        return submitted(path);
    }
    let known: Vec<_> = fields(collection)
        .iter()
        .filter(|(path, holds)| purpose != For::Submitted || (path.len() == 1 && *holds != Holds::Rows))
        .collect();
    let (path, holds) = **random.pick(&known);
    compare(
        random,
        path,
        holds,
        collection == "articles" || collection == "notes",
    )
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
    ];
    let (variable, holds) = random.pick(variables).clone();
    let constant = |random: &mut Random| match &variable {
        Variable::Item => text(random.word(&["saved", "new", "none"])),
        Variable::CurrentRole(path) if path.is_empty() => text(random.word(&["author", "editor"])),
        Variable::CurrentRoles(_) | Variable::Owner(OwnerPart::Roles) => {
            text(random.word(&["author", "editor"]))
        }
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
        Form::Scalar | Form::Ordered | Form::Geometry => scalar(random, scalar_holds, function),
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
        Holds::Flag | Holds::Clock | Holds::Rows => {
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
        _ => scalar(random, holds, false),
    }
}
