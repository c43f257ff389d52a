//! What every dialect needs to read a tree of JSON: keys that must or may be there, and values of a wanted shape.
//!
//! A function that returns `None` has said why, unless the thing is simply not there. Null is a value like any other.

use crate::policy::{Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::network::Network;

use super::selector::{read_networks, read_selector};
use super::word::{read_title, read_word};

/// Reads the keys of one object, and knows afterwards which were never asked for.
#[derive(Clone, Debug)]
pub(super) struct Keys<'j> {
    what: &'static str,
    span: Span,
    members: &'j [Member],
    asked: Vec<&'static str>,
}

impl<'j> Keys<'j> {
    /// Opens an object; `what` names it in messages, with an article.
    pub(super) fn open(
        json: &'j Json,
        what: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let members = read_members(json, what, diagnostics)?;
        Some(Self {
            what,
            span: json.span,
            members,
            asked: Vec::new(),
        })
    }

    /// Returns the key and value of a key that may be there.
    pub(super) fn member(&mut self, key: &'static str) -> Option<&'j Member> {
        self.asked.push(key);
        self.members.iter().find(|member| member.key.value == key)
    }

    /// Returns the value of a key that may be there.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<&'j Json> {
        self.member(key).map(|member| &member.value)
    }

    /// Returns the value of a key that must be there.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'j Json> {
        let found = self.optional(key);
        if found.is_none() {
            let message = format!("{} needs the key {}", self.what, quote(key));
            diagnostics.push(Diagnostic::new(Code::MissingKey, self.span, message));
        }
        found
    }

    /// Returns the text of a key that may be there.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Spanned<String>> {
        read_text(self.optional(key)?, &quote(key), diagnostics)
    }

    /// Returns the id of a key that may be there.
    pub(super) fn id(
        &mut self,
        key: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Spanned<String>> {
        read_id(self.optional(key)?, &quote(key), Empty::Refused, diagnostics)
    }

    /// Returns the truth value of a key that may be there.
    pub(super) fn bool(&mut self, key: &'static str, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
        read_bool(self.optional(key)?, &quote(key), diagnostics)
    }

    /// Returns the list of ids of a key that may be there.
    pub(super) fn ids(
        &mut self,
        key: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Spanned<String>>> {
        read_ids(self.optional(key)?, &quote(key), Empty::Refused, diagnostics)
    }

    /// Returns what a key that may be there selects; any name if it is not there.
    pub(super) fn selector(&mut self, key: &'static str, diagnostics: &mut Vec<Diagnostic>) -> Selector {
        let found = self.optional(key);
        found
            .and_then(|json| read_selector(json, &quote(key), Empty::Refused, diagnostics))
            .unwrap_or_default()
    }

    /// Returns the networks of a key that may be there.
    pub(super) fn networks(
        &mut self,
        key: &'static str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<Spanned<Network>>> {
        read_networks(self.optional(key)?, &quote(key), diagnostics)
    }

    /// Returns one of a few words, of a key that may be there.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<T> {
        read_word(self.optional(key)?, &quote(key), words, diagnostics)
    }

    /// Returns the title and the description, each of which may carry the suffix `:i18n`.
    pub(super) fn titles(&mut self, diagnostics: &mut Vec<Diagnostic>) -> (Title, Title) {
        let title = self.title(["title", "title:i18n"], diagnostics);
        let description = self.title(["description", "description:i18n"], diagnostics);
        (title, description)
    }

    fn title(&mut self, keys: [&'static str; 2], diagnostics: &mut Vec<Diagnostic>) -> Title {
        let member = self.either(keys, diagnostics);
        member
            .and_then(|member| read_title(&member.value, &quote(&member.key.value), diagnostics))
            .unwrap_or_default()
    }

    /// Returns the key and value of one key with two names, which may be there once.
    pub(super) fn either(
        &mut self,
        [first, second]: [&'static str; 2],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'j Member> {
        let (one, other) = (self.member(first), self.member(second));
        if let (Some(one), Some(other)) = (one, other) {
            let message = format!("{} and {} are the same key", quote(first), quote(second));
            diagnostics.push(
                Diagnostic::new(Code::DuplicateKey, other.key.span, message)
                    .label(one.key.span, "the other one is here"),
            );
        }
        one.or(other)
    }

    /// Returns the keys and values that were not asked for yet.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'j Member> {
        self.members
            .iter()
            .filter(|member| !self.asked.contains(&member.key.value.as_str()))
    }

    /// Complains about every key that was not asked for.
    pub(super) fn finish(self, diagnostics: &mut Vec<Diagnostic>) {
        for member in self.rest() {
            diagnostics.push(unknown_key(&member.key, self.what, self.asked.iter().copied()));
        }
    }
}

/// Holds one of several things with ids: `[{"id": …}]` or `{id: {…}}`.
#[derive(Clone, Debug)]
pub(super) struct Item<'j> {
    /// The id.
    pub(super) id: Spanned<String>,
    /// Its other keys.
    pub(super) keys: Keys<'j>,
    /// Where all of it stands.
    pub(super) origin: Span,
}

/// Says whether an id may be the empty text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// It equals nothing and is a mistake.
    Refused,
    /// It is a name like any other, as that of a collection.
    Allowed,
}

