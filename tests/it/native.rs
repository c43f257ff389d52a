//! The native dialect: each construct from text to policy, each malformed shape with the text that its complaint marks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use placet::dialect::document::{DocumentFile, read_document_grants};
use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Input, Layer, LayerFile, Mode, find_dialect};
use placet::policy::Policy;
use placet::policy::merge::lay_over;
use placet::source::diagnostic::{Diagnostic, sort};
use placet::source::file::SourceMap;
use placet::source::json::{Json, parse, parse_lines};
use placet::source::span::{FileId, Span};
use proptest::prelude::*;

pub(crate) mod listing;
mod oracle;

use listing::{print_condition, print_policy};

/// Files of a profile by name; those of a layer lie below its name.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) struct Outcome {
    map: SourceMap,
    pub(crate) policy: Option<Policy>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Outcome {
    /// Each complaint as `code file:line:column `underlined`: message (help)`.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|diagnostic| show(diagnostic, &self.map))
            .collect()
    }
}

fn show(diagnostic: &Diagnostic, map: &SourceMap) -> String {
    let Diagnostic {
        code,
        message,
        span,
        help,
        ..
    } = diagnostic;
    let help = help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let (path, position, marked) = (map.path(span.file), map.position(*span), map.slice(*span));
    format!("{} {path}:{position} `{marked}`: {message}{help}", code.name())
}

