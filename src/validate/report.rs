//! Collecting complaints.

use rustc_hash::FxHashMap;

use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::span::{Span, Spanned};
use crate::vocab::limits::SUGGESTION_COMPARISONS_MAX;

/// Collects complaints, and knows whether one of them was an error.
pub(super) struct Report<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
    errors: usize,
    /// Looking for the name that was meant costs a comparison with every known one, which must not add up without bound.
    comparisons_left: usize,
}

impl<'d> Report<'d> {
    pub(super) fn new(diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        let errors = diagnostics
            .iter()
            .filter(|each| each.severity == Severity::Error)
            .count();
        Self {
            diagnostics,
            errors,
            comparisons_left: SUGGESTION_COMPARISONS_MAX,
        }
    }

    /// Tells whether an error was reported, be it by whoever read the policy.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Tells how many errors were reported so far.
    pub(super) fn error_count(&self) -> usize {
        self.errors
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.diagnostics.push(diagnostic);
    }

    /// Reports a name that leads nowhere, with the known one that was probably meant.
    pub(super) fn unknown<'a>(
        &mut self,
        code: Code,
        message: String,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'a str>,
    ) {
        let diagnostic = Diagnostic::new(code, name.span, message);
        let hint = self.hint(&name.value, known);
        self.add(Diagnostic {
            help: hint,
            ..diagnostic
        });
    }

    /// Returns the help text that offers the name which was probably meant.
    pub(super) fn hint<'a>(&mut self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
        let budget = self.comparisons_left;
        let known: Vec<&str> = known.take(budget.saturating_add(1)).collect();
        self.comparisons_left = budget.checked_sub(known.len())?;
        did_you_mean(name, known).map(|near| format!("did you mean {}?", quote(near)))
    }

    /// Reports an id that is empty or holds control characters.
    pub(super) fn check_id(&mut self, kind: &str, id: &Spanned<String>) {
        if id.value.is_empty() {
            self.add(Diagnostic::new(
                Code::EmptyId,
                id.span,
                format!("the id of the {kind} is empty"),
            ));
        }
        self.check_text(kind, id);
    }

    /// Reports a name with control characters; it may be empty.
    pub(super) fn check_text(&mut self, kind: &str, id: &Spanned<String>) {
        if id.value.chars().any(char::is_control) {
            let message = format!(
                "the id {} of the {kind} holds a control character",
                quote(&id.value)
            );
            self.add(Diagnostic::new(Code::ControlCharacter, id.span, message));
        }
    }

    /// Reports ids that two things of one kind share.
    pub(super) fn check_unique<'p>(&mut self, kind: &str, ids: impl Iterator<Item = &'p Spanned<String>>) {
        let mut first: FxHashMap<&str, Span> = FxHashMap::default();
        for id in ids {
            let seen = *first.entry(&id.value).or_insert(id.span);
            // One entry of a file may have become several things: it is still one.
            if seen != id.span {
                let message = format!("there are two {kind}s {}", quote(&id.value));
                self.add(Diagnostic::new(Code::DuplicateId, id.span, message).label(seen, "the first one"));
            }
        }
    }
}
