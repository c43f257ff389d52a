//! Random types, people and documents: the profile must answer as Apostrophe's own rules read literally, which know no grants.

use std::fs;
use std::sync::Arc;

use placet::engine::check::check;
use placet::engine::fields::filter;
use placet::model::Model;
use serde_json::{Value, json};

use crate::ask;
use crate::decisions::load_all;
use crate::generate::random::Random;

const PROFILES: u64 = 60;
const QUESTIONS: usize = 250;
const TYPES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const ACTIONS: [&str; 7] = [
    "view",
    "view-draft",
    "create",
    "edit",
    "publish",
    "delete",
    "upload-attachment",
];
const FIELDS: [&str; 4] = ["one", "two", "three", "_four"];
const RANKS: [&str; 4] = ["guest", "contributor", "editor", "admin"];

/// A question: who, about a document or a type, in a request of which mode.
#[derive(Debug)]
struct Question {
    role: Option<&'static str>,
    action: &'static str,
    mode: Option<&'static str>,
    /// The document; null: about the type.
    doc: Value,
    doc_type: &'static str,
}

fn rank(role: &str) -> Option<usize> {
    RANKS.iter().position(|known| *known == role)
}

/// Whether an option of a type bars somebody: both must be known roles.
fn bars(types: &Value, doc_type: &str, option: &str, role: Option<&str>) -> bool {
    let least = types[doc_type][option].as_str().and_then(rank);
    matches!((role.and_then(rank), least), (Some(has), Some(least)) if has < least)
}

fn is_one_of(role: Option<&str>, roles: &[&str]) -> bool {
    role.is_some_and(|role| roles.contains(&role))
}

/// The raw check.
fn can(types: &Value, question: &Question, action: &str) -> bool {
    let (role, doc) = (question.role, &question.doc);
    let about = question.doc_type;
    if role == Some("admin") {
        return true;
    }
    let drafting = question.mode == Some("draft");
    let edit = !bars(types, about, "editRole", role)
        && if drafting {
            is_one_of(role, &["contributor", "editor"])
        } else {
            role == Some("editor")
        };
    let publish = !bars(types, about, "publishRole", role) && role == Some("editor");
    match action {
        "view" => {
            !bars(types, about, "viewRole", role)
                && (doc.is_null()
                    || doc["visibility"] == "public"
                    || is_one_of(role, &["guest", "contributor", "editor"]))
        }
        "view-draft" | "upload-attachment" => is_one_of(role, &["contributor", "editor"]),
        "create" | "edit" => edit,
        "publish" => publish,
        "delete" => {
            let saved = doc["_id"].is_string();
            let unpublished = doc["lastPublishedAt"].is_null() || doc["aposMode"] == "draft";
            if saved && unpublished { edit } else { publish }
        }
        _ => unreachable!(),
    }
}

/// The list filter.
fn lists(types: &Value, question: &Question, action: &str) -> bool {
    let (role, doc, about) = (question.role, &question.doc, question.doc_type);
    let copy = |mode: &str| doc["aposMode"].is_null() || doc["aposMode"] == mode;
    match (action, role) {
        (_, Some("admin")) => true,
        ("view", Some("guest")) => {
            copy("published")
                && (doc["visibility"] == "public" || doc["visibility"] == "loginRequired")
                && !bars(types, about, "viewRole", role)
        }
        ("view", Some("contributor" | "editor")) => !bars(types, about, "viewRole", role),
        ("view", _) => copy("published") && doc["visibility"] == "public",
        ("publish", Some("editor")) => !bars(types, about, "publishRole", role),
        ("edit" | "create" | "delete", Some("contributor")) => {
            copy("draft") && !bars(types, about, "editRole", role)
        }
        ("edit" | "create" | "delete", Some("editor")) => !bars(types, about, "editRole", role),
        _ => false,
    }
}