/// Reads a policy from native files; what they say is not checked.
pub(crate) fn policy_of(files: &[(&str, serde_json::Value)]) -> Policy {
    let files = files
        .iter()
        .map(|(name, json)| ((*name).to_owned(), json.to_string()))
        .chain([("profile.json".to_owned(), r#"{"dialect": "native"}"#.to_owned())])
        .collect();
    let outcome = read(&files);
    assert_eq!(outcome.complaints(), Vec::<String>::new());
    outcome.policy.unwrap()
}

/// Reads a profile as `load` will: the profile file, the dialect, then its layers.
pub(crate) fn read(files: &Files) -> Outcome {
    let mut map = SourceMap::new();
    let mut diagnostics = Vec::new();
    let is_of_documents = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        last.starts_with("document_grants.json")
    };
    let documents: BTreeMap<&str, DocumentFile> = files
        .iter()
        .filter(|(name, _)| is_of_documents(name))
        .map(|(name, text)| {
            let file = map.add(name.clone(), text.clone());
            let last = name.rsplit('/').next().unwrap_or(name);
            (name.as_str(), oracle::document_file(last, file, text))
        })
        .collect();
    let parsed: BTreeMap<&str, (FileId, Json)> = files
        .iter()
        .filter(|(name, _)| !is_of_documents(name))
        .map(|(name, text)| {
            let file = map.add(name.clone(), text.clone());
            let read = if name.ends_with(".jsonl") {
                parse_lines
            } else {
                parse
            };
            let json = read(file, text, &mut diagnostics).expect("the text is JSON");
            (name.as_str(), (file, json))
        })
        .collect();
    let profile = match parsed.get("profile.json") {
        Some((_, json)) => ProfileFile::read("here", json, &mut diagnostics),
        None => {
            let file = map.add("profile.json".to_owned(), String::new());
            ProfileFile::without_file("here", Span::new(file, 0, 0))
        }
    };
    let names: Vec<_> = parsed.keys().copied().collect();
    let layers = if profile.layers.is_empty() {
        vec![""]
    } else {
        profile.layers.iter().map(|l| l.value.as_str()).collect()
    };
    let documents: Vec<Vec<DocumentFile>> = layers
        .iter()
        .map(|layer| {
            let of_layer = documents.iter().filter(|(name, _)| match layer.is_empty() {
                true => !name.contains('/'),
                false => name
                    .rsplit_once('/')
                    .is_some_and(|(directory, _)| directory == *layer),
            });
            of_layer.map(|(_, file)| file.clone()).collect()
        })
        .collect();
    let layers: Vec<_> = layers
        .into_iter()
        .zip(&documents)
        .map(|(layer, documents)| {
            let files = parsed.iter().filter_map(|(name, (file, json))| {
                let name = if layer.is_empty() {
                    name
                } else {
                    name.strip_prefix(layer)?.strip_prefix('/')?
                };
                Some(LayerFile {
                    name,
                    json,
                    file: *file,
                })
            });
            Layer {
                name: layer,
                files: files.collect(),
                scripts: Vec::new(),
                documents,
            }
        })
        .collect();
    let policy = find_dialect(&profile, &names, &mut diagnostics).and_then(|dialect| {
        profile.check(dialect, &mut diagnostics);
        let input = Input {
            profile: &profile,
            bases: &[],
            layers: &layers,
        };
        let mut policy = dialect.read(&input, &mut diagnostics)?;
        read_document_grants(&layers, &mut policy.document_grants, &mut diagnostics);
        Some(policy)
    });
    sort(&mut diagnostics, &map);
    Outcome {
        map,
        policy,
        diagnostics,
    }
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus/dialects/native")
        .join(name)
}

fn read_directory(directory: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_directory(&path, &format!("{name}/"), files);
        } else if !name.ends_with(".txt") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Compares with a golden file, which `UPDATE_GOLDEN=1` rewrites.
pub(crate) fn assert_golden(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, text).unwrap();
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    assert!(
        wanted == text,
        "{} differs; with UPDATE_GOLDEN=1 it becomes:\n{text}",
        path.display()
    );
}

#[test]
fn profiles_of_the_corpus_read_as_their_listings_say() {
    let entries = fs::read_dir(corpus(""))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for directory in entries.filter(|path| path.is_dir()) {
        let mut files = Files::new();
        read_directory(&directory, "", &mut files);
        let outcome = read(&files);
        let mut text: String = outcome.complaints().into_iter().map(|line| line + "\n").collect();
        text += &print_policy(&outcome.policy.unwrap());
        assert_golden(&directory.join("policy.txt"), &text);
    }
}

#[test]
fn lists_and_maps_of_things_with_ids_are_the_same() {
    let list = r#"{"roles": [{"id": "a", "inherits": ["b"]}, {"id": "b"}]}"#;
    let map = r#"{"roles": {"a": {"inherits": "b"}, "b": {}}}"#;
    let listing = |text| print_policy(&read_one("roles.json", text).policy.unwrap());
    assert_eq!(listing(list), listing(map));
}

#[test]
fn implicit_roles_exist_unless_their_place_is_taken() {
    let text = r#"{"roles": {
        "owner": {"title": "Owner"}, "visitor": {"implicit": "anonymous"}, "everyone": {"implicit": false}
    }}"#;
    let policy = read_one("roles.json", text).policy.unwrap();
    let roles = policy.roles.iter().map(|role| {
        (
            role.id.value.as_str(),
            format!("{:?} {:?}", role.kind, role.implicit),
        )
    });
    let wanted = [
        ("owner", "Part Some(Owner)"),
        ("visitor", "Role Some(Anonymous)"),
        ("everyone", "Role None"),
        ("authenticated", "Part Some(Authenticated)"),
        ("roleless", "Part Some(Roleless)"),
    ];
    assert_eq!(
        roles.collect::<Vec<_>>(),
        wanted.map(|(id, kind)| (id, kind.to_owned()))
    );
}

