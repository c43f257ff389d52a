//! Changes of questions: what a request tells taken out of it, one thing at a time.

use jiff::SignedDuration;
use placet::engine::query::{Holder, Names, Query};
use placet::vocab::value::Object;

pub(crate) type Edit = fn(&mut Query<'static>);

const EDITS: &[(&str, Edit)] = &[
    ("asked: subject.id", |query| query.subject.id = ""),
    ("asked: subject.roles", |query| query.subject.roles = Names::new()),
    ("asked: subject.groups", |query| {
        query.subject.groups = Names::new()
    }),
    ("asked: subject.attributes", |query| {
        query.subject.attributes = Object::default();
    }),
    ("asked: resource.id", |query| query.resource.id = ""),
    ("asked: resource.state", |query| query.resource.state = ""),
    ("asked: resource.owner.id", |query| query.resource.owner.id = ""),
    ("asked: resource.owner.roles", |query| {
        query.resource.owner.roles = Names::new();
    }),
    ("asked: resource.attributes", |query| {
        query.resource.attributes = Object::default();
    }),
    ("asked: local roles of a user", |query| {
        query
            .resource
            .local_roles
            .retain(|each| !matches!(each.holder, Holder::User(_)));
    }),
    ("asked: local roles of a group", |query| {
        query
            .resource
            .local_roles
            .retain(|each| !matches!(each.holder, Holder::Group(_)));
    }),
    ("asked: ancestors", |query| query.resource.ancestors.clear()),
    ("asked: ids of ancestors", |query| {
        let ancestors = &mut query.resource.ancestors;
        ancestors.iter_mut().for_each(|ancestor| ancestor.id = "");
    }),
    ("asked: block_inheritance", |query| {
        query.resource.block_inheritance = false;
    }),
    ("asked: block_inheritance of an ancestor", |query| {
        let ancestors = &mut query.resource.ancestors;
        ancestors
            .iter_mut()
            .for_each(|ancestor| ancestor.block_inheritance = false);
    }),
    ("asked: content_digest", |query| {
        query.resource.content_digest = ""
    }),
    ("asked: any_item", |query| query.resource.any_item = false),
    ("asked: context.ip", |query| query.context.ip = ""),
    ("asked: context.now", |query| {
        query.context.now += SignedDuration::from_hours(24 * 500);
    }),
    ("asked: context.explanation", |query| {
        query.context.explanation = ""
    }),
    ("asked: context.approvals", |query| {
        query.context.approvals.clear()
    }),
    ("asked: context.attributes", |query| {
        query.context.attributes = Object::default();
    }),
    ("asked: to_state", |query| query.to_state = ""),
    ("asked: action beside a transition", |query| {
        if !query.transition.is_empty() {
            query.action = "";
        }
    }),
    ("asked: transition beside an action", |query| {
        if !query.action.is_empty() {
            query.transition = "";
        }
    }),
    ("asked: fields", |query| {
        query.fields = query.fields.iter().copied().filter(|name| *name == "*").collect();
    }),
    ("asked: *", |query| {
        query.fields = query.fields.iter().copied().filter(|name| *name != "*").collect();
    }),
    ("asked: filter_fields", |query| query.filter_fields = Names::new()),
    ("asked: changes", |query| query.changes = Object::default()),
];

/// The names of the constructs that [`changes`] changes.
pub(crate) fn names() -> Vec<String> {
    EDITS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Lists changes of questions.
pub(crate) fn changes() -> impl Iterator<Item = (String, Edit)> {
    EDITS.iter().map(|(name, edit)| ((*name).to_owned(), *edit))
}
