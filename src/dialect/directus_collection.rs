//! Collections of Directus: fields, relations, what columns demand, and the states that a field offers.

use crate::policy::collection::{Collection, Field, Filtering, Unreadable, Unwritable};
use crate::policy::condition::Condition;
use crate::policy::grant::{Constraint, Selection};
use crate::policy::workflow::{State, Target, Transition, Workflow};
use crate::policy::{Policy, Selector, Title};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::Operator;

use super::Mode;
use super::directus::{Options, StateOption};
use super::directus_build::Look;
use super::directus_item::Context;
use super::directus_schema::{Class, CollectionRow, FieldRow};
use super::directus_validation::ValidationReader;

/// Lowers what a project declares.
pub(super) fn lower_collections(
    context: Context<'_>,
    options: &Options,
    policy: &mut Policy,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for option in &options.states {
        let known = context.schema.find(&option.collection.value);
        if context.schema.is_known && known.is_none() {
            let message = format!("there is no collection {}", quote(&option.collection.value));
            diagnostics.push(Diagnostic::new(
                Code::UnknownCollection,
                option.collection.span,
                message,
            ));
        }
    }
    let mut undeclared: Vec<Spanned<String>> = options
        .states
        .iter()
        .map(|option| option.collection.clone())
        .collect();
    if !context.schema.is_known {
        // Without a schema, whatever a permission names is a collection.
        let named = policy
            .grants
            .iter()
            .flat_map(|grant| grant.selection.collections.names());
        undeclared.extend(named.cloned());
    } else {
        undeclared.clear();
    }
    for row in &context.schema.collections {
        lower_collection(context, options, row, policy, diagnostics);
    }
    for name in undeclared {
        if !policy
            .collections
            .iter()
            .any(|known| known.id.value == name.value)
        {
            let row = CollectionRow {
                id: name,
                fields: Vec::new(),
                is_closed: false,
                is_system: false,
            };
            lower_collection(context, options, &row, policy, diagnostics);
        }
    }
}

fn lower_collection(
    context: Context<'_>,
    options: &Options,
    row: &CollectionRow,
    policy: &mut Policy,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let states = find_states(options, row, diagnostics);
    let is_closed = row.is_closed && (context.schema.is_known || row.is_system);
    let field = |field: &FieldRow| Field {
        name: field.name.clone(),
        column: None,
        kind: match field.class {
            Class::Typed(kind) => Some(kind),
            Class::Other | Class::Open => None,
        },
        relation: field.relation.clone(),
    };
    policy.collections.push(Collection {
        id: row.id.clone(),
        title: Title::default(),
        table: None,
        state_field: states.as_ref().map(|states| states.field.clone()),
        initial_state: None,
        owner: None,
        workflow: states.as_ref().map(|_| row.id.clone()),
        key: row.key().map(|key| key.name.clone()),
        fields: row.fields.iter().filter(|_| is_closed).map(field).collect(),
        lists_fields: is_closed,
        unreadable: Unreadable::Refuse,
        unwritable: Unwritable::Refuse,
        filtering: match context.mode {
            Mode::Exact => Filtering::Reach,
            Mode::Strict => Filtering::Covered,
        },
        origin: row.id.span,
    });
    policy
        .workflows
        .extend(states.map(|states| lower_workflow(&row.id, states)));
    for field in &row.fields {
        lower_column(row, field, policy);
        if let Some(validation) = &field.validation {
            let read = ValidationReader { context, diagnostics }.read(validation);
            match read {
                Ok(Some(condition)) => {
                    let rule = demand(row, &["create", "update"], condition, validation.span);
                    policy.constraints.push(rule);
                }
                Ok(None) => {}
                Err(fault) => {
                    let severity = match context.mode {
                        Mode::Strict => Severity::Error,
                        Mode::Exact => Severity::Warning,
                    };
                    let help = format!("whoever writes in {} is refused", quote(&row.id.value));
                    diagnostics.push(
                        Diagnostic::new(Code::BrokenRule, fault.span, fault.message)
                            .severity(severity)
                            .help(help),
                    );
                    let mut rule = demand(
                        row,
                        &["create", "update"],
                        super::directus_build::never(fault.span),
                        validation.span,
                    );
                    rule.code = Some(fault.code.to_owned());
                    policy.constraints.push(rule);
                }
            }
        }
    }
}

