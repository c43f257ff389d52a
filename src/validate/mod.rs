//! Placeholder page of the room `validate`.

use crate::policy::Policy;

/// A policy that passed every check.
#[derive(Debug)]
pub struct ValidPolicy {
    policy: Policy,
}

impl ValidPolicy {
    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Checks a policy.
pub fn validate(
    policy: Policy,
    _diagnostics: &mut Vec<crate::source::diagnostic::Diagnostic>,
) -> Option<ValidPolicy> {
    Some(ValidPolicy { policy })
}
