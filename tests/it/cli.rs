//! The commands that ask: what they print, and how they end.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::serve::{Daemon, placet};
use crate::serving::{Papers, TOKEN, everything, start, write_callers};

/// Writes a profile that stays as it is, whatever becomes of the samples.
fn write_desk(root: &Path) {
    let directory = root.join("desk");
    fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("profile.json", r#"{"id": "desk", "dialect": "native"}"#);
    write("roles.json", r#"{"roles": [{"id": "author"}, {"id": "editor"}]}"#);
    write(
        "collections.json",
        r#"{"collections": [{"id": "articles", "workflow": "desk", "state_field": "status", "owner": "author",
  "fields": {"author": "string", "title": "string", "notes": "text", "status": "string"}}]}"#,
    );
    write(
        "grants.json",
        r#"{"grants": [
  {"id": "authors-write", "roles": ["author"], "collections": ["articles"], "actions": ["read", "update"], "states": ["draft"],
   "to_states": ["same", "review"], "fields": ["title"], "scope": "mine"},
  {"id": "editors-publish", "roles": ["editor"], "collections": ["articles"], "actions": ["update"], "states": ["review"],
   "to_states": ["published"], "explain": true}],
"constraints": [{"id": "titled", "collections": ["articles"], "actions": ["update"], "require": {"title": {"_nempty": true}}}]}"#,
    );
    write(
        "workflows.json",
        r#"{"workflows": [{"id": "desk", "initial_state": "draft",
  "states": {"draft": {"transitions": ["submit"]}, "review": {"transitions": ["publish"]}, "published": {"transitions": []}},
  "transitions": {
    "submit": {"to": "review", "actions": ["update"]},
    "publish": {"to": "published", "actions": ["update"], "approvals": [{"count": 1, "roles": ["editor"], "content_bound": false}]}}}]}"#,
    );
}

/// Runs a command on the profile.
struct Desk {
    directory: TempDir,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_desk(directory.path());
        Self { directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let root = self.directory.path().to_str().unwrap();
        placet(&[arguments, &["--profiles", root]].concat())
            .output()
            .unwrap()
    }

    /// Checks the exit code and returns what was printed, without the digest, which is tested elsewhere.
    fn print(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}{errors}");
        assert_eq!(errors, "", "{arguments:?}");
        let without_digest = |line: &str| match line.split_once(" (") {
            Some((before, _)) if before.starts_with("  answered by") => before.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(without_digest).collect::<Vec<_>>().join("\n")
    }

    /// Checks the exit code of a command that fails, and returns what it said.
    fn fail(&self, arguments: &[&str], code: i32) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        text
    }
}

const UPDATE: [&str; 13] = [
    "check",
    "--subject",
    "7",
    "--role",
    "author",
    "--action",
    "update",
    "--collection",
    "articles",
    "--id",
    "1",
    "--state",
    "draft",
];

