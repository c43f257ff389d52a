//! Comparisons of one field, of every operator and type with operands and values that hurt, and what the engine says of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use placet::compile::compile;
use placet::engine::check::check;
use placet::engine::filter::{Comparison, Exists, Filter};
use placet::model::Model;
use placet::model::id::CollectionId;
use placet::source::diagnostic::Severity;
use placet::source::file::SourceMap;
use placet::validate::validate;
use placet::vocab::effect::Effect;
use placet::vocab::operator::{FieldType, Function, Operand, Operator};
use placet::vocab::value::Value;
use serde_json::{Value as Json, json};

use crate::{ask, native};

/// A comparison of the field `f`.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Option<FieldType>,
    pub(crate) function: Option<Function>,
    pub(crate) operator: Operator,
    pub(crate) values: Vec<Json>,
}

impl Case {
    /// The comparison as a condition writes it.
    pub(crate) fn condition(&self) -> Json {
        let literal = |value: &Json| match value.as_str() {
            Some(text) if text.starts_with('$') => json!(format!("${text}")),
            _ => value.clone(),
        };
        let values: Vec<Json> = self.values.iter().map(literal).collect();
        let operand = match self.operator.operand() {
            Operand::Flag => json!(true),
            Operand::List | Operand::Pair => Json::Array(values),
            Operand::Scalar | Operand::Ordered | Operand::Text | Operand::Pattern | Operand::Geometry => {
                values[0].clone()
            }
        };
        let left = match self.function {
            Some(function) => format!("{}(f)", function.name()),
            None => "f".to_owned(),
        };
        json!({left: {self.operator.name(): operand}})
    }

    /// The comparison as a plan has it.
    pub(crate) fn filter(&self) -> Filter {
        Filter::Compare(Comparison {
            path: vec!["f".into()],
            function: self.function,
            operator: self.operator,
            values: self.values.iter().map(owned).collect(),
            kind: self.kind,
        })
    }

    /// What the case is about, for counts.
    pub(crate) fn name(&self) -> String {
        let kind = self.kind.map_or("undeclared", FieldType::name);
        match self.function {
            Some(function) => format!("{}({kind}) {}", function.name(), self.operator.name()),
            None => format!("{kind} {}", self.operator.name()),
        }
    }

    /// The model of a profile that admits items by this comparison; `None` if no profile may say it.
    pub(crate) fn model(&self) -> Option<Model> {
        let field = self.kind.map_or(json!({}), |kind| json!(kind.name()));
        let collections = json!([{"id": "items", "key": "id", "fields": {"id": "integer", "f": field}}]);
        model_of(&collections, &self.condition())
    }
}

/// Compiles a native profile with one grant: everyone may read the items of `items` that pass a condition. What the request
/// does not tell is null. `None` if the profile has errors.
pub(crate) fn model_of(collections: &Json, when: &Json) -> Option<Model> {
    let grants = json!({"grants": [{"roles": ["everyone"], "collections": ["items"], "actions": ["read"], "when": when}]});
    let files = BTreeMap::from([
        (
            "profile.json".to_owned(),
            r#"{"dialect": "native", "absent": "null"}"#.to_owned(),
        ),
        (
            "collections.json".to_owned(),
            json!({"collections": collections}).to_string(),
        ),
        ("grants.json".to_owned(), grants.to_string()),
    ]);
    let outcome = native::read(&files);
    let is_error = |diagnostics: &[placet::source::diagnostic::Diagnostic]| {
        diagnostics.iter().any(|each| each.severity == Severity::Error)
    };
    if is_error(&outcome.diagnostics) {
        return None;
    }
    let mut sources = SourceMap::new();
    sources.add("grants.json".to_owned(), "{}".to_owned());
    let mut diagnostics = Vec::new();
    let valid = validate(outcome.policy?, &mut diagnostics)?;
    Some(compile(&valid, &sources))
}

/// Tells whether the engine admits an item with these attributes.
pub(crate) fn admits(model: &Model, attributes: &Json) -> bool {
    let question = json!({"subject": {"id": "7"}, "action": "read",
        "resource": {"collection": "items", "id": "1", "attributes": attributes}});
    check(model, &ask::query(&question)).unwrap().effect == Effect::Allow
}

/// Returns a JSON value as a value of its own.
pub(crate) fn owned(json: &Json) -> Value<'static> {
    match json {
        Json::String(text) => Value::Text(Cow::Owned(text.clone())),
        other => {
            let holder = json!({"v": other});
            ask::object(&holder).get("v").unwrap().clone().into_owned()
        }
    }
}

