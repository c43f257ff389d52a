//! What an export of Directus means: its rows in words of the neutral policy.
//!
//! A role brings its parent and its policies, a policy holds the rights. Every permission becomes one allow, and one constraint
//! if it validates or presets; a rule that makes Directus fail becomes a deny. What mode `exact` reproduces is written here and
//! in the readers of rules, and nothing behind this room knows of it.

use std::collections::BTreeMap;

use crate::policy::condition::{Condition, Operand};
use crate::policy::grant::{Constraint, Grant, Selection};
use crate::policy::{Action, Codes, Policy, Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, did_you_mean, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::effect::{Effect, Operation, Reason};

use super::Mode;
use super::directus::Options;
use super::directus_collection::lower_collections;
use super::directus_filter::{FORBIDDEN, Fault, INVALID_QUERY};
use super::directus_item::{Context, ItemReader, TextCase};
use super::directus_older::merge_older;
use super::directus_rows::{Holder, PermissionRow, Rows, value_of};
use super::directus_schema::Schema;
use super::directus_system::app_permissions;
use super::directus_validation::ValidationReader;
use super::directus_value::{constant, read_arg};

/// The actions of Directus.
pub(super) const ACTIONS: [(&str, Operation); 5] = [
    ("create", Operation::Create),
    ("read", Operation::Read),
    ("update", Operation::Update),
    ("delete", Operation::Delete),
    ("share", Operation::Other),
];
/// The role of visitors and of people without a role.
pub(super) const PUBLIC: &str = "public";
/// The part that brings what whoever uses the app may do.
pub(super) const APP: &str = "app-access";

/// Lowers an export.
pub(super) fn lower(
    rows: Rows,
    schema: &Schema,
    options: &Options,
    mode: Mode,
    origin: Span,
    diagnostics: &mut Vec<Diagnostic>,
) -> Policy {
    let release = schema
        .release
        .as_deref()
        .and_then(|release| release.split('.').next()?.parse::<u32>().ok());
    let version = options.version.or(release);
    let context = Context {
        schema,
        mode,
        case: options.case.unwrap_or_else(|| case_of(schema.vendor.as_deref())),
        has_json: version.is_some_and(|version| version >= 12),
    };
    let mut lowering = Lowering {
        context,
        policy: Policy::default(),
        diagnostics,
        origin,
    };
    lowering.lower_settings();
    let is_older = rows.policies.is_empty() && rows.access.is_empty();
    let permissions = if is_older {
        lowering.lower_older_roles(&rows);
        merge_older(&rows, lowering.diagnostics)
    } else {
        lowering.lower_roles(&rows);
        lowering.lower_users(&rows);
        let app = rows.policies.iter().find_map(|policy| policy.flags.app);
        let mut permissions = rows.permissions.clone();
        permissions.extend(app.map(app_permissions).unwrap_or_default());
        permissions
    };
    for row in &permissions {
        lowering.lower_permission(row, &rows, is_older);
    }
    lowering.lower_inactive(&options.inactive);
    lower_collections(context, options, &mut lowering.policy, lowering.diagnostics);
    lowering.policy
}

/// How the databases of Directus usually compare text.
fn case_of(vendor: Option<&str>) -> TextCase {
    match vendor {
        Some("postgres" | "oracle" | "cockroachdb" | "redshift") => TextCase::Sensitive,
        Some("mysql" | "mssql") => TextCase::Insensitive,
        Some(_) | None => TextCase::AsciiLike,
    }
}

/// An export that is being lowered.
pub(super) struct Lowering<'l> {
    pub(super) context: Context<'l>,
    pub(super) policy: Policy,
    pub(super) diagnostics: &'l mut Vec<Diagnostic>,
    pub(super) origin: Span,
}

