//! Columns of each type, with rows that hurt, and what is compared with them.

use placet::target::Target;
use placet::vocab::operator::FieldType;
use serde_json::{Value as Json, json};

/// A column: its type in each database, and its rows.
pub(crate) struct Column {
    pub(crate) label: &'static str,
    pub(crate) kind: FieldType,
    postgresql: &'static str,
    mariadb: &'static str,
    sqlite: &'static str,
    /// The only database that has such a column.
    only: Option<Target>,
    pub(crate) rows: Vec<Row>,
}

/// A row: what a CMS tells of it, and what is stored; the latter as text, `None` for nothing.
pub(crate) struct Row {
    pub(crate) told: Json,
    stored: Option<String>,
    /// What SQLite stores, if it is something else: an expression.
    sqlite: Option<String>,
}

impl Column {
    /// Tells whether a database has such a column.
    pub(crate) fn is_in(&self, target: Target) -> bool {
        self.only.is_none_or(|only| only == target)
    }

    /// Returns the type of the column.
    pub(crate) fn type_in(&self, target: Target) -> &'static str {
        match target {
            Target::Postgresql => self.postgresql,
            Target::Mysql => self.mariadb,
            _ => self.sqlite,
        }
    }
}

impl Row {
    /// Returns what is stored, as an expression.
    pub(crate) fn expression(&self, target: Target) -> String {
        match (&self.sqlite, &self.stored) {
            (Some(expression), _) if target == Target::Sqlite => expression.clone(),
            (_, None) => "NULL".to_owned(),
            (_, Some(text)) => super::database::literal(target, text),
        }
    }

    fn new(told: Json, stored: impl Into<String>) -> Self {
        Self {
            told,
            stored: Some(stored.into()),
            sqlite: None,
        }
    }

    fn null() -> Self {
        Self {
            told: Json::Null,
            stored: None,
            sqlite: None,
        }
    }
}

/// Texts that one database or another takes for something else.
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "a ",
    " a",
    "b",
    "abc",
    "ABC",
    "aBc",
    "abcabc",
    "straße",
    "STRASSE",
    "Straße",
    "STRAẞE",
    "İ",
    "i",
    "i\u{307}",
    "I",
    "ı",
    "xİ",
    "İx",
    "\u{307}",
    "\u{212a}",
    "k",
    "K",
    "å",
    "Å",
    "\u{212b}",
    "é",
    "e\u{301}",
    "É",
    "😀",
    "a😀b",
    "100%",
    "100_",
    "100",
    "a\\b",
    "a\\%",
    "%",
    "_",
    "it's",
    "\"quoted\"",
    "`tick`",
    "a|b",
    "[a]",
    "a*b?",
    "5",
    "05",
    "5.0",
    "-1",
    "1e3",
    "true",
    "null",
    "2024-01-01",
    "09:30:00",
    "line\nbreak",
    "a\n",
    "ΑΣ",
    "ας",
    "ΑΣΑ",
    "ǅ",
    "a,b",
    "$1",
    "?",
    "''",
    "--",
    "Ω",
    "ω",
    "\u{2126}",
    "ﬁ",
];

fn texts() -> Vec<Row> {
    let rows = TEXTS.iter().map(|text| Row::new(json!(text), *text));
    rows.chain([Row::null()]).collect()
}

fn numbers(numbers: &[&str]) -> Vec<Row> {
    let rows = numbers.iter().map(|text| {
        let told: Json = serde_json::from_str(text).unwrap();
        Row::new(told, *text)
    });
    rows.chain([Row::null()]).collect()
}

/// Moments as a CMS tells them; databases store them with a space and without a zone, SQLite some as milliseconds.
fn moments(moments: &[&str]) -> Vec<Row> {
    let row = |(index, text): (usize, &&str)| {
        let stored = text.trim_end_matches('Z').replace('T', " ");
        let mut row = Row::new(json!(text), stored.clone());
        if stored.len() > 10 {
            let moment: jiff::civil::DateTime = stored.parse().unwrap();
            let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
            row.sqlite = match index % 3 {
                0 => Some(moment.as_millisecond().to_string()),
                1 => Some(format!("'{text}'")),
                _ => None,
            };
        }
        row
    };
    let rows = moments.iter().enumerate().map(row);
    rows.chain([Row::null()]).collect()
}

