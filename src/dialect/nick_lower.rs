//! What a seeded site means: its rows in words of the neutral policy.
//!
//! Nothing is ever taken away in Nick: a role has its permissions everywhere, and the state of a document adds others.
//! Both become allows. What mode `exact` reproduces is written here, and nothing behind this room knows of it.

use crate::policy::collection::{Collection, Field, Filtering, OwnerFact, Unreadable, Unwritable};
use crate::policy::condition::{Condition, Left, Node, Operand, Variable};
use crate::policy::grant::{Constraint, Grant, Held, Selection};
use crate::policy::role::{Group, Implicit, Role, User};
use crate::policy::{Action, Codes, Policy, Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::Json;
use crate::source::span::{FileId, Span, Spanned};
use crate::vocab::effect::{Effect, Operation};
use crate::vocab::operator::{FieldType, Operator};
use crate::vocab::value::Value;

use super::Mode;
use super::nick_entry::text_of;
use super::nick_site::{Site, TypeRow};

/// The permission to look at a document.
pub(super) const VIEW: &str = "View";
/// The action that listings ask: whom the catalog finds a document for.
pub(super) const LISTED: &str = "Listed";
/// The permission to put something into a document.
const ADD: &str = "Add";
/// The action that menus ask: may a document of type `$CONTEXT.child` be added here?
const ADDABLE: &str = "Addable";
/// The permission to change a document, and to delete it.
const MODIFY: &str = "Modify";
/// Permissions of site-wide work, which Nick tests on whatever document the request was addressed to.
const SITE_WIDE: [&str; 2] = ["Manage Users", "Manage Site"];
/// The table of all documents, of which `type` tells the type (migration `202203200907_document`).
const TABLE: &str = "document";
/// The column of a document that holds the id of its owner.
const OWNER: &str = "owner";
/// The column of a document that holds its state.
const STATE_FIELD: &str = "workflow_state";
/// Keys of a request that Nick takes with `Modify` although no schema has them.
const HANDLED: [&str; 5] = ["id", "language", "changeNote", "position_in_parent", "ordering"];
/// Keys that every document has and no schema names.
const SYSTEM: [&str; 11] = [
    "@type",
    "UID",
    "created",
    "is_folderish",
    "layout",
    "lock",
    "modified",
    "owner",
    "review_state",
    "uuid",
    STATE_FIELD,
];

/// Lowers a seeded site.
pub(super) fn lower(site: &Site, mode: Mode, profile: Span, diagnostics: &mut Vec<Diagnostic>) -> Policy {
    let mut lowering = Lowering {
        site,
        mode,
        policy: Policy::default(),
        diagnostics,
    };
    lowering.lower_settings(profile);
    lowering.lower_roles(profile);
    lowering.lower_people();
    for permission in site.permissions.rows() {
        lowering.know_action(&permission.id, permission.title.clone());
    }
    lowering.grant_global_permissions();
    for kind in site.types.rows() {
        lowering.lower_type(kind);
    }
    for workflow in site.workflows.rows() {
        lowering.lower_workflow(workflow);
    }
    if lowering.knows_action(MODIFY) {
        for kind in site.types.rows() {
            lowering.deny_unwritable(kind);
        }
    }
    lowering.constrain_children();
    lowering.policy
}

/// Holds the policy while it is made.
pub(super) struct Lowering<'l> {
    pub(super) site: &'l Site,
    pub(super) mode: Mode,
    pub(super) policy: Policy,
    pub(super) diagnostics: &'l mut Vec<Diagnostic>,
}

