//! Random policies and questions near them: small pools of names, so that rules and questions meet.
//!
//! Everything comes from one seed. [`policy`] makes policies that use every construct ([`theme`] says what those of few rules
//! are about), [`workflow`] their workflows, [`condition`] their conditions; [`query`] makes questions about anything, [`near`]
//! questions near a rule, with [`values`] near those that it compares; [`shrink`] makes a pair that shows a failure smaller.

pub(crate) mod condition;
pub(crate) mod near;
pub(crate) mod policy;
pub(crate) mod query;
pub(crate) mod random;
pub(crate) mod shrink;
pub(crate) mod theme;
pub(crate) mod values;
pub(crate) mod workflow;

use placet::source::span::{FileId, Span, Spanned};
use placet::vocab::value::Value;

/// Ids of people.
pub(crate) const PEOPLE: &[&str] = &["ann", "bob", "cy", "7"];
/// Roles of kind role that a policy may declare.
pub(crate) const PLAIN_ROLES: &[&str] = &["author", "editor", "intern", "chief"];
/// Groups.
pub(crate) const GROUPS: &[&str] = &["sports", "desk"];
/// States of the workflows.
pub(crate) const STATES: &[&str] = &["draft", "review", "live"];
/// Addresses that requests come from.
pub(crate) const ADDRESSES: &[&str] = &[
    "10.1.2.3",
    "::ffff:10.1.2.3",
    "192.168.0.9",
    "2001:db8::1",
    "nowhere",
    "",
];
/// Networks that rules name.
pub(crate) const NETWORKS: &[&str] = &["10.0.0.0/8", "192.168.0.1-192.168.0.20", "2001:db8::1", "::/0"];
/// Moments: the pool of `now`, of windows and of values.
pub(crate) const MOMENTS: &[&str] = &[
    "2025-01-01T00:00:00Z",
    "2025-03-01T12:00:00Z",
    "2025-03-02T12:00:00Z",
    "2025-12-31T23:59:59Z",
    "2026-06-15T08:30:15Z",
];

/// Where everything generated stands.
pub(crate) fn span() -> Span {
    Span::new(FileId::new(0), 0, 0)
}

/// Puts a name in its place.
pub(crate) fn name(text: &str) -> Spanned<String> {
    Spanned::new(text.to_owned(), span())
}

/// Puts names in their place.
pub(crate) fn names(texts: &[&str]) -> Vec<Spanned<String>> {
    texts.iter().map(|text| name(text)).collect()
}

/// Makes a text value.
pub(crate) fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}
