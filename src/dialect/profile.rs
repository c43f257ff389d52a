//! The profile file: what a profile says about itself.

use crate::policy::Title;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member};
use crate::source::span::{Span, Spanned};

use super::reader::{self, Keys};
use super::{DIALECTS, Dialect, Mode};

/// Holds what `profile.json` says, or what holds without one.
#[derive(Clone, Debug)]
pub struct ProfileFile {
    /// The id, by default the name of the directory.
    pub id: String,
    /// A title for people.
    pub title: Title,
    /// The dialect, if it is named.
    pub dialect: Option<Spanned<String>>,
    /// How closely the CMS is followed.
    pub mode: Mode,
    /// Where the mode is written, if it is.
    pub mode_span: Option<Span>,
    /// Ids of the profiles that this one lies over, in order.
    pub extends: Vec<Spanned<String>>,
    /// Names of the directories inside this one that hold the files, in order; none: the directory itself.
    pub layers: Vec<Spanned<String>>,
    /// Everything that only some dialects know, unread.
    pub settings: Vec<Member>,
    /// The place for what concerns the profile as a whole.
    pub origin: Span,
}

impl ProfileFile {
    /// Returns what holds for a directory without a profile file.
    pub fn without_file(directory: &str, origin: Span) -> Self {
        Self {
            id: directory.to_owned(),
            title: Title::default(),
            dialect: None,
            mode: Mode::default(),
            mode_span: None,
            extends: Vec::new(),
            layers: Vec::new(),
            settings: Vec::new(),
            origin,
        }
    }

    /// Reads `profile.json` of a directory of this name.
    pub fn read(directory: &str, json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut profile = Self::without_file(directory, json.span.at_start());
        let Some(mut keys) = Keys::open(json, "a profile file", diagnostics) else {
            return profile;
        };
        keys.text("$schema", diagnostics);
        if let Some(id) = keys.id("id", diagnostics) {
            profile.id = id.value;
        }
        profile.title = keys.titles(diagnostics).0;
        profile.dialect = keys.text("dialect", diagnostics);
        if let Some(json) = keys.optional("mode") {
            profile.mode_span = Some(json.span);
            profile.mode = read_mode(json, diagnostics).unwrap_or_default();
        }
        profile.extends = keys.ids("extends", diagnostics).unwrap_or_default();
        profile.layers = keys.ids("layers", diagnostics).unwrap_or_default();
        profile.layers.retain(|layer| check_layer(layer, diagnostics));
        profile.settings = keys.rest().cloned().collect();
        profile
    }

    /// Checks what only a dialect can: whether it offers the mode and knows the remaining keys.
    pub fn check(&self, dialect: &dyn Dialect, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(span) = self.mode_span.filter(|_| !dialect.modes().contains(&self.mode)) {
            let (name, mode) = (quote(dialect.name()), quote(self.mode.name()));
            let message = format!("the dialect {name} has no mode {mode}");
            diagnostics.push(Diagnostic::new(Code::UnknownMode, span, message));
        }
        for member in &self.settings {
            let key = &member.key;
            if dialect.settings().contains(&key.value.as_str()) {
                continue;
            }
            let known = COMMON_KEYS.iter().chain(dialect.settings()).copied();
            let mut diagnostic = reader::unknown_key(key, "a profile file", known);
            let elsewhere = DIALECTS
                .iter()
                .find(|other| other.settings().contains(&key.value.as_str()));
            if let Some(other) = elsewhere {
                let (key, name) = (quote(&key.value), quote(other.name()));
                diagnostic.help = Some(format!("{key} belongs to the dialect {name}"));
            }
            diagnostics.push(diagnostic);
        }
    }

    /// Returns the value of a setting that only some dialects know.
    pub fn setting(&self, key: &str) -> Option<&Json> {
        self.settings
            .iter()
            .find(|member| member.key.value == key)
            .map(|member| &member.value)
    }
}

/// The keys that every profile file may have.
const COMMON_KEYS: &[&str] = &[
    "$schema",
    "id",
    "title",
    "description",
    "dialect",
    "mode",
    "extends",
    "layers",
];

fn read_mode(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Mode> {
    let word = reader::read_text(json, "`mode`", diagnostics)?;
    let mode = Mode::ALL.into_iter().find(|mode| mode.name() == word.value);
    if mode.is_none() {
        let message = format!("there is no mode {}", quote(&word.value));
        let help = "the modes are `strict` (what the CMS documents) and `exact` (what it does)";
        diagnostics.push(Diagnostic::new(Code::UnknownMode, word.span, message).help(help));
    }
    mode
}

/// A layer lies inside the profile: no path may lead out of it.
fn check_layer(layer: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', ':']);
    let inside = layer.value.split('/').all(plain);
    if !inside {
        let message = format!("{} is no directory inside the profile", quote(&layer.value));
        diagnostics.push(Diagnostic::new(Code::MissingDirectory, layer.span, message));
    }
    inside
}
