//! Filters over relations, and the tree of a filter, against the engine, on tables with odd names.

use std::collections::BTreeSet;

use placet::engine::filter::{Comparison, Exists, Filter};
use placet::model::id::CollectionId;
use placet::target::{Target, render};
use placet::vocab::operator::{FieldType, Function, Operator};
use placet::vocab::value::Value;
use serde_json::{Value as Json, json};

use super::database::{Database, literal};
use super::oracle::{Oracle, holds};
use crate::generate::random::Random;

/// People: id, name, desk.
const PEOPLE: &[(i64, Option<&str>, Option<i64>)] = &[
    (1, Some("Ann"), Some(1)),
    (2, Some("O'Brien"), Some(2)),
    (3, None, Some(1)),
    (4, Some(""), None),
    // The desk is gone.
    (5, Some("ann"), Some(9)),
];

/// Desks: id, city.
const DESKS: &[(i64, Option<&str>)] = &[(1, Some("Zürich")), (2, None), (3, Some("nobody"))];

/// Comments: id, article, hidden, text, author.
type Remark = (i64, Option<i64>, Option<bool>, Option<&'static str>, Option<i64>);
const COMMENTS: &[Remark] = &[
    (1, Some(1), Some(true), Some("fine"), Some(1)),
    (2, Some(1), Some(false), Some("not fine"), Some(2)),
    (3, Some(2), Some(false), None, None),
    (4, Some(4), None, Some(""), Some(3)),
    (5, Some(5), Some(true), None, Some(4)),
    (6, None, Some(true), Some("lost"), Some(1)),
];

/// Things: nr, title, author.
pub(crate) const THINGS: &[(i64, Option<&str>, Option<i64>)] = &[
    (1, Some("one"), Some(1)),
    (2, Some("two"), Some(2)),
    (3, None, None),
    (4, Some("ONE"), Some(3)),
    (5, Some(""), Some(4)),
    (6, Some("six"), Some(5)),
];

pub(crate) fn collections() -> Json {
    json!([
        {"id": "things", "table": "r1", "key": "nr", "fields": {
            "nr": {"type": "integer", "column": "n\"r`"}, "title": {"type": "string", "column": "ti'tle"},
            "author": {"type": "integer", "relation": "r1", "column": "author id"},
            "comments": {"relation": "comments", "many": true, "via": "article"}}},
        {"id": "r1", "table": "people \"who\" write", "fields": {
            "id": "integer", "name": {"type": "string", "column": "select"}, "desk": {"type": "integer", "relation": "desks"}}},
        {"id": "desks", "fields": {
            "id": "integer", "city": "string", "people": {"relation": "r1", "many": true, "via": "desk"}}},
        {"id": "comments", "fields": {
            "id": "integer", "article": {"type": "integer", "relation": "things", "column": "art"}, "hidden": "boolean",
            "text": "string", "author": {"type": "integer", "relation": "r1"}}}])
}

fn desk(id: Option<i64>) -> Json {
    let Some((id, city)) = DESKS.iter().find(|desk| Some(desk.0) == id) else {
        return Json::Null;
    };
    let people = PEOPLE.iter().filter(|person| person.2 == Some(*id));
    let people: Vec<Json> = people
        .map(|(id, name, _)| json!({"id": id, "name": name}))
        .collect();
    json!({"id": id, "city": city, "people": people})
}

fn person(id: Option<i64>) -> Json {
    match PEOPLE.iter().find(|person| Some(person.0) == id) {
        Some((id, name, at)) => json!({"id": id, "name": name, "desk": desk(*at)}),
        None => Json::Null,
    }
}

pub(crate) fn thing(row: &(i64, Option<&str>, Option<i64>)) -> Json {
    let (nr, title, author) = row;
    let comments = COMMENTS.iter().filter(|comment| comment.1 == Some(*nr));
    let comments: Vec<Json> = comments
        .map(|(id, article, hidden, text, author)| {
            json!({"id": id, "article": article, "hidden": hidden, "text": text, "author": person(*author)})
        })
        .collect();
    json!({"nr": nr, "title": title, "author": person(*author), "comments": comments})
}

pub(crate) fn create(database: &mut Database) {
    let target = database.target;
    let name = |name: &str| match target {
        Target::Mysql => format!("`{}`", name.replace('`', "``")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    };
    let text = |text: Option<&str>| text.map_or("NULL".to_owned(), |text| literal(target, text));
    let number = |number: Option<i64>| number.map_or("NULL".to_owned(), |number| number.to_string());
    let tables = [
        ("r1", "n\"r` bigint, ti'tle varchar(50), author id bigint"),
        (
            "people \"who\" write",
            "id bigint, select varchar(50), desk bigint",
        ),
        ("desks", "id bigint, city varchar(50)"),
        (
            "comments",
            "id bigint, art bigint, hidden boolean, text varchar(50), author bigint",
        ),
    ];
    for (table, columns) in tables {
        let columns: Vec<String> = columns
            .split(", ")
            .map(|column| {
                let (column, kind) = column.rsplit_once(' ').unwrap();
                format!("{} {kind}", name(column))
            })
            .collect();
        database.run(&format!("CREATE TABLE {} ({})", name(table), columns.join(", ")));
    }
    for (nr, title, author) in THINGS {
        database.run(&format!(
            "INSERT INTO {} VALUES ({nr}, {}, {})",
            name("r1"),
            text(*title),
            number(*author)
        ));
    }
    for (id, who, at) in PEOPLE {
        let table = name("people \"who\" write");
        database.run(&format!(
            "INSERT INTO {table} VALUES ({id}, {}, {})",
            text(*who),
            number(*at)
        ));
    }
    for (id, city) in DESKS {
        database.run(&format!("INSERT INTO desks VALUES ({id}, {})", text(*city)));
    }
    for (id, article, hidden, said, author) in COMMENTS {
        let hidden = hidden.map_or("NULL", |hidden| if hidden { "TRUE" } else { "FALSE" });
        let (article, author) = (number(*article), number(*author));
        database.run(&format!(
            "INSERT INTO comments VALUES ({id}, {article}, {hidden}, {}, {author})",
            text(*said)
        ));
    }
}

fn compare(path: &str, operator: Operator, values: &[Json], kind: FieldType) -> Filter {
    let value = |json: &Json| match json {
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap()),
        other => Value::Text(other.as_str().unwrap().to_owned().into()),
    };
    let (function, path) = match path.strip_prefix("count ") {
        Some(path) => (Some(Function::Count), path),
        None => (None, path),
    };
    Filter::Compare(Comparison {
        path: path.split('.').map(Into::into).collect(),
        function,
        operator,
        values: values.iter().map(value).collect(),
        kind: Some(kind),
    })
}

fn exists(path: &str, or_nulls: bool, filter: Filter) -> Filter {
    Filter::Exists(Exists {
        path: path.split('.').map(Into::into).collect(),
        collection: None,
        filter: Box::new(filter),
        or_nulls,
    })
}

/// A condition, and the filter that it comes to.
pub(crate) type Case = (Json, Filter);

/// Conditions beside the filters that they come to; the second half asks of shared rows, and stands alone.
pub(crate) fn cases() -> (Vec<Case>, Vec<Case>) {
    use FieldType::{Alias, Boolean, Integer, String as Text};
    use Operator::{Contains, Empty, Eq, Gt, Ieq, In, Lt, Nempty, Neq, Nin, Nnull, Null};
    let is_hidden = || compare("hidden", Eq, &[json!(true)], Boolean);
    let plain = vec![
        (
            json!({"title": {"_eq": "one"}}),
            compare("title", Eq, &[json!("one")], Text),
        ),
        (
            json!({"title": {"_null": true}}),
            compare("title", Null, &[], Text),
        ),
        (
            json!({"title": {"_ieq": "One"}}),
            compare("title", Ieq, &[json!("One")], Text),
        ),
        (
            json!({"nr": {"_in": [1, 3, 9]}}),
            compare("nr", In, &[json!(1), json!(3), json!(9)], Integer),
        ),
        (
            json!({"author": {"_eq": 2}}),
            compare("author", Eq, &[json!(2)], Integer),
        ),
        (
            json!({"author": {"name": {"_eq": "Ann"}}}),
            compare("author.name", Eq, &[json!("Ann")], Text),
        ),
        (
            json!({"author": {"name": {"_neq": "Ann"}}}),
            compare("author.name", Neq, &[json!("Ann")], Text),
        ),
        (
            json!({"author": {"name": {"_null": true}}}),
            compare("author.name", Null, &[], Text),
        ),
        (
            json!({"author": {"name": {"_nnull": true}}}),
            compare("author.name", Nnull, &[], Text),
        ),
        (
            json!({"author": {"name": {"_empty": true}}}),
            compare("author.name", Empty, &[], Text),
        ),
        (
            json!({"author": {"name": {"_nempty": true}}}),
            compare("author.name", Nempty, &[], Text),
        ),
        (
            json!({"author": {"name": {"_nin": []}}}),
            compare("author.name", Nin, &[], Text),
        ),
        (
            json!({"author": {"name": {"_nin": ["Ann"]}}}),
            compare("author.name", Nin, &[json!("Ann")], Text),
        ),
        (
            json!({"author": {"desk": {"city": {"_contains": "ü"}}}}),
            compare("author.desk.city", Contains, &[json!("ü")], Text),
        ),
        (
            json!({"author": {"desk": {"city": {"_null": true}}}}),
            compare("author.desk.city", Null, &[], Text),
        ),
        (
            json!({"author": {"desk": {"id": {"_lt": 2}}}}),
            compare("author.desk.id", Lt, &[json!(2)], Integer),
        ),
        (
            json!({"comments": {"_some": {"hidden": {"_eq": true}}}}),
            exists("comments", false, is_hidden()),
        ),
        (
            json!({"comments": {"_none": {"hidden": {"_eq": true}}}}),
            exists("comments", false, is_hidden()).not(),
        ),
        (
            json!({"comments": {"_some": {"text": {"_null": true}}}}),
            exists("comments", false, compare("text", Null, &[], Text)),
        ),
        (
            json!({"comments": {"_some": {"_and": [{"hidden": {"_eq": false}}, {"author": {"name": {"_eq": "O'Brien"}}}]}}}),
            exists(
                "comments",
                false,
                Filter::all([
                    compare("hidden", Eq, &[json!(false)], Boolean),
                    compare("author.name", Eq, &[json!("O'Brien")], Text),
                ]),
            ),
        ),
        (
            json!({"comments": {"_some": {"author": {"name": {"_null": true}}}}}),
            exists("comments", false, compare("author.name", Null, &[], Text)),
        ),
        (
            json!({"author": {"desk": {"people": {"_some": {"name": {"_null": true}}}}}}),
            exists("author.desk.people", false, compare("name", Null, &[], Text)),
        ),
        (
            json!({"author": {"desk": {"people": {"_none": {"name": {"_eq": "Ann"}}}}}}),
            exists(
                "author.desk.people",
                false,
                compare("name", Eq, &[json!("Ann")], Text),
            )
            .not(),
        ),
        (
            json!({"count(comments)": {"_gt": 1}}),
            compare("count comments", Gt, &[json!(1)], Alias),
        ),
        (
            json!({"count(comments)": {"_eq": 0}}),
            compare("count comments", Eq, &[json!(0)], Alias),
        ),
    ];
    let shared = vec![
        (
            json!({"comments": {"hidden": {"_eq": true}}}),
            exists("comments", true, is_hidden()),
        ),
        (
            json!({"comments": {"text": {"_null": true}}}),
            exists("comments", true, compare("text", Null, &[], Text)),
        ),
        (
            json!({"comments": {"text": {"_empty": true}}}),
            exists("comments", true, compare("text", Empty, &[], Text)),
        ),
        (
            json!({"_not": {"comments": {"hidden": {"_eq": true}}}}),
            exists("comments", true, is_hidden().not()),
        ),
        (
            json!({"comments": {"author": {"name": {"_null": true}}}}),
            exists("comments", true, compare("author.name", Null, &[], Text)),
        ),
        (
            json!({"_and": [{"comments": {"hidden": {"_eq": true}}}, {"comments": {"text": {"_contains": "fine"}}}]}),
            exists(
                "comments",
                true,
                Filter::all([is_hidden(), compare("text", Contains, &[json!("fine")], Text)]),
            ),
        ),
        (
            json!({"author": {"desk": {"people": {"name": {"_null": true}}}}}),
            exists("author.desk.people", true, compare("name", Null, &[], Text)),
        ),
    ];
    (plain, shared)
}

/// Joins some conditions, and their filters in the same way.
pub(crate) fn join(random: &mut Random, cases: &[Case], depth: usize) -> Case {
    if depth == 0 || random.chance(30) {
        return random.pick(cases).clone();
    }
    if random.chance(30) {
        let (condition, filter) = join(random, cases, depth - 1);
        return (json!({ "_not": condition }), filter.not());
    }
    let parts: Vec<_> = (0..random.between(2, 3))
        .map(|_| join(random, cases, depth - 1))
        .collect();
    let conditions: Vec<Json> = parts.iter().map(|part| part.0.clone()).collect();
    let filters = parts.into_iter().map(|part| part.1);
    if random.chance(50) {
        (json!({ "_and": conditions }), Filter::all(filters))
    } else {
        (json!({ "_or": conditions }), Filter::any(filters))
    }
}

#[test]
fn relations_and_trees_pass_exactly_the_rows_that_the_engine_admits() {
    let (plain, shared) = cases();
    let mut random = Random::new(3);
    let joined: Vec<_> = (0..400).map(|_| join(&mut random, &plain, 3)).collect();
    let all: Vec<Case> = plain.into_iter().chain(shared).chain(joined).collect();
    let named: Vec<(String, Json)> = all
        .iter()
        .enumerate()
        .map(|(index, (condition, _))| (format!("p{index}"), condition.clone()))
        .collect();
    let oracle = Oracle::load(&collections(), &named);
    let mut complaints = Vec::new();
    for mut database in Database::open_all("placet_related") {
        create(&mut database);
        let target = database.target;
        let quote = if target == Target::Mysql { '`' } else { '"' };
        for ((name, condition), (_, filter)) in named.iter().zip(&all) {
            let model = oracle
                .model(name)
                .unwrap_or_else(|| panic!("{condition} does not load"));
            let wanted: BTreeSet<i64> = THINGS
                .iter()
                .filter(|row| holds(model, &thing(row), &json!({})))
                .map(|row| row.0)
                .collect();
            let things = CollectionId::new(model.collection_names.find("things").unwrap());
            let rendering =
                render(model, things, filter, target).unwrap_or_else(|error| panic!("{condition}: {error}"));
            super::tree::check_text(target, &rendering);
            let nr = if target == Target::Mysql {
                "`n\"r```"
            } else {
                "\"n\"\"r`\""
            };
            let sql = format!(
                "SELECT {nr} FROM {quote}r1{quote} AS {quote}things{quote} WHERE {}",
                rendering.text
            );
            let found = database.ask(&sql, &rendering);
            if found.as_ref() != Ok(&wanted) {
                complaints.push(format!(
                    "{} {condition}: wanted {wanted:?}, found {found:?}\n  {sql}",
                    target.name()
                ));
            }
        }
        println!(
            "{}: {} filters on {} rows",
            target.name(),
            all.len(),
            THINGS.len()
        );
    }
    let shown: Vec<&str> = complaints.iter().take(10).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} differ\n{}",
        complaints.len(),
        shown.join("\n")
    );
}