/// What the strict mode makes of both.
fn strict(types: &Value, question: &Question) -> bool {
    let (role, action) = (question.role, question.action);
    if role == Some("admin") {
        return true;
    }
    let own = question.doc["aposMode"].as_str();
    let question = Question {
        // What the request does not say the document does.
        mode: question.mode.or(if own == Some("draft") {
            own.map(|_| "draft")
        } else {
            None
        }),
        doc: question.doc.clone(),
        ..*question
    };
    let known = types[question.doc_type]["viewRole"].as_str().is_some();
    let is_somebody = is_one_of(role, &["guest", "contributor", "editor"]);
    if action == "view" && known && !is_somebody {
        return false;
    }
    if action == "upload-attachment" && role == Some("contributor") {
        return false;
    }
    let publishes = role == Some("editor") && !bars(types, question.doc_type, "publishRole", role);
    if action == "create" && types[question.doc_type]["autopublish"] == true && !publishes {
        return false;
    }
    let has_list = !question.doc.is_null() && !["view-draft", "upload-attachment"].contains(&action);
    can(types, &question, action) && (!has_list || lists(types, &question, action))
}

/// The fields that somebody sees, and those that he writes, as Apostrophe has it.
fn fields(types: &Value, question: &Question, exact: bool) -> [Vec<String>; 2] {
    let permits = |rule: &Value| {
        let about = TYPES.into_iter().find(|name| rule["type"] == *name).unwrap();
        let question = Question {
            doc: Value::Null,
            doc_type: about,
            ..*question
        };
        let closed = !exact && rule["action"] == "view" && types[about]["viewRole"].is_string();
        let viewable = !closed || is_one_of(question.role, &RANKS);
        viewable && can(types, &question, rule["action"].as_str().unwrap())
    };
    let (mut seen, mut written) = (Vec::new(), Vec::new());
    for field in types[question.doc_type]["fields"].as_array().unwrap() {
        let has = |key: &str| field.get(key).map(permits);
        let (views, edits) = (has("viewPermission"), has("editPermission"));
        let reaches = field
            .get("withType")
            .is_none_or(|name| permits(&json!({"action": "view", "type": name})));
        if views != Some(false) {
            seen.push(field["name"].as_str().unwrap().to_owned());
        }
        let writes = match (exact, views, edits) {
            (true, None, None) => reaches,
            (true, views, edits) => views == Some(true) || edits == Some(true),
            (false, views, edits) => views != Some(false) && edits != Some(false) && reaches,
        };
        if writes {
            written.push(field["name"].as_str().unwrap().to_owned());
        }
    }
    [seen, written]
}

fn types(random: &mut Random, exact: bool) -> Value {
    let mut types = json!({});
    for name in TYPES {
        let mut options = json!({});
        for key in ["viewRole", "editRole", "publishRole"] {
            let word = match random.below(8) {
                0 => json!(false),
                1 if exact => json!("anyone"),
                1 => json!(null),
                2 | 3 => continue,
                _ => json!(random.word(&RANKS)),
            };
            options[key] = word;
        }
        options["localized"] = json!(random.chance(75));
        options["autopublish"] = json!(random.chance(25));
        // What is not localized never publishes itself.
        if options["localized"] == false {
            options["autopublish"] = json!(false);
        }
        let mut fields = Vec::new();
        for field in FIELDS {
            let mut row = json!({"name": field, "type": "string"});
            for key in ["viewPermission", "editPermission"] {
                if random.chance(40) {
                    row[key] = json!({"action": random.word(&ACTIONS), "type": random.word(&TYPES)});
                }
            }
            if field.starts_with('_') {
                row["type"] = json!("relationship");
                row["withType"] = json!(random.word(&TYPES));
            }
            fields.push(row);
        }
        options["fields"] = json!(fields);
        types[name] = options;
    }
    types
}

fn document(random: &mut Random) -> Value {
    let mut doc = json!({});
    if random.chance(80) {
        doc["_id"] = json!("doc1");
    }
    for (key, words) in [
        ("visibility", &["public", "public", "loginRequired", "odd"][..]),
        ("aposMode", &["draft", "published", "previous"]),
        ("lastPublishedAt", &["2024-05-01T00:00:00.000Z"]),
    ] {
        match random.below(5) {
            0 => doc[key] = json!(null),
            1 => {}
            _ => doc[key] = json!(*random.pick(words)),
        }
    }
    // A question with neither an id nor a value is one about the type.
    doc["slug"] = json!("s");
    doc
}

fn question(random: &mut Random) -> Question {
    let roles = [
        None,
        Some("guest"),
        Some("contributor"),
        Some("contributor"),
        Some("editor"),
        Some("editor"),
        Some("admin"),
        Some("boss"),
    ];
    let about_type = random.chance(15);
    Question {
        role: *random.pick(&roles),
        action: random.word(&ACTIONS),
        mode: *random.pick(&[None, Some("draft"), Some("published")]),
        doc: if about_type { Value::Null } else { document(random) },
        doc_type: random.word(&TYPES),
    }
}

