//! Grants on documents in files of their own: beside the files of any dialect, in pieces, and again after edits.
//!
//! What is known of a piece is used again. That must never show: after any edit a profile is what it would be if it were read
//! for the first time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use placet::engine::check::check;
use placet::engine::decision::Rule;
use placet::load::discover::{ProblemKind, ScanLimits, read_root};
use placet::load::{LoadedProfile, load};
use placet::model::Model;
use placet::model::id::DocumentGrantId;
use placet::vocab::effect::Effect;
use serde_json::{Value as Json, json};

use crate::ask;
use crate::decisions::{load_all, project};
use crate::generate::random::Random;
use crate::reload::{Rig, complaints, copy};

/// Returns a profile that knows the groups of [`line`].
fn rig(lines: &[String]) -> Rig {
    let rig = Rig::new();
    rig.write("p/profile.json", r#"{"dialect": "native"}"#);
    rig.write(
        "p/groups.json",
        r#"{"groups": [{"id": "desk"}, {"id": "other \"desk\""}]}"#,
    );
    rig.write("p/document_grants.jsonl", &lines.concat());
    rig
}

fn line(number: usize) -> String {
    let collection = ["articles", "pages"][number % 2];
    let holder = match number % 5 {
        0 => r#""groups": ["desk"]"#.to_owned(),
        1 => format!(r#""users": ["u{number}", "\u00fc{number}"], "groups": ["other \"desk\""]"#),
        _ => format!(r#""users": "u{number}""#),
    };
    let descendants = if number.is_multiple_of(3) {
        r#", "descendants": true"#
    } else {
        ""
    };
    format!(
        "{{\"collection\": \"{collection}\", \"id\": \"d\\\\{number}\", \"actions\": [\"read\", \"a{}\"], {holder}{descendants}}}\n",
        number % 7
    )
}

fn lines(count: usize) -> Vec<String> {
    (0..count).map(line).collect()
}

/// Says everything that a model knows of its grants on documents, with their places.
fn print(model: &Model) -> BTreeMap<usize, String> {
    let grants = &model.document_grants;
    let mut all = BTreeMap::new();
    let mut documents: Vec<(&str, &str)> = Vec::new();
    for sheet in grants.sheets() {
        for row in sheet.rows() {
            let kind = sheet.kind(row).unwrap();
            documents.push((kind.collection().name, sheet.document(row)));
        }
    }
    for (collection, document) in documents {
        let id = model.collection_names.id(collection).unwrap();
        for grant in grants.find(id, document) {
            let place = grants.origin(grant.id).unwrap();
            let holders: Vec<_> = grant.holders().collect();
            let actions: Vec<&str> = grant
                .kind
                .actions
                .iter()
                .map(|action| model.action_names.name(action))
                .collect();
            all.insert(
                grant.id.index(),
                format!(
                    "{collection}/{document} {actions:?} {holders:?} {} {place:?}",
                    grant.kind.descendants
                ),
            );
        }
    }
    assert_eq!(all.len(), grants.len());
    all
}

fn fresh(root: &Path) -> Arc<LoadedProfile> {
    let scan = read_root(root, &ScanLimits::default()).unwrap();
    Arc::clone(&load(&scan, &[])[0])
}

#[test]
fn after_any_edit_a_profile_is_what_it_would_be_if_read_anew() {
    let mut random = Random::new(20);
    let mut lines = lines(5_000);
    let mut rig = rig(&lines);
    rig.reload();
    for edit in 0..25 {
        let at = random.below(lines.len());
        match edit % 5 {
            0 => lines[at] = line(10_000 + edit),
            1 => drop(lines.remove(at)),
            2 => lines.insert(at, line(20_000 + edit)),
            3 => lines.insert(at, "\n".to_owned()),
            _ => lines[at..].rotate_left(1),
        }
        rig.write("p/document_grants.jsonl", &lines.concat());
        rig.reload();
        let (snapshot, anew) = (rig.snapshot("p"), fresh(&rig.root()));
        assert!(!snapshot.is_stale, "{:?}", rig.complaints("p"));
        assert_eq!(snapshot.loaded.digest, anew.digest);
        let model = anew.model.as_ref().unwrap();
        assert_eq!(print(&snapshot.model), print(model), "edit {edit}");
        let changes = snapshot.loaded.changes_since(Some(&anew)).rules;
        assert_eq!((changes.added, changes.changed, changes.removed), (0, 0, 0));
        assert_eq!(snapshot.loaded.marks.rules(), model.document_grants.len());
    }
}

/// Ways of writing a list of grants in which an entry ends a line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// An entry a line.
    Tight,
    /// The same, with the line breaks of Windows and without one at the end.
    Windows,
    /// Keys on lines of their own.
    Wide,
}

/// Writes lines of grants as an object with nothing but the list; `before` stands before the key of the list.
fn list(lines: &[String], layout: Layout, before: &str) -> String {
    let entry = |line: &String| match layout {
        Layout::Tight | Layout::Windows => line.trim_end().to_owned(),
        Layout::Wide => line
            .trim_end()
            .replace(", \"", ",\n    \"")
            .replace("{\"", "  {\n    \""),
    };
    let (end, close) = match layout {
        Layout::Tight | Layout::Wide => ("\n", "]}\n"),
        Layout::Windows => ("\r\n", "] }"),
    };
    let entries: Vec<String> = lines.iter().map(entry).collect();
    let entries = entries.join(&format!(",{end}"));
    format!("{{{before}\"document_grants\": [{end}{entries}{end}{close}")
}

#[test]
fn after_any_edit_of_a_list_it_is_what_it_would_be_if_read_anew() {
    for layout in [Layout::Tight, Layout::Windows, Layout::Wide] {
        let mut random = Random::new(21);
        let mut lines = lines(4_000);
        let mut rig = rig(&[]);
        fs::remove_file(rig.root().join("p/document_grants.jsonl")).unwrap();
        rig.write("p/document_grants.json", &list(&lines, layout, ""));
        rig.reload();
        for edit in 0..8 {
            let at = random.below(lines.len());
            match edit % 4 {
                0 => lines[at] = line(10_000 + edit),
                1 => drop(lines.remove(at)),
                2 => lines.insert(at, line(20_000 + edit)),
                _ => lines[at..].rotate_left(1),
            }
            let before = rig.snapshot("p");
            rig.write("p/document_grants.json", &list(&lines, layout, ""));
            rig.reload();
            let (snapshot, anew) = (rig.snapshot("p"), fresh(&rig.root()));
            assert!(!snapshot.is_stale, "{:?}", rig.complaints("p"));
            assert_eq!(snapshot.loaded.digest, anew.digest);
            let model = anew.model.as_ref().unwrap();
            assert_eq!(print(&snapshot.model), print(model), "{layout:?}, edit {edit}");
            let sheets = |model: &Model| model.document_grants.sheets().cloned().collect::<Vec<_>>();
            let (old, new) = (sheets(&before.model), sheets(&snapshot.model));
            let is_old = |sheet: &&Arc<_>| old.iter().any(|other| Arc::ptr_eq(sheet, other));
            let shared = new.iter().filter(is_old).count();
            assert!(
                new.len() > 3 && shared + 4 >= new.len(),
                "{shared} of {} pieces",
                new.len()
            );
        }
        // It says where each grant stands, as the same list does that is read as a whole.
        let cut = fresh(&rig.root());
        rig.write(
            "p/document_grants.json",
            &list(&lines, layout, "\"purge\": false, "),
        );
        let whole = fresh(&rig.root());
        let (cut, whole) = (cut.model.as_ref().unwrap(), whole.model.as_ref().unwrap());
        assert_eq!(whole.document_grants.sheets().count(), 1);
        assert_eq!(print(cut), print(whole));
    }
}

#[test]
fn a_list_in_pieces_is_refused_where_it_is_refused_as_a_whole() {
    let lines = lines(1_200);
    let rig = rig(&[]);
    fs::remove_file(rig.root().join("p/document_grants.jsonl")).unwrap();
    let load = |text: &[u8]| {
        fs::write(rig.root().join("p/document_grants.json"), text).unwrap();
        let loaded = fresh(&rig.root());
        (
            loaded.model.as_ref().map(|model| print(model)),
            complaints(&loaded),
        )
    };
    let (mut random, mut refused) = (Random::new(22), 0);
    for round in 0..100 {
        let layout = [Layout::Tight, Layout::Windows, Layout::Wide][round % 3];
        let good = list(&lines, layout, "");
        let head = good.find('[').unwrap();
        let mut body = good.into_bytes().split_off(head);
        // Something goes, comes, or is written over; often where pieces are sewn together.
        let seams: Vec<usize> = (1..body.len())
            .filter(|at| b"[]{},\"\n".contains(&body[*at]))
            .collect();
        let at = *random.pick(&seams);
        match round % 4 {
            0 => drop(body.remove(at)),
            1 => body.insert(at, *random.pick(b"[]{},\":x\n")),
            2 => body[at] = *random.pick(b"[]{},\":x \n"),
            _ => {
                let texts = [
                    "{},\n",
                    "]}\n",
                    "\"x\": {\"y\": 1},\n",
                    "[{},\n{}],",
                    "], \"purge\": [\n",
                ];
                let text = random.word(&texts).as_bytes();
                drop(body.splice(at..at, text.iter().copied()));
            }
        }
        let whole = load(&[b"{\"purge\": false, \"document_grants\": ", &body[..]].concat());
        let cut = load(&[b"{\"document_grants\": ", &body[..]].concat());
        assert_eq!(
            cut.0, whole.0,
            "round {round}, {layout:?}: {:?} {:?}",
            cut.1, whole.1
        );
        refused += usize::from(cut.0.is_none());
        // On the first line, in which the whole says more, places are others.
        if cut
            .1
            .iter()
            .chain(&whole.1)
            .all(|text| !text.contains(".json:1:"))
        {
            assert_eq!(cut.1.first(), whole.1.first(), "round {round}, {layout:?}");
        }
    }
    assert!(refused > 60, "{refused}");
}

#[test]
fn every_line_says_what_it_says_and_where() {
    let lines = lines(6_000);
    let rig = rig(&lines);
    let loaded = fresh(&rig.root());
    let model = loaded.model.as_ref().unwrap();
    assert!(
        model.document_grants.sheets().count() > 3,
        "the file is one piece"
    );
    let printed = print(model);
    for (number, line) in lines.iter().enumerate() {
        let json: Json = serde_json::from_str(line).unwrap();
        let place = model
            .document_grants
            .origin(DocumentGrantId::new(number))
            .unwrap();
        assert_eq!(
            (place.file, place.line, place.column),
            ("p/document_grants.jsonl", number as u32 + 1, 1)
        );
        let head = format!(
            "{}/{} ",
            json["collection"].as_str().unwrap(),
            json["id"].as_str().unwrap()
        );
        assert!(printed[&number].starts_with(&head), "{}", printed[&number]);
    }
    // The same grants as a list are the same grants.
    let list = format!(
        "{{\"document_grants\": [\n{}]}}",
        lines.join(",").trim_end_matches(',')
    );
    rig.write("p/document_grants.json", &list);
    fs::remove_file(rig.root().join("p/document_grants.jsonl")).unwrap();
    let listed = fresh(&rig.root());
    let of_list = print(listed.model.as_ref().unwrap());
    let without_place = |text: &String| text.split(" Place").next().unwrap().to_owned();
    assert!(
        printed
            .values()
            .map(without_place)
            .eq(of_list.values().map(without_place))
    );
}

#[test]
fn one_line_changed_is_one_rule_changed() {
    let mut lines = lines(8_000);
    let mut rig = rig(&lines);
    rig.reload();
    let before = rig.snapshot("p");
    lines[1_500] = line(9_999);
    lines.push(line(9_998));
    rig.write("p/document_grants.jsonl", &lines.concat());
    rig.reload();
    let after = rig.snapshot("p");
    let changes = after.loaded.changes_since(Some(&before.loaded)).rules;
    assert_eq!((changes.added, changes.changed, changes.removed), (1, 1, 0));
    let shared = after.model.document_grants.sheets().filter(|sheet| {
        before
            .model
            .document_grants
            .sheets()
            .any(|other| Arc::ptr_eq(sheet, other))
    });
    let all = after.model.document_grants.sheets().count();
    let shared = shared.count();
    assert!(
        shared + 4 >= all && shared > 1,
        "{shared} of {all} pieces are used again"
    );
}

#[test]
fn a_broken_line_keeps_the_last_good_version_and_is_pointed_at() {
    let mut lines = lines(3_000);
    let mut rig = rig(&lines);
    rig.reload();
    let cases = [
        ("{\n", "p/document_grants.jsonl:2001:2 invalid-json "),
        ("{} {}\n", "p/document_grants.jsonl:2001:4 trailing-text {}"),
        (
            "  {\"collection\": \"articles\", \"actions\": []}\n",
            "p/document_grants.jsonl:2001:3 missing-key {\"collection\": \"articles\", \"ac",
        ),
        (
            "{\"collection\": \"articles\", \"id\": \"1\", \"actions\": [\"read\"], \"groups\": [\"dsk\"]}\n",
            "p/document_grants.jsonl:2001:71 unknown-group \"dsk\"",
        ),
    ];
    let good = lines[2_000].clone();
    for (text, complaint) in cases {
        lines[2_000] = text.to_owned();
        rig.write("p/document_grants.jsonl", &lines.concat());
        rig.reload();
        let snapshot = rig.snapshot("p");
        assert!(snapshot.is_stale && snapshot.generation == 1);
        assert_eq!(rig.complaints("p"), [complaint]);
    }
    // A byte that is no text, in the last piece.
    lines[2_000] = good;
    let mut bytes = lines.concat().into_bytes();
    bytes.extend(b"\n \xff\n");
    fs::write(rig.root().join("p/document_grants.jsonl"), &bytes).unwrap();
    rig.reload();
    assert_eq!(
        rig.complaints("p"),
        ["p/document_grants.jsonl:3002:2 not-utf8 \u{fffd}"]
    );
    rig.write("p/document_grants.jsonl", &lines.concat());
    rig.reload();
    assert!(!rig.snapshot("p").is_stale);
    assert_eq!(
        rig.generation("p"),
        1,
        "the last good bytes are the last good version"
    );
}

#[test]
fn what_is_used_again_is_checked_again() {
    let mut rig = rig(&lines(3_000));
    rig.reload();
    rig.write("p/groups.json", r#"{"groups": [{"id": "other \"desk\""}]}"#);
    rig.reload();
    assert_eq!(
        rig.complaints("p"),
        ["p/document_grants.jsonl:1:80 unknown-group \"desk\""],
        "each name once, where it stands first"
    );
    rig.write("p/collections.json", r#"{"collections": [{"id": "pages"}]}"#);
    rig.write("p/permissions.json", r#"{"permissions": [{"id": "read"}]}"#);
    rig.reload();
    let complaints = rig.complaints("p");
    assert!(
        complaints
            .iter()
            .any(|text| text.contains(":1:16 unknown-collection \"articles\""))
    );
    let unknown = complaints.iter().filter(|text| text.contains("unknown-action"));
    assert_eq!(unknown.count(), 7, "{complaints:?}");
}

#[test]
fn a_million_mistakes_are_not_a_million_complaints() {
    let text = "{\"collection\": \"articles\"}\n".repeat(20_000);
    let rig = rig(&[text]);
    let complaints = fresh(&rig.root()).diagnostics.len();
    assert!((100..5_000).contains(&complaints), "{complaints}");
    let list = format!("{{\"document_grants\": [{}1]}}", "1,".repeat(20_000));
    rig.write("p/document_grants.json", &list);
    fs::remove_file(rig.root().join("p/document_grants.jsonl")).unwrap();
    assert_eq!(fresh(&rig.root()).diagnostics.len(), 100);
}

#[test]
fn lists_and_lines_purge_what_lies_below_and_nothing_else() {
    let rig = Rig::new();
    let grant = |id: &str| {
        format!(r#"{{"collection": "articles", "id": "{id}", "actions": ["read"], "users": ["u"]}}"#)
    };
    rig.write(
        "p/profile.json",
        r#"{"dialect": "native", "layers": ["a", "b", "c"]}"#,
    );
    rig.write("p/a/document_grants.jsonl", &grant("1"));
    rig.write(
        "p/b/document_grants.json",
        &format!(r#"{{"purge": true, "document_grants": [{}]}}"#, grant("2")),
    );
    rig.write("p/b/document_grants.jsonl", &grant("3"));
    rig.write(
        "p/c/document_grants.json",
        &format!(r#"{{"document_grants": [{}]}}"#, grant("4")),
    );
    let loaded = fresh(&rig.root());
    let printed: Vec<String> = print(loaded.model.as_ref().unwrap()).into_values().collect();
    let ids: Vec<&str> = printed
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect();
    assert_eq!(ids, ["articles/2", "articles/3", "articles/4"]);
}

#[test]
fn a_base_gives_its_grants_to_profiles_of_other_dialects() {
    let rig = Rig::new();
    copy(&project("policies/site"), &rig.root().join("site"));
    rig.write("shared/profile.json", r#"{"dialect": "native"}"#);
    rig.write("shared/grants.json", r#"{"grants": []}"#);
    let grant = r#"{"collection": "Page", "id": "p", "actions": ["Modify"], "users": ["zoe"]}"#;
    rig.write("shared/document_grants.jsonl", grant);
    rig.write(
        "site/profile.json",
        r#"{"id": "site", "dialect": "nick", "layers": ["core", "news"], "extends": ["shared"]}"#,
    );
    let profiles = load_all(&rig.root());
    let site = profiles.iter().find(|profile| &*profile.id == "site").unwrap();
    let asked = json!({"subject": {"id": "zoe"}, "resource": {"collection": "Page", "id": "p", "state": "private"}, "action": "Modify"});
    assert_decided(
        site.model.as_ref().unwrap(),
        &asked,
        "shared/document_grants.jsonl",
        1,
    );
}

/// Asks twice: with the grant on the document it is allowed, by that line.
fn assert_decided(model: &Model, asked: &Json, file: &str, line: u32) {
    let query = ask::query(asked);
    let decision = check(model, &query).unwrap();
    assert_eq!(decision.effect, Effect::Allow, "{asked}: {decision:?}");
    let Some(Rule::DocumentGrant(id)) = decision.deciding.first().copied() else {
        panic!("{asked}: {:?}", decision.deciding)
    };
    let place = model.document_grants.origin(id).unwrap();
    assert_eq!((place.file, place.line, place.column), (file, line, 1));
    let mut stranger = asked.clone();
    stranger["subject"] = json!({"id": "nobody in particular"});
    let query = ask::query(&stranger);
    assert_eq!(check(model, &query).unwrap().effect, Effect::Deny, "{stranger}");
}

#[test]
fn every_dialect_has_them() {
    // Sample, collection, state, action; the grant is on document "9" for "zoe", and what lies below.
    let samples = [
        ("newsroom", "articles", "draft", "update"),
        ("newsroom-legacy", "articles", "draft", "update"),
        ("magazine", "articles", "draft", "delete"),
        ("site", "Page", "private", "Modify"),
        ("museum", "exhibition", "draft", "delete"),
    ];
    for (sample, collection, state, action) in samples {
        let rig = Rig::new();
        copy(&project("policies").join(sample), &rig.root().join("p"));
        let layer = if sample == "site" { "news/" } else { "" };
        let file = format!("p/{layer}document_grants.jsonl");
        let grant = json!({
            "collection": collection, "id": "9", "actions": [action], "users": ["zoe"], "descendants": true,
        });
        rig.write(&file, &format!("\n{grant}\n"));
        let loaded = fresh(&rig.root());
        let complaints = placet::source::render::render_text(&loaded.diagnostics, &loaded.sources, false);
        assert_eq!(complaints, "", "{sample}");
        let model = loaded.model.as_ref().unwrap();
        let on_it = json!({
            "subject": {"id": "zoe"}, "action": action,
            "resource": {"collection": collection, "id": "9", "state": state},
        });
        let above = json!([{"collection": collection, "id": "9"}]);
        let mut below = on_it.clone();
        below["resource"]["id"] = json!("10");
        below["resource"]["ancestors"] = above;
        for asked in [&on_it, &below] {
            assert_decided(model, asked, &file, 2);
        }
        let mut blocked = below.clone();
        blocked["resource"]["block_inheritance"] = json!(true);
        assert_eq!(
            check(model, &ask::query(&blocked)).unwrap().effect,
            Effect::Deny,
            "{sample}"
        );
        // Names are checked against what the dialect makes of its own files.
        rig.write(&file, &grant.to_string().replace(collection, "nothings"));
        let loaded = fresh(&rig.root());
        let codes: Vec<&str> = loaded.diagnostics.iter().map(|each| each.code.name()).collect();
        assert_eq!(codes, ["unknown-collection"], "{sample}");
    }
}

#[test]
fn a_file_of_grants_has_a_limit_of_its_own() {
    let rig = rig(&lines(10));
    let size = fs::metadata(rig.root().join("p/document_grants.jsonl"))
        .unwrap()
        .len();
    let problems = |document_grants_bytes_max| {
        let limits = ScanLimits {
            file_bytes_max: 100,
            document_grants_bytes_max,
            ..ScanLimits::default()
        };
        let scan = read_root(&rig.root(), &limits).unwrap();
        let kinds = scan.profiles[0].problems.iter().map(|problem| problem.kind);
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(problems(size), []);
    assert_eq!(problems(size - 1), [ProblemKind::FileTooLarge]);
}

#[test]
fn a_manifest_names_them_by_their_bytes() {
    let rig = rig(&lines(2_000));
    let scan = read_root(&rig.root(), &ScanLimits::default()).unwrap();
    let bytes = fs::read(rig.root().join("p/document_grants.jsonl")).unwrap();
    let digests = placet::load::manifest::digests(&scan.profiles[0]);
    assert_eq!(digests["document_grants.jsonl"], blake3::hash(&bytes).to_string());
}

#[test]
fn of_a_crowd_everybody_finds_what_is_theirs() {
    let rig = rig(&[]);
    let grant = |users: &[String], groups: &[&str], action: &str| {
        json!({"collection": "articles", "id": "home", "actions": [action], "users": users, "groups": groups})
            .to_string()
            + "\n"
    };
    let names: Vec<String> = (0..500).map(|n| format!("u{n}")).collect();
    let mut text = grant(&names[..100], &[], "read");
    for (n, name) in names.iter().enumerate() {
        text += &grant(std::slice::from_ref(name), &[], ["read", "update"][n % 2]);
    }
    text += &grant(&[], &["desk"], "publish");
    rig.write("p/document_grants.jsonl", &text);
    rig.write("p/users.json", r#"{"users": [{"id": "u3", "groups": ["desk"]}]}"#);
    let loaded = fresh(&rig.root());
    let model = loaded.model.as_ref().unwrap();
    for (n, name) in names.iter().enumerate() {
        for groups in [json!([]), json!(["desk"]), json!(["else", "desk"])] {
            let is_member = n == 3 || groups != json!([]);
            for (action, may, line) in [
                (
                    "read",
                    n < 100 || n % 2 == 0,
                    if n < 100 { 1 } else { n as u32 + 2 },
                ),
                ("update", n % 2 == 1, n as u32 + 2),
                ("publish", is_member, 502),
            ] {
                let asked = json!({
                    "subject": {"id": name, "groups": groups}, "action": action,
                    "resource": {"collection": "articles", "id": "home"},
                });
                let query = ask::query(&asked);
                let decision = check(model, &query).unwrap();
                assert_eq!(decision.effect == Effect::Allow, may, "{asked}");
                let mut recorder = placet::engine::trace::Recorder::default();
                let traced = placet::engine::check::check_traced(model, &query, &mut recorder).unwrap();
                assert_eq!(traced.deciding, decision.deciding, "{asked}");
                if may {
                    assert_decided(model, &asked, "p/document_grants.jsonl", line);
                }
            }
        }
    }
}