/// The texts that hurt.
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "abc",
    "ABC",
    "xabcx",
    "abc\n",
    "a\nb",
    "100%",
    "100",
    "7",
    "7.0",
    "-7",
    "0",
    "-0",
    "1e3",
    "0.5",
    "a_c",
    "a%c",
    "a\\c",
    "it's",
    "\"quoted\"",
    "a.c",
    "a+b",
    "(a)",
    "[a]",
    "^a$",
    "{a}",
    "a|b",
    "straße",
    "STRASSE",
    "STRAẞE",
    "İstanbul",
    "istanbul",
    "i\u{307}stanbul",
    "Kelvin \u{212a}",
    "kelvin k",
    "Å",
    "å",
    "\u{212b}",
    "ΟΔΟΣ",
    "οδος",
    "οδοσ",
    "😀",
    "a😀c",
    "true",
    "false",
    "null",
    "$CURRENT_USER",
    "$x",
    "ü",
    "Ü",
    "a,b",
    "{}",
    "'; DROP TABLE items; --",
];

/// The texts that write moments, or nearly.
pub(crate) const MOMENTS: &[&str] = &[
    "2024-02-29",
    "2024-03-01",
    "2024-03-01T00:00:00",
    "2024-03-01T00:00:00Z",
    "2024-03-01T00:00:00.000Z",
    "2024-03-01T00:00:01Z",
    "2024-03-01T10:30:00",
    "2024-03-01T10:30:00.5",
    "2024-03-01T10:30:00.5Z",
    "2024-03-01T10:30:00.500Z",
    "2024-03-01T10:30:00.512Z",
    "2024-03-01T10:30:00.51Z",
    "2024-03-01T10:30:00.512",
    "2024-03-01T10:30:00.512345678Z",
    "2024-03-01T10:30:01Z",
    "2023-12-31T23:59:59.999Z",
    "2024-12-31",
    "1969-12-31T23:59:59.999Z",
    "0001-01-01",
    "9999-12-30T21:00:00Z",
    "2025-01-01",
];

const TIMES: &[&str] = &[
    "00:00",
    "00:00:00",
    "09:30",
    "09:30:00",
    "09:30:00.0",
    "09:30:00.5",
    "09:30:00.50",
    "09:30:01",
    "23:59:59.999",
];

fn texts(pool: &[&str]) -> Vec<Json> {
    pool.iter().map(|text| json!(text)).collect()
}

fn numbers(kind: FieldType) -> Vec<Json> {
    let mut all: Vec<Json> = vec![
        json!(0),
        json!(7),
        json!(-7),
        json!(100),
        json!(2024),
        json!(9_007_199_254_740_991_i64),
    ];
    if matches!(kind, FieldType::Float | FieldType::Decimal) {
        all.extend([json!(0.5), json!(7.25), json!(-0.1), json!(1.0e300)]);
    }
    all
}

/// What a field of a type may hold, besides nothing.
pub(crate) fn stored(kind: Option<FieldType>) -> Vec<Json> {
    let mut all = vec![Json::Null];
    match kind {
        Some(FieldType::String | FieldType::Text | FieldType::Uuid | FieldType::Hash) => {
            all.extend(texts(TEXTS))
        }
        Some(kind @ (FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal)) => {
            all.extend(numbers(kind));
        }
        Some(FieldType::Boolean) => all.extend([json!(true), json!(false)]),
        Some(FieldType::Date) => all.extend(
            texts(MOMENTS)
                .into_iter()
                .filter(|text| text.as_str().unwrap().len() == 10),
        ),
        Some(FieldType::DateTime | FieldType::Timestamp) => all.extend(texts(MOMENTS)),
        Some(FieldType::Time) => all.extend(texts(TIMES)),
        Some(FieldType::Csv) => all.extend([
            json!([]),
            json!(["a"]),
            json!(["abc", "7"]),
            json!(["a", "Ü", ""]),
            json!("abc"),
            json!("a,b"),
            json!(""),
        ]),
        Some(FieldType::Geometry) => all.push(json!({"type": "Point", "coordinates": [1, 2]})),
        Some(FieldType::Alias) => {}
        Some(FieldType::Json) | None => {
            all.extend(texts(TEXTS));
            all.extend(numbers(FieldType::Float));
            all.extend([
                json!(true),
                json!(false),
                json!([]),
                json!(["a"]),
                json!(["abc", 7]),
                json!([7]),
                json!(["7"]),
                json!([null]),
                json!([true]),
                json!(["ü", "STRASSE", ""]),
                json!({}),
                json!({"0": 1}),
                json!({"a": "abc"}),
            ]);
        }
    }
    all
}

