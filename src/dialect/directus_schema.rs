//! What a Directus project declares: its collections, their fields and relations, from a schema snapshot or the bodies of
//! `/collections`, `/fields` and `/relations`.

use crate::policy::collection::Relation;
use crate::source::diagnostic::Diagnostic;
use crate::source::json::Json;
use crate::source::span::{Span, Spanned};
use crate::vocab::operator::FieldType;

use super::directus_rows::read_body;
use super::directus_system::{FIELDS, SYSTEM};
use super::reader;

/// All collections of a project.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub(super) collections: Vec<CollectionRow>,
    /// Whether any file declares collections; else nothing is known but what belongs to Directus itself.
    pub(super) is_known: bool,
    /// The release, as the snapshot tells it (`11.17.4`).
    pub(super) release: Option<String>,
    /// The database, as the snapshot tells it (`sqlite`).
    pub(super) vendor: Option<String>,
}

/// A collection.
#[derive(Clone, Debug)]
pub(super) struct CollectionRow {
    pub(super) id: Spanned<String>,
    pub(super) fields: Vec<FieldRow>,
    /// Whether all fields are declared.
    pub(super) is_closed: bool,
    pub(super) is_system: bool,
}

/// A field.
#[derive(Clone, Debug)]
pub(super) struct FieldRow {
    pub(super) name: Spanned<String>,
    pub(super) class: Class,
    pub(super) relation: Option<Relation>,
    pub(super) is_key: bool,
    /// The database refuses null, and Directus makes no value of its own.
    pub(super) is_demanded: bool,
    pub(super) has_default: bool,
    pub(super) default: Option<String>,
    /// What the field itself demands of values.
    pub(super) validation: Option<Json>,
    /// The values that its interface offers.
    pub(super) choices: Vec<(Spanned<String>, Option<String>)>,
    pub(super) origin: Span,
}

/// What a field holds, as far as rules tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A type that the neutral policy knows.
    Typed(FieldType),
    /// A type that Directus treats as unknown.
    Other,
    /// Nothing is declared.
    Open,
}

impl Schema {
    /// Reads the body of `/schema/snapshot`.
    pub(super) fn load_snapshot(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        let body = json.get("data").unwrap_or(json);
        if reader::read_members(body, "a schema snapshot", diagnostics).is_none() {
            return;
        }
        let text = |key: &str| body.get(key).and_then(Json::as_text).map(str::to_owned);
        self.release = text("directus").or(self.release.take());
        self.vendor = text("vendor").or(self.vendor.take());
        type Load = fn(&mut Schema, &Json, &mut Vec<Diagnostic>);
        let parts: [(&str, Load); 3] = [
            ("collections", Self::load_collections),
            ("fields", Self::load_fields),
            ("relations", Self::load_relations),
        ];
        for (key, load) in parts {
            if let Some(rows) = body.get(key) {
                load(self, rows, diagnostics);
            }
        }
    }

    /// Reads the body of `/collections`.
    pub(super) fn load_collections(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        self.is_known = true;
        for row in read_body(json, "the list of collections", diagnostics) {
            // A folder of collections has no table.
            let is_folder = row.get("schema").is_some_and(Json::is_null);
            if let Some(name) = text_of(row, "collection", diagnostics).filter(|_| !is_folder) {
                self.collection(&name);
            }
        }
    }

    /// Reads the body of `/fields`.
    pub(super) fn load_fields(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        self.is_known = true;
        for row in read_body(json, "the list of fields", diagnostics) {
            let collection = text_of(row, "collection", diagnostics);
            let name = text_of(row, "field", diagnostics);
            let Some((collection, name)) = collection.zip(name) else {
                continue;
            };
            let field = read_field(row, name);
            let home = self.collection(&collection);
            // A collection of the project has just the fields that the export names.
            home.is_closed |= !home.is_system;
            match home
                .fields
                .iter_mut()
                .find(|other| other.name.value == field.name.value)
            {
                Some(other) => {
                    let relation = other.relation.take();
                    *other = field;
                    other.relation = relation;
                }
                None => home.fields.push(field),
            }
        }
    }

    /// Reads the body of `/relations`.
    pub(super) fn load_relations(&mut self, json: &Json, diagnostics: &mut Vec<Diagnostic>) {
        for row in read_body(json, "the list of relations", diagnostics) {
            let collection = text_of(row, "collection", diagnostics);
            let field = text_of(row, "field", diagnostics);
            let Some((collection, field)) = collection.zip(field) else {
                continue;
            };
            let Some(related) = row
                .get("related_collection")
                .filter(|name| name.as_text().is_some())
            else {
                // Of a field that points into several collections nothing can be said here.
                continue;
            };
            let related = Spanned::new(related.as_text().unwrap_or_default().to_owned(), related.span);
            let meta = row.get("meta").unwrap_or(row);
            let back = meta.get("one_field").filter(|name| name.as_text().is_some());
            if let Some(back) = back {
                let name = Spanned::new(back.as_text().unwrap_or_default().to_owned(), back.span);
                let relation = Relation {
                    collection: collection.clone(),
                    many: true,
                    foreign_key: Some(field.clone()),
                };
                self.relate(&related, &name, relation);
            }
            let relation = Relation {
                collection: related,
                many: false,
                foreign_key: None,
            };
            self.relate(&collection, &field, relation);
        }
    }