#[test]
fn a_policy_over_another_wins_by_id() {
    let base = r#"{"grants": [
        {"id": "one", "roles": "a", "actions": "read"}, {"roles": "a", "actions": "update"},
        {"id": "two", "roles": "a", "actions": "delete"}], "constraints": [{"id": "one", "roles": "a"}]}"#;
    let over = r#"{"grants": [
        {"id": "two", "roles": "b", "actions": "delete"}, {"roles": "a", "actions": "update"}],
        "constraints": [{"id": "one", "roles": "b"}]}"#;
    let policy = |text| read_one("grants.json", text).policy.unwrap();
    let mut with_settings = policy(over);
    with_settings.settings.absent_is_null = true;
    let merged = lay_over(policy(base), with_settings);
    let listing = print_policy(&merged);
    let rules: Vec<_> = listing.lines().filter(|line| !line.starts_with("role")).collect();
    assert_eq!(
        rules,
        [
            "settings · absent_is_null",
            "allow \"one\" · roles [a] · actions [read]",
            "allow · roles [a] · actions [update]",
            "allow \"two\" · roles [b] · actions [delete]",
            "allow · roles [a] · actions [update]",
            "constraint \"one\" · roles [b]",
        ]
    );
    assert_eq!(merged.roles.len(), 5, "the implicit roles are there once");
}

#[test]
fn an_id_that_stands_twice_is_kept_for_a_complaint() {
    let base = read_one("grants.json", r#"{"grants": [{"id": "x", "roles": "a"}]}"#)
        .policy
        .unwrap();
    let over = r#"{"grants": [{"id": "x", "roles": "b"}, {"id": "x", "roles": "c"}]}"#;
    let merged = lay_over(base, read_one("grants.json", over).policy.unwrap());
    let roles = merged
        .grants
        .iter()
        .map(|grant| grant.selection.roles.names()[0].value.as_str());
    assert_eq!(roles.collect::<Vec<_>>(), ["b", "c"]);
}

fn read_one(name: &str, text: &str) -> Outcome {
    let profile = r#"{"dialect": "native"}"#;
    let files = [("profile.json", profile), (name, text)];
    read(
        &files
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
    )
}

fn read_when(text: &str) -> Outcome {
    let grant = format!("{{\"grants\": [{{\"roles\": \"a\", \"when\": {text}}}]}}");
    read_one("grants.json", &grant)
}

#[test]
fn conditions_mean_what_they_say() {
    let cases = fs::read_to_string(corpus("conditions.txt")).unwrap();
    let mut count = 0;
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (text, wanted) = case.trim().rsplit_once('\n').unwrap();
        let outcome = read_when(text);
        assert_eq!(outcome.complaints(), Vec::<String>::new(), "{text}");
        let policy = outcome.policy.unwrap();
        let condition = policy.grants[0].selection.when.as_ref();
        assert_eq!(
            condition.map_or("none".to_owned(), print_condition),
            wanted,
            "{text}"
        );
        count += 1;
    }
    assert!(count > 40, "only {count} cases were found");
}

#[test]
fn malformed_conditions_are_marked() {
    assert_complaints("malformed_conditions.txt", |text| {
        let mut outcome = read_when(text);
        assert_eq!(
            outcome.policy.take().unwrap().grants.len(),
            0,
            "half a grant was kept: {text}"
        );
        outcome
    });
}

#[test]
fn malformed_files_are_marked() {
    assert_complaints("malformed_files.txt", |case| {
        let (name, text) = case.split_once('\n').unwrap();
        read_one(name, text)
    });
}

