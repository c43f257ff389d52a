//! What a decision needs to know about collections: where status and owner stand, which statuses there are, which fields.
//!
//! It comes from `directus_fields` and `directus_collections` as the API or a dump writes them, and from `collections.json`,
//! which is written by hand and counts more: a dump has no default values, as these belong to the schema of the database.

use rustc_hash::FxHashMap;

use crate::policy::collection::{Field, Relation};
use crate::source::code::Code;
use crate::source::diagnostic::{Diagnostic, quote};
use crate::source::json::{Json, Member, Node};
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::FieldType;

use super::legacy_table::{Record, read_flag, read_key, read_records, unpack};
use super::reader::{self, Empty, Item, Keys, read_items};

/// A status of a collection.
#[derive(Clone, Debug)]
pub(super) struct StatusFact {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
    /// Whether an item gets there by being deleted.
    pub(super) soft_delete: bool,
}

/// What is known of a collection.
#[derive(Clone, Debug)]
pub(super) struct CollectionFacts {
    pub(super) id: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) status_field: Option<Spanned<String>>,
    pub(super) default_status: Option<Spanned<String>>,
    /// The statuses, if any file tells them.
    pub(super) statuses: Option<Vec<StatusFact>>,
    /// The field with the id of whoever made the item.
    pub(super) owner_field: Option<Spanned<String>>,
    /// The fields that are written with every item made or changed.
    pub(super) stamps: Stamps,
    /// The fields, as far as known.
    pub(super) fields: Vec<Field>,
    /// Whether a file lists the fields, so that there are no others.
    pub(super) lists_fields: bool,
    pub(super) key: Option<Spanned<String>>,
    pub(super) origin: Span,
}

/// Fields that Directus writes itself, beside the owner.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps {
    pub(super) user_updated: Option<Spanned<String>>,
    pub(super) date_created: Option<Spanned<String>>,
    pub(super) date_updated: Option<Spanned<String>>,
}

impl CollectionFacts {
    /// Returns a collection of which nothing is known.
    pub(super) fn unknown(id: Spanned<String>) -> Self {
        Self {
            origin: id.span,
            id,
            title: None,
            status_field: None,
            default_status: None,
            statuses: None,
            owner_field: None,
            stamps: Stamps::default(),
            fields: Vec::new(),
            lists_fields: false,
            key: None,
        }
    }

    /// Tells whether a field exists, as far as that is known.
    pub(super) fn has_field(&self, name: &str) -> bool {
        !self.lists_fields || self.fields.iter().any(|field| field.name.value == name)
    }

    /// Adds a field to those that are known, or what it holds and leads to if that was not known.
    pub(super) fn add_field(
        &mut self,
        name: &Spanned<String>,
        kind: Option<FieldType>,
        leads_to: Option<&str>,
    ) {
        let relation = leads_to.map(|collection| Relation {
            collection: Spanned::new(collection.to_owned(), name.span),
            many: false,
            foreign_key: None,
        });
        match self
            .fields
            .iter_mut()
            .find(|field| field.name.value == name.value)
        {
            Some(field) => {
                field.kind = field.kind.or(kind);
                field.relation = field.relation.take().or(relation);
            }
            None => self.fields.push(Field {
                name: name.clone(),
                column: None,
                kind,
                relation,
            }),
        }
    }
}

/// The collections, in the order in which they were first named.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) collections: Vec<CollectionFacts>,
    /// The place of each collection.
    index: FxHashMap<String, usize>,
    /// The statuses of every collection with a status field that has none of its own.
    pub(super) global_statuses: Option<Vec<StatusFact>>,
    /// Whether any file tells of collections.
    pub(super) told: bool,
}