impl Lowering<'_> {
    fn lower_settings(&mut self) {
        let mut codes = BTreeMap::new();
        let forbidden = [
            Reason::NoGrant,
            Reason::NoMatchingGrant,
            Reason::Denied,
            Reason::FieldOutOfReach,
            Reason::FieldNotCovered,
            Reason::NotOffered,
            Reason::UnknownCollection,
            Reason::UnknownAction,
            Reason::UnknownTransition,
            Reason::UnknownRole,
            Reason::MissingAttribute,
            Reason::Fault,
        ];
        codes.extend(forbidden.map(|reason| (reason, FORBIDDEN.to_owned())));
        codes.insert(Reason::Violation, "FAILED_VALIDATION".to_owned());
        codes.insert(Reason::Network, "INVALID_IP".to_owned());
        codes.insert(Reason::BrokenRule, INVALID_QUERY.to_owned());
        self.policy.settings.codes = codes;
        for (id, operation) in ACTIONS {
            self.policy.actions.push(Action {
                id: Spanned::new(id.to_owned(), self.origin),
                title: Title::default(),
                operation,
                inside: false,
                listed_by: None,
                codes: Codes::default(),
                origin: self.origin,
            });
        }
    }

    fn lower_permission(&mut self, row: &PermissionRow, rows: &Rows, is_older: bool) {
        let Some(holder) = self.find_holder(row, rows, is_older) else {
            return;
        };
        let Some((action, operation)) = ACTIONS.into_iter().find(|(name, _)| *name == row.action.value)
        else {
            let names = ACTIONS.iter().map(|(name, _)| *name);
            super::word::unknown_word(&row.action, "`action`", names, self.diagnostics);
            return;
        };
        let schema = self.context.schema;
        if schema.is_known && schema.find(&row.collection.value).is_none() {
            let message = format!(
                "there is no collection {}, and Directus passes over the permission",
                quote(&row.collection.value)
            );
            self.diagnostics.push(Diagnostic::new(
                Code::AcceptedUnknown,
                row.collection.span,
                message,
            ));
            return;
        }
        self.report_ignored(row, operation);
        let selection = Selection {
            roles: Selector::Only(vec![holder]),
            collections: Selector::Only(vec![row.collection.clone()]),
            actions: Selector::Only(vec![Spanned::new(action.to_owned(), row.action.span)]),
            ..Selection::default()
        };
        match self.read_parts(row, operation) {
            Ok(parts) => self.add_rules(row, operation, selection, parts),
            Err(fault) => self.add_broken(row, selection, &fault),
        }
    }

    /// Finds whose role holds a permission; `None` if it counts nowhere.
    fn find_holder(&mut self, row: &PermissionRow, rows: &Rows, is_older: bool) -> Option<Spanned<String>> {
        let (id, flags) = match (&row.holder, is_older) {
            (Holder::App, false) => return Some(Spanned::new(APP.to_owned(), row.origin)),
            (Holder::Public | Holder::App, _) => return Some(Spanned::new(PUBLIC.to_owned(), row.origin)),
            (Holder::Policy(id), false) => {
                let policies = rows.policies.iter().map(|policy| policy.id.value.as_str());
                if !self.demand(id, "policy", policies) {
                    return None;
                }
                let policy = rows.policies.iter().find(|policy| policy.id.value == id.value);
                (id, policy.map(|policy| &policy.flags))
            }
            (Holder::Role(id), true) => {
                let roles = rows.roles.iter().map(|role| role.id.value.as_str());
                if !self.demand(id, "role", roles) {
                    return None;
                }
                let role = rows.roles.iter().find(|role| role.id.value == id.value);
                (id, role.map(|role| &role.flags))
            }
            (Holder::Policy(id) | Holder::Role(id), _) => {
                let message =
                    "the permission belongs to a policy where the others belong to roles, or the reverse";
                let help =
                    "are all files of one release? `policies.json` and `access.json` came with Directus 11";
                self.diagnostics
                    .push(Diagnostic::new(Code::UnknownRole, id.span, message).help(help));
                return None;
            }
        };
        if flags.is_some_and(|flags| flags.admin) {
            let message = "whoever holds this may do anything, so the permission adds nothing";
            self.diagnostics
                .push(Diagnostic::new(Code::IgnoredPart, row.origin, message));
            return None;
        }
        Some(id.clone())
    }

    /// Warns of the parts of a permission that Directus never looks at.
    fn report_ignored(&mut self, row: &PermissionRow, operation: Operation) {
        let is_empty = |json: &&Json| !json.as_object().is_some_and(<[Member]>::is_empty);
        let mut ignored = Vec::new();
        if operation == Operation::Create {
            ignored.extend(row.rule.as_ref().filter(is_empty).map(|rule| {
                let message = "Directus does not look at the item rule of a permission to create: whatever it says, all is allowed";
                (rule.span, message)
            }));
        }
        if !matches!(operation, Operation::Create | Operation::Update) {
            let message = "Directus looks at validations and presets when it creates and updates alone";
            ignored.extend(
                row.validation
                    .as_ref()
                    .filter(is_empty)
                    .map(|json| (json.span, message)),
            );
            ignored.extend(row.presets.first().map(|member| (member.key.span, message)));
        }
        for (span, message) in ignored {
            self.diagnostics
                .push(Diagnostic::new(Code::IgnoredPart, span, message));
        }
        let names_fields = matches!(operation, Operation::Create | Operation::Read | Operation::Update);
        if names_fields && row.fields.as_ref().is_some_and(Vec::is_empty) {
            let span = row.fields_span.unwrap_or(row.origin);
            let message = "the permission opens no field: `null` and `[]` are none, `[\"*\"]` is all";
            self.diagnostics
                .push(Diagnostic::new(Code::EmptyList, span, message));
        }
    }

    fn read_parts(&mut self, row: &PermissionRow, operation: Operation) -> Result<Parts, Fault> {
        let mut parts = Parts::default();
        if let Some(rule) = &row.rule {
            let reader = &mut ItemReader {
                context: self.context,
                diagnostics: self.diagnostics,
            };
            if operation == Operation::Create {
                // Its variables are looked up and its form is read, and then it is not asked.
                let mut unheard = Vec::new();
                let read = ItemReader {
                    context: self.context,
                    diagnostics: &mut unheard,
                }
                .read_rule(rule, &row.collection.value);
                read.map(|_| ()).or_else(|fault| match fault.code {
                    INVALID_QUERY => Ok(()),
                    _ => Err(fault),
                })?;
            } else {
                parts.when = reader.read_rule(rule, &row.collection.value)?;
            }
        }
        if matches!(operation, Operation::Create | Operation::Update) {
            if let Some(validation) = &row.validation {
                parts.submitted = ValidationReader {
                    context: self.context,
                    diagnostics: self.diagnostics,
                }
                .read(validation)?;
            }
            for Member { key, value } in &row.presets {
                if self.knows_field(&row.collection.value, key) {
                    let operand = self.read_preset(value)?;
                    parts.presets.push((key.clone(), operand));
                }
            }
        }
        Ok(parts)
    }

    fn read_preset(&self, json: &Json) -> Result<Operand, Fault> {
        let schema = self.context.schema;
        match &json.node {
            Node::List(values) => {
                let read = |value: &Json| read_arg(value, schema).map(|arg| constant(&arg));
                let operands = values.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                let is_constant = operands
                    .iter()
                    .all(|operand| matches!(operand, Operand::Value(_)));
                Ok(if is_constant {
                    Operand::Value(value_of(json))
                } else {
                    Operand::List(operands)
                })
            }
            Node::Object(_) => Ok(Operand::Value(value_of(json))),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {
                Ok(constant(&read_arg(json, schema)?))
            }
        }
    }

    /// Tells whether a collection has a field; one that it lacks is reported, and counts nowhere.
    fn knows_field(&mut self, collection: &str, name: &Spanned<String>) -> bool {
        let home = self.context.schema.find(collection);
        let is_known = !self.context.schema.is_known
            || home.is_none_or(|home| !home.is_closed || home.field(&name.value).is_some());
        if !is_known {
            let message = format!(
                "there is no field {} in {}, and Directus passes over it",
                quote(&name.value),
                quote(collection)
            );
            let known = home.into_iter().flat_map(|home| &home.fields);
            let near = did_you_mean(&name.value, known.map(|field| field.name.value.as_str()));
            let mut diagnostic = Diagnostic::new(Code::AcceptedUnknown, name.span, message);
            diagnostic.help = near.map(|near| format!("did you mean {}?", quote(near)));
            self.diagnostics.push(diagnostic);
        }
        is_known
    }

    fn add_rules(&mut self, row: &PermissionRow, operation: Operation, selection: Selection, parts: Parts) {
        let fields = self.fields(row, operation);
        if parts.submitted.is_some() || !parts.presets.is_empty() {
            self.policy.constraints.push(Constraint {
                id: row
                    .id
                    .as_ref()
                    .map(|id| Spanned::new(format!("permission-{id}"), row.origin)),
                submitted: parts.submitted,
                presets: parts.presets,
                ..Constraint::new(selection.clone(), row.origin)
            });
        }
        let selection = Selection {
            when: parts.when,
            ..selection
        };
        self.policy.grants.push(Grant {
            fields,
            ..grant(row, selection)
        });
    }

    /// Returns the fields of a permission. What a read names and the collection does not have is out of reach, even if all are
    /// within.
    fn fields(&mut self, row: &PermissionRow, operation: Operation) -> Selector {
        match (operation, &row.fields) {
            (Operation::Delete | Operation::Other, _) => Selector::Any,
            (Operation::Read | Operation::Create | Operation::Update, Some(names)) => {
                let known: Vec<_> = names
                    .iter()
                    .filter(|name| self.knows_field(&row.collection.value, name))
                    .cloned()
                    .collect();
                Selector::Only(known)
            }
            (Operation::Read, None) => {
                let home = self.context.schema.find(&row.collection.value);
                match home.filter(|home| home.is_closed && self.context.schema.is_known) {
                    Some(home) => {
                        let span = row.fields_span.unwrap_or(row.origin);
                        let name = |field: &super::directus_schema::FieldRow| {
                            Spanned::new(field.name.value.clone(), span)
                        };
                        Selector::Only(home.fields.iter().map(name).collect())
                    }
                    None => Selector::Any,
                }
            }
            (Operation::Create | Operation::Update, None) => Selector::Any,
        }
    }

    /// A rule that makes Directus fail refuses whatever it is looked at for.
    fn add_broken(&mut self, row: &PermissionRow, selection: Selection, fault: &Fault) {
        let severity = match self.context.mode {
            Mode::Strict => Severity::Error,
            Mode::Exact => Severity::Warning,
        };
        let help = format!(
            "to {} in {} fails with {} for whoever holds this",
            quote(&row.action.value),
            quote(&row.collection.value),
            quote(fault.code)
        );
        self.diagnostics.push(
            Diagnostic::new(Code::BrokenRule, fault.span, fault.message.as_str())
                .severity(severity)
                .help(help),
        );
        self.policy.grants.push(Grant {
            effect: Effect::Deny,
            broken: Some(fault.message.clone()),
            code: Some(fault.code.to_owned()),
            ..grant(row, selection)
        });
    }

    /// A collection that is switched off refuses everybody.
    fn lower_inactive(&mut self, inactive: &[Spanned<String>]) {
        for name in inactive {
            self.policy.grants.push(Grant {
                id: Some(Spanned::new(format!("inactive-{}", name.value), name.span)),
                code: Some("COLLECTION_INACTIVE".to_owned()),
                ..Grant::new(
                    Effect::Deny,
                    Selection {
                        collections: Selector::Only(vec![name.clone()]),
                        ..Selection::default()
                    },
                    Selector::Any,
                    name.span,
                )
            });
        }
    }
}

/// What the parts of a permission come to.
#[derive(Default)]
struct Parts {
    when: Option<Condition>,
    submitted: Option<Condition>,
    presets: Vec<(Spanned<String>, Operand)>,
}

fn grant(row: &PermissionRow, selection: Selection) -> Grant {
    let id = row.id.as_ref();
    Grant {
        id: id.map(|id| Spanned::new(format!("permission-{id}"), row.origin)),
        ..Grant::new(Effect::Allow, selection, Selector::Any, row.origin)
    }
}

pub(super) fn title(text: Option<String>) -> Title {
    Title {
        text,
        ..Title::default()
    }
}
