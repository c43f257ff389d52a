//! What is wrong with a request, and where: paths as clients write them, and the list of complaints.

use std::fmt;

use crate::engine::query::QueryError;
use crate::source::diagnostic::quote;
use crate::vocab::limits::{FIELD_VIOLATION_BYTES_MAX, FIELD_VIOLATIONS_MAX, SHOWN_PATH_BYTES_MAX};

/// Leads to a part of a request; a path lives on the stack and becomes text only if there is something to complain about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// Leads to the request itself.
    pub(super) const ROOT: Path<'static> = Path {
        parent: None,
        step: Step::Root,
    };

    /// Leads on to a field.
    pub(super) fn name(&'p self, name: &'p str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Name(name),
        }
    }

    /// Leads on to an entry of a list.
    pub(super) fn index(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    fn is_root(&self) -> bool {
        matches!(self.step, Step::Root)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) => {
                if self.parent.is_some_and(|parent| !parent.is_root()) {
                    f.write_str(".")?;
                }
                // Names come from the client, too: those of attributes.
                f.write_str(quote(name).trim_matches('`'))
            }
        }
    }
}

/// Says what is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Names the part as clients write it; empty for the request as a whole.
    pub(super) field: String,
    /// Says what is wrong: lower case, no full stop.
    pub(super) description: String,
}

/// Collects what is wrong with a request, as far as one status can carry it.
#[derive(Clone, Debug, Default)]
pub(super) struct Violations {
    list: Vec<Violation>,
    bytes: usize,
    dropped: usize,
}

impl Violations {
    /// Adds a complaint.
    pub(super) fn add(&mut self, path: &Path<'_>, description: impl Into<String>) {
        if self.list.len() == FIELD_VIOLATIONS_MAX {
            // Counted without its text: a request can hold a hundred thousand mistakes.
            self.dropped += 1;
            return;
        }
        let violation = Violation {
            field: shown(path),
            description: description.into(),
        };
        let bytes = self.bytes + violation.field.len() + violation.description.len();
        if bytes > FIELD_VIOLATION_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        self.bytes = bytes;
        self.list.push(violation);
    }

    /// Returns a single complaint.
    pub(super) fn one(path: &Path<'_>, description: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.add(path, description);
        violations
    }

    /// Turns what the engine cannot answer into a complaint about a part of the request.
    pub(super) fn of_query(path: &Path<'_>, error: &QueryError) -> Self {
        let field = match error {
            QueryError::NoAction => "action",
            QueryError::Conflict { first, .. } => first,
            QueryError::Unfit { field, .. } => field,
        };
        Self::one(&path.name(field), error.to_string())
    }

    /// Tells whether there is nothing to complain about.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.dropped == 0
    }

    /// Returns the complaints that are carried.
    pub(super) fn list(&self) -> &[Violation] {
        &self.list
    }

    /// Returns all of it in a sentence.
    pub(super) fn summary(&self) -> String {
        let Some(first) = self.list.first() else {
            return "the request makes no sense".to_owned();
        };
        let mut text = if first.field.is_empty() {
            first.description.clone()
        } else {
            format!("{}: {}", first.field, first.description)
        };
        let more = self.list.len() - 1;
        if more > 0 {
            text.push_str(&format!(" (and {more} more)"));
        }
        if self.dropped > 0 {
            text.push_str(&format!(" ({} further ones are not listed)", self.dropped));
        }
        text
    }
}

/// Returns a path as text, cut at its front if it is long: its end tells more.
fn shown(path: &Path<'_>) -> String {
    let text = path.to_string();
    if text.len() <= SHOWN_PATH_BYTES_MAX {
        return text;
    }
    let mut start = text.len() - SHOWN_PATH_BYTES_MAX;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    format!("…{}", text.get(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_clients_write_them() {
        let checks = Path::ROOT.name("checks");
        let third = checks.index(3);
        let resource = third.name("resource");
        let roles = resource.name("local_roles");
        let first = roles.index(0);
        assert_eq!(
            first.name("holder").to_string(),
            "checks[3].resource.local_roles[0].holder"
        );
    }

    #[test]
    fn long_paths_and_odd_names_are_tamed() {
        let path = Path::ROOT.name("a\u{1b}[2J");
        assert_eq!(path.to_string(), "a\\u{1b}[2J");
        let name = "é".repeat(80);
        let mut violations = Violations::default();
        let steps = [Path::ROOT.name(&name)];
        let deep = steps[0].name(&name);
        violations.add(&deep.name("end"), "is wrong");
        let field = &violations.list()[0].field;
        assert!(field.starts_with('…') && field.ends_with(".end"));
        assert!(field.len() <= SHOWN_PATH_BYTES_MAX + '…'.len_utf8());
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut violations = Violations::default();
        for index in 0..100 {
            violations.add(&Path::ROOT.name("fields").index(index), "is empty");
        }
        assert_eq!(violations.list().len(), FIELD_VIOLATIONS_MAX);
        assert_eq!(
            violations.summary(),
            "fields[0]: is empty (and 31 more) (68 further ones are not listed)"
        );
    }

    #[test]
    fn the_sum_of_all_complaints_is_bounded() {
        let mut violations = Violations::default();
        for _ in 0..FIELD_VIOLATIONS_MAX {
            violations.add(&Path::ROOT.name("field"), "x".repeat(1000));
        }
        assert_eq!(violations.list().len(), 4);
        assert!(violations.summary().ends_with("(28 further ones are not listed)"));
    }
}