/// The operands that an operator is tried with.
pub(crate) fn operands(
    operator: Operator,
    kind: Option<FieldType>,
    function: Option<Function>,
) -> Vec<Vec<Json>> {
    let scalars: Vec<Json> = if function.is_some() {
        vec![
            json!(0),
            json!(1),
            json!(2),
            json!(3),
            json!(10),
            json!(30),
            json!(2024),
            json!(2024.5),
            json!("2024"),
            json!(9999),
            json!("x"),
            json!(-1),
        ]
    } else {
        let mut all = match kind {
            Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp) => texts(MOMENTS),
            Some(FieldType::Time) => texts(TIMES),
            _ => texts(TEXTS),
        };
        all.extend(numbers(FieldType::Float));
        all.extend([
            json!(true),
            json!(false),
            json!("2024-03-01T10:30:00+01:00"),
            json!("2024-03-01"),
            json!("09:30"),
            json!(1_709_251_200_000_i64),
        ]);
        all
    };
    match operator.operand() {
        Operand::Flag => vec![vec![]],
        Operand::Scalar | Operand::Ordered => scalars.into_iter().map(|each| vec![each]).collect(),
        Operand::Text => {
            let mut all = texts(TEXTS);
            all.extend(texts(&[
                "%", "_", "a%", "%c", "a_c", "%\\%", "b", "SS", "ß", "k", "K", "\u{307}", "İ", "Σ", ".",
            ]));
            all.into_iter().map(|each| vec![each]).collect()
        }
        Operand::List => {
            let mut all: Vec<Vec<Json>> = vec![vec![]];
            all.extend(scalars.iter().map(|each| vec![each.clone()]));
            all.extend(scalars.windows(3).map(<[Json]>::to_vec));
            all
        }
        Operand::Pair => scalars
            .windows(2)
            .map(<[Json]>::to_vec)
            .chain(
                scalars
                    .windows(4)
                    .map(|four| vec![four[0].clone(), four[3].clone()]),
            )
            .collect(),
        Operand::Pattern => texts(&[
            "",
            "a",
            "^a",
            "c$",
            "^abc$",
            "(?i)ABC",
            "(?i)k",
            "[0-9]+",
            r"\d",
            r"\w+\s",
            "a.c",
            "(?s)a.b",
            "(?m)^b$",
            "^(a|b)*$",
            "a{2,3}",
            "[^a]",
            r"\bb",
            "ß|ẞ",
            r"\p{Greek}",
            r"\x{1F600}",
            "😀",
            r"[\[\]\\^-]",
            "^$",
            r"\.",
            "(?-u:a)",
            "^.$",
            "[[:alpha:]]",
            r"\n",
        ])
        .into_iter()
        .map(|each| vec![each])
        .collect(),
        Operand::Geometry => vec![vec![json!({"type": "Point", "coordinates": [1, 2]})]],
    }
}

/// The types that compare in ways of their own, and one of each pair that does not.
const KINDS: [Option<FieldType>; 13] = [
    Some(FieldType::String),
    Some(FieldType::Uuid),
    Some(FieldType::Csv),
    Some(FieldType::Integer),
    Some(FieldType::Float),
    Some(FieldType::Decimal),
    Some(FieldType::Boolean),
    Some(FieldType::Date),
    Some(FieldType::Timestamp),
    Some(FieldType::Time),
    Some(FieldType::Json),
    Some(FieldType::Hash),
    None,
];

/// Every case that a profile may say, with the model that says it.
pub(crate) fn cases() -> impl Iterator<Item = (Case, Model)> {
    let functions = || [None].into_iter().chain(Function::ALL.into_iter().map(Some));
    KINDS
        .into_iter()
        .flat_map(move |kind| functions().map(move |function| (kind, function)))
        .filter(|(kind, function)| {
            let operator = Operator::Null;
            let (kind, function, values) = (*kind, *function, Vec::new());
            Case {
                kind,
                function,
                operator,
                values,
            }
            .model()
            .is_some()
        })
        .flat_map(|(kind, function)| {
            Operator::ALL
                .iter()
                .map(move |operator| (kind, function, *operator))
        })
        .filter(|(_, _, operator)| *operator != Operator::Submitted)
        .flat_map(|(kind, function, operator)| {
            operands(operator, kind, function)
                .into_iter()
                .map(move |values| Case {
                    kind,
                    function,
                    operator,
                    values,
                })
        })
        .filter_map(|case| case.model().map(|model| (case, model)))
}

