//! Reading JSON: what is refused and where, what is taken and that it means the same as elsewhere, how it is shown.

use placet::source::code::Code;
use placet::source::diagnostic::Diagnostic;
use placet::source::file::SourceMap;
use placet::source::json::{Json, parse};
use placet::source::render::{render_text, to_json};
use placet::source::span::Span;
use placet::vocab::limits::{
    DUPLICATE_KEYS_REPORTED_MAX, EXCERPT_BYTES_MAX, FILE_BYTES_MAX, NESTING_DEPTH_MAX,
};
use proptest::prelude::*;
use serde_json::{Value, json};

mod oracle;

fn read(text: &str) -> (SourceMap, Option<Json>, Vec<Diagnostic>) {
    let mut map = SourceMap::new();
    let file = map.add("news/a.json".to_owned(), text.to_owned());
    let mut diagnostics = Vec::new();
    let tree = parse(file, map.text(file), &mut diagnostics);
    (map, tree, diagnostics)
}

/// The text, then the code, the line and column, the underlined text and the message that are expected.
type Refusal = (&'static str, Code, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const REFUSALS: &[Refusal] = &[
    // Documents.
    ("", Code::InvalidJson, "1:1", "", "the file is empty"),
    ("\r", Code::InvalidJson, "1:2", "", "the file is empty"),
    (" \r\n\t", Code::InvalidJson, "2:2", "", "the file is empty"),
    ("{} {}", Code::TrailingText, "1:4", "{}", "text follows the end of the document"),
    ("[1]\r\n\r\n ]  \r\n", Code::TrailingText, "3:2", "]", "text follows the end of the document"),
    ("1 2", Code::TrailingText, "1:3", "2", "text follows the end of the document"),
    ("{}\n// no", Code::InvalidJson, "2:1", "// no", "comments are not allowed in JSON"),
    ("\u{feff}{}", Code::ByteOrderMark, "1:1", "\u{feff}", "the file begins with a byte order mark"),
    // Lists.
    ("[1,", Code::InvalidJson, "1:4", "", "the file ends before the list is closed"),
    ("[1\n\n", Code::InvalidJson, "1:3", "", "the file ends before the list is closed"),
    ("[1, ]", Code::InvalidJson, "1:3", ",", "a comma after the last value is not allowed"),
    ("[1,, 2]", Code::InvalidJson, "1:4", ",", "expected a value, found `,`"),
    ("[,1]", Code::InvalidJson, "1:2", ",", "expected a value, found `,`"),
    ("[1\r\n 2]", Code::InvalidJson, "1:3", "", "expected `,` or `]` here"),
    ("[1}", Code::InvalidJson, "1:3", "}", "expected `,` or `]`, found `}`"),
    ("]", Code::InvalidJson, "1:1", "]", "expected a value, found `]`"),
    ("[1 : 2]", Code::InvalidJson, "1:4", ":", "expected `,` or `]`, found `:`"),
    // Objects.
    ("{\"a\": 1", Code::InvalidJson, "1:8", "", "the file ends before the object is closed"),
    ("{\"a\":", Code::InvalidJson, "1:6", "", "the file ends before the object is closed"),
    ("{\"a\"", Code::InvalidJson, "1:5", "", "the file ends before the object is closed"),
    ("{\"a\": 1,}", Code::InvalidJson, "1:8", ",", "a comma after the last value is not allowed"),
    ("{\"ä\" 1}", Code::InvalidJson, "1:6", "1", "expected `:` after the key, found `1`"),
    ("{\"a\": }", Code::InvalidJson, "1:7", "}", "expected a value, found `}`"),
    ("{\"a\": 1 \"b\": 2}", Code::InvalidJson, "1:8", "", "expected `,` or `}` here"),
    ("{größe: 1}", Code::InvalidJson, "1:2", "größe", "a key must be in double quotes"),
    ("{'a': 1}", Code::InvalidJson, "1:2", "'a'", "text must be in double quotes"),
    ("{1: 1}", Code::InvalidJson, "1:2", "1", "expected a key, found `1`"),
    ("{null: 1}", Code::InvalidJson, "1:2", "null", "a key must be in double quotes"),
    // Words, comments, strange characters.
    ("[\"é\", True]", Code::InvalidJson, "1:7", "True", "expected a value, found `True`"),
    ("[undefined]", Code::InvalidJson, "1:2", "undefined", "expected a value, found `undefined`"),
    ("[NaN]", Code::InvalidJson, "1:2", "NaN", "expected a value, found `NaN`"),
    ("[nullx]", Code::InvalidJson, "1:2", "nullx", "expected a value, found `nullx`"),
    ("[true_]", Code::InvalidJson, "1:2", "true_", "expected a value, found `true_`"),
    ("[1 // one\n]", Code::InvalidJson, "1:4", "// one", "comments are not allowed in JSON"),
    ("[/* one */ 1]", Code::InvalidJson, "1:2", "/*", "comments are not allowed in JSON"),
    ("# yaml?\na: 1", Code::InvalidJson, "1:1", "# yaml?", "comments are not allowed in JSON"),
    ("[\u{a0}1]", Code::InvalidJson, "1:2", "\u{a0}", "expected a value, found `\u{a0}` (U+00A0)"),
    ("[1\u{b}]", Code::InvalidJson, "1:3", "\u{b}", "expected `,` or `]`, found `\\u{b}` (U+000B)"),
    ("[😀]", Code::InvalidJson, "1:2", "😀", "expected a value, found `😀` (U+1F600)"),
    ("['it', 1]", Code::InvalidJson, "1:2", "'it'", "text must be in double quotes"),
    ("['it\n]", Code::InvalidJson, "1:2", "'it", "text must be in double quotes"),
    // Numbers.
    ("[01]", Code::InvalidJson, "1:2", "01", "a number must not begin with a needless `0`"),
    ("[-01.5]", Code::InvalidJson, "1:2", "-01.5", "a number must not begin with a needless `0`"),
    ("[0xFF]", Code::InvalidJson, "1:2", "0xFF", "hexadecimal numbers are not allowed"),
    ("[+1]", Code::InvalidJson, "1:2", "+1", "a number must not begin with `+`"),
    ("[.5]", Code::InvalidJson, "1:2", ".5", "a number must not begin with its decimal point"),
    ("[5.]", Code::InvalidJson, "1:2", "5.", "expected a digit after the decimal point"),
    ("[-]", Code::InvalidJson, "1:2", "-", "expected a digit after `-`"),
    ("[-Infinity]", Code::InvalidJson, "1:2", "-Infinity", "expected a digit after `-`"),
    ("[1e]", Code::InvalidJson, "1:2", "1e", "expected a digit in the exponent"),
    ("[1e+-2]", Code::InvalidJson, "1:2", "1e+-2", "expected a digit in the exponent"),
    ("[1e999]", Code::InvalidJson, "1:2", "1e999", "the number `1e999` is too large"),
    ("[12px]", Code::InvalidJson, "1:4", "px", "expected `,` or `]`, found `px`"),
    // Text.
    ("[\"a\nb\"]", Code::InvalidJson, "1:2", "\"a", "the text is not closed on its line"),
    ("[\"a\r\nb\"]", Code::InvalidJson, "1:2", "\"a", "the text is not closed on its line"),
    ("[\"a", Code::InvalidJson, "1:2", "\"a", "the text is not closed on its line"),
    ("\"a\\", Code::InvalidJson, "1:3", "\\", "the text is not closed on its line"),
    ("[\"ä\tb\"]", Code::ControlCharacter, "1:4", "\t", "a control character in text must be written as `\\u0009`"),
    ("{\"a\0\": 1}", Code::ControlCharacter, "1:4", "\0", "a control character in text must be written as `\\u0000`"),
    ("\"ö\\x41\"", Code::InvalidJson, "1:3", "\\x", "unknown escape `\\x`"),
    ("\"\\é\"", Code::InvalidJson, "1:2", "\\é", "unknown escape `\\é`"),
    ("\"\\u12g4\"", Code::InvalidJson, "1:2", "\\u12", "expected four hexadecimal digits after `\\u`"),
    ("\"\\u12", Code::InvalidJson, "1:2", "\\u12", "expected four hexadecimal digits after `\\u`"),
    ("\"\\ud800\"", Code::InvalidJson, "1:2", "\\ud800", "the escape `\\ud800` is half of a pair"),
    ("\"\\uDC00x\"", Code::InvalidJson, "1:2", "\\uDC00", "the escape `\\uDC00` is half of a pair"),
    ("\"\\ud83d\\u0041\"", Code::InvalidJson, "1:2", "\\ud83d", "the escape `\\ud83d` is half of a pair"),
    ("\"\\ud83d\\ud83d\"", Code::InvalidJson, "1:2", "\\ud83d", "the escape `\\ud83d` is half of a pair"),
    ("\"\\ud83d\\uZ\"", Code::InvalidJson, "1:8", "\\u", "expected four hexadecimal digits after `\\u`"),
    // Keys that come twice.
    ("{\"a\": 1,\r\n \"a\": 2}", Code::DuplicateKey, "2:2", "\"a\"", "the key `a` comes twice"),
    ("{\"é\": {\"b\": 1, \"\\u0062\": 2}}", Code::DuplicateKey, "1:16", "\"\\u0062\"", "the key `b` comes twice"),
];

