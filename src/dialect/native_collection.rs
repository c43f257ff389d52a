//! Actions and collections in the native form.

use std::collections::BTreeMap;

use crate::policy::collection::{Collection, Field, Filtering, OwnerFact, Relation, Unreadable, Unwritable};
use crate::policy::grant::Grant;
use crate::policy::{Action, Codes};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::Spanned;
use crate::vocab::effect::{Operation, Reason};
use crate::vocab::operator::FieldType;

use super::native_grant::{Home, read_grants};
use super::reader::{self, Empty, Item, Keys};
use super::word;

/// Reads an action (`permissions.json`).
pub(super) fn read_action(
    Item { id, mut keys, origin }: Item<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Action {
    let (title, _) = keys.titles(diagnostics);
    let operation = keys.text("operation", diagnostics);
    let operation = operation.and_then(|word| find_operation(&word, diagnostics));
    let operation = operation.unwrap_or_else(|| default_operation(&id.value));
    let inside = keys.bool("inside", diagnostics);
    if inside.is_some() && operation != Operation::Create {
        let message = format!(
            "`inside` means nothing of the action {}, which does not create",
            quote(&id.value)
        );
        diagnostics.push(Diagnostic::new(Code::UnknownKey, id.span, message));
    }
    let listed_by = keys.id("listed_by", diagnostics);
    let mut codes = |key| {
        keys.optional(key)
            .map(|json| read_codes(json, key, diagnostics))
            .unwrap_or_default()
    };
    let codes = Codes {
        by_reason: codes("codes"),
        any_item: codes("any_item_codes"),
    };
    keys.finish(diagnostics);
    Action {
        id,
        title,
        operation,
        inside: inside.unwrap_or(false),
        listed_by,
        codes,
        origin,
    }
}

fn find_operation(word: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<Operation> {
    let found = OPERATIONS
        .into_iter()
        .find(|operation| operation.name().eq_ignore_ascii_case(&word.value));
    if found.is_none() {
        word::unknown_word(
            word,
            "`operation`",
            OPERATIONS.iter().map(|operation| operation.name()),
            diagnostics,
        );
    }
    found
}

const OPERATIONS: [Operation; 5] = [
    Operation::Read,
    Operation::Create,
    Operation::Update,
    Operation::Delete,
    Operation::Other,
];

fn default_operation(id: &str) -> Operation {
    match id {
        "create" => Operation::Create,
        "read" => Operation::Read,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => Operation::Other,
    }
}

/// Reads a map from reason to the code with which the CMS reports it.
pub(super) fn read_codes(
    json: &Json,
    key: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Reason, String> {
    let mut codes = BTreeMap::new();
    for Member { key, value } in reader::read_members(json, &quote(key), diagnostics).unwrap_or_default() {
        let reason = Reason::ALL.into_iter().find(|reason| reason.name() == key.value);
        if reason.is_none() {
            let names = Reason::ALL.map(Reason::name);
            word::unknown_word(key, "a reason", names.iter().copied(), diagnostics);
        }
        let code = reader::read_text(value, &quote(&key.value), diagnostics);
        codes.extend(reason.zip(code.map(|code| code.value)));
    }
    codes
}

/// Reads a collection and the grants that stand in it.
pub(super) fn read_collection(
    Item { id, mut keys, origin }: Item<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Collection, Vec<Grant>) {
    let (title, _) = keys.titles(diagnostics);
    let table = keys.id("table", diagnostics);
    let state_field = keys.id("state_field", diagnostics);
    let initial_state = keys.id("initial_state", diagnostics);
    let owner = keys
        .optional("owner")
        .and_then(|json| read_owner(json, diagnostics));
    let workflow = keys.id("workflow", diagnostics);
    let key = keys.id("key", diagnostics);
    let fields = keys
        .optional("fields")
        .and_then(|json| read_fields(json, diagnostics));
    // Who lists none knows none.
    let other_fields = keys.bool("other_fields", diagnostics);
    let lists_fields = !other_fields.unwrap_or(fields.is_none());
    let unreadable = [("refuse", Unreadable::Refuse), ("omit", Unreadable::Omit)];
    let unreadable = keys
        .word("unreadable", &unreadable, diagnostics)
        .unwrap_or_default();
    let unwritable = [("refuse", Unwritable::Refuse), ("drop", Unwritable::Drop)];
    let unwritable = keys
        .word("unwritable", &unwritable, diagnostics)
        .unwrap_or_default();
    let filtering = [("covered", Filtering::Covered), ("reach", Filtering::Reach)];
    let filtering = keys
        .word("filtering", &filtering, diagnostics)
        .unwrap_or_default();
    let grants = keys.optional("grants");
    let grants = grants
        .map(|json| read_grants(json, Home::Collection(&id), diagnostics))
        .unwrap_or_default();
    keys.finish(diagnostics);
    let collection = Collection {
        id,
        title,
        table,
        state_field,
        initial_state,
        owner,
        workflow,
        key,
        fields: fields.unwrap_or_default(),
        lists_fields,
        unreadable,
        unwritable,
        filtering,
        origin,
    };
    (collection, grants)
}

/// Reads the field that holds the owner, or an object with that field and the path to the owner's roles.
fn read_owner(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<OwnerFact> {
    if json.as_object().is_none() {
        let field = reader::read_id(json, "`owner`", Empty::Refused, diagnostics)?;
        return Some(OwnerFact { field, roles: None });
    }
    let mut keys = Keys::open(json, "`owner`", diagnostics)?;
    let field = keys.required("field", diagnostics);
    let field = field.and_then(|json| reader::read_id(json, "`field`", Empty::Refused, diagnostics));
    let roles = keys
        .optional("roles")
        .and_then(|json| read_path(json, diagnostics));
    keys.finish(diagnostics);
    Some(OwnerFact { field: field?, roles })
}

/// Reads a path: steps parted by dots, or a list of them.
fn read_path(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Spanned<String>>> {
    let what = "`roles`";
    let Some(text) = json.as_text() else {
        let steps = reader::read_ids(json, what, Empty::Refused, diagnostics)?;
        if steps.is_empty() {
            diagnostics.push(Diagnostic::new(
                Code::EmptyId,
                json.span,
                "the path `roles` is empty",
            ));
        }
        return Some(steps);
    };
    let mut steps = Vec::new();
    for step in text.split('.') {
        if !reader::check_id(step, json.span, "a step of `roles`", Empty::Refused, diagnostics) {
            return None;
        }
        steps.push(Spanned::new(step.to_owned(), json.span));
    }
    Some(steps)
}

/// Reads a list of names, or a map from name to type.
fn read_fields(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Field>> {
    let Node::Object(members) = &json.node else {
        let names = reader::read_ids(json, "`fields`", Empty::Refused, diagnostics)?;
        let bare = |name| Field {
            name,
            column: None,
            kind: None,
            relation: None,
        };
        return Some(names.into_iter().map(bare).collect());
    };
    Some(
        members
            .iter()
            .filter_map(|member| read_field(member, diagnostics))
            .collect(),
    )
}

fn read_field(Member { key, value }: &Member, diagnostics: &mut Vec<Diagnostic>) -> Option<Field> {
    let known = reader::check_id(&key.value, key.span, "a field", Empty::Refused, diagnostics);
    let mut field = Field {
        name: key.clone(),
        column: None,
        kind: None,
        relation: None,
    };
    if value.as_text().is_some() {
        field.kind = read_field_type(value, diagnostics);
        return known.then_some(field);
    }
    let mut keys = Keys::open(value, "a field", diagnostics)?;
    field.kind = keys
        .optional("type")
        .and_then(|json| read_field_type(json, diagnostics));
    field.column = keys.id("column", diagnostics);
    let related = keys.optional("relation");
    let related = related.and_then(|json| reader::read_id(json, "`relation`", Empty::Allowed, diagnostics));
    let many = keys.bool("many", diagnostics);
    let via = keys.id("via", diagnostics);
    keys.finish(diagnostics);
    if via.is_some() && many != Some(true) {
        let message = format!("the field {} needs `many` beside `via`", quote(&key.value));
        diagnostics.push(Diagnostic::new(Code::MissingKey, value.span, message));
    }
    if many.is_some() && related.is_none() {
        let message = format!("the field {} needs `relation` beside `many`", quote(&key.value));
        diagnostics.push(Diagnostic::new(Code::MissingKey, value.span, message));
    }
    field.relation = related.map(|collection| Relation {
        collection,
        many: many.unwrap_or(false),
        foreign_key: via,
    });
    known.then_some(field)
}

fn read_field_type(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldType> {
    let words = FieldType::ALL.map(|kind| (kind.name(), kind));
    word::read_word(json, "the type of a field", &words, diagnostics)
}
