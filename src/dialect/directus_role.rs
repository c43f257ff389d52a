//! Who holds what in an export of Directus: roles with their parents, policies, and what is attached to whom.

use crate::policy::Selector;
use crate::policy::grant::{Constraint, Selection};
use crate::policy::role::{Administrator, Implicit, Role, RoleKind, User};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, did_you_mean, quote};
use crate::source::span::{Span, Spanned};

use super::directus_lower::{APP, Lowering, PUBLIC, title};
use super::directus_rows::{AccessRow, Flags, Rows};

impl Lowering<'_> {
    pub(super) fn lower_roles(&mut self, rows: &Rows) {
        let attached = |role: Option<&str>| -> Vec<Spanned<String>> {
            let is_for = |access: &&AccessRow| {
                access.user.is_none() && access.role.as_ref().map(|role| role.value.as_str()) == role
            };
            let named = rows.access.iter().filter(is_for);
            named.map(|access| access.policy.clone()).collect()
        };
        let mut public = self.role(PUBLIC, None, RoleKind::Role);
        public.implicit = Some(Implicit::Roleless);
        public.inherits = attached(None);
        self.policy.roles.push(public);
        for row in &rows.roles {
            self.policy.roles.push(Role {
                id: row.id.clone(),
                title: title(row.name.clone()),
                inherits: row
                    .parent
                    .iter()
                    .cloned()
                    .chain(attached(Some(&row.id.value)))
                    .collect(),
                attributes: row.attributes.clone(),
                origin: row.origin,
                ..self.role("", None, RoleKind::Role)
            });
        }
        for row in &rows.policies {
            let is_held = rows
                .access
                .iter()
                .any(|access| access.policy.value == row.id.value);
            if !is_held {
                let message = format!("nobody holds the policy {}", quote(&row.id.value));
                let help = "no row of `access.json` attaches it; was that exported with `limit=-1`?";
                self.diagnostics
                    .push(Diagnostic::new(Code::UnmatchableGrant, row.id.span, message).help(help));
            }
            let app = row.flags.app.filter(|_| !row.flags.admin);
            self.policy.roles.push(Role {
                id: row.id.clone(),
                title: title(row.name.clone()),
                inherits: app
                    .map(|span| Spanned::new(APP.to_owned(), span))
                    .into_iter()
                    .collect(),
                attributes: row.attributes.clone(),
                networks: row.flags.networks.clone(),
                administrator: self.administrator(&row.flags),
                origin: row.origin,
                ..self.role("", None, RoleKind::Policy)
            });
        }
        if let Some(span) = rows.policies.iter().find_map(|policy| policy.flags.app) {
            let part = self.role(APP, Some(span), RoleKind::Part);
            self.policy.roles.push(part);
        }
        for role in rows.access.iter().filter_map(|access| access.role.as_ref()) {
            self.demand(role, "role", rows.roles.iter().map(|row| row.id.value.as_str()));
        }
    }

    /// Directus 9 and 10: the role holds the rights itself, and its networks refuse every request from elsewhere.
    pub(super) fn lower_older_roles(&mut self, rows: &Rows) {
        let mut public = self.role(PUBLIC, None, RoleKind::Role);
        public.implicit = Some(Implicit::Roleless);
        self.policy.roles.push(public);
        for row in &rows.roles {
            self.policy.roles.push(Role {
                id: row.id.clone(),
                title: title(row.name.clone()),
                attributes: row.attributes.clone(),
                administrator: self.administrator(&row.flags),
                origin: row.origin,
                ..self.role("", None, RoleKind::Role)
            });
            if let Some(networks) = &row.flags.networks {
                self.policy.constraints.push(Constraint {
                    networks: Some(networks.clone()),
                    ..Constraint::new(
                        Selection {
                            roles: Selector::Only(vec![row.id.clone()]),
                            ..Selection::default()
                        },
                        row.origin,
                    )
                });
            }
        }
    }

    fn administrator(&self, flags: &Flags) -> Administrator {
        match (flags.admin, self.context.schema.is_known) {
            (false, _) => Administrator::No,
            (true, true) => Administrator::Known,
            (true, false) => Administrator::Anything,
        }
    }

    pub(super) fn role(&self, id: &str, span: Option<Span>, kind: RoleKind) -> Role {
        let span = span.unwrap_or(self.origin);
        Role {
            kind,
            ..Role::new(Spanned::new(id.to_owned(), span), span)
        }
    }

    pub(super) fn lower_users(&mut self, rows: &Rows) {
        for access in &rows.access {
            let Some(user) = &access.user else { continue };
            let users = &mut self.policy.users;
            match users.iter_mut().find(|known| known.id.value == user.value) {
                Some(known) => known.roles.push(access.policy.clone()),
                None => users.push(User {
                    id: user.clone(),
                    roles: vec![access.policy.clone()],
                    groups: Vec::new(),
                    origin: user.span,
                }),
            }
        }
    }

    /// Complains about a row that points to none.
    pub(super) fn demand<'n>(
        &mut self,
        name: &Spanned<String>,
        what: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> bool {
        if known.clone().any(|known| known == name.value) {
            return true;
        }
        let message = format!("there is no {what} {}", quote(&name.value));
        let mut diagnostic = Diagnostic::new(Code::UnknownRole, name.span, message);
        diagnostic.help = did_you_mean(&name.value, known)
            .map(|near| format!("did you mean {}?", quote(near)))
            .or_else(|| {
                Some("export every list with `limit=-1`, else it ends after a hundred rows".to_owned())
            });
        self.diagnostics.push(diagnostic);
        false
    }
}