fn lists() -> Vec<Row> {
    let lists: &[&[&str]] = &[
        &[],
        &["a"],
        &["A", "b"],
        &["a", "b", "c"],
        &["ab"],
        &["a b"],
        &["\u{212a}"],
        &["k", "x"],
        &["", "x"],
        &["x", ""],
        &["x", "", "y"],
        &["5"],
        &["straße", "STRASSE"],
        &["100%"],
        &["a_b"],
        &["İ"],
        &["a "],
        &["it's"],
        &["\\"],
    ];
    let rows = lists.iter().map(|list| Row::new(json!(list), list.join(",")));
    rows.chain([Row::null()]).collect()
}

fn documents() -> Vec<Row> {
    let documents = json!([
        null, [], "", "abc", "a", "true", "5", 5, 5.5, true, false, ["a"], ["a", 5, true], ["abc", "x"], [["a"]], {"a": 1},
        {"abc": "a"}, "it's", ["it's \"q\""], [null], ["A"], ["a "], ["straße", "😀"], {}, "r", [""], ["true"],
    ]);
    let rows = documents.as_array().unwrap().iter();
    let rows = rows.map(|document| Row::new(document.clone(), document.to_string()));
    rows.chain([Row::null()]).collect()
}

const DAYS: &[&str] = &[
    "2024-01-01",
    "2023-12-31",
    "2024-02-29",
    "1970-01-01",
    "1969-12-31",
    "1999-12-31",
    "2000-01-01",
    "0001-01-01",
    "9999-12-31",
    "2024-12-29",
    "2024-12-30",
    "2023-01-01",
    "2022-01-03",
    "2026-06-15",
];

const TIMES: &[&str] = &[
    "2024-01-01T00:00:00",
    "2023-12-31T23:59:59.999",
    "2024-01-01T00:00:00.001",
    "2024-02-29T12:30:45.500",
    "1970-01-01T00:00:01",
    "2000-01-01T00:00:00",
    "2026-06-15T08:30:15",
    "2024-12-29T23:59:59",
    "2024-12-30T00:00:00",
    "2024-03-31T01:30:00",
    "2024-10-27T00:30:00",
    "2024-10-27T01:30:00",
    "2037-12-31T23:59:59",
];