#[test]
fn what_is_not_json_is_refused_where_it_stops_being_json() {
    for &(text, code, place, underlined, message) in REFUSALS {
        let (map, tree, diagnostics) = read(text);
        assert!(tree.is_none(), "{text:?} is taken");
        let [diagnostic] = diagnostics.as_slice() else {
            panic!("{text:?}: {diagnostics:?}")
        };
        let found = (
            diagnostic.code,
            map.position(diagnostic.span).to_string(),
            map.slice(diagnostic.span),
        );
        assert_eq!(found, (code, place.to_owned(), underlined), "{text:?}");
        assert_eq!(diagnostic.message, message, "{text:?}");
        oracle::check_text(text);
    }
}

#[test]
fn an_unclosed_bracket_is_labelled() {
    let (map, _, diagnostics) = read("{\"a\": [\n  {\"b\": 1},\n");
    let labels: Vec<_> = diagnostics[0]
        .labels
        .iter()
        .map(|l| (map.position(l.span).to_string(), &*l.message))
        .collect();
    assert_eq!(labels, [("1:7".to_owned(), "the list begins here")]);
    assert_eq!(map.position(diagnostics[0].span).to_string(), "2:12");
}

#[test]
fn every_repeated_key_is_reported_with_the_first_one() {
    for fillers in [0, 40] {
        let fill: String = (0..fillers).map(|n| format!("\"k{n}\": 0, ")).collect();
        let (map, tree, diagnostics) = read(&format!(
            "{{{fill}\"a\": 1, \"b\": {{\"c\": 1, \"c\": 2}}, \"a\": 3, \"a\": 4}}"
        ));
        assert!(tree.is_none());
        let keys: Vec<_> = diagnostics.iter().map(|d| map.slice(d.span)).collect();
        assert_eq!(keys, ["\"c\"", "\"a\"", "\"a\""]);
        let first = diagnostics[1].labels[0].span;
        assert_eq!(diagnostics[2].labels[0].span, first);
        assert!(map.text(first.file)[first.end as usize..].starts_with(": 1, \"b\""));
    }
}

