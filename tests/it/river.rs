//! From the bytes of a profile to its decisions: what holds for any, tried on the samples and on a few odd ones.
//!
//! The fuzz targets `river`, `nick`, `legacy`, `directus` and `condition` ask the same oracle, `decode` asks the one of `wire.rs`,
//! for anything that they can think of.

pub(crate) mod oracle;
pub(crate) mod wire;

use std::fs;
use std::path::Path;

use placet::rpc::proto::v1;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use prost::Message;
use serde_json::{Map, Value, json};

/// Reads a directory of the project as the object of file names and contents that the oracle takes.
fn files_of(directory: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files = Map::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                files.insert(name, Value::String(fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 3, "{directory} holds no profile");
    Value::Object(files).to_string()
}

#[test]
fn the_samples_hold() {
    oracle::check_profile("native", &files_of("policies/newsroom"));
    oracle::check_profile("native", &files_of("policies/editorial"));
    oracle::check_profile("nick", &files_of("policies/site/core"));
    oracle::check_profile("directus-legacy", &files_of("policies/newsroom-legacy"));
    oracle::check_profile("directus", &files_of("policies/magazine"));
}

#[test]
fn every_profile_of_directus_7_and_8_holds() {
    let mut seen = 0;
    for folder in ["dialects/directus-legacy", "diagnostics"] {
        let root = crate::decisions::project("tests/corpus").join(folder);
        for path in walk(&root) {
            let files: Map<String, Value> =
                crate::nick::split_case(&fs::read_to_string(&path).unwrap_or_default())
                    .into_iter()
                    .map(|(name, text)| (name, Value::String(text)))
                    .collect();
            if files.keys().any(|name| name.contains("directus_permissions")) {
                oracle::check_profile("directus-legacy", &Value::Object(files).to_string());
                seen += 1;
            }
        }
    }
    assert!(seen >= 20, "only {seen} profiles");
}

fn walk(root: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_profile_of_another_dialect_is_refused_with_grace() {
    oracle::check_profile("nick", &files_of("policies/newsroom"));
    oracle::check_profile("native", &files_of("policies/site/core"));
    oracle::check_profile("directus-legacy", &files_of("policies/newsroom"));
    oracle::check_profile("native", &files_of("policies/newsroom-legacy"));
    oracle::check_profile("directus", &files_of("policies/newsroom"));
}

#[test]
fn conditions_and_their_opposites_hold() {
    let items = [
        json!({}),
        json!({"a": null}),
        json!({"a": 1, "b": "x"}),
        json!({"a": [{"b": 1}, {"b": 2}]}),
    ];
    let conditions = [
        json!({"a": 1}),
        json!({"a": {"_neq": 1}}),
        json!({"a": {"_null": true}}),
        json!({"a": {"b": {"_gt": 1}}}),
        json!({"a": {"_some": {"b": 2}}}),
        json!({"a": {"_none": {"b": 3}}}),
        json!({"_or": [{"a": {"_in": [1, 2]}}, {"b": {"_contains": "$CURRENT_USER"}}]}),
        json!({"$CONTEXT.mode": {"_in": ["draft", "published"]}}),
    ];
    for item in &items {
        for when in &conditions {
            for context in [json!({}), json!({"mode": "draft"})] {
                let case = json!({"when": when, "item": item, "context": context});
                oracle::check_condition(&case.to_string());
            }
        }
    }
}

#[test]
fn requests_of_all_kinds_are_answered_alike_twice() {
    let resource = v1::Resource {
        collection: "articles".to_owned(),
        id: "7".to_owned(),
        state: "draft".to_owned(),
        ..v1::Resource::default()
    };
    let check = v1::CheckRequest {
        action: "update".to_owned(),
        resource: Some(resource),
        ..v1::CheckRequest::default()
    };
    let encoded = check.encode_to_vec();
    let mut answered = 0;
    for call in 0..wire::CALLS {
        let bytes: Vec<u8> = [call].into_iter().chain(encoded.iter().copied()).collect();
        answered += usize::from(wire::check_request(&bytes));
        // Cut off anywhere it is another request, or none.
        for end in 0..bytes.len() {
            wire::check_request(&bytes[..end]);
        }
    }
    assert!(answered >= 3, "only {answered} calls understood the request");
}

/// A request with something in every field, which any call can be asked with.
fn rich() -> Vec<u8> {
    let request = json!({
        "profile": "newsroom", "explain": true, "action": "update", "to_state": "review",
        "subject": {"id": "7", "roles": ["staff", "intern"], "groups": ["desk"], "attributes": {"a": [1, null, {"b": true}]}},
        "context": {
            "ip": "192.0.2.1", "now": "2026-03-01T12:00:00Z", "explanation": "because", "comment_author_id": "7",
            "approvals": [{"subject_id": "8", "roles": ["chief"], "transition": "publish"}], "attributes": {"mode": "draft"},
        },
        "resource": {
            "collection": "articles", "id": "1", "state": "draft", "owner": {"id": "7", "roles": ["staff"]},
            "attributes": {"title": "T", "n": 1.5, "list": ["x", []], "none": {}}, "content_digest": "d",
            "local_roles": [{"subject_id": "7", "roles": ["editor"]}, {"group": "desk", "roles": ["editor"]}],
            "ancestors": [{"id": "0", "local_roles": [{"group": "desk", "roles": ["editor"]}], "block_inheritance": true}],
        },
        "fields": ["title"], "changes": {"title": "U"}, "filter_fields": ["title"],
    });
    let request: v1::CheckRequest = placet::rpc::json::from_json("CheckRequest", &request).unwrap();
    request.encode_to_vec()
}

proptest! {
    #[test]
    fn a_request_that_was_tampered_with_is_read_as_others_read_it(
        call in 0..wire::CALLS,
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<proptest::sample::Index>(),
        again in any::<bool>(),
    ) {
        let mut bytes = rich();
        if again {
            // Said twice, a message is its two halves laid over each other.
            let whole = bytes.clone();
            bytes.extend(&whole[..cut.index(whole.len())]);
        }
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.insert(0, call);
        wire::check_request(&bytes);
    }

    #[test]
    fn any_bytes_are_a_request_or_none(bytes in vec(any::<u8>(), 0..200)) {
        wire::check_request(&bytes);
    }
}

#[test]
fn what_no_longer_counts_is_a_message_all_the_same() {
    // The context of a request, with the entry `mode` of its attributes.
    let context = |value: &[u8]| {
        let field = |number: u8, bytes: &[u8]| {
            let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
            field.extend(bytes);
            field
        };
        let entry = [field(1, b"mode"), field(2, value)].concat();
        field(3, &field(6, &field(1, &entry)))
    };
    // A text, one that is longer than what it stands in, and an object with such a text that becomes a text.
    let (good, broken) = ([26, 1, 120], [26, 9, 120]);
    let replaced = [42, 9, 10, 7, 10, 0, 18, 3, 26, 9, 120, 26, 1, 120];
    let mut request: v1::CheckRequest = v1::CheckRequest::decode(rich().as_slice()).unwrap();
    request.context = None;
    for (first, is_message) in [(&good[..], true), (&broken, false), (&replaced, false)] {
        let mut bytes = request.encode_to_vec();
        bytes.extend(context(first));
        bytes.extend(context(&good));
        for call in 0..wire::CALLS {
            let mut bytes = bytes.clone();
            bytes.insert(0, call);
            // It compares what both readers make of it.
            wire::check_request(&bytes);
        }
        assert_eq!(v1::CheckRequest::decode(bytes.as_slice()).is_ok(), is_message);
    }
}
