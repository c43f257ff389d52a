//! The native dialect.

use crate::policy::Policy;
use crate::source::diagnostic::Diagnostic;

use super::{Dialect, Input, Mode};

/// The native dialect: whatever a policy can say, pleasant to write by hand.
pub(super) struct Native;

impl Dialect for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn modes(&self) -> &'static [Mode] {
        &[Mode::Strict]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["absent", "anonymous_id", "codes"]
    }

    fn recognises(&self, files: &[&str]) -> bool {
        files.contains(&"grants.json")
    }

    fn read(&self, _input: &Input<'_>, _diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
        None
    }
}