#[test]
fn an_allow_ends_with_0_and_names_what_allowed() {
    let desk = Desk::new();
    let text = desk.print(
        &[&UPDATE[..], &["--owner", "7", "--changes", r#"{"title": "T"}"#]].concat(),
        0,
    );
    assert_eq!(
        text,
        "ALLOW: allowed by the rule `authors-write`\n  \
         decided by the grant `authors-write` at desk/grants.json:2:3\n  \
         answered by `desk`"
    );
}

#[test]
fn a_deny_ends_with_1_and_says_what_is_missing() {
    let desk = Desk::new();
    let text = desk.print(
        &[&UPDATE[..], &["--owner", "7", "--changes", r#"{"title": ""}"#]].concat(),
        1,
    );
    assert_eq!(
        text,
        "DENY VIOLATION: the field `title` does not satisfy `_nempty` of the rule `titled`\n  \
         decided by the constraint `titled` at desk/grants.json:6:17\n  \
         violated: the field `title` does not satisfy `_nempty` of the rule `titled` at desk/grants.json:6:17\n  \
         answered by `desk`"
    );
    let publish = [
        "check",
        "--subject",
        "9",
        "--role",
        "editor",
        "--transition",
        "publish",
        "--collection",
        "articles",
        "--state",
        "review",
        "--attributes",
        r#"{"title": "T"}"#,
    ];
    let text = desk.print(&publish, 1);
    assert_eq!(
        text,
        "DENY EXPLANATION_REQUIRED: to execute `publish` in `articles` (state `review`) needs an explanation, and none was \
         given\n  \
         decided by the grant `editors-publish` at desk/grants.json:4:3\n  \
         missing: an explanation, and 1 approval by `editor`\n  \
         answered by `desk`"
    );
}

#[test]
fn an_explained_answer_lists_roles_and_rules() {
    let desk = Desk::new();
    let text = desk.print(
        &[&UPDATE[..], &["--owner", "8", "--fields", "title", "--explain"]].concat(),
        1,
    );
    assert!(text.starts_with(
        "DENY NO_MATCHING_GRANT: the subject may `update` in `articles` (state `draft`) in general"
    ));
    assert!(
        text.contains("\n  roles that count: `everyone` (implicit), `authenticated` (implicit), `author`\n"),
        "{text}"
    );
    let rule =
        "the grant `authors-write` at desk/grants.json:2:3: for `update`: is for items of other people";
    assert!(text.contains(rule), "{text}");
}

#[test]
fn transitions_are_listed_with_what_they_lack() {
    let desk = Desk::new();
    let item = [
        "--collection",
        "articles",
        "--id",
        "1",
        "--owner",
        "7",
        "--attributes",
        r#"{"title": "T"}"#,
    ];
    let ask = |state: &str, role: &str, subject: &str, code| {
        let who = [
            "transitions",
            "--state",
            state,
            "--role",
            role,
            "--subject",
            subject,
        ];
        desk.print(&[&who[..], &item].concat(), code)
    };
    assert_eq!(
        ask("draft", "author", "7", 0),
        "`submit` to `review`: open\n  answered by `desk`"
    );
    let closed = ask("review", "editor", "9", 1);
    assert_eq!(
        closed,
        "`publish` to `published`: closed EXPLANATION_REQUIRED: to execute `publish` in `articles` (state `review`) needs an \
         explanation, and none was given\n  \
         needs an explanation\n  \
         has 0 of 1 approvals\n  \
         missing: an explanation, and 1 approval by `editor`\n  \
         answered by `desk`"
    );
    assert_eq!(
        ask("published", "editor", "9", 1),
        "the state offers nothing\n  answered by `desk`"
    );
}

#[test]
fn fields_are_told_with_the_document() {
    let desk = Desk::new();
    let item = [
        "--collection",
        "articles",
        "--id",
        "1",
        "--state",
        "draft",
        "--owner",
        "7",
    ];
    let who = ["fields", "--subject", "7", "--role", "author"];
    let text = desk.print(
        &[
            &who[..],
            &item,
            &["--document", r#"{"title": "T", "notes": "N"}"#],
        ]
        .concat(),
        0,
    );
    assert_eq!(
        text,
        "open: `title`\nclosed: `notes` (FIELD_OUT_OF_REACH)\n{\n  \"title\": \"T\"\n}\n  answered by `desk`"
    );
    let text = desk.print(&[&["fields", "--role", "editor"], &item[..]].concat(), 1);
    assert!(text.starts_with("open: none\n"), "{text}");
}

#[test]
fn the_json_of_an_answer_is_that_of_the_contract() {
    let desk = Desk::new();
    let request = json!({
        "action": "update", "subject": {"id": "7", "roles": ["author"]}, "changes": {"title": "T"},
        "resource": {"collection": "articles", "id": "1", "state": "draft", "owner": {"id": "7"}},
    });
    let path = desk.directory.path().join("request.json");
    fs::write(&path, request.to_string()).unwrap();
    let at = format!("@{}", path.display());
    let text = desk.print(&["check", "--format", "json", "--request", &at], 0);
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["snapshot"]["profile"], "desk");
    answer["decision"].as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(
        answer["decision"],
        json!({
            "effect": "EFFECT_ALLOW", "reason": "REASON_ALLOWED", "message": "allowed by the rule `authors-write`",
            "grants": [{
                "id": "authors-write", "kind": "RULE_KIND_GRANT", "effect": "EFFECT_ALLOW",
                "origin": {"file": "desk/grants.json", "line": 2, "column": 3},
            }],
            "obligations": {},
        })
    );
    // An option is laid over the request.
    desk.print(&["check", "--request", &at, "--state", "review"], 1);
}

#[test]
fn what_makes_no_sense_ends_with_2() {
    let desk = Desk::new();
    let cases: [(&[&str], &str); 9] = [
        (&["check", "--actoin", "read"], "unexpected argument '--actoin'"),
        (
            &["check", "--action", "read", "--now", "soon"],
            "invalid value 'soon'",
        ),
        (
            &["check", "--action", "read", "--profile", "dusk"],
            "placet: there is no profile `dusk`",
        ),
        (
            &["check", "--collection", "articles"],
            "placet: action: name an action or a transition",
        ),
        (
            &["check", "--action", "read", "--attributes", "{"],
            "placet: `--attributes` is not JSON: ",
        ),
        (
            &["check", "--action", "read", "--attributes", "[]"],
            "placet: `--attributes` is no JSON object",
        ),
        (
            &["check", "--request", r#"{"acton": "read"}"#],
            "placet: `--request` does not fit: the JSON is no",
        ),
        (
            &["check", "--action", "read", "--ip", "here"],
            "placet: context.ip: `here` is no IPv4 or IPv6 address",
        ),
        (
            &["transitions", "--address", "a b"],
            "placet: `a b` is no address of a daemon",
        ),
    ];
    for (arguments, message) in cases {
        let text = desk.fail(arguments, 2);
        assert!(text.contains(message), "{arguments:?}\n{text}");
    }
}

#[test]
fn a_broken_profile_ends_with_3_and_its_complaints() {
    let desk = Desk::new();
    fs::write(desk.directory.path().join("desk/grants.json"), "{").unwrap();
    let text = desk.fail(&["check", "--action", "read"], 3);
    assert!(
        text.starts_with("placet: the profile `desk` could not be loaded yet\n"),
        "{text}"
    );
    assert!(text.contains("desk/grants.json:1:2"), "{text}");
}

#[test]
fn what_cannot_be_reached_ends_with_4() {
    let desk = Desk::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let text = desk.fail(&["check", "--action", "read", "--address", &address], 4);
    assert!(
        text.starts_with(&format!("placet: cannot reach a daemon at `{address}`")),
        "{text}"
    );
    assert!(text.contains("help: start one with `placet serve`"), "{text}");
    let text = desk.fail(
        &["check", "--action", "read", "--attributes", "@/nowhere.json"],
        4,
    );
    assert!(
        text.contains("cannot read `/nowhere.json` for `--attributes`"),
        "{text}"
    );
    let output = placet(&["check", "--action", "read", "--profiles", "/nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test]
async fn a_daemon_answers_as_the_files_do() {
    let desk = Desk::new();
    let daemon = Daemon::start(write_desk, &[]);
    let address = daemon.address().to_string();
    let item = [
        "--subject",
        "7",
        "--role",
        "author",
        "--collection",
        "articles",
        "--state",
        "draft",
        "--owner",
        "7",
    ];
    let commands: [(&[&str], i32); 4] = [
        (
            &[
                "check",
                "--action",
                "update",
                "--fields",
                "title",
                "--attributes",
                r#"{"title": "T"}"#,
                "--explain",
            ],
            0,
        ),
        (&["check", "--action", "update", "--fields", "notes"], 1),
        (&["transitions", "--attributes", r#"{"title": "T"}"#], 0),
        (
            &[
                "fields",
                "--operation",
                "update",
                "--attributes",
                r#"{"title": "T"}"#,
                "--explain",
            ],
            0,
        ),
    ];
    for (command, code) in commands {
        let here = desk.print(&[command, &item].concat(), code);
        let there = desk.print(&[command, &item, &["--address", &address]].concat(), code);
        assert_eq!(here, there);
    }
    let unknown = [
        "check",
        "--action",
        "read",
        "--profile",
        "dusk",
        "--address",
        &address,
    ];
    assert!(desk.fail(&unknown, 2).contains("there is no profile `dusk`"));
}

#[test]
fn a_plan_tells_on_which_items() {
    let desk = Desk::new();
    let plan = ["plan", "--collection", "articles", "--action", "update"];
    let author = [&plan[..], &["--subject", "7", "--role", "author"]].concat();
    assert_eq!(
        desk.print(&[&author[..], &["--target", "mongodb,directus"]].concat(), 0),
        "CONDITIONAL: the items that pass the filter\n  \
         all of\n    \
         `title` is neither empty nor null\n    \
         `status` is \"draft\"\n    \
         `author` is \"7\"\n  \
         mongodb: {\"author\":{\"$eq\":\"7\"},\"status\":{\"$eq\":\"draft\"},\"title\":{\"$nin\":[null,\"\"]}}\n  \
         directus: {\"_and\":[{\"title\":{\"_nempty\":true}},{\"status\":{\"_eq\":\"draft\"}},{\"author\":{\"_eq\":\"7\"}}]}\n  \
         decided by the constraint `titled` at desk/grants.json:6:17\n  \
         decided by the grant `authors-write` at desk/grants.json:2:3\n  \
         answered by `desk`"
    );
    // Nobody at all: as a deny.
    let text = desk.print(&plan, 1);
    assert!(text.starts_with("NEVER NO_GRANT: "), "{text}");
    // Whoever asks for a target wants to be able to use it.
    let odd = [&plan[..], &["--subject", "$NOW", "--role", "author"]].concat();
    let text = desk.print(&[&odd[..], &["--target", "directus"]].concat(), 1);
    assert!(text.contains("directus cannot say it: "), "{text}");
    desk.print(&[&odd[..], &["--target", "mongodb"]].concat(), 0);
}

#[test]
fn a_plan_for_machines_is_the_answer_of_the_contract() {
    let desk = Desk::new();
    let plan = [
        "plan",
        "--collection",
        "articles",
        "--action",
        "read",
        "--subject",
        "7",
        "--role",
        "author",
        "--fields",
        "title",
        "--filter-fields",
        "title",
        "--target",
        "mongodb",
        "--format",
        "json",
    ];
    let text = desk.print(&plan, 0);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["plan"]["kind"], "PLAN_KIND_CONDITIONAL");
    assert_eq!(answer["plan"]["renderings"][0]["target"], "PLAN_TARGET_MONGODB");
    assert_eq!(answer["fields"][0]["plan"]["kind"], "PLAN_KIND_ALWAYS");
    assert_eq!(answer["filter_fields"][0]["usable"], json!(true));
    // A request as a whole, with an option laid over it.
    let request = json!({"collection": "articles", "action": "update", "subject": {"id": "7", "roles": ["author"]},
        "targets": ["PLAN_TARGET_DIRECTUS"]});
    let text = desk.print(
        &[
            "plan",
            "--request",
            &request.to_string(),
            "--action",
            "read",
            "--format",
            "json",
        ],
        0,
    );
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["plan"]["renderings"][0]["target"], "PLAN_TARGET_DIRECTUS");
    desk.fail(
        &[
            "plan",
            "--collection",
            "articles",
            "--action",
            "read",
            "--target",
            "oracle",
        ],
        2,
    );
    desk.fail(&["plan", "--collection", "articles"], 2);
}

#[test]
fn colours_are_for_those_who_want_them() {
    let desk = Desk::new();
    let read = ["check", "--action", "read", "--collection", "articles"];
    assert!(
        desk.print(&[&read[..], &["--color", "always"]].concat(), 1)
            .starts_with("\u{1b}[1;31mDENY\u{1b}[0m")
    );
    assert!(desk.print(&read, 1).starts_with("DENY"));
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = placet(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    (code, text(&output.stdout), text(&output.stderr))
}

#[test]
fn health_is_an_exit_code() {
    let daemon = Daemon::start(
        |root| {
            write_desk(root);
            crate::serve::write_profile(root, "shop", crate::serve::BROKEN);
        },
        &["--default-profile", "desk"],
    );
    let address = daemon.address().to_string();
    let ask = |words: &[&str]| run(&[&["health"], words, &["--address", &address]].concat());
    let begun = std::time::Instant::now();
    // The first table is published a moment before health follows it.
    while ask(&["profile/desk"]).0 != 0 {
        assert!(begun.elapsed() < crate::serve::PATIENCE);
    }
    let cases: [(&[&str], i32, &str); 6] = [
        (&[], 0, "SERVING\n"),
        (&["liveness"], 0, "`liveness` SERVING\n"),
        (&["profile/desk"], 0, "`profile/desk` SERVING\n"),
        (&["profile/shop"], 1, "`profile/shop` NOT_SERVING\n"),
        (&["profile/other"], 1, "`profile/other` SERVICE_UNKNOWN\n"),
        (&["a\u{1b}[2J"], 1, "`a\\u{1b}[2J` SERVICE_UNKNOWN\n"),
    ];
    for (words, code, text) in cases {
        assert_eq!(ask(words), (code, text.to_owned(), String::new()), "{words:?}");
    }
    let (code, text, _) = ask(&["liveness", "--format", "json"]);
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json, json!({"name": "liveness", "status": "SERVING"}));
}

#[test]
fn a_daemon_that_is_not_there_or_does_not_answer_ends_with_4_in_time() {
    // Accepts by its backlog, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    for command in ["health", "status"] {
        for address in [&silent, &closed, &"unix:/nonexistent/placet.sock".to_owned()] {
            let begun = std::time::Instant::now();
            let (code, text, complaint) = run(&[command, "--address", address, "--timeout-ms", "200"]);
            assert_eq!((code, text.as_str()), (4, ""), "{command} {address}: {complaint}");
            assert!(complaint.starts_with("placet: "), "{complaint}");
            assert!(
                begun.elapsed() < std::time::Duration::from_secs(5),
                "{:?}",
                begun.elapsed()
            );
        }
        assert_eq!(run(&[command, "--address", "not an address"]).0, 2);
    }
}

#[test]
fn status_tells_what_is_served_and_what_is_wrong() {
    let daemon = Daemon::start(
        |root| {
            write_desk(root);
            crate::serve::write_profile(root, "shop", crate::serve::BROKEN);
        },
        &["--default-profile", "desk"],
    );
    let address = daemon.address().to_string();
    let ask = |words: &[&str]| run(&[&["status", "--address", &address], words].concat());
    let (code, text, _) = ask(&[]);
    assert_eq!(code, 3, "{text}");
    let version = env!("CARGO_PKG_VERSION");
    for part in [
        &format!("placet {version}, started 2"),
        "`desk` current\n  native, strict, the default profile\n  generation 1, loaded 2",
        "\n  digest ",
        "`shop` NEVER LOADED: ",
        "  error[unknown-role] shop/grants.json:1:24: ",
        "    help: did you mean `editor`?",
        "1 reloads, 1 with something new, 1 that failed; the last took ",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(!text.contains(" reads "), "{text}");

    let (code, text, _) = ask(&["--profile", "desk", "--reads"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("  `update` in `articles` reads author, title\n"),
        "{text}"
    );
    assert!(!text.contains("shop"), "{text}");

    let (code, text, _) = ask(&["--format", "json"]);
    assert_eq!(code, 3);
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["profiles"][0]["snapshot"]["profile"], "desk");
    assert_eq!(json["profiles"][1]["state"], "PROFILE_STATE_NEVER_LOADED");
    assert_eq!(json["version"], version);

    let (code, _, complaint) = ask(&["--profile", "nope"]);
    assert_eq!(code, 2, "{complaint}");
    assert!(complaint.contains("there is no profile `nope`"), "{complaint}");
}

#[test]
fn a_question_says_which_of_its_parts_the_environment_gives() {
    let desk = Desk::new();
    let root = desk.directory.path().to_str().unwrap().to_owned();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = placet(&[arguments, &["--profiles", &root]].concat())
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let code = output.status.code().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (code, text, String::from_utf8(output.stderr).unwrap())
    };
    let check = [
        "check",
        "--action",
        "read",
        "--collection",
        "articles",
        "--state",
        "draft",
    ];
    // What the environment adds is told, also beside JSON, which stays alone on standard output.
    let (code, text, told) = run(
        &[&check[..], &["--format", "json"]].concat(),
        &[
            ("PLACET_ROLE", "author"),
            ("PLACET_SUBJECT", "7"),
            ("PLACET_OWNER", "7"),
        ],
    );
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["decision"]["effect"]), (0, &json!("EFFECT_ALLOW")));
    assert_eq!(
        told,
        "placet: part of the question by the environment: PLACET_SUBJECT (--subject), PLACET_ROLE (--role), \
         PLACET_OWNER (--owner)\n"
    );
    // The command line wins, and then there is nothing to tell; an empty variable is none.
    let (code, _, told) = run(&check, &[("PLACET_ACTION", "update"), ("PLACET_STATE", "review")]);
    assert_eq!((code, told.as_str()), (1, ""));
    let empty = [
        ("PLACET_ROLE", ""),
        ("PLACET_NOW", ""),
        ("PLACET_REQUEST", ""),
        ("PLACET_ADDRESS", ""),
    ];
    let (code, _, told) = run(&check, &empty);
    assert_eq!((code, told.as_str()), (1, ""));
    for command in ["transitions", "fields"] {
        let (_, _, told) = run(
            &[command],
            &[
                ("PLACET_COLLECTION", "articles"),
                ("PLACET_ADDRESS", "127.0.0.1:1"),
            ],
        );
        assert!(
            told.starts_with("placet: part of the question by the environment: "),
            "{told}"
        );
        assert!(
            told.contains("PLACET_ADDRESS (--address)") && told.contains("PLACET_COLLECTION (--collection)"),
            "{told}"
        );
    }
    // What is no question is not spoken of.
    let (code, _, told) = run(&["validate"], &[("PLACET_DENY_WARNINGS", "true")]);
    assert_eq!((code, told.as_str()), (3, ""), "the profile has a dead end");
}

/// Asks whether an editor may read articles.
const READ: [&str; 7] = [
    "check",
    "--role",
    "editor",
    "--action",
    "read",
    "--collection",
    "articles",
];

#[test]
fn daemons_are_asked_by_tls_with_certificates_and_with_tokens() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (_daemon, at) = start(&everything(&papers), papers.directory.path());
    let file = |name: &str| papers.path(name).to_str().unwrap().to_owned();
    let (authority, certificate, key) = (file("ca.crt"), file("client.crt"), file("client.key"));
    fs::write(file("token"), format!("{TOKEN}\n")).unwrap();
    fs::write(file("ops"), format!("{TOKEN}-ops")).unwrap();
    fs::write(file("wrong"), "0123456789abcdef-wrong").unwrap();
    fs::write(file("empty"), "\n").unwrap();
    let (token, ops, wrong, empty) = (file("token"), file("ops"), file("wrong"), file("empty"));
    let local = |name: &str| format!("localhost:{}", at(name).port());
    let (tls, mutual, known) = (local("tls"), local("mutual"), local("known"));
    let (by_number, url) = (at("tls").to_string(), format!("https://{}", local("tls")));
    let (tls, mutual, known) = (tls.as_str(), mutual.as_str(), known.as_str());
    let socket = format!("unix:{}", file("placet.sock"));
    let strangers = Papers::new();
    let stranger = strangers.path("ca.crt").to_str().unwrap().to_owned();
    let calling = |address: &str, options: &[&str]| -> Vec<String> {
        let words = [&["--address", address], options].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let identity = [
        "--tls-ca",
        &authority,
        "--tls-certificate",
        &certificate,
        "--tls-key",
        &key,
    ];
    let check_cases = [
        (calling(tls, &["--tls-ca", &authority]), 0, ""),
        (calling(&url, &["--tls-ca", &authority]), 0, ""),
        (
            calling(&by_number, &["--tls-ca", &authority, "--tls-name", "localhost"]),
            0,
            "",
        ),
        (calling(&by_number, &["--tls-ca", &authority]), 4, "cannot reach"),
        (
            calling(tls, &["--tls-ca", &authority, "--tls-name", "other.example"]),
            4,
            "cannot reach",
        ),
        (calling(tls, &["--tls-ca", &stranger]), 4, "cannot reach"),
        (calling(tls, &[]), 4, "--tls-ca"),
        (calling(mutual, &identity), 0, ""),
        (calling(mutual, &["--tls-ca", &authority]), 4, ""),
        (calling(&socket, &["--token-file", &token]), 0, ""),
        (calling(known, &["--token-file", &token]), 0, ""),
        (calling(known, &[]), 4, "caller"),
        (calling(known, &["--token-file", &wrong]), 4, "caller"),
        (calling(known, &["--token-file", &ops]), 4, ""),
        // What makes no sense is said before anybody is called.
        (calling(&url, &[]), 2, "--tls-ca"),
        (
            calling(&format!("http://{known}"), &["--tls-ca", &authority]),
            2,
            "has none",
        ),
        (
            calling(tls, &["--tls-ca", &authority, "--tls-key", &key]),
            2,
            "belong together",
        ),
        (
            calling("192.0.2.1:7420", &["--token-file", &token]),
            2,
            "a token is sent by TLS",
        ),
        (calling(known, &["--token-file", &empty]), 2, "is empty"),
        (calling(known, &["--token-file", &file("none")]), 4, "cannot read"),
        (calling(tls, &["--tls-ca", &file("none")]), 4, "cannot read"),
        (calling(tls, &["--tls-ca", &token]), 4, ""),
    ];
    for (options, expected, said) in &check_cases {
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let (code, text, complaint) = run(&[&READ[..], &options].concat());
        assert_eq!(code, *expected, "{options:?}: {text}{complaint}");
        assert!(complaint.contains(said), "{options:?}: {complaint}");
        assert!(!complaint.contains(TOKEN) && !text.contains(TOKEN), "{options:?}");
    }
    // The other commands go the same way.
    let transitions = [
        "transitions",
        "--collection",
        "articles",
        "--address",
        tls,
        "--tls-ca",
        &authority,
    ];
    assert_eq!(run(&transitions).0, 1, "there is no workflow");
    let fields = [
        "fields",
        "--role",
        "editor",
        "--collection",
        "articles",
        "--fields",
        "title",
        "--address",
        tls,
    ];
    assert_eq!(run(&[&fields[..], &["--tls-ca", &authority]].concat()).0, 0);
    let health = |options: &[&str]| run(&[&["health", "liveness"], options].concat());
    assert_eq!(
        health(&["--address", tls, "--tls-ca", &authority]).1,
        "`liveness` SERVING\n"
    );
    assert_eq!(health(&[&["--address", mutual], &identity[..]].concat()).0, 0);
    assert_eq!(health(&["--address", known]).0, 0, "anybody may ask for health");
    assert_eq!(health(&["--address", tls]).0, 4);
    let status = |options: &[&str]| run(&[&["status", "--address", known], options].concat());
    assert_eq!(status(&["--token-file", &ops]).0, 0);
    assert_eq!(status(&["--token-file", &token]).0, 4, "who decides may not look");
}

#[test]
fn a_token_may_come_from_the_environment_but_from_no_option() {
    let papers = Papers::new();
    write_callers(&papers, TOKEN);
    let (_daemon, at) = start(&everything(&papers), papers.directory.path());
    let known = at("known").to_string();
    let ask = |words: &[&str], variables: &[(&str, &str)]| {
        let output = placet(words).envs(variables.iter().copied()).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let check = [&READ[..], &["--address", &known]].concat();
    assert_eq!(ask(&check, &[("PLACET_TOKEN", TOKEN)]), (0, String::new()));
    assert_eq!(ask(&check, &[("PLACET_TOKEN", "")]).0, 4);
    assert_eq!(ask(&check, &[("PLACET_TOKEN", "line\nbreak")]).0, 2);
    let ops = format!("{TOKEN}-ops");
    let status = ["status", "--address", &known];
    assert_eq!(ask(&status, &[("PLACET_TOKEN", &ops)]).0, 0);
    // The file is the closer one.
    fs::write(papers.path("ops"), &ops).unwrap();
    let file = papers.path("ops").to_str().unwrap().to_owned();
    let variables = [("PLACET_TOKEN", TOKEN), ("PLACET_TOKEN_FILE", &*file)];
    assert_eq!(ask(&status, &variables).0, 0);
    let authority = papers.path("ca.crt").to_str().unwrap().to_owned();
    let name = format!("localhost:{}", at("tls").port());
    let health = ["health", "liveness", "--address", &name];
    assert_eq!(ask(&health, &[("PLACET_TLS_CA", &authority)]).0, 0);
    // A probe needs no token, so it is no trouble that one lies about; nobody answers at this address.
    let remote = ["health", "--address", "192.0.2.1:7422", "--timeout-ms", "50"];
    assert_eq!(ask(&remote, &[("PLACET_TOKEN", TOKEN)]).0, 4);
    assert_eq!(
        ask(&["check", "--token", TOKEN], &[]).0,
        2,
        "there is no such option"
    );
}