fn model(directory: &std::path::Path, types: &Value, mode: &str) -> Arc<Model> {
    let profile = json!({"dialect": "apostrophe", "mode": mode});
    fs::write(directory.join("profile.json"), profile.to_string()).unwrap();
    fs::write(directory.join("types.json"), types.to_string()).unwrap();
    let profiles = load_all(directory);
    Arc::clone(profiles[0].model.as_ref().unwrap())
}

/// A document as an item of a question; null: some document of the type.
pub(super) fn item(doc_type: &str, doc: &Value) -> Value {
    if doc.is_null() {
        return json!({"collection": doc_type, "any_item": true});
    }
    let id = doc["_id"].as_str().unwrap_or_default();
    json!({"collection": doc_type, "id": id, "attributes": doc})
}

fn ask(question: &Question, action: &str) -> Value {
    let resource = item(question.doc_type, &question.doc);
    let mut attributes = json!({});
    if let Some(mode) = question.mode {
        attributes["mode"] = json!(mode);
    }
    json!({
        "subject": {"id": question.role.map_or("", |_| "ann"), "roles": question.role.into_iter().collect::<Vec<_>>()},
        "resource": resource, "action": action, "context": {"attributes": attributes},
    })
}

fn allows(model: &Model, question: &Question, action: &str) -> bool {
    check(model, &ask::query(&ask(question, action)))
        .unwrap()
        .is_allow()
}

#[test]
fn random_types_are_answered_as_the_rules_read() {
    let (mut asked, mut allowed, mut complaints) = (0, 0, Vec::new());
    for seed in 0..PROFILES {
        let exact = seed % 2 == 0;
        let mut random = Random::new(seed);
        let types = types(&mut random, exact);
        let root = tempfile::tempdir().unwrap();
        let model = model(root.path(), &types, if exact { "exact" } else { "strict" });
        for _ in 0..QUESTIONS {
            let question = question(&mut random);
            let action = question.action;
            let mut compare = |what: &str, expected: bool, found: bool| {
                asked += 1;
                allowed += usize::from(expected);
                if expected != found {
                    complaints.push(format!(
                        "seed {seed}, {what}: expected {expected}, found {found}\n  {question:?}\n  {}",
                        types[question.doc_type]
                    ));
                }
            };
            if exact {
                compare(
                    "can",
                    can(&types, &question, action),
                    allows(&model, &question, action),
                );
                let has_list = !["view-draft", "upload-attachment"].contains(&action);
                if has_list && !question.doc.is_null() {
                    let list = format!("list:{action}");
                    compare(
                        "criteria",
                        lists(&types, &question, action),
                        allows(&model, &question, &list),
                    );
                }
            } else {
                compare(
                    "check",
                    strict(&types, &question),
                    allows(&model, &question, action),
                );
            }
            complaints.extend(compare_fields(&model, &types, &question, exact));
        }
    }
    let shown: Vec<&str> = complaints.iter().take(5).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} of {asked} answers differ\n{}",
        complaints.len(),
        shown.join("\n")
    );
    assert!(allowed > asked / 10, "only {allowed} of {asked} are allowed");
    println!("{asked} answers of random types, {allowed} allowed");
}

/// Whoever may look at a document, or write it, sees and writes the fields that the rules leave him.
fn compare_fields(model: &Model, types: &Value, question: &Question, exact: bool) -> Option<String> {
    let mut question = Question {
        doc: question.doc.clone(),
        ..*question
    };
    if !exact {
        // In mode strict the copy may tell the mode; here the request does.
        question.mode = question.mode.or(Some("published"));
    }
    let wanted = fields(types, &question, exact);
    for (action, wanted) in ["view", "schema"].into_iter().zip(wanted) {
        if !allows(model, &question, action) {
            continue;
        }
        let mut json = ask(&question, action);
        json["fields"] = json!(FIELDS);
        let query = ask::query(&json);
        let found = filter(model, &query).unwrap();
        let found: Vec<&str> = found.allowed.clone();
        if question.role != Some("admin") && found != wanted {
            return Some(format!(
                "{action}: expected {wanted:?}, found {found:?}\n  {question:?}\n  {types}"
            ));
        }
    }
    None
}
