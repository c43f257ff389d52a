//! Any filter from any bytes, rendered in every dialect of SQL: the text is one expression, has as many places as there are
//! parameters, and holds no value. The fuzz target asks it, too.

use placet::engine::filter::{Below, Comparison, Exists, Filter, Holds, OWNER, STATE};
use placet::load::discover::{Scan, ScannedFile, ScannedProfile};
use placet::load::load;
use placet::model::Model;
use placet::model::id::CollectionId;
use placet::target::{Rendering, Target, render};
use placet::vocab::operator::{FieldType, Function, Operator};
use placet::vocab::value::Value;
use sqlparser::ast::{Expr, Value as Constant, Visit, Visitor};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

/// Begins every text value, so that a text that got into SQL is found.
pub(crate) const MARK: &str = "zqj";

/// The dialects of SQL.
pub(crate) const DIALECTS: [Target; 3] = [Target::Postgresql, Target::Mysql, Target::Sqlite];

const COLLECTIONS: &str = r#"{"collections": [
  {"id": "things", "table": "some.things", "key": "nr", "fields": {
    "nr": {"type": "integer", "column": "n\"r`"}, "string": "string", "text": "text", "csv": "csv", "integer": "integer",
    "bigInteger": "bigInteger", "float": "float", "decimal": "decimal", "boolean": "boolean", "date": "date", "time": "time",
    "dateTime": "dateTime", "timestamp": "timestamp", "uuid": "uuid", "json": "json", "hash": "hash", "geometry": "geometry",
    "one": {"relation": "r1"}, "many": {"relation": "r1", "many": true, "via": "back"}, "lost": {"relation": "r1", "many": true}}},
  {"id": "r1", "fields": {"id": "uuid", "back": "integer", "one": {"relation": "things"}, "string": {"type": "string", "column": "--'"}}}]}"#;

static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
    let file = |name: &str, text: &str| ScannedFile::of(name.to_owned(), text.as_bytes().to_vec());
    let profile = ScannedProfile {
        name: "target".to_owned(),
        prefix: "target".to_owned(),
        files: vec![
            file("target/profile.json", r#"{"dialect": "native"}"#),
            file("target/collections.json", COLLECTIONS),
            file("target/grants.json", r#"{"grants": []}"#),
        ],
        scripts: Vec::new(),
        digest: [0; 32],
        problems: Vec::new(),
    };
    let scan = Scan {
        root: "/profiles".into(),
        profiles: vec![profile],
        problems: Vec::new(),
    };
    let loaded = load(&scan, &[]).remove(0);
    loaded.model.clone().expect("the profile of the test is whole")
});