#[test]
fn repeated_keys_are_not_reported_without_end() {
    let (_, tree, diagnostics) = read(&format!("{{{}\"a\": 0}}", "\"a\": 0,".repeat(1000)));
    assert!(tree.is_none());
    assert_eq!(diagnostics.len(), DUPLICATE_KEYS_REPORTED_MAX);
}

#[test]
fn a_byte_order_mark_hides_nothing_else() {
    let (map, tree, diagnostics) = read("\u{feff}{\"a\": 1, \"a\": 2}");
    assert!(tree.is_none());
    let codes: Vec<_> = diagnostics
        .iter()
        .map(|d| (d.code, map.position(d.span).to_string()))
        .collect();
    assert_eq!(
        codes,
        [
            (Code::ByteOrderMark, "1:1".to_owned()),
            (Code::DuplicateKey, "1:11".to_owned())
        ]
    );
}

#[test]
fn nesting_has_a_limit_and_no_depth_overflows_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(NESTING_DEPTH_MAX)).1.is_some());
    for text in [
        nested(NESTING_DEPTH_MAX + 1),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
    ] {
        let (map, tree, diagnostics) = read(&text);
        assert!(tree.is_none());
        assert_eq!(diagnostics[0].code, Code::NestedTooDeep);
        assert!(["[", "{"].contains(&map.slice(diagnostics[0].span)));
        let before = &text[..diagnostics[0].span.start as usize];
        assert_eq!(before.matches(['[', '{']).count(), NESTING_DEPTH_MAX);
    }
    // Brackets within text open nothing.
    assert!(read(&format!("\"{}\"", "[".repeat(1000))).1.is_some());
    // Neither do those that are closed again.
    assert!(read(&format!("[{}[]]", "[],".repeat(1000))).1.is_some());
}