impl Lowering<'_> {
    fn lower_settings(&mut self, profile: Span) {
        let row = self.site.users.find("anonymous");
        let span = row.map_or(profile, |row| row.id.span);
        self.policy.settings.anonymous_id = Some(Spanned {
            value: "anonymous".to_owned(),
            span,
        });
        // In `strict` a question to add something may name the child or not; one that names none is not held to it.
        self.policy.settings.absent_is_null = self.mode == Mode::Strict;
    }

    /// The implicit roles are there whether anybody declares them or not.
    fn lower_roles(&mut self, profile: Span) {
        let implicit = [
            ("Anonymous", Implicit::Anonymous),
            ("Authenticated", Implicit::Authenticated),
            ("Owner", Implicit::Owner),
        ];
        for (id, implicit) in implicit {
            let role = match self.site.roles.find(id) {
                Some(row) => role(row.id.clone(), row.title.clone(), Some(implicit), true),
                None => role(
                    Spanned {
                        value: id.to_owned(),
                        span: profile,
                    },
                    None,
                    Some(implicit),
                    false,
                ),
            };
            self.policy.roles.push(role);
        }
        for row in self.site.roles.rows() {
            if implicit.iter().all(|(id, _)| *id != row.id.value) {
                self.policy
                    .roles
                    .push(role(row.id.clone(), row.title.clone(), None, true));
            }
        }
    }

    fn lower_people(&mut self) {
        for row in self.site.groups.rows() {
            self.policy.groups.push(Group {
                id: row.id.clone(),
                title: title(row.title.clone()),
                roles: row.roles.clone(),
                context: Vec::new(),
                origin: row.origin,
            });
        }
        for row in self.site.users.rows() {
            self.policy.users.push(User {
                id: row.id.clone(),
                roles: row.roles.clone(),
                groups: row.groups.clone(),
                origin: row.origin,
            });
        }
    }

    /// Makes a permission an action, once; with `View` and `Add` come the actions that listings and menus ask.
    pub(super) fn know_action(&mut self, id: &Spanned<String>, text: Option<String>) {
        let (operation, listed_by, companion) = match id.value.as_str() {
            VIEW => (Operation::Read, Some(LISTED), Some((LISTED, Operation::Read))),
            ADD => (Operation::Create, None, Some((ADDABLE, Operation::Other))),
            MODIFY => (Operation::Update, None, None),
            LISTED | ADDABLE => {
                let message = format!(
                    "the permission {} has a name that is kept for listings",
                    quote(&id.value)
                );
                self.diagnostics
                    .push(Diagnostic::new(Code::Unsupported, id.span, message));
                return;
            }
            _ => (Operation::Other, None, None),
        };
        let known = |action: &Action| action.id.value == id.value;
        if self.policy.actions.iter().any(known) {
            return;
        }
        let at = |name: &str| Spanned {
            value: name.to_owned(),
            span: id.span,
        };
        self.policy.actions.push(Action {
            id: id.clone(),
            title: title(text),
            operation,
            // What is asked about is the container, in whose state somebody may add.
            inside: operation == Operation::Create,
            listed_by: listed_by.map(at),
            codes: Codes::default(),
            origin: id.span,
        });
        if let Some((name, operation)) = companion {
            let title = Title::default();
            self.policy.actions.push(Action {
                id: at(name),
                title,
                operation,
                inside: false,
                listed_by: None,
                codes: Codes::default(),
                origin: id.span,
            });
        }
    }

    /// One allow per role and file that gives it permissions: so each tells truly where it comes from.
    fn grant_global_permissions(&mut self) {
        for row in self.site.roles.rows() {
            let mut files: Vec<(FileId, Vec<Spanned<String>>)> = Vec::new();
            for permission in &row.permissions {
                match files.iter_mut().find(|(file, _)| *file == permission.span.file) {
                    Some((_, permissions)) => permissions.push(permission.clone()),
                    None => files.push((permission.span.file, vec![permission.clone()])),
                }
            }
            for (file, permissions) in files {
                let selection = Selection {
                    roles: only(row.id.clone()),
                    ..Selection::default()
                };
                let origin = join(&permissions).unwrap_or(row.id.span);
                // The role is told at its first declaration; a later file has only the permissions.
                let origin = if row.id.span.file == file {
                    row.id.span.to(origin)
                } else {
                    origin
                };
                self.allow(&selection, &permissions, origin);
                if let Some(view) = permissions.iter().find(|permission| permission.value == VIEW) {
                    // The catalog knows who holds such a role on the site or by sharing, not by owning.
                    self.allow_listing(
                        Selection {
                            held: Held::Shared,
                            ..selection
                        },
                        view.span,
                    );
                }
            }
        }
    }

    /// Adds an allow; who may add is also told what may be added.
    pub(super) fn allow(&mut self, selection: &Selection, permissions: &[Spanned<String>], origin: Span) {
        let strict = self.mode == Mode::Strict;
        let (site_wide, mut others): (Vec<_>, Vec<_>) = permissions
            .iter()
            .cloned()
            .partition(|permission| strict && SITE_WIDE.contains(&permission.value.as_str()));
        if let Some(add) = others.iter().find(|permission| permission.value == ADD) {
            others.push(Spanned {
                value: ADDABLE.to_owned(),
                span: add.span,
            });
        }
        for (held, actions) in [(selection.held, others), (Held::Site, site_wide)] {
            if !actions.is_empty() {
                let actions = Selector::Only(actions);
                let selection = Selection {
                    held,
                    actions,
                    ..selection.clone()
                };
                self.policy
                    .grants
                    .push(Grant::new(Effect::Allow, selection, Selector::Any, origin));
            }
        }
    }

    /// Adds an allow to be found by listings.
    pub(super) fn allow_listing(&mut self, selection: Selection, origin: Span) {
        let actions = only(Spanned {
            value: LISTED.to_owned(),
            span: origin,
        });
        let selection = Selection { actions, ..selection };
        self.policy
            .grants
            .push(Grant::new(Effect::Allow, selection, Selector::Any, origin));
    }

    fn lower_type(&mut self, row: &TypeRow) {
        let at = |name: &str| Spanned {
            value: name.to_owned(),
            span: row.id.span,
        };
        let handled = HANDLED.iter().chain(&SYSTEM).copied();
        let handled = handled
            .filter(|name| row.fields.iter().all(|field| field.value != *name))
            .map(at);
        let fields = row.fields.iter().cloned().chain(handled);
        let fields = fields
            .map(|name| Field {
                // Of what decides, the type is that of the column.
                kind: [STATE_FIELD, OWNER]
                    .contains(&name.value.as_str())
                    .then_some(FieldType::String),
                name,
                column: None,
                relation: None,
            })
            .collect();
        let workflow = row.entry.get("workflow");
        let workflow = workflow.and_then(|value| {
            Some(Spanned {
                value: value.as_text()?.to_owned(),
                span: value.span,
            })
        });
        self.policy.collections.push(Collection {
            id: row.id.clone(),
            title: title(text_of(&row.entry, "title").map(str::to_owned)),
            table: Some(at(TABLE)),
            state_field: Some(at(STATE_FIELD)),
            initial_state: None,
            owner: Some(OwnerFact {
                field: at(OWNER),
                roles: None,
            }),
            workflow,
            key: None,
            fields,
            lists_fields: true,
            unreadable: Unreadable::default(),
            unwritable: Unwritable::Drop,
            filtering: Filtering::default(),
            origin: row.entry.span,
        });
    }

    /// Nick drops silently what no schema has; the state is left to the workflow.
    fn deny_unwritable(&mut self, row: &TypeRow) {
        let at = |name: &str| Spanned {
            value: name.to_owned(),
            span: row.id.span,
        };
        let mut writable: Vec<_> = row
            .fields
            .iter()
            .filter(|field| field.value != "@type")
            .cloned()
            .collect();
        for name in HANDLED.iter().chain([&STATE_FIELD]) {
            if writable.iter().all(|field| field.value != *name) {
                writable.push(at(name));
            }
        }
        let selection = Selection {
            collections: only(row.id.clone()),
            actions: only(at(MODIFY)),
            ..Selection::default()
        };
        self.policy.grants.push(Grant::new(
            Effect::Deny,
            selection,
            Selector::Except(writable),
            row.id.span,
        ));
    }

    /// What a container takes: the types that it lists if it filters, else all that may be added anywhere.
    fn constrain_children(&mut self) {
        let flag = |row: &TypeRow, key: &str, default: bool| {
            row.entry
                .get(key)
                .map_or(default, |value| value.as_bool().unwrap_or(false))
        };
        let types = self.site.types.rows();
        let anywhere: Vec<&str> = types
            .iter()
            .filter(|row| flag(row, "global_allow", true))
            .map(|row| row.id.value.as_str())
            .collect();
        for row in types {
            let listed = row
                .entry
                .get("allowed_content_types")
                .and_then(Json::as_list)
                .unwrap_or_default();
            let children: Vec<&str> = if flag(row, "filter_content_types", false) {
                listed.iter().filter_map(Json::as_text).collect()
            } else {
                anywhere.clone()
            };
            let origin = row.id.span;
            let one_of = children
                .iter()
                .map(|child| Operand::Value(Value::Text((*child).to_owned().into())));
            let listed = child(Operator::In, Operand::List(one_of.collect()), origin);
            self.constrain(row, ADDABLE, listed.clone());
            if self.mode == Mode::Strict {
                let untold = child(Operator::Null, Operand::Value(Value::Bool(true)), origin);
                let require = Condition {
                    node: Node::Any(vec![untold, listed]),
                    span: origin,
                };
                self.constrain(row, ADD, require);
            }
        }
    }

    fn constrain(&mut self, row: &TypeRow, action: &str, require: Condition) {
        let actions = only(Spanned {
            value: action.to_owned(),
            span: row.id.span,
        });
        // Without anybody who may add, the action is unknown and needs no constraint.
        if !self.knows_action(action) {
            return;
        }
        self.policy.constraints.push(Constraint {
            id: None,
            selection: Selection {
                collections: only(row.id.clone()),
                actions,
                ..Selection::default()
            },
            require: Some(require),
            submitted: None,
            networks: None,
            presets: Vec::new(),
            code: None,
            origin: row.id.span,
        });
    }

    /// Tells whether a permission of this name exists so far: a rule about one that does not would lead nowhere.
    fn knows_action(&self, name: &str) -> bool {
        self.policy.actions.iter().any(|action| action.id.value == name)
    }

    /// Makes a role that only a state names, so that sharing may give it.
    pub(super) fn know_role(&mut self, id: &Spanned<String>) -> bool {
        let known = self.policy.roles.iter().any(|role| role.id.value == id.value);
        if !known {
            self.policy.roles.push(role(id.clone(), None, None, false));
        }
        known
    }
}

/// Returns the selector for one name.
pub(super) fn only(name: Spanned<String>) -> Selector {
    Selector::Only(vec![name])
}

/// Returns the title that a text makes.
pub(super) fn title(text: Option<String>) -> Title {
    Title {
        text,
        ..Title::default()
    }
}

/// Returns the place that holds all of the names.
pub(super) fn join(names: &[Spanned<String>]) -> Option<Span> {
    names.iter().map(|name| name.span).reduce(Span::to)
}

fn role(id: Spanned<String>, text: Option<String>, implicit: Option<Implicit>, declared: bool) -> Role {
    let origin = id.span;
    Role {
        title: title(text),
        implicit,
        declared,
        ..Role::new(id, origin)
    }
}

fn child(operator: Operator, right: Operand, span: Span) -> Condition {
    let left = Left::Fact(Variable::Context(vec!["child".to_owned()]));
    Condition::compare(left, operator, right, span)
}
