//! Random groups, grids and grants of single documents: the profile must answer as README's rules read, one after the other.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use placet::engine::check::check;
use placet::model::Model;
use serde_json::{Value, json};

use crate::ask;
use crate::decisions::load_all;
use crate::generate::random::Random;

use super::naive::item;

const PROFILES: u64 = 60;
const QUESTIONS: usize = 250;
/// The types; the last two are pages, which have one row in every grid.
const TYPES: [&str; 5] = ["alpha", "beta", "gamma", "hall-page", "room-page"];
const PAGES: &str = "@apostrophecms/any-page-type";
const GRID: [&str; 4] = ["create", "edit", "publish", "delete"];
const GROUPS: [&str; 4] = ["north", "south", "east", "west"];
const USERS: [&str; 3] = ["", "ann", "bob"];
const LOCALES: [&str; 2] = ["en", "de"];
const DOCUMENTS: [&str; 4] = ["d1", "d2", "d3", "d4"];
/// What a document may be granted with; each has what those before it have.
const REACHES: [&str; 3] = ["doc:view", "doc:edit", "doc:publish"];
const ACTIONS: [&str; 8] = [
    "view",
    "view-draft",
    "create",
    "edit",
    "publish",
    "delete",
    "print",
    "sell",
];

/// A project: the three files as they are written.
struct Project {
    types: Value,
    groups: Value,
    documents: Value,
}

/// A question about a document, or some document of a type if there is none.
#[derive(Debug)]
struct Question {
    user: &'static str,
    groups: Vec<&'static str>,
    action: &'static str,
    locale: &'static str,
    mode: Option<&'static str>,
    doc_type: &'static str,
    doc: Value,
    /// The pages above the document, root first, and whether it blocks what comes down.
    above: Vec<&'static str>,
    blocks: bool,
}

fn holds(list: &Value, word: &str) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|each| each == word))
}

impl Project {
    /// The permissions of a group on a type, without those whose needs are not met.
    fn row(&self, group: &Value, doc_type: &str) -> Vec<String> {
        let key = if doc_type.ends_with("-page") {
            PAGES
        } else {
            doc_type
        };
        let words = group["permissions"][key].as_array().into_iter().flatten();
        let mut row: Vec<String> = words.map(|word| word.as_str().unwrap().to_owned()).collect();
        let custom = self.types[key]["permissions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        loop {
            let before = row.len();
            let met = |word: &String| {
                let needs = custom
                    .iter()
                    .find(|each| each["name"] == *word)
                    .map(|each| &each["requires"]);
                needs.is_none_or(|needs| needs.is_null() || row.iter().any(|has| needs == has))
            };
            let kept: Vec<String> = row.iter().filter(|word| met(word)).cloned().collect();
            row = kept;
            if row.len() == before {
                return row;
            }
        }
    }

    fn groups_of<'p>(&'p self, question: &'p Question) -> impl Iterator<Item = &'p Value> {
        let groups = self.groups.as_array().unwrap().iter();
        groups.filter(|group| question.groups.iter().any(|name| group["name"] == *name))
    }

    /// The groups that count here.
    fn counting<'p>(&'p self, question: &'p Question) -> impl Iterator<Item = &'p Value> {
        self.groups_of(question)
            .filter(|group| group["locales"].is_null() || holds(&group["locales"], question.locale))
    }

    /// The rights on a type that all groups that count here give together.
    fn rights(&self, question: &Question, doc_type: &str) -> BTreeSet<String> {
        self.counting(question)
            .flat_map(|group| self.row(group, doc_type))
            .collect()
    }

    /// How far the document is granted: 0 not at all, 3 to publish.
    fn reach(&self, question: &Question) -> usize {
        let mut reach = 0;
        for grant in self.documents["document_grants"].as_array().unwrap() {
            let on = |doc_type: &str, id: &str| grant["collection"] == doc_type && grant["id"] == id;
            let own = question.doc["_id"]
                .as_str()
                .is_some_and(|id| on(question.doc_type, id));
            let comes_down = grant["descendants"] == true
                && !question.blocks
                && question.above.iter().any(|id| on("hall-page", id));
            // A group counts in its locales alone, for its documents as for its grid.
            let held = (!question.user.is_empty() && holds(&grant["users"], question.user))
                || self
                    .counting(question)
                    .any(|group| holds(&grant["groups"], group["name"].as_str().unwrap()));
            if held && (own || comes_down) {
                let roles = REACHES.iter().rposition(|role| holds(&grant["roles"], role));
                reach = reach.max(roles.map_or(0, |index| index + 1));
            }
        }
        reach
    }

