//! What Nick's seed refuses is an error at its place; what it lets pass is at most a warning.

use std::fs;

use placet::dialect::Mode;
use placet::source::diagnostic::Severity;

use super::{corpus, listing, read, split_case};

/// Reads the site of `newsroom.case` with these files laid over it, and returns the complaints without their messages.
fn complaints(over: &[(&str, &str)], mode: Mode) -> Vec<String> {
    let text = fs::read_to_string(corpus().join("newsroom.case")).unwrap();
    let mut files = split_case(&text);
    files.push(("over/metadata.json".to_owned(), r#"{"id":"over"}"#.to_owned()));
    for (name, text) in over {
        let path = format!("over/{name}");
        match files.iter_mut().find(|(known, _)| *known == path) {
            Some((_, old)) => (*text).clone_into(old),
            None => files.push((path, (*text).to_owned())),
        }
    }
    let reading = read(&files, mode);
    let line = |diagnostic| {
        let line = listing::complaint(diagnostic, &reading.map);
        line[..line.rfind('⟩').unwrap() + '⟩'.len_utf8()].to_owned()
    };
    reading.diagnostics.iter().map(line).collect()
}

/// One file laid over the site, and what is wrong with it in either mode.
type Case = (&'static str, &'static str, &'static [&'static str]);

const REFUSED: &[Case] = &[
    // References: a name that is not there makes Nick load nothing at all.
    (
        "roles.json",
        r#"{"roles":[{"id":"R","permissions":["Vjew"]}]}"#,
        &[r#"error unknown-permission over/roles.json:1:36 ⟨"Vjew"⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":[{"id":"Writer","permissions":["Nope"]}]}"#,
        &[r#"error unknown-permission over/roles.json:1:41 ⟨"Nope"⟩"#],
    ),
    (
        "groups.json",
        r#"{"groups":[{"id":"g","roles":["Nope"]}]}"#,
        &[r#"error unknown-role over/groups.json:1:31 ⟨"Nope"⟩"#],
    ),
    (
        "users.json",
        r#"{"users":[{"id":"u","password":"-","roles":["Nope"],"groups":["nope"]}]}"#,
        &[
            r#"error unknown-role over/users.json:1:45 ⟨"Nope"⟩"#,
            r#"error unknown-group over/users.json:1:63 ⟨"nope"⟩"#,
        ],
    ),
    (
        "types/t.json",
        r#"{"id":"T","title":"T","schema":{},"workflow":"two_step"}"#,
        &[r#"error unknown-workflow over/types/t.json:1:46 ⟨"two_step"⟩"#],
    ),
    (
        "documents/x.json",
        r#"{"type":"Nope"}"#,
        &[r#"error unknown-collection over/documents/x.json:1:9 ⟨"Nope"⟩"#],
    ),
    (
        "documents/x.json",
        "{}",
        &[r#"error unknown-collection over/documents/x.json:1:1 ⟨⟩"#],
    ),
    (
        "documents/x.json",
        r#"{"type":"Article","workflow_state":"draft","owner":"nobody"}"#,
        &[r#"error unknown-user over/documents/x.json:1:52 ⟨"nobody"⟩"#],
    ),
    (
        "documents/x.y.json",
        r#"{"type":"Article","workflow_state":"draft"}"#,
        &[r#"error unknown-parent over/documents/x.y.json:1:1 ⟨⟩"#],
    ),
    (
        "documents/x.json",
        r#"{"type":"Article"}"#,
        &[r#"error unknown-state over/documents/x.json:1:1 ⟨⟩"#],
    ),
    (
        "documents/x.json",
        r#"{"type":"Article","workflow_state":"draft","sharing":{"users":[{"id":"nobody","roles":["Writer"]},{"id":"admin","roles":["Nope"]},{"id":"admin"}],"groups":[{"id":"nope","roles":["Writer"]}]}}"#,
        &[
            r#"error unknown-user over/documents/x.json:1:70 ⟨"nobody"⟩"#,
            r#"error unknown-role over/documents/x.json:1:122 ⟨"Nope"⟩"#,
            r#"error missing-key over/documents/x.json:1:131 ⟨{"id":"admin"}⟩"#,
            r#"error unknown-group over/documents/x.json:1:163 ⟨"nope"⟩"#,
        ],
    ),
    // Ids that are there already.
    (
        "permissions.json",
        r#"{"permissions":[{"id":"View"},{"id":"P"},{"id":"P"}]}"#,
        &[
            r#"error duplicate-id over/permissions.json:1:23 ⟨"View"⟩"#,
            r#"error duplicate-id over/permissions.json:1:48 ⟨"P"⟩"#,
        ],
    ),
    (
        "groups.json",
        r#"{"groups":[{"id":"desk"}]}"#,
        &[r#"error duplicate-id over/groups.json:1:18 ⟨"desk"⟩"#],
    ),
    (
        "groups.json",
        r#"{"groups":[{"id":"a","email":""},{"id":"b","email":""},{"id":"c"},{"id":"d"}]}"#,
        &[r#"error duplicate-id over/groups.json:1:52 ⟨""⟩"#],
    ),
    (
        "users.json",
        r#"{"users":[{"id":"admin","password":"-"}]}"#,
        &[r#"error duplicate-id over/users.json:1:17 ⟨"admin"⟩"#],
    ),
    (
        "users.json",
        r#"{"users":[{"id":"u","password":"-","roles":["Writer","Writer"]}]}"#,
        &[r#"error duplicate-id over/users.json:1:54 ⟨"Writer"⟩"#],
    ),
    (
        "workflows.json",
        r#"{"workflows":[{"id":"w","title":"W","json":{}},{"id":"w","title":"W","json":{}}]}"#,
        &[r#"error duplicate-id over/workflows.json:1:54 ⟨"w"⟩"#],
    ),
    (
        "behaviors/titled.json",
        r#"{"id":"titled","title":"T","schema":{}}"#,
        &[r#"error duplicate-id over/behaviors/titled.json:1:7 ⟨"titled"⟩"#],
    ),
    // Columns: those that a table lacks, and those that must not be null.
    (
        "metadata.json",
        r#"{"id":"over","upgrade":"more"}"#,
        &[r#"error unknown-key over/metadata.json:1:14 ⟨"upgrade"⟩"#],
    ),
    (
        "metadata.json",
        "{}",
        &[r#"error missing-key over/metadata.json:1:1 ⟨{}⟩"#],
    ),
    (
        "permissions.json",
        r#"{"permissions":[{"id":"P","descripton":"?"}]}"#,
        &[r#"error unknown-key over/permissions.json:1:27 ⟨"descripton"⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":[{"id":"R","permision":[]}]}"#,
        &[r#"error unknown-key over/roles.json:1:21 ⟨"permision"⟩"#],
    ),
    (
        "groups.json",
        r#"{"groups":[{"id":"g","members":[]}]}"#,
        &[r#"error unknown-key over/groups.json:1:22 ⟨"members"⟩"#],
    ),
    (
        "workflows.json",
        r#"{"workflows":[{"id":"two_steps","states":{}}]}"#,
        &[r#"error unknown-key over/workflows.json:1:33 ⟨"states"⟩"#],
    ),
    (
        "workflows.json",
        r#"{"workflows":[{"id":"w","json":{}}]}"#,
        &[r#"error missing-key over/workflows.json:1:15 ⟨{"id":"w","json":{}}⟩"#],
    ),
    (
        "workflows.json",
        r#"{"workflows":[{"id":"two_steps","title":null}]}"#,
        &[r#"error missing-key over/workflows.json:1:41 ⟨null⟩"#],
    ),
    (
        "types/t.json",
        r#"{"id":"T","title":"T","schema":{},"workflow":"two_steps","fields":[]}"#,
        &[r#"error unknown-key over/types/t.json:1:58 ⟨"fields"⟩"#],
    ),
    (
        "types/t.json",
        r#"{"id":"T","title":"T","schema":{}}"#,
        &[r#"error missing-key over/types/t.json:1:1 ⟨{"id":"T","title":"T","schema":{}}⟩"#],
    ),
    (
        "types/article.json",
        r#"{"id":"Article","workflow":null}"#,
        &[r#"error missing-key over/types/article.json:1:28 ⟨null⟩"#],
    ),
    (
        "users.json",
        r#"{"users":[{"id":"u"}]}"#,
        &[r#"error missing-key over/users.json:1:11 ⟨{"id":"u"}⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":[{"title":"R"}]}"#,
        &[r#"error missing-key over/roles.json:1:11 ⟨{"title":"R"}⟩"#],
    ),
    // Shapes.
    (
        "roles.json",
        r#"{"purge":true}"#,
        &[r#"error missing-key over/roles.json:1:1 ⟨{"purge":true}⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":{}}"#,
        &[r#"error wrong-type over/roles.json:1:10 ⟨{}⟩"#],
    ),
    (
        "roles.json",
        "[]",
        &[r#"error wrong-type over/roles.json:1:1 ⟨[]⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":["Writer",{"id":7}]}"#,
        &[
            r#"error wrong-type over/roles.json:1:11 ⟨"Writer"⟩"#,
            r#"error wrong-type over/roles.json:1:26 ⟨7⟩"#,
        ],
    ),
    (
        "types/t.json",
        r#"{"id":"T","title":"T","schema":{},"workflow":"two_steps","global_allow":"no"}"#,
        &[r#"error wrong-type over/types/t.json:1:73 ⟨"no"⟩"#],
    ),
    (
        "permissions.json",
        r#"{"permissions":[{"id":"Listed"}]}"#,
        &[r#"error unsupported over/permissions.json:1:23 ⟨"Listed"⟩"#],
    ),
];

const ACCEPTED: &[Case] = &[
    (
        "roles.json",
        r#"{"roles":[{"id":"R","permissions":"View"}]}"#,
        &[r#"warning wrong-type over/roles.json:1:35 ⟨"View"⟩"#],
    ),
    (
        "roles.json",
        r#"{"roles":[{"id":"R"},{"id":"R","permissions":["View"]}]}"#,
        &[r#"warning duplicate-id over/roles.json:1:28 ⟨"R"⟩"#],
    ),
    (
        "roles.json",
        r#"{"role":[],"roles":[]}"#,
        &[r#"warning unknown-key over/roles.json:1:2 ⟨"role"⟩"#],
    ),
    (
        "types/t.json",
        r#"{"id":"T","title":"T","schema":{"behaviors":["nope"]},"workflow":"two_steps"}"#,
        &[],
    ),
    (
        "documents/_root.json",
        r#"{"type":"Root","workflow_state":"printed","anything":[1]}"#,
        &[r#"warning duplicate-id over/documents/_root.json:1:1 ⟨⟩"#],
    ),
    (
        "documents/x.json",
        r#"{"type":"Article","workflow_state":"draft","sharing":{"users":[{"id":"nobody","roles":[]}]}}"#,
        &[],
    ),
    (
        "users.json",
        r#"{"users":[{"id":"u","password":"-","roles":null,"location":"there"}]}"#,
        &[],
    ),
    ("catalog.json", r#"{"whatever":1}"#, &[]),
    (
        "upgrades/2/roles.json",
        r#"{"roles":[{"id":"R","permissions":["Nope"]}]}"#,
        &[],
    ),
];

#[test]
fn what_nick_refuses_is_an_error_in_either_mode() {
    for (name, text, expected) in REFUSED {
        for mode in Mode::ALL {
            let found = complaints(&[(name, text)], mode);
            assert_eq!(found, *expected, "{name} {text}");
            assert!(
                found.iter().any(|line| line.starts_with(Severity::Error.name())),
                "{name} {text}"
            );
        }
    }
}

#[test]
fn what_nick_accepts_is_at_most_a_warning() {
    for (name, text, expected) in ACCEPTED {
        for mode in Mode::ALL {
            let found = complaints(&[(name, text)], mode);
            assert_eq!(found, *expected, "{name} {text}");
            assert!(
                found
                    .iter()
                    .all(|line| line.starts_with(Severity::Warning.name())),
                "{name} {text}"
            );
        }
    }
}

#[test]
fn a_behavior_that_contains_itself_is_a_cycle() {
    let over = [
        (
            "behaviors/a.json",
            r#"{"id":"a","title":"A","schema":{"behaviors":["b"]}}"#,
        ),
        (
            "behaviors/b.json",
            r#"{"id":"b","title":"B","schema":{"behaviors":["a"],"properties":{"x":{}}}}"#,
        ),
        (
            "types/t.json",
            r#"{"id":"T","title":"T","workflow":"two_steps","schema":{"behaviors":["a"]}}"#,
        ),
    ];
    assert_eq!(
        complaints(&over, Mode::Exact),
        [r#"error cycle over/behaviors/b.json:1:46 ⟨"a"⟩"#]
    );
}

#[test]
fn a_program_instead_of_a_file_is_said() {
    let over = [
        ("roles.ts", ""),
        ("metadata.js", ""),
        ("types/t.js", ""),
        ("documents/x.ts", ""),
        ("a/roles.ts", ""),
    ];
    let place = "error unsupported over/metadata.json:1:1 ⟨⟩";
    assert_eq!(complaints(&over, Mode::Exact), [place, place]);
    let beside = [("roles.ts", ""), ("roles.json", r#"{"roles":[]}"#)];
    assert_eq!(complaints(&beside, Mode::Strict), Vec::<String>::new());
}

#[test]
fn a_uuid_is_given_once() {
    let over = [
        (
            "documents/x.json",
            r#"{"type":"Article","workflow_state":"draft","uuid":"1"}"#,
        ),
        (
            "documents/y.json",
            r#"{"type":"Article","workflow_state":"draft","uuid":"1"}"#,
        ),
    ];
    assert_eq!(
        complaints(&over, Mode::Exact),
        [r#"error duplicate-id over/documents/y.json:1:51 ⟨"1"⟩"#]
    );
}
