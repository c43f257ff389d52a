//! What variables are: facts of the request, of the subject and of its roles.

use std::borrow::Cow;

use crate::model::condition::{Operand, Variable};
use crate::model::role::RoleKind;
use crate::vocab::value::{Object, Value, View};

use super::compare::Side;
use super::condition::Scene;
use super::identity::group_counts;
use super::role::ordered;

impl<'s> Scene<'s> {
    /// Returns a fact of the request.
    pub(super) fn variable(&self, variable: &'s Variable) -> Side<'s> {
        let facts = self.facts;
        let query = facts.query;
        match variable {
            Variable::Now(None) => Side::Instant(query.context.now),
            Variable::Now(Some(step)) => step
                .from(query.context.now)
                .map_or(Side::View(View::Null), Side::Instant),
            Variable::CurrentUser(path) if path.is_empty() => {
                // Visitors may own things under a name, but are nobody.
                let is_visitor = facts.identity.is_anonymous;
                Side::View(if is_visitor {
                    View::Null
                } else {
                    View::Text(query.subject.id)
                })
            }
            Variable::CurrentUser(path) => self.attribute(&query.subject.attributes, path),
            Variable::CurrentRole(path) => self.current_role(path),
            Variable::CurrentRoles(path) => self.roles(RoleKind::Role, path),
            Variable::CurrentPolicies(path) => self.roles(RoleKind::Policy, path),
            Variable::Context(path) => self.context(path),
            Variable::OwnerId | Variable::OwnerRoles if facts.owner_is_open() => Side::Open,
            Variable::OwnerId => match facts.owner.as_ref() {
                "" => Side::View(View::Null),
                id => Side::View(View::Text(id)),
            },
            Variable::OwnerRoles => {
                let roles = facts.owner_roles();
                let names = &facts.model.roles.names;
                Side::List(
                    roles
                        .iter()
                        .map(|role| Value::Text(Cow::Borrowed(names.name(role))))
                        .collect(),
                )
            }
            Variable::Item => {
                let resource = &query.resource;
                let is_none = resource.attributes.is_empty() && query.changes.is_empty();
                Side::View(View::Text(match (resource.id, is_none) {
                    ("", true) => "none",
                    ("", false) => "new",
                    _ => "saved",
                }))
            }
        }
    }

    fn context(&self, path: &'s [Box<str>]) -> Side<'s> {
        let context = &self.facts.query.context;
        let told = match path {
            [only] => match only.as_ref() {
                "ip" => Some(context.ip),
                "explanation" => Some(context.explanation),
                "comment_author_id" => Some(context.comment_author_id),
                _ => None,
            },
            _ => None,
        };
        match told {
            Some("") => self.untold(),
            Some(text) => Side::View(View::Text(text)),
            None => self.attribute(&context.attributes, path),
        }
    }

    /// Follows a path of attributes of the subject or the context.
    fn attribute(&self, object: &'s Object<'s>, path: &'s [Box<str>]) -> Side<'s> {
        let mut here = View::Object(object);
        for step in path {
            here = match here {
                View::Null => return Side::View(View::Null),
                View::Object(object) => match object.get(step) {
                    Some(value) => value.view(),
                    None => return self.untold(),
                },
                View::Bool(_) | View::Number(_) | View::Text(_) | View::List(_) => return Side::Open,
            };
        }
        Side::View(here)
    }

    pub(super) fn untold(&self) -> Side<'s> {
        if self.facts.model.settings.absent_is_null {
            Side::View(View::Null)
        } else {
            Side::Open
        }
    }

    /// The subject's first own role: of the request, of its groups, of the users table.
    fn current_role(&self, path: &'s [Box<str>]) -> Side<'s> {
        let facts = self.facts;
        let model = facts.model;
        let is_role = |role: &crate::model::id::RoleId| {
            model
                .roles
                .row(*role)
                .is_some_and(|row| row.kind == RoleKind::Role)
        };
        let user = facts.identity.id.and_then(|id| model.roles.users.get(id));
        let own = facts
            .query
            .subject
            .roles
            .iter()
            .find_map(|name| model.roles.claimable(name));
        let groups = || {
            let named = facts
                .query
                .subject
                .groups
                .iter()
                .filter_map(|name| model.roles.group_names.find(name));
            let known = user
                .into_iter()
                .flat_map(|user| user.groups.iter().map(|group| group.index()));
            named
                .chain(known)
                .filter_map(|group| model.roles.groups.get(group))
                .filter(|group| group_counts(group, facts.query))
                .flat_map(|group| group.roles.iter().copied())
                .find(&is_role)
        };
        let users = || user.and_then(|user| user.roles.iter().copied().find(&is_role));
        let Some(role) = own.or_else(groups).or_else(users) else {
            return Side::View(View::Null);
        };
        match path {
            [] => Side::View(View::Text(model.roles.names.name(role.index()))),
            path => Side::View(
                model
                    .roles
                    .row(role)
                    .and_then(|row| follow(&row.attributes, path))
                    .map_or(View::Null, Value::view),
            ),
        }
    }

    fn roles(&self, kind: RoleKind, path: &'s [Box<str>]) -> Side<'s> {
        let model = self.facts.model;
        let ordered = ordered(model, self.facts.query, &self.facts.effective);
        let rows = ordered
            .into_iter()
            .filter_map(|(role, _)| Some((role, model.roles.row(role)?)));
        let values = rows
            .filter(|(_, row)| row.kind == kind)
            .filter_map(|(role, row)| match path {
                [] => Some(Value::Text(Cow::Borrowed(model.roles.names.name(role.index())))),
                path => follow(&row.attributes, path)
                    .filter(|value| **value != Value::Null)
                    .cloned(),
            });
        Side::List(values.collect())
    }

    /// Returns the value of an operand; a list of operands becomes one list.
    pub(super) fn operand(&self, operand: &'s Operand) -> Side<'s> {
        match operand {
            Operand::Value(value) => Side::View(value.view()),
            Operand::Variable(variable) => self.variable(variable),
            Operand::List(parts) => {
                let mut values = Vec::with_capacity(parts.len());
                for part in parts {
                    match self.operand(part) {
                        Side::Open => return Side::Open,
                        Side::View(view) => values.push(view.to_value()),
                        Side::Instant(instant) => values.push(Value::Text(Cow::Owned(instant.to_string()))),
                        Side::List(list) => values.push(Value::List(list)),
                    }
                }
                Side::List(values)
            }
        }
    }
}

fn follow<'v>(object: &'v Object<'static>, path: &[Box<str>]) -> Option<&'v Value<'static>> {
    let (first, rest) = path.split_first()?;
    let mut value = object.get(first)?;
    for step in rest {
        value = match value {
            Value::Object(object) => object.get(step)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => return None,
        };
    }
    Some(value)
}
