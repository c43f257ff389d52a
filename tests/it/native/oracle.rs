//! What holds for the native dialect whatever the files say; the fuzz target asks it, too.

use placet::dialect::document::{DocumentFile, DocumentPiece, Form, read_document_grants};
use placet::dialect::profile::ProfileFile;
use placet::dialect::{DIALECTS, Input, Layer, LayerFile};
use placet::policy::Policy;
use placet::policy::document::DocumentGrants;
use placet::source::code::Code;
use placet::source::diagnostic::Diagnostic;
use placet::source::file::SourceMap;
use placet::source::json::{parse, parse_lines};
use placet::source::span::FileId;
use placet::vocab::sheet::Grantee;

/// The files of a layer, and the profile file.
pub(crate) const FILES: [&str; 10] = [
    "profile.json",
    "roles.json",
    "groups.json",
    "users.json",
    "permissions.json",
    "collections.json",
    "workflows.json",
    "grants.json",
    "document_grants.json",
    "document_grants.jsonl",
];

/// Reads a file of a native profile, and checks that complaints point into its text and come out the same twice.
pub(crate) fn check_file(name: &str, text: &str) {
    let mut map = SourceMap::new();
    let file = map.add(name.to_owned(), text.to_owned());
    let mut diagnostics = Vec::new();
    let read = if name.ends_with(".jsonl") {
        parse_lines
    } else {
        parse
    };
    if name.starts_with("document_grants") {
        let file = document_file(name, file, text);
        let (grants, first) = read_documents(&file);
        check_complaints(text, &first);
        assert_eq!(first, read_documents(&file).1);
        // Of a key that stands twice the others take the last, and a file with one is refused.
        let is_plain = first.iter().all(|each| each.code != Code::DuplicateKey);
        check_rows(&map, text, &grants, is_plain);
        if name == "document_grants.json" {
            check_stretches(text, &grants, first.is_empty());
        }
        return;
    }
    let Some(json) = read(file, text, &mut diagnostics) else {
        return;
    };
    let file = LayerFile {
        name,
        json: &json,
        file,
    };
    let (_, first) = read_layer(&file);
    check_complaints(text, &first);
    assert_eq!(first, read_layer(&file).1);
}

fn check_complaints(text: &str, complaints: &[Diagnostic]) {
    for diagnostic in complaints {
        let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
        assert!(text.get(start..end).is_some(), "{diagnostic:?} points at no text");
        let lines = diagnostic.message.lines().count();
        assert!(
            lines == 1,
            "the message has {lines} lines: {}",
            diagnostic.message
        );
    }
}

/// A list that is cut wherever an entry and its comma end a line says what it says as a whole.
fn check_stretches(text: &str, whole: &DocumentGrants, is_good: bool) {
    let begin: String = text
        .chars()
        .filter(|each| !each.is_ascii_whitespace())
        .take(20)
        .collect();
    let end: String = text
        .chars()
        .rev()
        .filter(|each| !each.is_ascii_whitespace())
        .take(2)
        .collect();
    if begin != "{\"document_grants\":[" || end != "}]" {
        return;
    }
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        let last = parts.last_mut().expect("there is one at least");
        last.push_str(line);
        if line.ends_with('\n') && line.trim_ascii_end().ends_with("},") {
            parts.push(String::new());
        }
    }
    if parts.len() < 2 || parts.last().is_some_and(String::is_empty) {
        return;
    }
    let (mut map, mut pieces, mut lines) = (SourceMap::new(), Vec::new(), 0);
    for (number, part) in parts.iter().enumerate() {
        pieces.push(DocumentPiece {
            form: Form::Stretch {
                begins: number == 0,
                ends: number + 1 == parts.len(),
            },
            file: map.add_piece("document_grants.json".into(), part.as_str().into(), lines),
            digest: [0; 32],
            text: part.as_str().into(),
            known: None,
        });
        lines += u32::try_from(part.matches('\n').count()).expect("a short text");
    }
    let name = "document_grants.json".to_owned();
    let (grants, complaints) = read_documents(&DocumentFile { name, pieces });
    assert_eq!(complaints.is_empty(), is_good, "{complaints:?}");
    let spell = |grants: &DocumentGrants| -> Vec<_> {
        let ids = grants
            .iter()
            .map(|grant| (grant.collection.value, grant.document.value));
        ids.collect()
    };
    assert!(!is_good || spell(&grants) == spell(whole));
}

