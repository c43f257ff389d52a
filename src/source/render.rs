//! Complaints as people read them, and as machines do.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::source::diagnostic::{Diagnostic, Label, Severity};
use crate::source::file::{SourceMap, to_u32, to_usize};
use crate::source::span::Span;
use crate::vocab::limits::EXCERPT_BYTES_MAX;

/// Renders complaints for people: message, `path:line:column`, the text with its place underlined, and help.
///
/// Control characters, of the profile as of messages, come out as visible signs. With `color` the text carries the
/// escapes of a terminal.
#[must_use]
pub fn render_text(diagnostics: &[Diagnostic], map: &SourceMap, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&renderer.render(&[render_group(diagnostic, map)]));
        text.push('\n');
    }
    text
}

/// Returns complaints for machines, as a list of objects with `code`, `severity`, `message`, `file`, `line`, `column`,
/// `end_line`, `end_column` (of the first character behind the place), `excerpt` (the line), `help` and `labels`.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic], map: &SourceMap) -> Value {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic_to_json(diagnostic, map))
        .collect()
}

fn diagnostic_to_json(diagnostic: &Diagnostic, map: &SourceMap) -> Value {
    let label_to_json = |label: &Label| {
        let mut value = place_to_json(label.span, map);
        value.insert("message".to_owned(), json!(label.message));
        Value::Object(value)
    };
    let mut value = place_to_json(diagnostic.span, map);
    value.insert("code".to_owned(), json!(diagnostic.code.name()));
    value.insert("severity".to_owned(), json!(diagnostic.severity.name()));
    value.insert("message".to_owned(), json!(diagnostic.message));
    value.insert("help".to_owned(), json!(diagnostic.help));
    value.insert(
        "labels".to_owned(),
        diagnostic.labels.iter().map(label_to_json).collect(),
    );
    Value::Object(value)
}

fn place_to_json(span: Span, map: &SourceMap) -> serde_json::Map<String, Value> {
    let (start, end) = (map.position(span), map.end_position(span));
    let excerpt = map.slice(cut_around(span.at_start(), map.line(span), map));
    let places = [
        ("file", json!(map.path(span.file))),
        ("line", json!(start.line)),
        ("column", json!(start.column)),
        ("end_line", json!(end.line)),
        ("end_column", json!(end.column)),
        ("excerpt", json!(excerpt)),
    ];
    places
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One stretch of text to be shown, and the places in it.
struct Window<'d> {
    text: Span,
    marks: Vec<(AnnotationKind, Span, Option<&'d str>)>,
}

fn render_group<'a>(diagnostic: &'a Diagnostic, map: &'a SourceMap) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(
        level
            .primary_title(&diagnostic.message)
            .id(diagnostic.code.name()),
    );
    for window in find_windows(diagnostic, map) {
        let Some((_, first, _)) = window.marks.first() else {
            continue;
        };
        let position = map.position(*first);
        // The place is told apart from the text: a window may begin in the middle of a very long line.
        let origin = Origin::path(map.path(window.text.file));
        let line = |span: Span| usize::try_from(map.position(span).line).unwrap_or(usize::MAX);
        group = group.element(origin.line(line(*first)).char_column(to_usize(position.column)));
        let mut snippet = Snippet::source(map.slice(window.text)).line_start(line(window.text));
        for (kind, span, label) in window.marks {
            let start = to_usize(span.start.saturating_sub(window.text.start));
            let end = to_usize(span.end.saturating_sub(window.text.start));
            snippet = snippet.annotation(kind.span(start..end).label(label));
        }
        group = group.element(snippet);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// Chooses what to show: the line of the complaint, widened by the lines of labels that are near, then the other
/// labels one by one.
fn find_windows<'d>(diagnostic: &'d Diagnostic, map: &SourceMap) -> Vec<Window<'d>> {
    let (text, primary) = first_line(diagnostic.span, map);
    let mut main = Window {
        text,
        marks: vec![(AnnotationKind::Primary, primary, None)],
    };
    let mut others = Vec::new();
    for label in &diagnostic.labels {
        let (text, place) = first_line(label.span, map);
        let mark = (AnnotationKind::Context, place, Some(label.message.as_str()));
        let union = main.text.to(text);
        if text.file == main.text.file && to_usize(union.end - union.start) <= EXCERPT_BYTES_MAX {
            main.text = union;
            main.marks.push(mark);
        } else {
            others.push(Window {
                text,
                marks: vec![mark],
            });
        }
    }
    others.insert(0, main);
    others
}

/// Returns the line of a place, cut if very long, and as much of the place as is in it: an object that lacks a key may
/// span a thousand lines, and its first one says enough.
fn first_line(span: Span, map: &SourceMap) -> (Span, Span) {
    let line = cut_around(span.at_start(), map.line(span), map);
    let start = span.start.min(line.end);
    (line, Span::new(span.file, start, span.end.clamp(start, line.end)))
}

/// Cuts a line that is longer than an excerpt may be down to the neighbourhood of a place in it.
fn cut_around(place: Span, line: Span, map: &SourceMap) -> Span {
    if to_usize(line.end - line.start) <= EXCERPT_BYTES_MAX {
        return line;
    }
    let text = map.text(line.file);
    let half = to_u32(EXCERPT_BYTES_MAX / 2);
    let start = text.ceil_char_boundary(to_usize(place.start.saturating_sub(half).max(line.start)));
    let end = text.floor_char_boundary(to_usize(place.start.saturating_add(half).min(line.end)));
    Span::new(line.file, to_u32(start), to_u32(end))
}
