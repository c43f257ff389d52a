//! How Nick lays a later entry over an earlier one: key by key, and lists index by index.
//!
//! The rules are those of the `merge` that Nick calls: a list is an object with the keys 0, 1, 2 …, so it never gets
//! shorter; `null` replaces and an absent key changes nothing. Each value keeps the place where it was written, so a
//! complaint about a merged list points at the layer that wrote the element.

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::Spanned;
use crate::vocab::limits::MERGED_LIST_MAX;

/// Keys that the merge passes over, because JavaScript gives them a meaning of their own.
const SKIPPED: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Returns the document as Nick sees it: every key without its `:i18n`, of two keys that then are one the later.
pub(super) fn strip_i18n(json: &Json) -> Json {
    let node = match &json.node {
        Node::Null => Node::Null,
        Node::Bool(value) => Node::Bool(*value),
        Node::Number(number) => Node::Number(number.clone()),
        Node::Text(text) => Node::Text(text.clone()),
        Node::List(values) => Node::List(values.iter().map(strip_i18n).collect()),
        Node::Object(members) => Node::Object(strip_members(members)),
    };
    Json {
        span: json.span,
        node,
    }
}

fn strip_members(members: &[Member]) -> Vec<Member> {
    let suffixed = members.iter().any(|member| member.key.value.ends_with(":i18n"));
    let mut stripped: Vec<Member> = Vec::with_capacity(members.len());
    for member in members {
        let name = member
            .key
            .value
            .strip_suffix(":i18n")
            .unwrap_or(&member.key.value);
        let key = Spanned {
            value: name.to_owned(),
            span: member.key.span,
        };
        let next = Member {
            key,
            value: strip_i18n(&member.value),
        };
        // Only a suffix can make two keys one; without any, big objects need no search.
        let same = if suffixed {
            find_mut(&mut stripped, name)
        } else {
            None
        };
        match same {
            Some(earlier) => *earlier = next,
            None => stripped.push(next),
        }
    }
    stripped
}

/// Lays `overlay` over `base`; both must be objects or lists, anything else stays as it is.
pub(super) fn merge(base: &mut Json, overlay: &Json, diagnostics: &mut Vec<Diagnostic>) {
    let base_span = base.span;
    match (&mut base.node, &overlay.node) {
        (Node::Object(members), Node::Object(over)) => {
            for member in over {
                merge_member(members, &member.key, &member.value, diagnostics);
            }
        }
        (Node::Object(members), Node::List(values)) => {
            for (index, value) in values.iter().enumerate() {
                let key = Spanned {
                    value: index.to_string(),
                    span: value.span,
                };
                merge_member(members, &key, value, diagnostics);
            }
        }
        (Node::List(items), Node::List(values)) => {
            if values.len() < items.len() {
                let rest = items.len() - values.len();
                let message = format!(
                    "the list is {rest} shorter than the one it is laid over, whose end stays in place"
                );
                diagnostics.push(
                    Diagnostic::new(Code::MergeShortens, overlay.span, message)
                        .label(base_span, "the longer list")
                        .help("Nick merges lists index by index; `null` in place of the list empties it"),
                );
            }
            for (index, value) in values.iter().enumerate() {
                merge_element(items, index, value, diagnostics);
            }
        }
        (Node::List(items), Node::Object(over)) => {
            for member in over {
                merge_into_list(items, member, diagnostics);
            }
        }
        (Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_), _)
        | (_, Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_)) => {}
    }
}

fn merge_member(
    members: &mut Vec<Member>,
    key: &Spanned<String>,
    value: &Json,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if SKIPPED.contains(&key.value.as_str()) {
        return;
    }
    match find_mut(members, &key.value) {
        Some(member) => {
            if !is_container(&member.value) || !is_container(value) {
                // The key goes with the value that counts, so that both are told from the same layer.
                member.key.span = key.span;
            }
            merge_value(&mut member.value, value, diagnostics);
        }
        None => members.push(Member {
            key: key.clone(),
            value: copy(value),
        }),
    }
}

/// An object over a list reaches the elements by their numbers; its other keys are lost when Nick stores the list.
fn merge_into_list(items: &mut Vec<Json>, member: &Member, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(index) = array_index(&member.key.value) {
        if index < MERGED_LIST_MAX {
            merge_element(items, index, &member.value, diagnostics);
            return;
        }
    } else if member.key.value != "length" {
        return;
    }
    let message = format!("{} cannot be laid over a list", quote(&member.key.value));
    diagnostics.push(Diagnostic::new(Code::Unsupported, member.key.span, message));
}

fn merge_element(items: &mut Vec<Json>, index: usize, value: &Json, diagnostics: &mut Vec<Diagnostic>) {
    while items.len() < index {
        items.push(Json {
            span: value.span,
            node: Node::Null,
        });
    }
    match items.get_mut(index) {
        Some(item) => merge_value(item, value, diagnostics),
        None => items.push(copy(value)),
    }
}

fn merge_value(target: &mut Json, value: &Json, diagnostics: &mut Vec<Diagnostic>) {
    if is_container(target) && is_container(value) {
        merge(target, value, diagnostics);
    } else {
        *target = copy(value);
    }
}

/// Copies as the merge does: what it passes over is not in the copy.
fn copy(value: &Json) -> Json {
    let node = match &value.node {
        Node::Null => Node::Null,
        Node::Bool(value) => Node::Bool(*value),
        Node::Number(number) => Node::Number(number.clone()),
        Node::Text(text) => Node::Text(text.clone()),
        Node::List(values) => Node::List(values.iter().map(copy).collect()),
        Node::Object(members) => Node::Object(
            members
                .iter()
                .filter(|member| !SKIPPED.contains(&member.key.value.as_str()))
                .map(|member| Member {
                    key: member.key.clone(),
                    value: copy(&member.value),
                })
                .collect(),
        ),
    };
    Json {
        span: value.span,
        node,
    }
}

