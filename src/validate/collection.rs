//! Actions, collections and their fields.

use crate::policy::collection::Collection;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;
use crate::vocab::operator::FieldType;

use super::names::{Names, Place};
use super::path::{check_field, check_path};
use super::reach::Reach;
use super::report::Report;

/// Checks declared actions and collections.
pub(super) fn validate_collections(names: &Names<'_>, report: &mut Report<'_>) {
    for action in &names.policy.actions {
        action
            .listed_by
            .iter()
            .for_each(|listing| names.check_action(listing, report));
    }
    for (index, place) in names.places.iter().enumerate() {
        validate_fields(names, place.collection, report);
        validate_facts(names, index, place, report);
        validate_states(names, place, report);
    }
}

fn validate_fields(names: &Names<'_>, collection: &Collection, report: &mut Report<'_>) {
    let fields = &collection.fields;
    for field in fields {
        report.check_id("field", &field.name);
        if let Some(relation) = &field.relation {
            names.check_collection(&relation.collection, report);
            let place = names.find_place(&relation.collection.value);
            if let Some((key, place)) = relation.foreign_key.as_ref().zip(place) {
                check_field(names, &Reach::of_places(vec![place], false), key, report);
            }
        }
    }
    report.check_unique("field", fields.iter().map(|field| &field.name));
}

/// Checks the fields that hold the state, the owner and the key.
fn validate_facts(names: &Names<'_>, index: usize, place: &Place<'_>, report: &mut Report<'_>) {
    let collection = place.collection;
    let reach = Reach::of_places(vec![index], false);
    if let Some(field) = &collection.state_field {
        check_field(names, &reach, field, report);
        validate_state_type(place, field, report);
    }
    if let Some(owner) = &collection.owner {
        check_field(names, &reach, &owner.field, report);
        if let Some(path) = &owner.roles {
            check_path(names, &reach, path, Severity::Error, report);
        }
    }
}

fn validate_state_type(place: &Place<'_>, name: &Spanned<String>, report: &mut Report<'_>) {
    let field = place.fields.get(name.value.as_str());
    let Some(kind) = field.and_then(|field| field.kind) else {
        return;
    };
    let fits = match kind {
        FieldType::String | FieldType::Text | FieldType::Uuid => true,
        FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal => true,
        FieldType::Csv | FieldType::Boolean | FieldType::Date | FieldType::Time | FieldType::DateTime => {
            false
        }
        FieldType::Timestamp | FieldType::Json | FieldType::Hash | FieldType::Geometry | FieldType::Alias => {
            false
        }
    };
    if !fits {
        let message = format!(
            "{} is declared as {}, which is no name of a state",
            quote(&name.value),
            kind.name()
        );
        report.add(Diagnostic::new(Code::WrongType, name.span, message));
    }
}

fn validate_states(names: &Names<'_>, place: &Place<'_>, report: &mut Report<'_>) {
    let collection = place.collection;
    if let Some(workflow) = &collection.workflow {
        names.check_workflow(workflow, report);
    }
    let Some(initial) = &collection.initial_state else {
        return;
    };
    if let Some(flow) = place.flow.and_then(|flow| names.flows.get(flow)) {
        flow.check_state(initial, report);
    } else if !place.has_states() {
        let id = quote(&collection.id.value);
        let message =
            format!("collection {id} has an initial state, and neither a state field nor a workflow");
        report.add(Diagnostic::new(Code::NoStatusField, initial.span, message));
    }
}
