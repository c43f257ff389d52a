//! Document grants.

use crate::policy::grant::DocumentGrant;
use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;

use super::names::Names;
use super::report::Report;

/// Checks the actions and roles that named people have on single documents.
pub(super) fn validate_document_grants(names: &Names<'_>, report: &mut Report<'_>) {
    for grant in &names.policy.document_grants {
        names.check_collection(&grant.collection, report);
        report.check_id("document", &grant.document);
        grant
            .actions
            .iter()
            .for_each(|action| names.check_action(action, report));
        grant.roles.iter().for_each(|role| names.check_role(role, report));
        grant
            .groups
            .iter()
            .for_each(|group| names.check_group(group, report));
        // An empty id equals nobody's.
        grant.users.iter().for_each(|user| report.check_id("user", user));
        if let Some(lacking) = find_lacking(grant) {
            let message = format!("the document grant names no {lacking}, so it matches nothing");
            report.add(Diagnostic::new(Code::EmptyList, grant.origin, message));
        }
    }
}

fn find_lacking(grant: &DocumentGrant) -> Option<&'static str> {
    if grant.actions.is_empty() && grant.roles.is_empty() {
        Some("action")
    } else if grant.users.is_empty() && grant.groups.is_empty() {
        Some("user and no group")
    } else {
        None
    }
}