/// Returns every column.
pub(crate) fn columns() -> Vec<Column> {
    let column = |label, kind, types: [&'static str; 3], rows| Column {
        label,
        kind,
        postgresql: types[0],
        mariadb: types[1],
        sqlite: types[2],
        only: None,
        rows,
    };
    let stamps: Vec<String> = TIMES.iter().map(|text| format!("{text}Z")).collect();
    let stamps: Vec<&str> = stamps.iter().map(String::as_str).collect();
    let only = |target, label, kind, name: &'static str, rows| Column {
        only: Some(target),
        ..column(label, kind, [name; 3], rows)
    };
    // What PostgreSQL has beyond all moments is text to whoever reads it.
    let endless = || {
        let ends = ["infinity", "-infinity"].map(|text| Row::new(json!(text), text));
        ends.into_iter().chain(moments(&DAYS[..3])).collect()
    };
    let western = || {
        let is_western = |row: &Row| {
            let text = row.stored.as_deref().unwrap_or_default();
            text.chars()
                .all(|letter| matches!(letter, ' '..='~' | '\u{a0}'..='\u{ff}' | '\n'))
        };
        texts().into_iter().filter(is_western).collect()
    };
    let booleans = || {
        let rows = [(true, "1"), (false, "0")].map(|(told, stored)| Row::new(json!(told), stored));
        rows.into_iter().chain([Row::null()]).collect()
    };
    let uuids = [
        "00000000-0000-0000-0000-000000000000",
        "3f333df6-90a4-4fda-8dd3-9485d27cee36",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ];
    let uuids = uuids
        .iter()
        .map(|text| Row::new(json!(text), *text))
        .chain([Row::null()])
        .collect();
    let times = ["00:00:00", "09:30:00", "09:30:01", "12:00:00", "23:59:59"];
    let times = times
        .iter()
        .map(|text| Row::new(json!(text), *text))
        .chain([Row::null()])
        .collect();
    let small = &[
        "0",
        "1",
        "-1",
        "5",
        "10",
        "42",
        "-42",
        "100",
        "2147483647",
        "-2147483648",
    ];
    let big = &[
        "0",
        "5",
        "-5",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "1704067200000",
    ];
    let float = &[
        "0",
        "0.1",
        "0.5",
        "1.5",
        "-1.5",
        "5",
        "1e10",
        "1e-7",
        "123456.789",
        "1e300",
        "0.30000000000000004",
    ];
    let short = &["0", "0.1", "0.5", "1.5", "-2.25", "5", "100000", "0.3"];
    let decimal = &[
        "0",
        "0.1",
        "5",
        "12.5",
        "-12.5",
        "99999.99999",
        "0.00001",
        "1000000",
    ];
    use FieldType as Type;
    vec![
        // Collations that put case, accents and spaces aside.
        column(
            "string",
            Type::String,
            ["text COLLATE loose", "varchar(100)", "text COLLATE nocase"],
            texts(),
        ),
        column(
            "plain",
            Type::Text,
            [
                "varchar(100)",
                "longtext COLLATE utf8mb4_unicode_ci",
                "varchar(100)",
            ],
            texts(),
        ),
        column("hash", Type::Hash, ["text", "varchar(255)", "text"], texts()),
        column("uuid", Type::Uuid, ["uuid", "char(36)", "char(36)"], uuids),
        column(
            "integer",
            Type::Integer,
            ["integer", "int", "integer"],
            numbers(small),
        ),
        column(
            "big",
            Type::BigInteger,
            ["bigint", "bigint", "bigint"],
            numbers(big),
        ),
        column(
            "float",
            Type::Float,
            ["double precision", "double", "double"],
            numbers(float),
        ),
        column("short", Type::Float, ["real", "float", "float"], numbers(short)),
        column(
            "decimal",
            Type::Decimal,
            ["numeric(20, 5)", "decimal(20, 5)", "numeric(20, 5)"],
            numbers(decimal),
        ),
        column(
            "boolean",
            Type::Boolean,
            ["boolean", "boolean", "boolean"],
            booleans(),
        ),
        column("date", Type::Date, ["date", "date", "date"], moments(DAYS)),
        column("time", Type::Time, ["time", "time", "time"], times),
        column(
            "datetime",
            Type::DateTime,
            ["timestamp", "datetime(3)", "datetime"],
            moments(TIMES),
        ),
        column(
            "timestamp",
            Type::Timestamp,
            ["timestamptz", "timestamp(3) NULL", "timestamp"],
            moments(&stamps),
        ),
        column("csv", Type::Csv, ["text", "text", "text"], lists()),
        column("json", Type::Json, ["json", "json", "json"], documents()),
        column("jsonb", Type::Json, ["jsonb", "longtext", "text"], documents()),
        only(Target::Postgresql, "endless", Type::Date, "date", endless()),
        only(
            Target::Postgresql,
            "forever",
            Type::Timestamp,
            "timestamptz",
            endless(),
        ),
        only(
            Target::Mysql,
            "latin",
            Type::String,
            "varchar(100) CHARACTER SET latin1",
            western(),
        ),
        only(
            Target::Mysql,
            "binary",
            Type::String,
            "varchar(100) COLLATE utf8mb4_bin",
            texts(),
        ),
        only(
            Target::Sqlite,
            "rtrim",
            Type::String,
            "text COLLATE rtrim",
            texts(),
        ),
    ]
}