/// Makes a file of grants on documents of one piece.
pub(crate) fn document_file(name: &str, file: FileId, text: &str) -> DocumentFile {
    DocumentFile {
        name: name.to_owned(),
        pieces: vec![DocumentPiece {
            form: if name.ends_with(".jsonl") {
                Form::Lines
            } else {
                Form::Whole
            },
            file,
            digest: [0; 32],
            text: text.into(),
            known: None,
        }],
    }
}

fn read_documents(file: &DocumentFile) -> (DocumentGrants, Vec<Diagnostic>) {
    let (mut grants, mut diagnostics) = (DocumentGrants::default(), Vec::new());
    let layers = [Layer {
        name: "",
        files: Vec::new(),
        scripts: Vec::new(),
        documents: std::slice::from_ref(file),
    }];
    read_document_grants(&layers, &mut grants, &mut diagnostics);
    (grants, diagnostics)
}

/// What is packed knows its line and column, and is what JSON says, if all keys stand once.
fn check_rows(map: &SourceMap, text: &str, grants: &DocumentGrants, is_plain: bool) {
    for part in grants.parts() {
        for row in part.sheet.rows() {
            let position = map.position(part.span(row.start, row.start));
            assert_eq!((row.line + 1, row.column), (position.line, position.column));
            if !is_plain {
                continue;
            }
            let rest = text
                .get(row.start as usize..)
                .expect("it begins with a character");
            let value = serde_json::Deserializer::from_str(rest)
                .into_iter::<serde_json::Value>()
                .next();
            // Numbers that are none for others, and halves of pairs, are refused before.
            let Some(Ok(value)) = value else { continue };
            assert_eq!(value["id"], part.sheet.document(row));
            let kind = part.sheet.kind(row).expect("a row has a kind");
            assert_eq!(value["collection"], kind.collection().name);
            assert_eq!(value["descendants"] == true, kind.descendants());
            let names = |key: &str| match &value[key] {
                serde_json::Value::String(name) => vec![name.clone()],
                serde_json::Value::Array(names) => names
                    .iter()
                    .map(|name| name.as_str().unwrap_or_default().to_owned())
                    .collect(),
                _ => Vec::new(),
            };
            let actions: Vec<_> = kind.actions().map(|action| action.name.to_owned()).collect();
            assert_eq!(names("actions"), actions);
            let (mut users, mut groups) = (Vec::new(), Vec::new());
            for holder in part.sheet.holders(row) {
                match holder {
                    Grantee::User(id) => users.push(id.to_owned()),
                    Grantee::Group(name) => groups.push(name.to_owned()),
                }
            }
            assert_eq!((names("users"), names("groups")), (users, groups));
        }
    }
}

fn read_layer(file: &LayerFile<'_>) -> (Option<Policy>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let profile = match file.name {
        "profile.json" => ProfileFile::read("fuzz", file.json, &mut diagnostics),
        _ => ProfileFile::without_file("fuzz", file.json.span.at_start()),
    };
    let native = DIALECTS
        .iter()
        .find(|dialect| dialect.name() == "native")
        .expect("it is in the table");
    profile.check(*native, &mut diagnostics);
    let layers = [Layer {
        name: "",
        files: vec![*file],
        scripts: Vec::new(),
        documents: &[],
    }];
    let input = Input {
        profile: &profile,
        bases: &[],
        layers: &layers,
    };
    let policy = native.read(&input, &mut diagnostics);
    assert!(policy.is_some(), "the reader gave up");
    (policy, diagnostics)
}