    fn answer(&self, question: &Question) -> bool {
        let (doc, about) = (&question.doc, question.doc_type);
        if self.groups_of(question).any(|group| group["admin"] == true) {
            return true;
        }
        let rights = self.rights(question, about);
        let has = |word: &str| rights.contains(word);
        let reach = self.reach(question);
        let copy = |mode: &str| doc["aposMode"].is_null() || doc["aposMode"] == mode;
        let drafting = match question.mode {
            Some(mode) => mode == "draft",
            None => doc["aposMode"] == "draft",
        };
        // A right of drafts counts in draft mode and, of a document, for its draft; beside `publish` it counts everywhere.
        let in_drafts = drafting && (doc.is_null() || copy("draft"));
        let publishes = has("publish") || reach == 3;
        let may_edit = has("edit") || reach >= 2;
        let edits = may_edit && (in_drafts || publishes);
        let options = &self.types[about];
        match question.action {
            "view" => {
                let by_right = options["viewRole"] != "admin" && GRID.iter().any(|word| has(word));
                if by_right || reach >= 2 || (reach == 1 && (doc.is_null() || copy("published"))) {
                    return true;
                }
                let shown = doc["visibility"] == "public";
                if question.user.is_empty() {
                    return options["viewRole"].is_null() && (doc.is_null() || (shown && copy("published")));
                }
                let open = options["viewRole"].is_null() || options["viewRole"] == "guest";
                open && (doc.is_null()
                    || ((shown || doc["visibility"] == "loginRequired") && copy("published")))
            }
            "view-draft" => {
                let mut types = TYPES.iter();
                types.any(|name| !self.rights(question, name).is_empty()) || reach >= 2
            }
            "create" => has("create") && (publishes || (in_drafts && options["autopublish"] != true)),
            "edit" => edits,
            "publish" => publishes,
            "delete" => {
                let saved = doc["_id"].is_string();
                let unpublished = doc["lastPublishedAt"].is_null() || doc["aposMode"] == "draft";
                if saved && unpublished {
                    return edits;
                }
                publishes && has("delete") && (may_edit || doc.is_null())
            }
            custom => has(custom),
        }
    }
}

fn project(random: &mut Random) -> Project {
    let mut types = json!({});
    for name in TYPES {
        let mut options = json!({});
        if random.chance(50) {
            options["viewRole"] = json!(random.word(&["guest", "contributor", "editor", "admin"]));
        }
        if name.ends_with("-page") {
            options["kind"] = json!("page");
        } else {
            options["autopublish"] = json!(random.chance(25));
            let mut custom = vec![json!({"name": "print"}), json!({"name": "sell"})];
            for each in &mut custom {
                if random.chance(60) {
                    each["requires"] = json!(random.word(&GRID));
                }
            }
            options["permissions"] = json!(custom);
        }
        types[name] = options;
    }
    let mut groups = Vec::new();
    for (index, name) in GROUPS.into_iter().enumerate() {
        let mut group = json!({"name": name});
        if random.chance(40) {
            group["locales"] = json!(random.some(&LOCALES, 1, 2));
        }
        if index == 3 && random.chance(50) {
            group = json!({"name": name, "admin": true});
            groups.push(group);
            continue;
        }
        let mut grid = json!({});
        for key in ["alpha", "beta", "gamma", PAGES] {
            if random.chance(60) {
                let mut words = random.some(&GRID, 1, 4);
                if key != PAGES && random.chance(50) {
                    words.push(random.word(&["print", "sell"]));
                }
                grid[key] = json!(words);
            }
        }
        group["permissions"] = grid;
        groups.push(group);
    }
    let mut documents = Vec::new();
    for _ in 0..6 {
        let descends = random.chance(50);
        let doc_type = if descends {
            "hall-page"
        } else {
            random.word(&TYPES)
        };
        documents.push(json!({
            "collection": doc_type, "id": random.word(&DOCUMENTS), "roles": [random.word(&REACHES)],
            "users": random.some(&USERS[1..], 0, 1), "groups": random.some(&GROUPS, 1, 1), "descendants": descends,
        }));
    }
    Project {
        types,
        groups: json!(groups),
        documents: json!({"document_grants": documents}),
    }
}