impl Facts {
    /// Returns a collection, which is made if it is not there.
    pub(super) fn entry(&mut self, id: &Spanned<String>) -> &mut CollectionFacts {
        let collections = &mut self.collections;
        let place = *self.index.entry(id.value.clone()).or_insert_with(|| {
            collections.push(CollectionFacts::unknown(id.clone()));
            collections.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index holds places of the list alone")]
        &mut collections[place]
    }

    /// Reads a table of fields, or the body of `GET /fields`.
    pub(super) fn read_fields(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        self.told = true;
        for record in read_records(json, diagnostics) {
            let what = "a row of `directus_fields`";
            let collection = record.required_key("collection", what, diagnostics);
            let field = record.required_key("field", what, diagnostics);
            if let Some((collection, field)) = collection.zip(field) {
                let facts = self.entry(&collection);
                read_field(facts, &field, &record, diagnostics);
            }
        }
    }

    /// Reads a table of collections, or the body of `GET /collections`, which tells the fields as well.
    pub(super) fn read_collections(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        self.told = true;
        for record in read_records(json, diagnostics) {
            let what = "a row of `directus_collections`";
            let Some(collection) = record.required_key("collection", what, diagnostics) else {
                continue;
            };
            let facts = self.entry(&collection);
            let Some(fields) = record.value("fields") else {
                continue;
            };
            for Member { key, value } in
                reader::read_members(fields, "`fields`", diagnostics).unwrap_or_default()
            {
                if let Some(members) = reader::read_members(value, "a field", diagnostics) {
                    let record = Record {
                        members,
                        span: value.span,
                    };
                    read_field(facts, key, &record, diagnostics);
                }
            }
        }
    }

    /// Reads a table of settings, of which one matters: the statuses of collections that have none of their own.
    pub(super) fn read_settings(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        for record in read_records(json, diagnostics) {
            if record.value("key").and_then(Json::as_text) != Some("status_mapping") {
                continue;
            }
            if let Some(value) = record.value("value") {
                self.global_statuses = read_mapping(value, diagnostics).or(self.global_statuses.take());
            }
        }
    }

    /// Reads `collections.json`.
    pub(super) fn read_facts(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        self.told = true;
        let Some(mut keys) = Keys::open(json, "this file", diagnostics) else {
            return;
        };
        keys.text("$schema", diagnostics);
        let collections = keys.required("collections", diagnostics);
        keys.finish(diagnostics);
        let items = collections.map(|json| read_items(json, "a collection", Empty::Refused, diagnostics));
        for item in items.unwrap_or_default() {
            self.read_item(item, diagnostics);
        }
    }

    fn read_item(&mut self, Item { id, mut keys, origin }: Item<'_>, diagnostics: &mut Vec<Diagnostic>) {
        let facts = self.entry(&id);
        facts.origin = origin;
        facts.title = keys.titles(diagnostics).0.text.or(facts.title.take());
        let places = [
            ("status_field", &mut facts.status_field),
            ("owner_field", &mut facts.owner_field),
            ("primary_key", &mut facts.key),
            ("user_updated_field", &mut facts.stamps.user_updated),
            ("date_created_field", &mut facts.stamps.date_created),
            ("date_updated_field", &mut facts.stamps.date_updated),
        ];
        for (key, place) in places {
            // Null says that there is none, whatever the tables say.
            match keys.optional(key) {
                Some(json) if json.is_null() => *place = None,
                Some(json) => *place = reader::read_id(json, &quote(key), Empty::Refused, diagnostics),
                None => {}
            }
        }
        if let Some(json) = keys.optional("default_status") {
            facts.default_status = if json.is_null() {
                None
            } else {
                read_key(json, "default_status", diagnostics)
            };
        }
        if let Some(json) = keys.optional("statuses") {
            facts.statuses = read_mapping(json, diagnostics);
        }
        if let Some(json) = keys.optional("fields").filter(|json| !json.is_null()) {
            let names = reader::read_ids(json, "`fields`", Empty::Refused, diagnostics);
            facts.lists_fields = true;
            names
                .unwrap_or_default()
                .iter()
                .for_each(|name| facts.add_field(name, None, None));
        }
        keys.finish(diagnostics);
    }
}

/// Reads what one field tells of its collection.
fn read_field(
    facts: &mut CollectionFacts,
    field: &Spanned<String>,
    record: &Record<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let kind = record
        .value("type")
        .and_then(Json::as_text)
        .map(str::to_lowercase);
    let is_user = matches!(
        kind.as_deref(),
        Some("owner" | "user_created" | "user_updated" | "user_modified" | "user")
    );
    facts.lists_fields = true;
    facts.add_field(
        field,
        kind.as_deref().and_then(field_type),
        is_user.then_some(USERS),
    );
    if read_flag(record.cell("primary_key"), "primary_key", diagnostics) {
        facts.key = Some(field.clone());
    }
    let place = match kind.as_deref() {
        Some("status") => {
            read_status_field(facts, field, record, diagnostics);
            return;
        }
        Some("owner" | "user_created") => &mut facts.owner_field,
        Some("user_updated" | "user_modified") => &mut facts.stamps.user_updated,
        Some("datetime_created" | "date_created") => &mut facts.stamps.date_created,
        Some("datetime_updated" | "date_modified" | "datetime_modified") => &mut facts.stamps.date_updated,
        Some(_) | None => return,
    };
    // The first field of a type is the one that counts.
    place.get_or_insert_with(|| field.clone());
}

/// Returns what a column of a type holds (`Directus\Database\Schema\DataTypes`); `None` if its type does not tell, as of keys
/// of related items and of types that interfaces have added.
fn field_type(name: &str) -> Option<FieldType> {
    match name {
        // The column of a status may hold numbers; they are compared as texts.
        "string" | "slug" | "lang" | "status" | "uuid" => Some(FieldType::String),
        "hash" => Some(FieldType::Hash),
        "integer" | "sort" => Some(FieldType::Integer),
        "decimal" => Some(FieldType::Decimal),
        "boolean" => Some(FieldType::Boolean),
        "date" => Some(FieldType::Date),
        "time" => Some(FieldType::Time),
        "datetime" | "datetime_created" | "datetime_updated" => Some(FieldType::DateTime),
        "array" => Some(FieldType::Csv),
        "json" => Some(FieldType::Json),
        "alias" | "o2m" | "group" | "translation" => Some(FieldType::Alias),
        _ => None,
    }
}

/// The collection of people.
pub(super) const USERS: &str = "directus_users";

fn read_status_field(
    facts: &mut CollectionFacts,
    field: &Spanned<String>,
    record: &Record<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let first = facts.status_field.get_or_insert_with(|| field.clone());
    if first.value != field.value {
        return;
    }
    if let Some(default) = record.value("default_value") {
        // A schema may write the default with its quotes.
        let default = read_key(default, "default_value", diagnostics);
        facts.default_status = default.map(|text| text.map(|text| text.trim_matches(['\'', '"']).to_owned()));
    }
    let Some(options) = record.value("options") else {
        return;
    };
    let Some(options) = unpack(options, "options", diagnostics) else {
        return;
    };
    if let Some(mapping) = options.get("status_mapping").filter(|mapping| !mapping.is_null()) {
        facts.statuses = read_mapping(mapping, diagnostics).or(facts.statuses.take());
    }
}

/// Reads a map from status to what it is; an empty one tells nothing.
fn read_mapping(json: &Json, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<StatusFact>> {
    let mapping = unpack(json, "status_mapping", diagnostics)?;
    let members = match &mapping.node {
        Node::Object(members) => members,
        // PHP writes a map with nothing in it as a list.
        Node::List(values) if values.is_empty() => return None,
        Node::Null => return None,
        Node::List(_) | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {
            let wanted = "an object with statuses as keys";
            reader::wrong_type(&mapping, "a status mapping", wanted, diagnostics);
            return None;
        }
    };
    let mut statuses = Vec::with_capacity(members.len());
    for Member { key, value } in members {
        if !reader::check_id(&key.value, key.span, "a status", Empty::Refused, diagnostics) {
            continue;
        }
        if key.value.starts_with('$') {
            let message = format!(
                "{} cannot be a status: rows give it another meaning",
                quote(&key.value)
            );
            diagnostics.push(Diagnostic::new(Code::Unsupported, key.span, message));
            continue;
        }
        if !value.is_null() && reader::read_members(value, "a status", diagnostics).is_none() {
            continue;
        }
        statuses.push(StatusFact {
            id: key.clone(),
            title: value.get("name").and_then(Json::as_text).map(str::to_owned),
            soft_delete: read_flag(value.get("soft_delete"), "soft_delete", diagnostics),
        });
    }
    (!statuses.is_empty()).then_some(statuses)
}
