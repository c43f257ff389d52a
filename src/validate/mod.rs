//! The room `validate`: whatever can be found wrong with a policy before anybody asks it anything.
//!
//! **In** comes a [`Policy`], names still text. **Out** goes a [`ValidPolicy`], which nobody else can make and without which
//! nothing can be compiled, and complaints: an error for what cannot be meant, a warning for what is legal and suspicious.
//!
//! What holds here:
//!
//! * A [`ValidPolicy`] exists only if no error was found; `compile` may rely on every name of a role, group, workflow and
//!   transition leading somewhere, on ids being unique, on inheritance without circles and on all limits.
//! * Nothing here knows a dialect or a mode. What a CMS tolerates is spelt out in the policy (a role that is not
//!   `declared`, a rule that is `broken`).
//! * Collections must be declared if the profile declares any, actions likewise; roles, groups and workflows always.
//! * The work grows with the size of the policy: what many rules ask is looked up, not searched.
//! * Everything that is wrong is reported, not only the first.
//!
//! Read [`validate`] for the order of the checks, then `names.rs` (what is called what) and `reach.rs` (which collections a
//! rule is about); after these one file per subject.

mod capacity;
mod collection;
mod condition;
mod document;
mod flow;
mod grant;
mod names;
mod operand;
mod path;
mod reach;
mod report;
mod role;
mod shadow;
mod subject;
mod takeable;
mod workflow;

use crate::policy::Policy;
use crate::source::diagnostic::Diagnostic;

use names::Names;
use report::Report;

/// Holds a policy that passed every check.
#[derive(Debug)]
pub struct ValidPolicy {
    policy: Policy,
}

impl ValidPolicy {
    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Checks a policy, adds whatever is wrong to `diagnostics`, and returns it as valid unless there was an error.
///
/// `diagnostics` may hold what was found while the policy was read: a policy with such an error is checked for further
/// mistakes, and is not valid whatever the outcome.
pub fn validate(policy: Policy, diagnostics: &mut Vec<Diagnostic>) -> Option<ValidPolicy> {
    let mut report = Report::new(diagnostics);
    // Tables of a policy that is too large would be too large as well.
    if capacity::validate_capacity(&policy, &mut report) {
        let names = Names::new(&policy);
        names::validate_ids(&names, &mut report);
        role::validate_roles(&names, &mut report);
        collection::validate_collections(&names, &mut report);
        workflow::validate_workflows(&names, &mut report);
        grant::validate_grants(&names, &mut report);
        document::validate_document_grants(&names, &mut report);
        // What a rule with a mistake would have granted is not known, so nothing can be said to be missing.
        if !report.has_errors() {
            takeable::validate_transitions(&names, &mut report);
        }
    }
    (!report.has_errors()).then_some(ValidPolicy { policy })
}
