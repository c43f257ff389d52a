//! Random rows, and random questions about an item that they are for: the profile must answer as the rows read literally.

use std::collections::BTreeMap;
use std::fs;

use placet::engine::check::check;
use placet::engine::transitions::list;
use placet::model::Model;
use serde_json::{Value, json};

use super::naive::{Answer, Facts, Question, Row, STATUS, decide};
use crate::ask;
use crate::decisions::load_all;
use crate::generate::random::Random;

const STATUSES: [&str; 4] = ["draft", "review", "live", "gone"];
const FIELDS: [&str; 3] = ["title", "slug", "notes"];
const ACTIONS: [&str; 8] = [
    "create",
    "read",
    "update",
    "delete",
    "comment.read",
    "comment.create",
    "comment.update",
    "comment.delete",
];
const ROLES: [u32; 4] = [1, 2, 3, 4];
const PROFILES: u64 = 300;
const QUESTIONS: usize = 60;

fn facts(random: &mut Random) -> Facts {
    let soft = random.chance(60);
    Facts {
        has_status: random.chance(80),
        has_owner: random.chance(80),
        default: random.word(&["draft", "review"]),
        statuses: STATUSES
            .iter()
            .map(|status| (*status, soft && *status == "gone"))
            .collect(),
    }
}

fn row(random: &mut Random) -> Row {
    let level = |random: &mut Random| random.word(&["none", "mine", "role", "full", "full", "FULL"]);
    let comments = [
        None,
        Some("none"),
        Some("read"),
        Some("create"),
        Some("update"),
        Some("full"),
        Some("all"),
    ];
    let mut fields = FIELDS.to_vec();
    fields.push(STATUS);
    Row {
        role: *random.pick(&[1, 2, 3, 3, 3, 4, 4]),
        status: *random.pick(&[
            None,
            Some("draft"),
            Some("review"),
            Some("live"),
            Some("gone"),
            Some("$create"),
        ]),
        levels: ["create", "read", "update", "delete"]
            .into_iter()
            .map(|action| (action, level(random)))
            .collect::<BTreeMap<_, _>>(),
        comment: *random.pick(&comments),
        explain: random.word(&["none", "none", "create", "update", "always", "never"]),
        unreadable: random.some(&FIELDS, 0, 1),
        unwritable: random.some(&fields, 0, 2),
        statuses: random.some(&STATUSES, 0, 2),
    }
}

fn question(random: &mut Random, facts: &Facts) -> Question {
    let caller = if random.chance(88) { Some("ann") } else { None };
    let roles = match (caller, random.below(12)) {
        (None, _) | (_, 0) => Vec::new(),
        (_, 1) => vec![3, 4],
        (_, 2) => vec![1],
        (_, 3..=6) => vec![4],
        _ => vec![3],
    };
    let action = random.word(&ACTIONS);
    let status = |random: &mut Random| facts.has_status.then(|| random.word(&STATUSES));
    let writes = matches!(action, "create" | "update");
    let new_status = status(random).filter(|_| writes && random.chance(60));
    // Roles pool what they may write in one request, which the literal reading does not.
    let most = if roles.len() > 1 {
        usize::from(new_status.is_none())
    } else {
        2
    };
    Question {
        caller,
        roles,
        action,
        status: status(random).filter(|_| random.chance(95)),
        owner: *random.pick(&[None, Some("ann"), Some("bob"), Some("0")]),
        owner_role: *random.pick(&[None, Some(3), Some(4), Some(2)]),
        new_status,
        fields: if writes || action == "read" {
            random.some(&FIELDS, 0, most)
        } else {
            Vec::new()
        },
        own_comment: random.chance(50),
    }
}

/// Writes the profile of random rows.
fn model(facts: &Facts, rows: &[Row], directory: &std::path::Path) -> std::sync::Arc<Model> {
    let written: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut json = json!({
                "collection": "posts", "role": row.role, "status": row.status, "comment": row.comment, "explain": row.explain,
                "read_field_blacklist": row.unreadable, "write_field_blacklist": row.unwritable.join(","),
                "status_blacklist": row.statuses,
            });
            for (action, level) in &row.levels {
                json[action] = json!(level);
            }
            json
        })
        .collect();
    let statuses: serde_json::Map<String, Value> = facts
        .statuses
        .iter()
        .map(|(status, soft)| ((*status).to_owned(), json!({"soft_delete": soft})))
        .collect();
    let collection = json!({
        "status_field": facts.has_status.then_some(STATUS),
        "default_status": facts.has_status.then_some(facts.default),
        "statuses": statuses,
        "owner_field": facts.has_owner.then_some("author"),
    });
    let roles: Vec<Value> = ROLES.iter().map(|id| json!({"id": id})).collect();
    for (name, json) in [
        ("directus_permissions.json", json!({"data": written})),
        ("directus_roles.json", json!(roles)),
        ("collections.json", json!({"collections": {"posts": collection}})),
    ] {
        fs::write(directory.join(name), json.to_string()).unwrap();
    }
    let profiles = load_all(directory);
    std::sync::Arc::clone(profiles[0].model.as_ref().unwrap())
}

