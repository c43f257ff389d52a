//! What must hold for any text whatsoever; shared by the properties here and by the fuzz target.

use placet::source::code::Code;
use placet::source::diagnostic::{Diagnostic, sort};
use placet::source::file::{SourceMap, decode_utf8};
use placet::source::json::{Json, parse};
use placet::source::render::{render_text, to_json};
use serde_json::Value;

/// Checks everything that any bytes must satisfy.
pub(super) fn check_bytes(bytes: &[u8]) {
    let mut map = SourceMap::new();
    match decode_utf8("any.json", bytes.to_vec()) {
        Ok(text) => check_text(&text),
        Err(error) => {
            assert!(std::str::from_utf8(bytes).is_err());
            let diagnostic = error.into_diagnostic(&mut map);
            assert_eq!(map.slice(diagnostic.span), "\u{fffd}");
            check_shown(&[diagnostic], &map);
        }
    }
}

/// Checks that a text is taken exactly if it is JSON without repeated keys, that what was taken means the same when
/// printed and read again, and that what was refused is complained about in a place that can be shown.
pub(super) fn check_text(text: &str) {
    let mut map = SourceMap::new();
    let file = map.add("any.json".to_owned(), text.to_owned());
    let mut diagnostics = Vec::new();
    let tree = parse(file, map.text(file), &mut diagnostics);
    let judge = serde_json::from_str::<Value>(text);
    let Some(tree) = tree else {
        let stricter = |code| {
            matches!(
                code,
                Code::DuplicateKey | Code::NestedTooDeep | Code::FileTooLarge
            )
        };
        assert!(!diagnostics.is_empty(), "refused without a word: {text:?}");
        if !diagnostics.iter().all(|diagnostic| stricter(diagnostic.code)) {
            assert!(judge.is_err(), "refused, and it is JSON: {text:?}");
        }
        sort(&mut diagnostics, &map);
        check_shown(&diagnostics, &map);
        return;
    };
    assert!(diagnostics.is_empty(), "taken, and complained about: {text:?}");
    let value = Value::from(&tree);
    let judge = judge.unwrap_or_else(|error| panic!("taken, and it is not JSON ({error}): {text:?}"));
    assert!(same(&value, &judge), "{value} is not {judge}");
    check_spans(&tree, text);

    let printed = value.to_string();
    let again = parse(file, &printed, &mut diagnostics);
    assert_eq!(again.as_ref().map(Value::from), Some(value), "{printed}");
}

/// Compares values; the other reader may be off by the last bit of a fraction.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || (a - b).abs() <= a.abs().max(f64::MIN_POSITIVE) * 4.0 * f64::EPSILON
        }
        (a, b) => a == b,
    }
}

/// Checks that the text under each span is the value itself.
fn check_spans(tree: &Json, text: &str) {
    let slice = |span: placet::source::span::Span| &text[span.start as usize..span.end as usize];
    let read: Value = serde_json::from_str(slice(tree.span)).unwrap();
    assert!(same(&Value::from(tree), &read), "{read}");
    for member in tree.as_object().unwrap_or_default() {
        let key: String = serde_json::from_str(slice(member.key.span)).unwrap();
        assert_eq!(key, member.key.value);
        check_spans(&member.value, text);
    }
    for value in tree.as_list().unwrap_or_default() {
        check_spans(value, text);
    }
}

fn check_shown(diagnostics: &[Diagnostic], map: &SourceMap) {
    for diagnostic in diagnostics {
        let span = diagnostic.span;
        assert!(
            map.text(span.file)
                .get(span.start as usize..span.end as usize)
                .is_some(),
            "{diagnostic:?}"
        );
        assert!(!diagnostic.message.contains(char::is_control), "{diagnostic:?}");
    }
    let shown = render_text(diagnostics, map, false);
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    for (diagnostic, value) in diagnostics
        .iter()
        .zip(to_json(diagnostics, map).as_array().unwrap())
    {
        assert_eq!(value["code"], diagnostic.code.name());
        assert!(
            shown.contains(&format!("any.json:{}:{}", value["line"], value["column"])),
            "{shown}"
        );
    }
}