/// Collections that are related: items have an author, a category and comments.
pub(crate) fn related() -> Json {
    json!([
        {"id": "items", "key": "id", "fields": {
            "id": "integer", "title": "string", "rank": "integer", "on": "timestamp", "tags": "csv",
            "author": {"relation": "people", "type": "integer"},
            "comments": {"relation": "comments", "many": true},
        }},
        {"id": "people", "key": "id", "fields": {"id": "integer", "name": "string", "chief": {"relation": "people", "type": "integer"}}},
        {"id": "comments", "key": "id", "fields": {"id": "integer", "status": "string", "score": "integer"}},
    ])
}

/// A source of chance that is the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn pick<'a, T>(&mut self, pool: &'a [T]) -> &'a T {
        &pool[self.below(pool.len())]
    }
}

/// A condition on an item as a profile writes it, and as a plan has it.
pub(crate) struct Rule {
    pub(crate) condition: Json,
    pub(crate) filter: Filter,
}

/// Makes a condition on related items, of every form that a plan has.
pub(crate) fn rule(dice: &mut Dice) -> Rule {
    let own = tree(dice, 3, ITEM);
    if dice.below(3) > 0 {
        return own;
    }
    // All plain paths through a list share one element, so there is one part about it.
    let row = tree(dice, 1, COMMENT);
    let condition = prefixed(&row.condition);
    let exists = Filter::Exists(Exists {
        path: vec!["comments".into()],
        collection: None,
        filter: Box::new(row.filter),
        or_nulls: true,
    });
    Rule {
        condition: json!({"_and": [condition, own.condition]}),
        filter: exists.and(own.filter),
    }
}