fn ask(facts: &Facts, question: &Question) -> Value {
    let roles: Vec<String> = question.roles.iter().map(u32::to_string).collect();
    let owner_roles: Vec<String> = question.owner_role.iter().map(u32::to_string).collect();
    let mut resource = json!({"collection": "posts"});
    if question.action != "create" {
        resource["id"] = json!("1");
        resource["owner"] = json!({"id": question.owner.unwrap_or(""), "roles": owner_roles});
        if facts.has_status {
            resource["attributes"] = json!({STATUS: question.status});
        }
    }
    let author = if question.own_comment {
        question.caller.unwrap_or("0")
    } else {
        "bob"
    };
    let mut json = json!({
        "subject": {"id": question.caller.unwrap_or(""), "roles": roles},
        "resource": resource,
        "action": question.action,
        "fields": question.fields,
        "context": {"explanation": "because", "comment_author_id": author},
    });
    if let Some(status) = question.new_status {
        json["changes"] = json!({STATUS: status});
    }
    json
}

#[test]
fn random_rows_are_answered_as_they_read() {
    let (mut asked, mut allowed, mut complaints) = (0, 0, Vec::new());
    for seed in 0..PROFILES {
        let mut random = Random::new(seed);
        let facts = facts(&mut random);
        let rows: Vec<Row> = (0..random.between(1, 9)).map(|_| row(&mut random)).collect();
        let root = tempfile::tempdir().unwrap();
        let model = model(&facts, &rows, root.path());
        for _ in 0..QUESTIONS {
            let question = question(&mut random, &facts);
            let json = ask(&facts, &question);
            let query = ask::query(&json);
            let decision = check(&model, &query).unwrap();
            let found = if decision.is_allow() {
                Answer::Yes {
                    explain: decision.explanation_required,
                }
            } else {
                Answer::No
            };
            let expected = decide(&facts, &rows, &question);
            asked += 1;
            allowed += usize::from(expected != Answer::No);
            if found != expected {
                complaints.push(format!(
                    "seed {seed}: {question:?}\n  expected {expected:?}, found {found:?} ({})\n  {facts:?}\n  {rows:?}",
                    decision.reason.name()
                ));
            }
            compare_targets(&model, &facts, &rows, &question, &mut complaints);
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
    println!("{asked} answers of random rows, {allowed} allowed");
}

/// The list of statuses that an item may get holds exactly those to which it may be changed.
fn compare_targets(
    model: &Model,
    facts: &Facts,
    rows: &[Row],
    question: &Question,
    complaints: &mut Vec<String>,
) {
    if question.action != "update" || question.status.is_none() {
        return;
    }
    let mut bare = question.clone();
    bare.fields = Vec::new();
    bare.new_status = None;
    let mut json = ask(facts, &bare);
    json["action"] = json!("");
    let query = ask::query(&json);
    let offers = list(model, &query).unwrap();
    let open = offers.iter().filter(|offer| offer.decision.is_allow());
    // The file has them in an order of its own.
    let mut found: Vec<&str> = open.map(|offer| offer.target.unwrap()).collect();
    found.sort_unstable();
    let can = |status: &&str| {
        let question = Question {
            new_status: Some(STATUSES.iter().find(|known| *known == status).unwrap()),
            ..bare.clone()
        };
        Some(*status) != bare.status && decide(facts, rows, &question) != Answer::No
    };
    let mut expected: Vec<&str> = STATUSES.iter().copied().filter(can).collect();
    expected.sort_unstable();
    if found != expected {
        complaints.push(format!(
            "targets of {bare:?}: expected {expected:?}, found {found:?}\n  {facts:?}\n  {rows:?}"
        ));
    }
}