#[test]
fn files_have_a_limit() {
    let full = format!("[{}]", " ".repeat(FILE_BYTES_MAX - 2));
    assert!(read(&full).1.is_some());
    let (_, tree, diagnostics) = read(&format!("{full} "));
    assert!(tree.is_none());
    assert_eq!(
        diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(),
        [Code::FileTooLarge]
    );
    assert_eq!(
        diagnostics[0].message,
        format!(
            "the file has {} bytes, the limit is {FILE_BYTES_MAX}",
            FILE_BYTES_MAX + 1
        )
    );
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_are() {
    let cases: [(&[u8], &str, &str); 4] = [
        (
            b"{\r\n \"\xc3\xa9\xff\": 1}",
            "2:4",
            "the file is not UTF-8 from here on",
        ),
        (b"\xe4", "1:1", "the file is not UTF-8 from here on"),
        (b"\"\xed\xa0\x80\"", "1:2", "the file is not UTF-8 from here on"),
        (b"\xff\xfe[\0]\0", "1:1", "the file is UTF-16, not UTF-8"),
    ];
    for (bytes, place, message) in cases {
        let mut map = SourceMap::new();
        let error = placet::source::file::decode_utf8("news/a.json", bytes.to_vec()).unwrap_err();
        let diagnostic = error.into_diagnostic(&mut map);
        assert_eq!((diagnostic.code, &*diagnostic.message), (Code::NotUtf8, message));
        assert_eq!(map.position(diagnostic.span).to_string(), place);
        assert_eq!(map.path(diagnostic.span.file), "news/a.json");
        oracle::check_bytes(bytes);
    }
}

#[test]
fn a_tree_keeps_order_places_and_literals() {
    let text = "{\"b\": [1.50, -0, 1e2],\n \"a\": {\"\\ud83d\\ude00\\n\": null}, \"t\": true}";
    let (map, tree, diagnostics) = read(text);
    assert_eq!(diagnostics, []);
    let tree = tree.unwrap();
    let keys: Vec<_> = tree
        .as_object()
        .unwrap()
        .iter()
        .map(|m| m.key.value.as_str())
        .collect();
    assert_eq!(keys, ["b", "a", "t"]);
    let literals: Vec<_> = tree
        .get("b")
        .unwrap()
        .as_list()
        .unwrap()
        .iter()
        .map(|n| &*n.as_number().unwrap().literal)
        .collect();
    assert_eq!(literals, ["1.50", "-0", "1e2"]);
    let inner = tree.get("a").unwrap();
    assert_eq!(map.slice(inner.span), "{\"\\ud83d\\ude00\\n\": null}");
    let member = &inner.as_object().unwrap()[0];
    assert_eq!(
        (
            member.key.value.as_str(),
            map.position(member.key.span).to_string()
        ),
        ("😀\n", "2:8".to_owned())
    );
    assert!(member.value.is_null());
    assert_eq!(tree.get("t").unwrap().as_bool(), Some(true));
    assert_eq!(tree.get("missing"), None);
    let kinds: Vec<_> = tree.as_object().unwrap().iter().map(|m| m.value.kind()).collect();
    assert_eq!(kinds, ["a list", "an object", "true or false"]);
}

#[test]
fn people_see_the_place_its_labels_and_the_help() {
    let mut map = SourceMap::new();
    let grants = "{\r\n  \"grants\": [\r\n\t{\"röles\": [\"edtior\"]}\r\n  ]\r\n}\r\n";
    let grants_file = map.add("news/grants.json".to_owned(), grants.to_owned());
    let roles_file = map.add(
        "news/roles.json".to_owned(),
        "{\"roles\": [\"editor\"]}".to_owned(),
    );
    let start = u32::try_from(grants.find("\"edtior\"").unwrap()).unwrap();
    let unknown = Diagnostic::new(
        Code::UnknownRole,
        Span::new(grants_file, start, start + 8),
        "unknown role `edtior`",
    )
    .label(Span::new(roles_file, 11, 19), "roles are declared here")
    .label(Span::new(grants_file, 5, 13), "in this list")
    .help("did you mean `editor`?");
    let expected = "\
error[unknown-role]: unknown role `edtior`
 --> news/grants.json:3:13
  |
2 |   \"grants\": [
  |   -------- in this list
3 |     {\"röles\": [\"edtior\"]}
  |                ^^^^^^^^
  |
 ::: news/roles.json:1:12
  |
1 | {\"roles\": [\"editor\"]}
  |            -------- roles are declared here
  |
  = help: did you mean `editor`?
";
    assert_eq!(render_text(std::slice::from_ref(&unknown), &map, false), expected);
    let colored = render_text(&[unknown], &map, true);
    assert!(
        colored.contains("\u{1b}[") && colored.contains("news/grants.json:3:13"),
        "{colored:?}"
    );
}

#[test]
fn a_long_object_is_underlined_on_its_first_line_only() {
    let (map, tree, _) = read(&format!("[\n  {{\n{}    \"z\": 1\n  }}\n]", "\n".repeat(5000)));
    let object = tree.unwrap().as_list().unwrap()[0].span;
    let missing = Diagnostic::new(Code::DeadEnd, object, "no way out");
    let expected = "\
warning[dead-end]: no way out
 --> news/a.json:2:3
  |
2 |   {
  |   ^
";
    assert_eq!(render_text(&[missing], &map, false), expected);
}

#[test]
fn a_very_long_line_is_cut_and_its_columns_stay_true() {
    let text = format!("[{}x]", "\"é\",".repeat(100_000));
    let (map, _, diagnostics) = read(&text);
    let shown = render_text(&diagnostics, &map, false);
    assert!(
        shown.contains("--> news/a.json:1:400002\n") && shown.len() < 1500,
        "{shown}"
    );
    let (code, carets) = (
        shown.lines().rev().nth(1).unwrap(),
        shown.lines().next_back().unwrap(),
    );
    let column = carets.chars().position(|c| c == '^').unwrap();
    assert_eq!(code.chars().nth(column), Some('x'), "{shown}");
    let excerpt = to_json(&diagnostics, &map)[0]["excerpt"].as_str().unwrap().len();
    assert!((100..=EXCERPT_BYTES_MAX).contains(&excerpt));
}

#[test]
fn nothing_in_a_profile_can_write_to_the_terminal() {
    let (map, _, diagnostics) = read("{\"\u{1b}[2J\u{202e}\": 1}");
    let shown = render_text(&diagnostics, &map, false);
    assert!(
        !shown.contains(['\u{1b}', '\u{202e}']) && shown.contains("␛[2J"),
        "{shown}"
    );
    let (map, _, diagnostics) = read("[\"\u{9b}2J\u{2028}\u{200f}\", x]");
    let shown = render_text(&diagnostics, &map, false);
    assert!(
        shown.contains("1 | [\"¿2J\u{fffd}\u{fffd}\", x]\n  |           ^\n"),
        "{shown}"
    );
    let (map, _, diagnostics) = read("{\"\\u001b[2J\": 1, \"\\u001b[2J\": 2}");
    assert!(render_text(&diagnostics, &map, true).contains("the key `\\u{1b}[2J` comes twice"));
}

#[test]
fn machines_get_every_part() {
    let (map, _, diagnostics) = read("{\"ä\": 1,\r\n \"ä\": 2}");
    let expected = json!([{
        "code": "duplicate-key", "severity": "error", "message": "the key `ä` comes twice", "help": null,
        "file": "news/a.json", "line": 2, "column": 2, "end_line": 2, "end_column": 5, "excerpt": " \"ä\": 2}",
        "labels": [{
            "message": "it comes first here",
            "file": "news/a.json", "line": 1, "column": 2, "end_line": 1, "end_column": 5, "excerpt": "{\"ä\": 1,",
        }],
    }]);
    assert_eq!(to_json(&diagnostics, &map), expected);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Pieces that, in a row, are nearly JSON and now and then JSON.
fn near_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"", "\\", " ", "\n", "\r\n"]),
        8 => prop::sample::select(vec!["\"a\":", "\"b\":", "\"a\"", "\"\\u00e9\"", "[1]", "{}", "1", "null", "true", "false"]),
        4 => prop::sample::select(vec!["-", "+", "0", "1", "9", ".", "e", "E", "-0", "1.5e-3", "12345678901234567890123"]),
        2 => prop::sample::select(vec!["\\u", "\\ud83d", "\\ude00", "d800", "\\n", "\\x", "\\\"", "é", "😀", "\t", "\0", "\u{b}"]),
        1 => prop::sample::select(vec!["//", "/*", "*/", "#", "'", "NaN", "Infinity", "0x", "\u{feff}", "\u{a0}", "\u{2028}"]),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_is_read_back(value in any_value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let (_, tree, diagnostics) = read(&text);
            prop_assert_eq!(diagnostics, []);
            prop_assert_eq!(Value::from(&tree.unwrap()), value.clone());
        }
    }

    #[test]
    fn near_json_is_judged_as_elsewhere(text in near_json()) {
        oracle::check_text(&text);
    }

    #[test]
    fn json_with_one_fault_is_judged_as_elsewhere(value in any_value(), at in any::<prop::sample::Index>(), fault in near_json()) {
        let mut text = value.to_string();
        let at = text.floor_char_boundary(at.index(text.len() + 1));
        text.insert_str(at, &fault);
        oracle::check_text(&text);
        text.truncate(at);
        oracle::check_text(&text);
    }

    #[test]
    fn no_bytes_do_harm(bytes in any::<Vec<u8>>()) {
        oracle::check_bytes(&bytes);
    }
}