#[test]
fn a_profile_of_directus_tells_how_its_tables_join() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("magazine");
    std::fs::create_dir_all(&directory).unwrap();
    for (name, json) in [
        ("profile.json", json!({"dialect": "directus"})),
        ("roles.json", json!([])),
        ("policies.json", json!([])),
        ("access.json", json!([])),
        ("permissions.json", json!([])),
        (
            "fields.json",
            json!([
                {"collection": "articles", "field": "id", "type": "integer", "schema": {"is_primary_key": true}},
                {"collection": "articles", "field": "comments", "type": "alias"},
                {"collection": "comments", "field": "nr", "type": "integer", "schema": {"is_primary_key": true}},
                {"collection": "comments", "field": "article", "type": "integer", "schema": {"is_nullable": true}}]),
        ),
        (
            "relations.json",
            json!([{"collection": "comments", "field": "article", "related_collection": "articles", "meta": {"one_field": "comments"}}]),
        ),
    ] {
        std::fs::write(directory.join(name), json.to_string()).unwrap();
    }
    let profiles = crate::decisions::load_all(root.path());
    let model = profiles[0].model.as_ref().unwrap();
    let articles = CollectionId::new(model.collection_names.find("articles").unwrap());
    let filter = exists(
        "comments",
        false,
        compare("nr", Operator::Eq, &[json!(1)], FieldType::Integer),
    );
    let rendering = render(model, articles, &filter, Target::Sqlite).unwrap();
    assert_eq!(
        rendering.text,
        "EXISTS (SELECT 1 FROM \"comments\" AS \"r1\" WHERE \"r1\".\"article\" = \"articles\".\"id\" \
         AND \"r1\".\"nr\" = CAST(? AS integer))"
    );
}
