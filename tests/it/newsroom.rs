//! One policy, written twice: the worked example of the old permission guide natively (`policies/newsroom`) and as rows of
//! Directus 7 and 8 (`policies/newsroom-legacy`). Both must answer alike.

use placet::engine::check::check;
use placet::engine::transitions::list;
use placet::model::Model;
use placet::vocab::effect::Reason;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::decisions::{load_all, project, read_json};

/// The roles of both, by name and by number.
const ROLES: [(&str, &str); 6] = [
    ("administrator", "1"),
    ("public", "2"),
    ("intern", "3"),
    ("staff", "4"),
    ("manager", "5"),
    ("wire", "6"),
];

const STATES: [&str; 4] = ["draft", "review", "published", "locked"];

/// Both models.
struct Pair {
    native: std::sync::Arc<Model>,
    rows: std::sync::Arc<Model>,
}

impl Pair {
    fn load() -> Self {
        let profiles = load_all(&project("policies"));
        let find = |id: &str| {
            let profile = profiles.iter().find(|profile| &*profile.id == id).unwrap();
            std::sync::Arc::clone(profile.model.as_ref().unwrap())
        };
        Self {
            native: find("newsroom"),
            rows: find("newsroom-legacy"),
        }
    }

    /// Asks both, and complains if they differ.
    fn compare(&self, question: &Json, complaints: &mut Vec<String>) {
        let numbered = in_numbers(question);
        let one = answer(&self.native, question);
        let other = answer(&self.rows, &numbered);
        if one != other {
            complaints.push(format!("{question}: natively {one}, as rows {other}"));
        }
    }
}

/// Returns the question with numbers for the names of roles.
fn in_numbers(question: &Json) -> Json {
    let number = |name: &Json| {
        let found = ROLES.iter().find(|(role, _)| name == role);
        found.map_or_else(|| name.clone(), |(_, number)| json!(number))
    };
    let mut numbered = question.clone();
    for path in ["/subject/roles", "/resource/owner/roles"] {
        if let Some(Json::Array(roles)) = numbered.pointer_mut(path) {
            roles.iter_mut().for_each(|role| *role = number(role));
        }
    }
    if let Some(role) = numbered.pointer_mut("/resource/attributes/created_by/role") {
        *role = number(role);
    }
    numbered
}

/// Returns what counts of an answer: whether it is yes, and whether and why not an explanation is asked for.
fn answer(model: &Model, question: &Json) -> String {
    if question.get("action").is_none() {
        let query = ask::query(question);
        let offers = list(model, &query).unwrap();
        let open = offers.iter().filter(|offer| offer.decision.is_allow());
        let open = open.map(|offer| {
            let sign = if offer.decision.explanation_required {
                "!"
            } else {
                ""
            };
            format!("{}{sign}", offer.target.unwrap())
        });
        return open.collect::<Vec<_>>().join(" ");
    }
    let query = ask::query(question);
    let decision = check(model, &query).unwrap();
    let unexplained = decision.reason == Reason::ExplanationRequired;
    format!(
        "{}{}",
        if decision.is_allow() { "yes" } else { "no" },
        if decision.explanation_required || unexplained {
            " with an explanation"
        } else {
            ""
        }
    )
}

fn report(asked: usize, complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} of {asked} answers differ\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    println!("{asked} answers of both");
}

#[test]
fn the_decision_table_is_answered_alike() {
    let pair = Pair::load();
    let (mut asked, mut complaints) = (0, Vec::new());
    for file in ["newsroom.json", "newsroom-details.json"] {
        let corpus = read_json(&project("tests/corpus/decisions").join(file));
        for case in corpus["cases"].as_array().unwrap() {
            for explanation in ["", "because"] {
                let mut question = case["ask"].clone();
                if question["context"]["explanation"].is_null() {
                    question["context"]["explanation"] = json!(explanation);
                }
                asked += 1;
                pair.compare(&question, &mut complaints);
            }
        }
    }
    assert!(asked > 600, "only {asked} questions");
    report(asked, &complaints);
}

#[test]
fn every_role_state_and_owner_is_answered_alike() {
    let pair = Pair::load();
    let (mut asked, mut complaints) = (0, Vec::new());
    for (role, _) in ROLES {
        for state in STATES {
            for owner in [
                json!({"id": "me", "roles": [role]}),
                json!({"id": "peer", "roles": [role]}),
                json!({"id": "x", "roles": ["y"]}),
                json!({}),
            ] {
                let resource = json!({"collection": "articles", "id": "1", "state": state, "owner": owner});
                for question in questions(role, &resource) {
                    asked += 1;
                    pair.compare(&question, &mut complaints);
                }
            }
        }
        for state in STATES.iter().chain([&""]) {
            let resource = json!({"collection": "articles", "state": state});
            let subject = subject(role);
            let context = json!({"ip": "192.0.2.10", "explanation": "because"});
            let question = json!({"subject": subject, "resource": resource, "context": context, "action": "create", "changes": {"title": "T"}});
            asked += 1;
            pair.compare(&question, &mut complaints);
        }
        for owner in ["me", "peer", "x"] {
            let roles = if owner == "x" { json!(["y"]) } else { json!([role]) };
            let resource = json!({"collection": "photos", "id": "1", "owner": {"id": owner, "roles": roles}});
            for action in [
                "create",
                "read",
                "update",
                "delete",
                "comment.read",
                "comment.create",
            ] {
                let context = json!({"ip": "192.0.2.10"});
                let question = json!({"subject": subject(role), "resource": resource, "action": action, "context": context});
                asked += 1;
                pair.compare(&question, &mut complaints);
            }
        }
    }
    assert!(asked > 2000, "only {asked} questions");
    report(asked, &complaints);
}

/// Visitors name neither themselves nor a role.
fn subject(role: &str) -> Json {
    if role == "public" {
        json!({})
    } else {
        json!({"id": "me", "roles": [role]})
    }
}

/// Returns every question about an item: the actions, the ways to other states, the list of these.
fn questions(role: &str, resource: &Json) -> Vec<Json> {
    let mut questions = Vec::new();
    for explanation in ["", "because"] {
        let base = json!({
            "subject": subject(role),
            "resource": resource,
            "context": {"ip": "192.0.2.10", "explanation": explanation},
        });
        questions.push(base.clone());
        let with = |action: &str, key: &str, value: Json| {
            let mut question = base.clone();
            question["action"] = json!(action);
            question[key] = value;
            question
        };
        for fields in [
            json!([]),
            json!(["title"]),
            json!(["title", "notes"]),
            json!(["created_by"]),
        ] {
            questions.push(with("read", "fields", fields.clone()));
            questions.push(with("update", "fields", fields));
        }
        questions.push(with("delete", "fields", json!([])));
        for state in STATES {
            questions.push(with("update", "changes", json!({"status": state, "title": "T"})));
        }
        for action in [
            "comment.read",
            "comment.create",
            "comment.update",
            "comment.delete",
        ] {
            for author in ["me", "peer"] {
                let mut question = with(action, "fields", json!([]));
                question["context"]["comment_author_id"] = json!(author);
                questions.push(question);
            }
        }
    }
    questions
}