/// Reads a list of objects with `id`, or a map from id to object; `what` names one of them, with an article.
pub(super) fn read_items<'j>(
    json: &'j Json,
    what: &'static str,
    empty: Empty,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Item<'j>> {
    let mut items = Vec::new();
    match &json.node {
        Node::List(values) => {
            for value in values {
                let Some(mut keys) = Keys::open(value, what, diagnostics) else {
                    continue;
                };
                let id = keys.required("id", diagnostics);
                if let Some(id) = id.and_then(|id| read_id(id, "`id`", empty, diagnostics)) {
                    items.push(Item {
                        id,
                        keys,
                        origin: value.span,
                    });
                }
            }
        }
        Node::Object(members) => {
            for Member { key, value } in members {
                let Some(keys) = Keys::open(value, what, diagnostics) else {
                    continue;
                };
                if check_id(&key.value, key.span, "an id", empty, diagnostics) {
                    items.push(Item {
                        id: key.clone(),
                        keys,
                        origin: key.span.to(value.span),
                    });
                }
            }
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {
            wrong_type(
                json,
                &format!("{what} stands in"),
                "a list, or an object with ids as keys",
                diagnostics,
            );
        }
    }
    items
}

/// Returns the complaint about a key that means nothing where it stands.
pub(super) fn unknown_key<'k>(
    key: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'k str>,
) -> Diagnostic {
    let message = format!("the key {} means nothing in {what}", quote(&key.value));
    let mut diagnostic = Diagnostic::new(Code::UnknownKey, key.span, message);
    diagnostic.help = suggestion(&key.value, known);
    diagnostic
}

/// Returns "did you mean" with the nearest known name.
pub(super) fn suggestion<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    did_you_mean(name, known).map(|near| format!("did you mean {}?", quote(near)))
}

/// Complains that a value is not what belongs there.
pub(super) fn wrong_type(json: &Json, what: &str, wanted: &str, diagnostics: &mut Vec<Diagnostic>) {
    let message = format!("{what} must be {wanted}, not {}", found(json));
    diagnostics.push(Diagnostic::new(Code::WrongType, json.span, message));
}

/// Returns what stands there, for messages.
pub(super) fn found(json: &Json) -> &'static str {
    match json.as_bool() {
        Some(true) => "`true`",
        Some(false) => "`false`",
        None => json.kind(),
    }
}

/// Reads an object whose keys are names.
pub(super) fn read_members<'j>(
    json: &'j Json,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'j [Member]> {
    let members = json.as_object();
    if members.is_none() {
        wrong_type(json, what, "an object", diagnostics);
    }
    members
}

/// Reads a list.
pub(super) fn read_list<'j>(
    json: &'j Json,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'j [Json]> {
    let list = json.as_list();
    if list.is_none() {
        wrong_type(json, what, "a list", diagnostics);
    }
    list
}

/// Reads text.
pub(super) fn read_text(
    json: &Json,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<String>> {
    let text = json.as_text();
    if text.is_none() {
        wrong_type(json, what, "text", diagnostics);
    }
    text.map(|text| Spanned::new(text.to_owned(), json.span))
}

/// Reads a truth value.
pub(super) fn read_bool(json: &Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<bool> {
    let value = json.as_bool();
    if value.is_none() {
        wrong_type(json, what, "true or false", diagnostics);
    }
    value
}

/// Reads an id or a name.
pub(super) fn read_id(
    json: &Json,
    what: &str,
    empty: Empty,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Spanned<String>> {
    if let Some(number) = json.as_number() {
        let message = format!("{what} must be text, not a number");
        let help = format!("ids are text: write `{:?}`", number.literal);
        diagnostics.push(Diagnostic::new(Code::WrongType, json.span, message).help(help));
        return None;
    }
    let id = read_text(json, what, diagnostics)?;
    check_id(&id.value, id.span, what, empty, diagnostics).then_some(id)
}

/// Tells whether a text can be an id.
pub(super) fn check_id(
    id: &str,
    span: Span,
    what: &str,
    empty: Empty,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    if id.is_empty() && empty == Empty::Refused {
        diagnostics.push(Diagnostic::new(
            Code::EmptyId,
            span,
            format!("{what} is the empty text"),
        ));
        return false;
    }
    if id.contains(char::is_control) {
        let message = format!("{what} {} holds a control character", quote(id));
        diagnostics.push(Diagnostic::new(Code::ControlCharacter, span, message));
        return false;
    }
    true
}

/// Reads a list of ids; one text is a list of one.
pub(super) fn read_ids(
    json: &Json,
    what: &str,
    empty: Empty,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Spanned<String>>> {
    if json.as_text().is_some() {
        return Some(vec![read_id(json, what, empty, diagnostics)?]);
    }
    let Some(values) = json.as_list() else {
        wrong_type(json, what, "a list of texts", diagnostics);
        return None;
    };
    let element = format!("an element of {what}");
    let read = |value| read_id(value, &element, empty, diagnostics);
    Some(values.iter().filter_map(read).collect())
}

/// Tells whether an error was added since there were `before` complaints.
pub(super) fn failed_since(before: usize, diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .skip(before)
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}
