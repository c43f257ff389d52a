//! Fields, and paths through relations.

use crate::policy::collection::Field;
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::span::Spanned;
use crate::vocab::operator::FieldType;

use super::names::Names;
use super::reach::Reach;
use super::report::Report;

/// What a path leads to.
pub(super) enum Resolved<'p> {
    /// Something of which nothing is known.
    Open,
    /// One of these fields.
    Fields(Vec<&'p Field>),
    /// A place that does not exist; it was reported.
    Nowhere,
}

/// Checks that a field exists in one of the collections.
pub(super) fn check_field(names: &Names<'_>, reach: &Reach, name: &Spanned<String>, report: &mut Report<'_>) {
    check_path(names, reach, std::slice::from_ref(name), Severity::Error, report);
}

/// Checks that a path leads somewhere in one of the collections, and returns where.
pub(super) fn check_path<'p>(
    names: &Names<'p>,
    reach: &Reach,
    path: &[Spanned<String>],
    severity: Severity,
    report: &mut Report<'_>,
) -> Resolved<'p> {
    let Some((name, rest)) = path.split_first() else {
        return Resolved::Open;
    };
    let (mut found, mut open) = reach.find_fields(names, &name.value);
    if found.is_empty() && !open {
        report_missing(names, reach, name, severity, report);
        return Resolved::Nowhere;
    }
    let mut above = name;
    for name in rest {
        if open {
            return Resolved::Open;
        }
        let Some(below) = related(names, &found) else {
            let message = format!(
                "{} is no relation, so it has no field {}",
                quote(&above.value),
                quote(&name.value)
            );
            report.add(Diagnostic::new(Code::UnknownField, name.span, message).severity(severity));
            return Resolved::Nowhere;
        };
        (found, open) = below.find_fields(names, &name.value);
        if found.is_empty() && !open {
            report_missing(names, &below, name, severity, report);
            return Resolved::Nowhere;
        }
        above = name;
    }
    if open {
        Resolved::Open
    } else {
        Resolved::Fields(found)
    }
}

/// Returns the collections that these fields lead to; `None` if nothing can lie below them.
pub(super) fn related(names: &Names<'_>, fields: &[&Field]) -> Option<Reach> {
    let mut places = Vec::new();
    let mut undeclared = false;
    for field in fields {
        match &field.relation {
            Some(relation) => match names.find_place(&relation.collection.value) {
                Some(place) => places.push(place),
                None => undeclared = true,
            },
            None => undeclared |= holds_anything(field.kind),
        }
    }
    (undeclared || !places.is_empty()).then(|| Reach::of_places(places, undeclared))
}

/// Tells whether a field without a declared relation may hold objects.
fn holds_anything(kind: Option<FieldType>) -> bool {
    match kind {
        None | Some(FieldType::Json | FieldType::Alias | FieldType::Geometry) => true,
        Some(
            FieldType::String
            | FieldType::Text
            | FieldType::Csv
            | FieldType::Integer
            | FieldType::BigInteger
            | FieldType::Float
            | FieldType::Decimal
            | FieldType::Boolean
            | FieldType::Date
            | FieldType::Time
            | FieldType::DateTime
            | FieldType::Timestamp
            | FieldType::Uuid
            | FieldType::Hash,
        ) => false,
    }
}

fn report_missing(
    names: &Names<'_>,
    reach: &Reach,
    name: &Spanned<String>,
    severity: Severity,
    report: &mut Report<'_>,
) {
    let field = quote(&name.value);
    let message = match reach.places.as_slice() {
        [only] if !reach.wide => {
            let id = names
                .places
                .get(*only)
                .map_or("", |place| &place.collection.id.value);
            format!("collection {} has no field {field}", quote(id))
        }
        _ => format!("no collection of the rule has a field {field}"),
    };
    let hint = report.hint(&name.value, reach.field_names(names).into_iter());
    let diagnostic = Diagnostic::new(Code::UnknownField, name.span, message).severity(severity);
    report.add(Diagnostic {
        help: hint,
        ..diagnostic
    });
}