/// Returns single values that are compared with columns of a type.
pub(crate) fn scalars(kind: FieldType) -> Vec<Json> {
    let mut all: Vec<Json> = Vec::new();
    let is_text = matches!(kind, FieldType::String | FieldType::Text);
    let texts: Vec<&str> = if is_text {
        TEXTS.to_vec()
    } else {
        [
            "", "a", "A", "abc", "k", "i", "ß", "b", "%", "it's", "5", "05", "1e3", "a,b", "x", "true", "ru",
            "0", "a\0", "-",
        ]
        .to_vec()
    };
    all.extend(texts.iter().map(|text| json!(text)));
    if is_text {
        all.extend(["a%", "%C", "_b_", "%\\%", "x\0", "%|%", "[a]%", "*"].map(|text| json!(text)));
    }
    all.extend([
        json!(true),
        json!(false),
        json!(5),
        json!(0),
        json!(-1),
        json!(0.1),
        json!(5.5),
        json!(1e10),
        json!(2_147_483_647),
        json!(9_007_199_254_740_992_u64),
        json!(9_223_372_036_854_775_807_u64),
        json!(-1e300),
        json!(1_704_067_200_000_u64),
        json!(1.5),
    ]);
    let moments = [
        "2024-01-01",
        "2024-02-29",
        "2023-12-31T23:59:59.999Z",
        "2024-01-01T00:00:00Z",
        "2024-01-01T05:45:00+05:45",
        "2024-01-01T00:00:00.0005",
        "2024-02-29T12:30:45.5",
        "1970-01-01",
        "9999-12-31",
        "0001-01-01",
        "2024-02-30",
        "2026-06-15T08:30:15Z",
        "09:30",
        "09:30:00",
        "09:30:00.5",
        "23:59:60",
        "12:00:00",
        "2024-10-27T01:30:00Z",
    ];
    if !is_text {
        all.extend(moments.map(|text| json!(text)));
    }
    if kind == FieldType::Uuid {
        let uuids = [
            "3f333df6-90a4-4fda-8dd3-9485d27cee36",
            "3F333DF6-90A4-4FDA-8DD3-9485D27CEE36",
            "3f333df690a44fda8dd39485d27cee36",
            "3f33",
        ];
        all.extend(uuids.map(|text| json!(text)));
    }
    all
}

/// Returns lists that are compared with columns.
pub(crate) fn choices() -> Vec<Json> {
    let lists = json!([
        [],
        ["a"],
        ["a", "ABC", "5"],
        [5, "5", true],
        ["2024-01-01", "2024-02-29", "x"],
        [1, 2_147_483_647, 0.1],
        [9_007_199_254_740_993_u64, 5],
        ["09:30:00", "12:00:00"],
        ["%", "it's", "a "],
        [true, false],
        ["\u{212b}", "İ"],
        [
            "3f333df6-90a4-4fda-8dd3-9485d27cee36",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        ],
        ["2024-01-01T00:00:00Z"],
    ]);
    lists.as_array().unwrap().clone()
}

/// Returns pairs that columns may lie between.
pub(crate) fn pairs() -> Vec<Json> {
    let pairs = json!([
        [1, 10],
        [10, 1],
        ["1", "10"],
        ["2023-12-31", "2024-01-01"],
        ["2024-01-01", "2023-12-31T23:00:00Z"],
        ["09:00", "12:00"],
        ["a", "z"],
        [true, false],
        ["2024-01-01T00:00:00.0005Z", "2024-12-31"],
        [0, 1_704_067_200_000_u64],
        [0.05, 0.5],
        [-1e300, 1e300],
        ["x", 5],
        ["12:00", "09:00"],
        [9_007_199_254_740_992_u64, 9_223_372_036_854_775_807_u64],
    ]);
    pairs.as_array().unwrap().clone()
}
