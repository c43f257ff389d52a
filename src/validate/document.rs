//! Document grants.

use rustc_hash::FxHashSet;

use crate::policy::document::Part;
use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;
use crate::source::span::Spanned;
use crate::vocab::sheet::{Grantee, Row};

use super::names::Names;
use super::report::Report;

/// Checks the actions and roles that named people have on single documents; a name is complained about where it stands first.
pub(super) fn validate_document_grants(names: &Names<'_>, report: &mut Report<'_>) {
    let (mut collections, mut actions, mut groups) = (Seen::default(), Seen::default(), Seen::default());
    let mut roles = Seen::default();
    for part in names.policy.document_grants.parts() {
        for kind in part.sheet.kinds() {
            if collections.insert(kind.collection().name) {
                names.check_collection(&part.spanned(kind.collection()), report);
            }
            for action in kind.actions().filter(|action| actions.insert(action.name)) {
                names.check_action(&part.spanned(action), report);
            }
            for role in kind.roles().filter(|role| roles.insert(role.name)) {
                names.check_role(&part.spanned(role), report);
            }
        }
        for group in part.sheet.groups().filter(|group| groups.insert(group.name)) {
            names.check_group(&part.spanned(group), report);
        }
        // An empty id equals nobody's.
        if !part.sheet.is_sound() {
            part.sheet
                .rows()
                .iter()
                .for_each(|row| check_ids(part, row, report));
        }
        for (row, start, end) in part.sheet.idle() {
            let has_actions = part
                .sheet
                .kind(row)
                .is_some_and(|kind| kind.actions().chain(kind.roles()).next().is_some());
            let lacking = if has_actions {
                "user and no group"
            } else {
                "action"
            };
            let message = format!("the document grant names no {lacking}, so it matches nothing");
            report.add(Diagnostic::new(Code::EmptyList, part.span(start, end), message));
        }
    }
}

type Seen<'p> = FxHashSet<&'p str>;

fn check_ids(part: &Part, row: &Row, report: &mut Report<'_>) {
    let span = part.span(row.start, row.start);
    let mut check = |kind: &str, id: &str| report.check_id(kind, &Spanned::new(id.to_owned(), span));
    check("document", part.sheet.document(row));
    for holder in part.sheet.holders(row) {
        match holder {
            Grantee::User(id) => check("user", id),
            Grantee::Group(_) => {}
        }
    }
}
