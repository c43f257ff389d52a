//! Complaints as people read them, and as machines do.

use std::borrow::Cow;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
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
        text.push_str(&renderer.render(&render_groups(diagnostic, map)));
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
    let excerpt = map.slice(cut_around(span, map));
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
    /// A window may begin in the middle of a very long line.
    cut: bool,
    marks: Vec<(AnnotationKind, Span, Option<&'d str>)>,
}

fn render_groups<'a>(diagnostic: &'a Diagnostic, map: &'a SourceMap) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .clone()
        .primary_title(&diagnostic.message)
        .id(diagnostic.code.name());
    let mut groups = Vec::new();
    let mut group = Group::with_title(title);
    for window in find_windows(diagnostic, map) {
        let snippet = render_window(&window, map);
        if window.cut {
            // The renderer would count the column from where the window begins. It counts none in a group of its own
            // that has no path.
            let place = window.marks.first().map_or(window.text, |(_, place, _)| *place);
            let position = map.position(place);
            let origin = Origin::path(tame(map.path(place.file))).line(to_usize(position.line));
            groups.push(group.element(origin.char_column(to_usize(position.column))));
            group = Group::with_level(level.clone()).element(snippet);
        } else {
            group = group.element(snippet.path(tame(map.path(window.text.file))));
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(tame(help)));
    }
    groups.push(group);
    groups
}

fn render_window<'a>(window: &Window<'a>, map: &'a SourceMap) -> Snippet<'a, Annotation<'a>> {
    let line = to_usize(map.position(window.text).line);
    let offset = |offset: u32| to_usize(offset.saturating_sub(window.text.start));
    let marks = window.marks.iter();
    let annotations = marks.map(|(kind, place, label)| {
        kind.span(offset(place.start)..offset(place.end))
            .label(label.map(tame))
    });
    Snippet::source(tame(map.slice(window.text)))
        .line_start(line)
        .annotations(annotations)
}

/// Replaces characters that could command a terminal and that the renderer lets through, byte for byte as long so that
/// places stay where they are. All others it makes visible itself.
fn tame(text: &str) -> Cow<'_, str> {
    let stand_in = |character: char| match character {
        '\u{80}'..='\u{9f}' => '¿',
        '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        _ => character,
    };
    if text.chars().any(|character| stand_in(character) != character) {
        text.chars().map(stand_in).collect()
    } else {
        Cow::Borrowed(text)
    }
}

/// Chooses what to show: the line of the complaint, widened by the lines of labels that are near, then the other
/// labels one by one.
fn find_windows<'d>(diagnostic: &'d Diagnostic, map: &SourceMap) -> Vec<Window<'d>> {
    let mut main = open_window(AnnotationKind::Primary, diagnostic.span, None, map);
    let mut others = Vec::new();
    for label in &diagnostic.labels {
        let mut other = open_window(AnnotationKind::Context, label.span, Some(&label.message), map);
        let union = main.text.to(other.text);
        let near =
            main.text.file == other.text.file && to_usize(union.end - union.start) <= EXCERPT_BYTES_MAX;
        if near && !main.cut && !other.cut {
            main.text = union;
            main.marks.append(&mut other.marks);
        } else {
            others.push(other);
        }
    }
    others.insert(0, main);
    others
}

/// Opens a window on the line of a place, with as much of the place as is in it: an object that lacks a key may span a
/// thousand lines, and its first one says enough.
fn open_window<'d>(kind: AnnotationKind, place: Span, label: Option<&'d str>, map: &SourceMap) -> Window<'d> {
    let text = cut_around(place, map);
    let start = place.start.min(text.end);
    let place = Span::new(place.file, start, place.end.clamp(start, text.end));
    Window {
        text,
        cut: text.start != map.line(place).start,
        marks: vec![(kind, place, label)],
    }
}

/// Returns the line of a place, cut down to the neighbourhood of the place if it is longer than an excerpt may be.
fn cut_around(place: Span, map: &SourceMap) -> Span {
    let line = map.line(place);
    if to_usize(line.end - line.start) <= EXCERPT_BYTES_MAX {
        return line;
    }
    let text = map.text(line.file);
    let half = to_u32(EXCERPT_BYTES_MAX / 2);
    let start = text.ceil_char_boundary(to_usize(place.start.saturating_sub(half).max(line.start)));
    let end = text.floor_char_boundary(to_usize(place.start.saturating_add(half).min(line.end)));
    Span::new(line.file, to_u32(start), to_u32(end))
}
