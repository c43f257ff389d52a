//! Words of a fixed set, and texts for people.

use crate::policy::Title;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::Spanned;

use super::reader::{Empty, check_id, read_text, suggestion, wrong_type};

/// Reads one of a few words.
pub(super) fn read_word<T: Copy>(
    json: &Json,
    what: &str,
    words: &[(&str, T)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    let word = read_text(json, what, diagnostics)?;
    let found = words.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        unknown_word(&word, what, words.iter().map(|(name, _)| *name), diagnostics);
    }
    found.map(|(_, value)| *value)
}

/// Complains about a word that is none of those that may stand there.
pub(super) fn unknown_word<'w>(
    word: &Spanned<String>,
    what: &str,
    words: impl Iterator<Item = &'w str> + Clone,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let message = format!("{what} cannot be {}", quote(&word.value));
    let help = suggestion(&word.value, words.clone()).unwrap_or_else(|| {
        let words: Vec<_> = words.map(quote).collect();
        format!("the words are {}", words.join(", "))
    });
    diagnostics.push(Diagnostic::new(Code::UnknownWord, word.span, message).help(help));
}

/// Reads a text for people, or a map from language tag to text; the first language stands in for all others.
pub(super) fn read_title(json: &Json, what: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Title> {
    match &json.node {
        Node::Text(text) => Some(Title {
            text: Some(text.clone()),
            ..Title::default()
        }),
        Node::Object(members) => {
            let mut title = Title::default();
            for Member { key, value } in members {
                let tag = check_id(
                    &key.value,
                    key.span,
                    "a language tag",
                    Empty::Refused,
                    diagnostics,
                );
                let text = read_text(value, &quote(&key.value), diagnostics);
                if let Some(text) = text.filter(|_| tag) {
                    title.text.get_or_insert_with(|| text.value.clone());
                    title.locales.insert(key.value.clone(), text.value);
                }
            }
            Some(title)
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) => {
            wrong_type(json, what, "text, or an object of texts by language", diagnostics);
            None
        }
    }
}