#[test]
fn profile_files_are_checked() {
    assert_complaints("profile_files.txt", |text| {
        let files = [("profile.json", text), ("grants.json", r#"{"grants": []}"#)];
        read(
            &files
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
        )
    });
}

/// Reads each block of a file of the corpus and compares the complaints with those behind it.
fn assert_complaints(name: &str, read: impl Fn(&str) -> Outcome) {
    let path = corpus(name);
    let mut blocks = Vec::new();
    for block in fs::read_to_string(&path).unwrap().split("\n\n") {
        let lines: Vec<_> = block
            .trim()
            .lines()
            .filter(|line| !line.starts_with("=> "))
            .collect();
        let text = lines.join("\n");
        let complaints = read(&text).complaints();
        let complaints = complaints.iter().map(|line| format!("\n=> {line}"));
        blocks.push(format!("{text}{}", complaints.collect::<String>()));
    }
    assert_golden(&path, &(blocks.join("\n\n") + "\n"));
}

#[test]
fn reading_goes_on_after_a_mistake() {
    let text = r#"{"rolls": 1, "grants": [
        {"roles": 7, "when": {"_and": [], "a": {"_qe": 1}}, "scope": "my"},
        {"roles": "a", "actions": ["read"]},
        {"roles": ["b", ""], "networks": ["nowhere"]}]}"#;
    let outcome = read_one("grants.json", text);
    let complaints: Vec<_> = outcome.diagnostics.iter().map(|each| each.code.name()).collect();
    let wanted = [
        "unknown-key",
        "wrong-type",
        "empty-group",
        "unknown-operator",
        "unknown-word",
        "empty-id",
        "invalid-network",
    ];
    assert_eq!(complaints, wanted);
    assert_eq!(outcome.policy.unwrap().grants.len(), 1);
}

#[test]
fn the_dialect_is_found_by_its_files() {
    let mut map = SourceMap::new();
    let file = map.add("profile.json".to_owned(), String::new());
    let profile = ProfileFile::without_file("here", Span::new(file, 0, 0));
    let mut diagnostics = Vec::new();
    let found = find_dialect(&profile, &["grants.json", "roles.json"], &mut diagnostics);
    assert_eq!(found.map(|dialect| dialect.name()), Some("native"));
    assert!(find_dialect(&profile, &["readme.md"], &mut diagnostics).is_none());
    assert_eq!(diagnostics[0].code.name(), "no-dialect");
}

#[test]
fn every_dialect_offers_the_default_mode() {
    for dialect in DIALECTS {
        assert!(dialect.modes().contains(&Mode::default()), "{}", dialect.name());
    }
}

/// Words that mean something somewhere, and some that never do.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "*", "same", "any", "mine", "none", "deny", "role", "$NOW", "$CURRENT_USER", "$X", "$$", "", "a", "id", "10.0.0.0/8",
    "2026-01-01T00:00:00Z", "year(a)", "_eq", "_in", "_and",
];

/// Keys that mean something somewhere.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "roles", "grants", "constraints", "collections", "workflows", "states", "transitions", "permissions", "json", "id",
    "except", "actions", "when", "validate", "require", "presets", "approvals", "count", "to", "from", "owner", "fields",
    "title", "title:i18n", "read", "scope", "purge", "groups", "users", "document_grants", "_and", "_or", "_not", "_some",
    "_json", "_eq", "_in", "_between", "_null", "_regex", "$CONTEXT.x", "a", "__b",
];

/// Values that look like parts of a profile, so that they get past the first check.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        proptest::sample::select(WORDS).prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 5, |inner| {
        let key = proptest::sample::select(KEYS).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::hash_map(key, inner, 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_shape_confuses_the_reader(value in any_value(), pick in 0..oracle::FILES.len()) {
        let name = oracle::FILES[pick];
        oracle::check_file(name, &value.to_string());
        let key = name.split('.').next().unwrap();
        let wrapped = serde_json::json!({key: [value]});
        oracle::check_file(name, &wrapped.to_string());
        let good = r#"{"collection": "a", "id": "1", "actions": ["read"], "users": ["u"]}"#;
        for entries in [format!("{good},\n{good}"), format!("{good},\n{value},\n{good}")] {
            let list = format!("{{\"document_grants\": [\n{entries}\n]}}\n");
            oracle::check_file("document_grants.json", &list);
        }
    }
}

#[test]
fn of_a_key_that_stands_twice_nothing_is_promised() {
    let text = r#"{"document_grants": [
  {"collection": "articles", "id": "7", "actions": "read", "actions": [], "users": ["ann"]}]}"#;
    oracle::check_file("document_grants.json", text);
}