/// What the database demands of a column, for administrators, too.
fn lower_column(row: &CollectionRow, field: &FieldRow, policy: &mut Policy) {
    if !field.is_demanded {
        return;
    }
    let look = Look {
        path: vec![field.name.clone()],
        function: None,
        span: field.origin,
    };
    let is_there = look.coded("nnull", look.flag(Operator::Nnull));
    policy
        .constraints
        .push(demand(row, &["create", "update"], is_there, field.origin));
    if !field.has_default {
        let is_submitted = look.coded("required", look.flag(Operator::Submitted));
        policy
            .constraints
            .push(demand(row, &["create"], is_submitted, field.origin));
    }
}

fn demand(row: &CollectionRow, actions: &[&str], submitted: Condition, origin: Span) -> Constraint {
    let action = |action: &&str| Spanned::new((*action).to_owned(), origin);
    Constraint {
        submitted: Some(submitted),
        ..Constraint::new(
            Selection {
                collections: Selector::Only(vec![row.id.clone()]),
                actions: Selector::Only(actions.iter().map(action).collect()),
                ..Selection::default()
            },
            origin,
        )
    }
}

/// The states of a collection.
struct States {
    field: Spanned<String>,
    /// Each with its title.
    values: Vec<(Spanned<String>, Option<String>)>,
    initial: Option<Spanned<String>>,
}

/// Finds the field that holds the state: the one that the profile names, else one called `status` that offers choices.
fn find_states(options: &Options, row: &CollectionRow, diagnostics: &mut Vec<Diagnostic>) -> Option<States> {
    let option = options
        .states
        .iter()
        .find(|option| option.collection.value == row.id.value);
    let (name, values) = match option {
        Some(StateOption { field: None, .. }) => return None,
        Some(StateOption {
            field: Some(field),
            values,
            ..
        }) => (field.clone(), values.as_slice()),
        None => {
            let field = row.field("status").filter(|field| !field.choices.is_empty())?;
            (field.name.clone(), &[][..])
        }
    };
    let field = row.field(&name.value);
    if field.is_none() && row.is_closed {
        let message = format!(
            "there is no field {} in {}",
            quote(&name.value),
            quote(&row.id.value)
        );
        diagnostics.push(Diagnostic::new(Code::UnknownField, name.span, message));
        return None;
    }
    let values: Vec<_> = if values.is_empty() {
        field.map(|field| field.choices.clone()).unwrap_or_default()
    } else {
        values.iter().map(|value| (value.clone(), None)).collect()
    };
    if values.is_empty() {
        let message = format!("the field {} offers no choices", quote(&name.value));
        let help = "name the states: `{\"field\": …, \"values\": […]}`";
        diagnostics.push(Diagnostic::new(Code::MissingKey, name.span, message).help(help));
        return None;
    }
    let default = field.and_then(|field| field.default.as_deref());
    let initial = values
        .iter()
        .find(|(value, _)| Some(value.value.as_str()) == default)
        .map(|(value, _)| value.clone());
    Some(States {
        field: name,
        values,
        initial,
    })
}

/// Every state offers all others: grants and validations alone say who may move an item where.
fn lower_workflow(id: &Spanned<String>, states: States) -> Workflow {
    let title = |text: &Option<String>| Title {
        text: text.clone(),
        ..Title::default()
    };
    let others = |value: &Spanned<String>| {
        let names = states.values.iter().map(|(other, _)| other);
        names
            .filter(|other| other.value != value.value)
            .cloned()
            .collect()
    };
    Workflow {
        id: id.clone(),
        title: Title::default(),
        description: Title::default(),
        initial_state: states.initial.clone(),
        closed: false,
        states: states
            .values
            .iter()
            .map(|(value, text)| State {
                id: value.clone(),
                title: title(text),
                description: Title::default(),
                transitions: others(value),
                origin: value.span,
            })
            .collect(),
        transitions: states
            .values
            .iter()
            .map(|(value, text)| Transition {
                id: value.clone(),
                title: title(text),
                description: Title::default(),
                to: Target::State(value.clone()),
                actions: vec![Spanned::new("update".to_owned(), value.span)],
                from: None,
                listed: true,
                when: None,
                explain: false,
                opens: None,
                closes: None,
                approvals: Vec::new(),
                origin: value.span,
            })
            .collect(),
        origin: id.span,
    }
}