fn is_container(json: &Json) -> bool {
    matches!(json.node, Node::List(_) | Node::Object(_))
}

fn find_mut<'m>(members: &'m mut [Member], key: &str) -> Option<&'m mut Member> {
    members.iter_mut().find(|member| member.key.value == key)
}

/// Returns the number that a key is, if JavaScript takes it for the index of a list: digits without a leading zero.
pub(super) fn array_index(key: &str) -> Option<usize> {
    if key.is_empty()
        || !key.bytes().all(|byte| byte.is_ascii_digit())
        || (key.len() > 1 && key.starts_with('0'))
    {
        return None;
    }
    key.parse::<u32>()
        .ok()
        .filter(|&index| index < u32::MAX)
        .and_then(|index| usize::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::json::parse;
    use crate::source::span::FileId;

    fn read(text: &str) -> Json {
        let mut diagnostics = Vec::new();
        let json = parse(FileId::new(0), text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        json.unwrap()
    }

    fn merged(base: &str, overlay: &str) -> (String, Vec<Code>) {
        let mut base = read(&format!("{{\"x\":{base}}}"));
        let mut diagnostics = Vec::new();
        merge(
            &mut base,
            &read(&format!("{{\"x\":{overlay}}}")),
            &mut diagnostics,
        );
        let codes = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        (serde_json::Value::from(base.get("x").unwrap()).to_string(), codes)
    }

    #[test]
    fn lists_merge_by_index_and_never_get_shorter() {
        let cases = [
            (
                r#"["publish","submit"]"#,
                r#"["submit"]"#,
                r#"["submit","submit"]"#,
                true,
            ),
            (
                r#"["View","Modify"]"#,
                r#"["View"]"#,
                r#"["View","Modify"]"#,
                true,
            ),
            (r#"["View"]"#, r#"["Modify"]"#, r#"["Modify"]"#, false),
            (r#"["View","Modify"]"#, "[]", r#"["View","Modify"]"#, true),
            (r#"["View","Modify"]"#, "null", "null", false),
            (r#"["a"]"#, r#"["b","c"]"#, r#"["b","c"]"#, false),
            (r#"["a"]"#, r#"[null]"#, "[null]", false),
            (r#"[{"a":1}]"#, r#"[{"b":2}]"#, r#"[{"a":1,"b":2}]"#, false),
            (r#"[{"a":1}]"#, r#"["b"]"#, r#"["b"]"#, false),
            (r#"["a"]"#, r#"[["b"]]"#, r#"[["b"]]"#, false),
            (r#"["a"]"#, r#"{"b":1}"#, r#"["a"]"#, false),
            (r#"["a"]"#, r#"{"0":"z","2":"y"}"#, r#"["z",null,"y"]"#, false),
            (r#"{"a":1}"#, r#"["z"]"#, r#"{"a":1,"0":"z"}"#, false),
            (r#"{"0":1}"#, r#"["z"]"#, r#"{"0":"z"}"#, false),
            ("1", r#"["z"]"#, r#"["z"]"#, false),
            ("null", r#"{"a":[]}"#, r#"{"a":[]}"#, false),
            (
                r#"{"a":{"b":1}}"#,
                r#"{"a":{"c":2}}"#,
                r#"{"a":{"b":1,"c":2}}"#,
                false,
            ),
            (r#"{"a":1}"#, r#"{"a":null}"#, r#"{"a":null}"#, false),
            (
                r#"{"a":1}"#,
                r#"{"constructor":{"b":1},"__proto__":2,"prototype":3}"#,
                r#"{"a":1}"#,
                false,
            ),
            ("1", r#"{"prototype":3,"b":1}"#, r#"{"b":1}"#, false),
        ];
        for (base, overlay, expected, shortens) in cases {
            let (text, codes) = merged(base, overlay);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            assert_eq!(value, expected, "{base} <- {overlay}");
            let warnings: &[Code] = if shortens { &[Code::MergeShortens] } else { &[] };
            assert_eq!(codes, warnings, "{base} <- {overlay}");
        }
    }

    #[test]
    fn what_no_list_can_hold_is_refused() {
        assert_eq!(merged(r#"["a"]"#, r#"{"4294967294":"z"}"#).1, [Code::Unsupported]);
        assert_eq!(merged(r#"["a"]"#, r#"{"length":0}"#).1, [Code::Unsupported]);
    }

    #[test]
    fn a_later_key_of_two_that_are_one_counts() {
        let json = strip_i18n(&read(
            r#"{"title":"a","x":1,"title:i18n":"b","l":[{"k:i18n":{"Editor:i18n":2}}]}"#,
        ));
        let value = serde_json::Value::from(&json);
        assert_eq!(
            value,
            serde_json::json!({"title": "b", "x": 1, "l": [{"k": {"Editor": 2}}]})
        );
        let json = strip_i18n(&read(r#"{"title:i18n":"b","title":"a"}"#));
        assert_eq!(serde_json::Value::from(&json), serde_json::json!({"title": "a"}));
    }

    #[test]
    fn only_canonical_numbers_are_indices() {
        assert_eq!(array_index("0"), Some(0));
        assert_eq!(array_index("10"), Some(10));
        for key in ["", "01", "-1", "1.0", "a", "4294967295", " 1"] {
            assert_eq!(array_index(key), None, "{key}");
        }
    }
}
