//! From a valid policy to a model. It cannot fail: `validate` has taken care.
//!
//! Comes in: a [`ValidPolicy`] and the sources for its positions. Goes out: a [`Model`]. Names become ids in `intern.rs`;
//! every grant, constraint and transition keeps its origin.
//!
//! INVARIANT: a rule that names something that does not exist is not for that thing; it is never widened.
//!
//! Read this page's [`compile`] first: it is the order of things.

mod condition;
mod document;
mod grant;
mod intern;
mod role;
mod workflow;

use crate::model::Model;
use crate::source::file::SourceMap;
use crate::validate::ValidPolicy;

use intern::Interner;

/// Compiles a policy; the sources give its rules their file, line and column.
pub fn compile(policy: &ValidPolicy, sources: &SourceMap) -> Model {
    let policy = policy.policy();
    let mut interner = Interner::new(sources);
    interner.intern_names(policy);
    role::compile_roles(policy, &mut interner);
    interner.compile_actions(policy);
    interner.compile_collections(policy);
    workflow::compile_workflows(policy, &mut interner);
    grant::compile_grants(policy, &mut interner);
    grant::compile_constraints(policy, &mut interner);
    document::compile_document_grants(policy, &mut interner);
    interner.finish(policy)
}