/// The fields of an item: path, type.
type Fields = &'static [(&'static [&'static str], FieldType)];

const ITEM: Fields = &[
    (&["title"], FieldType::String),
    (&["rank"], FieldType::Integer),
    (&["on"], FieldType::Timestamp),
    (&["tags"], FieldType::Csv),
    (&["author"], FieldType::Integer),
    (&["author", "name"], FieldType::String),
    (&["author", "chief"], FieldType::Integer),
    (&["author", "chief", "name"], FieldType::String),
];

const COMMENT: Fields = &[(&["status"], FieldType::String), (&["score"], FieldType::Integer)];

fn tree(dice: &mut Dice, depth: usize, fields: Fields) -> Rule {
    let is_item = fields.len() == ITEM.len();
    match dice.below(if depth == 0 { 1 } else { 7 }) {
        1 | 2 => {
            let parts: Vec<Rule> = (0..2 + dice.below(2))
                .map(|_| tree(dice, depth - 1, fields))
                .collect();
            let conditions: Vec<Json> = parts.iter().map(|part| part.condition.clone()).collect();
            let filters = parts.into_iter().map(|part| part.filter);
            if dice.below(2) == 0 {
                Rule {
                    condition: json!({"_and": conditions}),
                    filter: Filter::all(filters),
                }
            } else {
                Rule {
                    condition: json!({"_or": conditions}),
                    filter: Filter::any(filters),
                }
            }
        }
        3 | 4 => {
            let part = tree(dice, depth - 1, fields);
            Rule {
                condition: json!({"_not": part.condition}),
                filter: part.filter.not(),
            }
        }
        5 | 6 if is_item => {
            let row = tree(dice, depth - 1, COMMENT);
            let exists = Filter::Exists(Exists {
                path: vec!["comments".into()],
                collection: None,
                filter: Box::new(row.filter),
                or_nulls: false,
            });
            if dice.below(2) == 0 {
                Rule {
                    condition: json!({"comments": {"_some": row.condition}}),
                    filter: exists,
                }
            } else {
                Rule {
                    condition: json!({"comments": {"_none": row.condition}}),
                    filter: exists.not(),
                }
            }
        }
        _ => comparison(dice, fields),
    }
}

fn comparison(dice: &mut Dice, fields: Fields) -> Rule {
    use Operator as O;
    let (path, kind) = *dice.pick(fields);
    let operator = *match kind {
        FieldType::Integer => dice.pick(&[
            O::Eq,
            O::Neq,
            O::In,
            O::Nin,
            O::Lt,
            O::Gte,
            O::Between,
            O::Nbetween,
            O::Null,
            O::Nnull,
        ]),
        FieldType::Timestamp => dice.pick(&[O::Eq, O::Neq, O::Lt, O::Lte, O::Gt, O::Gte, O::Null, O::Nnull]),
        FieldType::Csv => dice.pick(&[O::Contains, O::Ncontains, O::Empty, O::Nempty, O::Null]),
        _ => dice.pick(&[
            O::Eq,
            O::Neq,
            O::In,
            O::Nin,
            O::Contains,
            O::Ncontains,
            O::StartsWith,
            O::NendsWith,
            O::Empty,
            O::Nempty,
            O::Null,
            O::Nnull,
        ]),
    };
    let pool: Vec<Json> = match kind {
        FieldType::Integer => vec![json!(1), json!(2), json!(3)],
        FieldType::Timestamp => texts(&["2024-03-01T10:30:00Z", "2024-03-01", "2024-03-01T10:30:00.5Z"]),
        _ => texts(&["a", "b", "", "a.b"]),
    };
    let count = match operator.operand() {
        Operand::Flag => 0,
        Operand::Pair => 2,
        Operand::List => 1 + dice.below(2),
        _ => 1,
    };
    let values: Vec<Json> = (0..count).map(|_| dice.pick(&pool).clone()).collect();
    let operand = match operator.operand() {
        Operand::Flag => json!(true),
        Operand::Pair | Operand::List => json!(values),
        _ => values[0].clone(),
    };
    let mut condition = json!({operator.name(): operand});
    for step in path.iter().rev() {
        condition = json!({*step: condition});
    }
    let filter = Filter::Compare(Comparison {
        path: path.iter().map(|step| (*step).into()).collect(),
        function: None,
        operator,
        values: values.iter().map(owned).collect(),
        kind: Some(kind),
    });
    Rule { condition, filter }
}

/// Puts the comments in front of every path.
fn prefixed(condition: &Json) -> Json {
    let (key, value) = condition.as_object().unwrap().iter().next().unwrap();
    match key.as_str() {
        "_and" | "_or" => {
            let parts: Vec<Json> = value.as_array().unwrap().iter().map(prefixed).collect();
            json!({key: parts})
        }
        "_not" => json!({"_not": prefixed(value)}),
        _ => json!({"comments": condition}),
    }
}

/// Makes an item with what is related to it.
pub(crate) fn item(dice: &mut Dice) -> Json {
    let mut item = json!({});
    let put = |dice: &mut Dice, item: &mut Json, name: &str, pool: &[Json]| {
        if dice.below(5) > 0 {
            item[name] = dice.pick(pool).clone();
        }
    };
    let names = [
        json!(null),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("b"),
        json!("a.b"),
        json!("axb"),
    ];
    let numbers = [json!(null), json!(1), json!(2), json!(3), json!(4)];
    put(dice, &mut item, "title", &names);
    put(dice, &mut item, "rank", &numbers);
    put(
        dice,
        &mut item,
        "on",
        &[
            json!(null),
            json!("2024-03-01T10:30:00Z"),
            json!("2024-03-01T00:00:00Z"),
            json!("2024-03-01T10:30:00.500Z"),
            json!("2023-01-01"),
        ],
    );
    put(
        dice,
        &mut item,
        "tags",
        &[
            json!(null),
            json!([]),
            json!(["a"]),
            json!(["b", "a.b"]),
            json!([""]),
        ],
    );
    if dice.below(4) > 0 {
        item["author"] = json!({"id": 1 + dice.below(3)});
        put(dice, &mut item["author"], "name", &names);
        if dice.below(2) > 0 {
            item["author"]["chief"] = json!({"id": 1 + dice.below(3)});
            put(dice, &mut item["author"]["chief"], "name", &names);
        }
    } else if dice.below(2) > 0 {
        item["author"] = json!(null);
    }
    if dice.below(5) > 0 {
        let comments: Vec<Json> = (0..dice.below(4))
            .map(|id| {
                let mut comment = json!({"id": id});
                put(dice, &mut comment, "status", &names);
                put(dice, &mut comment, "score", &numbers);
                comment
            })
            .collect();
        item["comments"] = json!(comments);
    }
    item
}

/// Returns the collection of the items.
pub(crate) fn items(model: &Model) -> CollectionId {
    model.collection_names.id("items").unwrap()
}
