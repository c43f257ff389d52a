//! Fields: what `types.json` says of them, and which of them whom a rule on the field lets see and write.

use crate::policy::collection::{Field, Relation};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, Severity, quote};
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::FieldType;

use super::Mode;
use super::apostrophe_right::{Holder, Rights, World};
use super::apostrophe_type::DocType;
use super::apostrophe_union::Ways;
use super::reader::{Keys, read_list, suggestion};

/// A field of a type.
#[derive(Clone, Debug)]
pub(super) struct FieldRow {
    pub(super) name: Spanned<String>,
    /// The word for what it holds.
    kind: Option<Spanned<String>>,
    /// The related type.
    with_type: Option<Spanned<String>>,
    /// Who does not have this right does not see it.
    view: Option<FieldRule>,
    /// Who does not have this right does not write it.
    edit: Option<FieldRule>,
}

/// A right that a field asks for.
#[derive(Clone, Debug)]
struct FieldRule {
    action: Spanned<String>,
    doc_type: Spanned<String>,
}

/// Reads the fields of a type.
pub(super) fn read_fields(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Vec<FieldRow> {
    let mut fields: Vec<FieldRow> = Vec::new();
    for json in read_list(json, "`fields`", diagnostics).unwrap_or_default() {
        let Some(field) = read_field(json, diagnostics) else {
            continue;
        };
        if let Some(other) = fields.iter().find(|other| other.name.value == field.name.value) {
            let message = format!("the field {} is there twice", quote(&field.name.value));
            diagnostics.push(
                Diagnostic::new(Code::DuplicateId, field.name.span, message)
                    .label(other.name.span, "the other one is here"),
            );
            continue;
        }
        fields.push(field);
    }
    fields
}

fn read_field(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldRow> {
    let mut keys = Keys::open(json, "a field", diagnostics)?;
    let name = keys.id("name", diagnostics);
    if name.is_none() && keys.optional("name").is_none() {
        keys.required("name", diagnostics);
    }
    let kind = keys.text("type", diagnostics);
    keys.text("label", diagnostics);
    let with_type = keys.id("withType", diagnostics);
    let view = keys
        .optional("viewPermission")
        .and_then(|json| read_rule(json, diagnostics));
    // The one is the old name of the other.
    let edit = keys.either(["editPermission", "permission"], diagnostics);
    let edit = edit.and_then(|member| read_rule(&member.value, diagnostics));
    keys.finish(diagnostics);
    Some(FieldRow {
        name: name?,
        kind,
        with_type,
        view,
        edit,
    })
}

fn read_rule(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldRule> {
    let mut keys = Keys::open(json, "the permission of a field", diagnostics)?;
    for key in ["action", "type"] {
        keys.required(key, diagnostics);
    }
    let rule = (keys.id("action", diagnostics), keys.id("type", diagnostics));
    keys.finish(diagnostics);
    let (action, doc_type) = (rule.0?, rule.1?);
    Some(FieldRule { action, doc_type })
}

/// Complains about rights that no field can ask for, and types that do not exist.
pub(super) fn check_fields(world: &World<'_>, found: &DocType, diagnostics: &mut Vec<Diagnostic>) {
    for field in found.fields.iter().flatten() {
        if let Some(with_type) = &field.with_type {
            check_type(world, with_type, Severity::Warning, diagnostics);
        }
        for rule in [&field.view, &field.edit].into_iter().flatten() {
            check_rule(world, rule, diagnostics);
        }
    }
}

fn check_rule(world: &World<'_>, rule: &FieldRule, diagnostics: &mut Vec<Diagnostic>) {
    let severity = match world.mode {
        Mode::Strict => Severity::Error,
        Mode::Exact => Severity::Warning,
    };
    check_type(world, &rule.doc_type, severity, diagnostics);
    let known = world.rights_known();
    if !known.contains(&rule.action.value.as_str()) {
        let name = quote(&rule.action.value);
        let message = format!("there is no permission {name}, so only administrators have it");
        let help = suggestion(&rule.action.value, known);
        let diagnostic = Diagnostic::new(Code::UnknownPermission, rule.action.span, message);
        diagnostics.push(Diagnostic { help, ..diagnostic }.severity(severity));
    }
}

fn check_type(
    world: &World<'_>,
    name: &Spanned<String>,
    severity: Severity,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if world.find(&name.value).is_none() {
        let message = format!("there is no type {}", quote(&name.value));
        let names = world.types.iter().map(|found| found.name.value.as_str());
        let help = suggestion(&name.value, names);
        let diagnostic = Diagnostic::new(Code::UnknownCollection, name.span, message);
        diagnostics.push(Diagnostic { help, ..diagnostic }.severity(severity));
    }
}

/// Fields that are closed to somebody, and what opens each of them.
pub(super) type Closed = Vec<(Spanned<String>, Ways)>;

/// Which fields of a type somebody does not see, and which not write, in a request that runs in draft mode or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hidden {
    pub(super) unseen: Closed,
    pub(super) unwritten: Closed,
}

/// Finds the fields of a type that are closed to somebody.
pub(super) fn find_hidden(
    world: &World<'_>,
    holder: &Holder,
    rights: Rights,
    found: &DocType,
    drafting: bool,
) -> Hidden {
    let mut hidden = Hidden::default();
    for field in found.fields.iter().flatten() {
        let to = |action: &str, doc_type: &str| world.ways_to_permit(holder, action, doc_type, drafting);
        let has = |rule: &Option<FieldRule>| {
            let rule = rule.as_ref()?;
            Some(to(&rule.action.value, &rule.doc_type.value))
        };
        let (views, edits) = (has(&field.view), has(&field.edit));
        let reaches = field.with_type.as_ref().map(|name| to("view", &name.value));
        let written = ways_to_write(world.mode, views.as_ref(), edits.as_ref(), reaches.as_ref());
        if let Some(views) = views.filter(|views| !views.is_there()) {
            hidden.unseen.push((field.name.clone(), views));
        }
        if !written.is_there() {
            hidden.unwritten.push((field.name.clone(), written));
        }
    }
    // What only those see who may edit the document.
    if !rights.edit.covers(drafting) {
        let name = Spanned::new(META.to_owned(), found.origin);
        let edits = if drafting {
            Ways::known(false)
        } else {
            world.ways_to_edit_live(holder, found)
        };
        hidden.unseen.push((name, edits));
    }
    hidden
}

/// Returns the ways to write a field: `views` and `edits` are those to satisfy its rules, if it has them, and `reaches` those to
/// view the documents that it leads to.
fn ways_to_write(mode: Mode, views: Option<&Ways>, edits: Option<&Ways>, reaches: Option<&Ways>) -> Ways {
    let one_of = |rules: [Option<&Ways>; 2]| {
        let rules = rules.into_iter().flatten().cloned();
        rules.fold(Ways::known(false), Ways::or)
    };
    let all_of = |rules: [Option<&Ways>; 3]| {
        let rules = rules.into_iter().flatten();
        rules.fold(Ways::known(true), Ways::and)
    };
    match mode {
        // One of the two rules is enough, and for a relation the view of what it leads to where there is no rule.
        Mode::Exact if views.is_some() || edits.is_some() => one_of([views, edits]),
        Mode::Exact => all_of([reaches, None, None]),
        Mode::Strict => all_of([views, edits, reaches]),
    }
}

/// The field with what the editor's interface keeps about a document.
const META: &str = "aposMeta";

/// What every document may have, whatever its schema says.
const COMMON: [(&str, FieldType); 22] = [
    ("_id", FieldType::String),
    ("_url", FieldType::String),
    ("aposDocId", FieldType::String),
    ("aposLocale", FieldType::String),
    (META, FieldType::Json),
    ("aposMode", FieldType::String),
    ("aposShareKey", FieldType::String),
    ("archived", FieldType::Boolean),
    ("createdAt", FieldType::Timestamp),
    ("docPermissions", FieldType::Json),
    ("lastPublishedAt", FieldType::Timestamp),
    ("level", FieldType::Integer),
    ("modified", FieldType::Boolean),
    ("parked", FieldType::Json),
    ("parkedId", FieldType::String),
    ("path", FieldType::String),
    ("slug", FieldType::String),
    ("submitted", FieldType::Json),
    ("title", FieldType::String),
    ("type", FieldType::String),
    ("updatedAt", FieldType::Timestamp),
    ("visibility", FieldType::String),
];

/// Returns the fields of the collection that a type becomes; `None` if nobody told them.
pub(super) fn collection_fields(world: &World<'_>, found: &DocType) -> Option<Vec<Field>> {
    let own = found.fields.as_ref()?;
    let mut fields: Vec<Field> = own
        .iter()
        .map(|field| Field {
            name: field.name.clone(),
            column: None,
            kind: field.kind.as_ref().and_then(|kind| field_type(&kind.value)),
            relation: field
                .with_type
                .clone()
                .filter(|name| world.find(&name.value).is_some())
                .map(|collection| Relation {
                    collection,
                    many: true,
                    foreign_key: None,
                }),
        })
        .collect();
    let projected = found.projection.iter().flatten().map(|name| (name.clone(), None));
    let common = COMMON
        .into_iter()
        .map(|(name, kind)| (at(name, found.origin), Some(kind)));
    for (name, kind) in common.chain(projected) {
        if fields.iter().all(|field| field.name.value != name.value) {
            fields.push(Field {
                name,
                column: None,
                kind,
                relation: None,
            });
        }
    }
    Some(fields)
}

fn at(name: &str, span: Span) -> Spanned<String> {
    Spanned::new(name.to_owned(), span)
}

/// Returns what a field of Apostrophe holds; `None` for what may hold anything.
fn field_type(kind: &str) -> Option<FieldType> {
    Some(match kind {
        "string" | "slug" | "url" | "email" | "color" | "select" | "radio" | "role" | "tel" => {
            FieldType::String
        }
        "integer" => FieldType::Integer,
        "float" | "range" => FieldType::Float,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "time" => FieldType::Time,
        "dateAndTime" => FieldType::Timestamp,
        "password" => FieldType::Hash,
        "area"
        | "array"
        | "attachment"
        | "box"
        | "checkboxes"
        | "object"
        | "oembed"
        | "relationship"
        | "relationshipReverse" => FieldType::Json,
        _ => return None,
    })
}