fn question(random: &mut Random) -> Question {
    let mut doc = Value::Null;
    let about_some = random.chance(10);
    if !about_some {
        doc = json!({"slug": "s"});
        if random.chance(90) {
            doc["_id"] = json!(random.word(&DOCUMENTS));
        }
        for (key, words) in [
            ("visibility", &["public", "loginRequired", "odd"][..]),
            ("aposMode", &["draft", "draft", "published"]),
            ("lastPublishedAt", &["2024-05-01T00:00:00.000Z"]),
        ] {
            if random.chance(75) {
                doc[key] = json!(*random.pick(words));
            }
        }
    }
    let user = random.word(&USERS);
    let most = usize::from(!user.is_empty()) * 2;
    Question {
        user,
        groups: random.some(&GROUPS, 0, most),
        action: random.word(&ACTIONS),
        locale: random.word(&LOCALES),
        mode: *random.pick(&[None, Some("draft"), Some("published")]),
        doc_type: random.word(&TYPES),
        above: if about_some {
            Vec::new()
        } else {
            random.some(&DOCUMENTS, 0, 2)
        },
        blocks: random.chance(20),
        doc,
    }
}

fn model(project: &Project) -> Arc<Model> {
    let root = tempfile::tempdir().unwrap();
    for (name, json) in [
        ("profile.json", &json!({"dialect": "apostrophe"})),
        ("types.json", &project.types),
        ("groups.json", &project.groups),
        ("document_grants.json", &project.documents),
    ] {
        fs::write(root.path().join(name), json.to_string()).unwrap();
    }
    let profiles = load_all(root.path());
    let model = profiles[0].model.as_ref();
    Arc::clone(model.unwrap_or_else(|| panic!("{:#?}", profiles[0].diagnostics)))
}

fn allows(model: &Model, question: &Question) -> bool {
    let mut resource = item(question.doc_type, &question.doc);
    if !question.doc.is_null() {
        resource["block_inheritance"] = json!(question.blocks);
        let above = question
            .above
            .iter()
            .map(|id| json!({"collection": "hall-page", "id": id}));
        resource["ancestors"] = above.collect();
    }
    let mut attributes = json!({"locale": question.locale});
    if let Some(mode) = question.mode {
        attributes["mode"] = json!(mode);
    }
    let json = json!({
        "subject": {"id": question.user, "groups": question.groups}, "resource": resource, "action": question.action,
        "context": {"attributes": attributes},
    });
    check(model, &ask::query(&json)).unwrap().is_allow()
}

#[test]
fn random_grids_are_answered_as_the_rules_read() {
    let (mut asked, mut allowed, mut by_document, mut complaints) = (0, 0, 0, Vec::new());
    for seed in 0..PROFILES {
        let mut random = Random::new(seed);
        let project = project(&mut random);
        let model = model(&project);
        for _ in 0..QUESTIONS {
            let question = question(&mut random);
            // An invented permission is an action of the types that invent it; pages have none here.
            if ["print", "sell"].contains(&question.action) && question.doc_type.ends_with("-page") {
                continue;
            }
            let expected = project.answer(&question);
            asked += 1;
            allowed += usize::from(expected);
            by_document += usize::from(expected && project.reach(&question) > 0);
            if allows(&model, &question) != expected {
                complaints.push(format!(
                    "seed {seed}: expected {expected}\n  {question:?}\n  {}\n  {}\n  {}",
                    project.types[question.doc_type], project.groups, project.documents
                ));
            }
        }
    }
    let shown: Vec<&str> = complaints.iter().take(4).map(String::as_str).collect();
    assert!(
        complaints.is_empty(),
        "{} of {asked} answers differ\n{}",
        complaints.len(),
        shown.join("\n")
    );
    assert!(
        allowed > asked / 5 && by_document > asked / 50,
        "{allowed} of {asked} allowed, {by_document} where the document is granted"
    );
    println!("{asked} answers of random grids, {allowed} allowed");
}