/// Bytes that are taken one by one; after the last one come zeros.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.next() % all.len()]
    }

    fn text(&mut self) -> String {
        let length = self.next() % 12;
        let taken: Vec<u8> = (0..length).map(|_| self.next() as u8).collect();
        format!("{MARK}{}", String::from_utf8_lossy(&taken))
    }

    fn value(&mut self) -> Value<'static> {
        const WORDS: &[&str] = &[
            "2024-01-01",
            "2024-01-01T00:00:00.5Z",
            "09:30:00",
            "5",
            "05",
            "3f333df6-90a4-4fda-8dd3-9485d27cee36",
            "",
            "İ",
            "true",
        ];
        match self.next() % 5 {
            0 => Value::Bool(self.next().is_multiple_of(2)),
            1 => Value::Number(f64::from(self.next() as u8) - 128.0),
            2 => Value::Number(f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| {
                self.next() as u8
            }))))
            .finite(),
            3 => Value::Text((*self.pick(WORDS)).into()),
            _ => Value::Text(self.text().into()),
        }
    }

    fn path(&mut self) -> Vec<Box<str>> {
        const NAMES: &[&str] = &[
            "one",
            "nr",
            "string",
            "many",
            "lost",
            "id",
            STATE,
            OWNER,
            "unknown\"'",
        ];
        let mut path: Vec<Box<str>> = Vec::new();
        for _ in 0..self.next() % 3 {
            path.push("one".into());
        }
        path.push(match self.next() % 3 {
            0 => (*self.pick(NAMES)).into(),
            _ => self.pick(&FieldType::ALL).name().into(),
        });
        path
    }

    fn filter(&mut self, depth: usize) -> Filter {
        let parts = |bytes: &mut Self| {
            let count = bytes.next() % 4;
            (0..count).map(|_| bytes.filter(depth - 1)).collect::<Vec<_>>()
        };
        match self.next() % 10 {
            0 if depth > 0 => Filter::All(parts(self)),
            1 if depth > 0 => Filter::Any(parts(self)),
            2 if depth > 0 => Filter::Not(Box::new(self.filter(depth - 1))),
            3 if depth > 0 => {
                let mut path = self.path();
                path.pop();
                path.push("many".into());
                Filter::Exists(Exists {
                    path,
                    collection: None,
                    filter: Box::new(self.filter(depth - 1)),
                    or_nulls: self.next().is_multiple_of(2),
                })
            }
            4 if self.next().is_multiple_of(16) => Filter::Holds(Holds {
                roles: vec!["editor".into()],
                subject: self.text().into(),
                groups: Vec::new(),
            }),
            5 if self.next().is_multiple_of(16) => Filter::Below(Below {
                documents: vec![("things".into(), self.text().into())],
            }),
            _ => Filter::Compare(self.comparison()),
        }
    }

    fn comparison(&mut self) -> Comparison {
        let path = self.path();
        let count = match self.next() % 4 {
            0 => self.next() % 5,
            _ => 1 + self.next() % 2,
        };
        Comparison {
            function: match self.next() % 4 {
                0 => Some(*self.pick(&Function::ALL)),
                _ => None,
            },
            operator: *self.pick(Operator::ALL),
            values: (0..count).map(|_| self.value()).collect(),
            kind: match self.next() % 8 {
                0 => None,
                1 => Some(*self.pick(&FieldType::ALL)),
                _ => path.last().and_then(|name| FieldType::find(name)),
            },
            path,
        }
    }
}

trait Finite {
    fn finite(self) -> Self;
}

impl Finite for Value<'static> {
    fn finite(self) -> Self {
        match self {
            Value::Number(number) if !number.is_finite() => Value::Number(0.0),
            other => other,
        }
    }
}

/// Renders the filter of some bytes everywhere, and returns how many dialects could say it.
pub(crate) fn check_tree(bytes: &[u8]) -> usize {
    let filter = Bytes(bytes).filter(6);
    let collection = CollectionId::new(MODEL.collection_names.find("things").expect("it is declared"));
    let mut said = 0;
    for target in DIALECTS {
        match render(&MODEL, collection, &filter, target) {
            Ok(rendering) => {
                check_text(target, &rendering);
                said += 1;
            }
            Err(error) => assert!(!error.0.is_empty()),
        }
    }
    said
}

/// Checks that a rendering is one expression with a place for each parameter and no value in it.
pub(crate) fn check_text(target: Target, rendering: &Rendering) {
    let text = &rendering.text;
    assert!(!text.contains(MARK), "a value stands in {text}");
    let dialect: Box<dyn Dialect> = match target {
        Target::Postgresql => Box::new(PostgreSqlDialect {}),
        Target::Mysql => Box::new(MySqlDialect {}),
        _ => Box::new(SQLiteDialect {}),
    };
    let mut parser = Parser::new(dialect.as_ref())
        .with_recursion_limit(500)
        .try_with_sql(text)
        .unwrap_or_else(|error| panic!("{error} in {text}"));
    let parsed = parser
        .parse_expr()
        .unwrap_or_else(|error| panic!("{}: {error} in {text}", target.name()));
    assert_eq!(
        parser.peek_token().token,
        Token::EOF,
        "more than one expression: {text}"
    );
    let mut places = Places(Vec::new());
    let _ = parsed.visit(&mut places);
    match target {
        Target::Postgresql => {
            let mut wanted: Vec<String> = (1..=rendering.parameters.len())
                .map(|number| format!("${number}"))
                .collect();
            places.0.sort();
            places.0.dedup();
            wanted.sort();
            assert_eq!(places.0, wanted, "{text}");
        }
        _ => assert_eq!(places.0.len(), rendering.parameters.len(), "{text}"),
    }
}

/// The places of parameters.
struct Places(Vec<String>);

impl Visitor for Places {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expression
            && let Constant::Placeholder(place) = &value.value
        {
            self.0.push(place.clone());
        }
        ControlFlow::Continue(())
    }
}
