//! Collections and their fields.

use crate::vocab::operator::FieldType;

use super::id::{CollectionId, FieldId, StateId, WorkflowId};

/// A compiled collection.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// A title for people.
    pub title: Title,
    /// The table of a database that holds the items; absent: named like the collection.
    pub table: Option<Box<str>>,
    /// The field that holds the workflow state.
    pub state_field: Option<Box<str>>,
    /// The state of a new item.
    pub initial_state: Option<StateId>,
    /// The field that holds the owner's id.
    pub owner_field: Option<Box<str>>,
    /// The path to the owner's role or roles.
    pub owner_roles: Option<Box<[Box<str>]>>,
    /// The workflow.
    pub workflow: Option<WorkflowId>,
    /// The field that holds the key.
    pub key: Box<str>,
    /// The declared fields, in order.
    pub fields: Box<[Field]>,
    /// Whether these are all fields; if not, any name may be one.
    pub lists_fields: bool,
    /// Every field name that the collection declares or a rule for it names.
    pub known_fields: Box<[FieldId]>,
    /// Whether a read that names a field out of reach leaves it out instead of being refused.
    pub omits_unreadable: bool,
    /// Whether a write leaves out what is not covered instead of being refused.
    pub drops_unwritable: bool,
    /// Whether fields in reach may filter although they are not covered on the item.
    pub filters_by_reach: bool,
}

/// A declared field.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name.
    pub name: Box<str>,
    /// The column of the table that holds it; absent: named like the field.
    pub column: Option<Box<str>>,
    /// What it holds, if known.
    pub kind: Option<FieldType>,
    /// The related collection, if it is a relation.
    pub relation: Option<Relation>,
}

impl Field {
    /// Tells whether it stands for a list of related items.
    pub fn leads_to_many(&self) -> bool {
        self.relation.is_some_and(|relation| relation.many)
    }
}

/// A relation.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// The related collection.
    pub collection: CollectionId,
    /// Whether it stands for a list.
    pub many: bool,
    /// Of a list: the field of the related items that holds the key of this one, if known.
    pub foreign_key: Option<FieldId>,
}

impl Collection {
    /// Returns a declared field.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.as_ref() == name)
    }

    /// Tells whether items of the collection have states.
    pub fn has_states(&self) -> bool {
        self.workflow.is_some() || self.state_field.is_some()
    }
}

/// A text for people, perhaps in several languages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Title {
    /// The text if the language is not asked for or not there.
    pub text: Option<Box<str>>,
    /// Texts by language tag, sorted.
    pub locales: Box<[(Box<str>, Box<str>)]>,
}

impl Title {
    /// Returns the text for a language: that of the tag, of its language without a region, the default, else any.
    pub fn in_locale(&self, locale: &str) -> Option<&str> {
        let find = |tag: &str| {
            self.locales
                .iter()
                .find(|(each, _)| each.eq_ignore_ascii_case(tag))
        };
        let language = locale.split(['-', '_']).next().unwrap_or(locale);
        find(locale)
            .or_else(|| find(language))
            .map(|(_, text)| text.as_ref())
            .or(self.text.as_deref())
            .or_else(|| self.locales.first().map(|(_, text)| text.as_ref()))
    }
}