    /// Adds the collections of Directus itself, and those of their fields that rules commonly follow.
    pub(super) fn add_system(&mut self, origin: Span) {
        for name in SYSTEM {
            let home = self.collection(&Spanned::new((*name).to_owned(), origin));
            home.is_system = true;
        }
        for (collection, name, kind, relation) in FIELDS {
            let home = self.collection(&Spanned::new((*collection).to_owned(), origin));
            home.is_closed = true;
            let relation = relation.map(|(related, many)| Relation {
                collection: Spanned::new(related.to_owned(), origin),
                many,
                foreign_key: None,
            });
            match home.fields.iter_mut().find(|field| field.name.value == *name) {
                Some(field) => field.relation = field.relation.take().or(relation),
                None => home.fields.push(FieldRow {
                    name: Spanned::new((*name).to_owned(), origin),
                    class: Class::Typed(*kind),
                    relation,
                    is_key: *name == "id",
                    is_demanded: false,
                    has_default: false,
                    default: None,
                    validation: None,
                    choices: Vec::new(),
                    origin,
                }),
            }
        }
    }

    /// Returns the collection of a name.
    pub(super) fn find(&self, name: &str) -> Option<&CollectionRow> {
        self.collections.iter().find(|row| row.id.value == name)
    }

    fn collection(&mut self, name: &Spanned<String>) -> &mut CollectionRow {
        let found = self.collections.iter().position(|row| row.id.value == name.value);
        let index = found.unwrap_or(self.collections.len());
        if found.is_none() {
            self.collections.push(CollectionRow {
                id: name.clone(),
                fields: Vec::new(),
                is_closed: false,
                is_system: SYSTEM.contains(&name.value.as_str()),
            });
        }
        #[expect(clippy::indexing_slicing, reason = "the row was found there, or added there")]
        &mut self.collections[index]
    }

    fn relate(&mut self, collection: &Spanned<String>, field: &Spanned<String>, relation: Relation) {
        let home = self.collection(collection);
        match home
            .fields
            .iter_mut()
            .find(|other| other.name.value == field.value)
        {
            Some(other) => other.relation = Some(relation),
            None => home.fields.push(FieldRow {
                name: field.clone(),
                class: if relation.many {
                    Class::Typed(FieldType::Alias)
                } else {
                    Class::Open
                },
                relation: Some(relation),
                is_key: false,
                is_demanded: false,
                has_default: false,
                default: None,
                validation: None,
                choices: Vec::new(),
                origin: field.span,
            }),
        }
    }
}

impl CollectionRow {
    /// Returns the field of a name.
    pub(super) fn field(&self, name: &str) -> Option<&FieldRow> {
        self.fields.iter().find(|field| field.name.value == name)
    }

    /// Returns the field that holds the key.
    pub(super) fn key(&self) -> Option<&FieldRow> {
        self.fields.iter().find(|field| field.is_key)
    }
}

fn text_of(row: &Json, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Spanned<String>> {
    let value = row.get(key)?;
    reader::read_id(value, &format!("`{key}`"), reader::Empty::Refused, diagnostics)
}

fn read_field(row: &Json, name: Spanned<String>) -> FieldRow {
    let schema = row.get("schema").filter(|schema| !schema.is_null());
    let meta = row.get("meta").filter(|meta| !meta.is_null());
    let flag = |key: &str| {
        schema
            .and_then(|schema| schema.get(key))
            .and_then(Json::as_bool)
            .unwrap_or(false)
    };
    let default = schema
        .and_then(|schema| schema.get("default_value"))
        .filter(|value| !value.is_null());
    // Directus makes the values of these itself.
    const MADE: [&str; 4] = ["uuid", "date-created", "role-created", "user-created"];
    let special = meta
        .and_then(|meta| meta.get("special"))
        .and_then(Json::as_list)
        .unwrap_or_default();
    let is_made = special
        .iter()
        .any(|word| word.as_text().is_some_and(|word| MADE.contains(&word)));
    let is_nullable = schema
        .and_then(|schema| schema.get("is_nullable"))
        .and_then(Json::as_bool)
        .unwrap_or(true);
    let is_concealed = special
        .iter()
        .any(|word| matches!(word.as_text(), Some("conceal" | "hash")));
    let class = class_of(row.get("type").and_then(Json::as_text));
    FieldRow {
        class: if is_concealed {
            Class::Typed(FieldType::Hash)
        } else {
            class
        },
        relation: None,
        is_key: flag("is_primary_key"),
        is_demanded: !is_nullable && !is_made && !flag("is_generated"),
        has_default: default.is_some() || flag("has_auto_increment"),
        default: default.and_then(Json::as_text).map(str::to_owned),
        validation: meta
            .and_then(|meta| meta.get("validation"))
            .filter(|rule| !rule.is_null())
            .cloned(),
        choices: meta.map(read_choices).unwrap_or_default(),
        origin: name.span,
        name,
    }
}

/// Returns the type of a word.
fn class_of(word: Option<&str>) -> Class {
    match word {
        None => Class::Open,
        Some(word) if word.starts_with("geometry") => Class::Typed(FieldType::Geometry),
        Some(word) => FieldType::find(word).map_or(Class::Other, Class::Typed),
    }
}

/// Returns the values that the interface of a field offers, with their texts.
fn read_choices(meta: &Json) -> Vec<(Spanned<String>, Option<String>)> {
    let options = meta.get("options");
    let choices = options
        .and_then(|options| options.get("choices"))
        .and_then(Json::as_list);
    let choice = |choice: &Json| {
        let value = choice.get("value").unwrap_or(choice);
        let text = choice.get("text").and_then(Json::as_text).map(str::to_owned);
        let value = value
            .as_text()
            .filter(|value| !value.is_empty() && !value.contains(char::is_control))
            .map(|text| Spanned::new(text.to_owned(), value.span))?;
        Some((value, text))
    };
    choices.unwrap_or_default().iter().filter_map(choice).collect()
}
