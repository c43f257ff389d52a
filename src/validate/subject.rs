//! What stands on the left of a comparison, and which operators and functions are for it.

use crate::policy::collection::Field;
use crate::policy::condition::{OwnerPart, Variable};
use crate::source::diagnostic::quote;
use crate::source::span::Spanned;
use crate::vocab::operator::{FieldType, Function, Operator};

use super::names::Names;

/// What stands on the left of a comparison.
pub(super) struct Subject {
    /// As messages name it.
    pub(super) name: String,
    /// What it is, as messages say it; empty if nobody knows.
    pub(super) what: String,
    pub(super) shape: Shape,
    /// It stands for a list of related items, each of which is compared by its key.
    pub(super) many: bool,
}

/// The kinds of values that differ in what they can be compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Unknown,
    Text,
    Csv,
    Number,
    /// A day, with or without a time: without a zone.
    Day,
    Moment,
    TimeOfDay,
    Boolean,
    Uuid,
    Json,
    Hash,
    Geometry,
    /// A list of texts among the facts of a request.
    Roles,
    /// One of `saved`, `new`, `none`.
    Item,
}

impl Subject {
    /// Returns the subject of a path of which nothing is known.
    pub(super) fn unknown(path: &[Spanned<String>]) -> Self {
        Self {
            name: name_path(path),
            what: String::new(),
            shape: Shape::Unknown,
            many: false,
        }
    }

    /// Returns the subject of a path that leads to a declared field.
    pub(super) fn of_field(names: &Names<'_>, path: &[Spanned<String>], field: &Field) -> Self {
        let many = field.relation.as_ref().is_some_and(|relation| relation.many);
        let kind = match field.kind {
            None | Some(FieldType::Alias) => find_key_kind(names, field),
            Some(kind) => Some(kind),
        };
        let what = match (kind, many) {
            (None, false) => String::new(),
            (None, true) => "a list of related items".to_owned(),
            (Some(kind), false) => format!("declared as {}", kind.name()),
            (Some(kind), true) => format!("a list of related items with keys declared as {}", kind.name()),
        };
        Self {
            name: name_path(path),
            what,
            shape: kind.map_or(Shape::Unknown, Shape::of),
            many,
        }
    }

    /// Returns the subject of a fact of the request.
    pub(super) fn of_fact(fact: &Variable) -> Self {
        let (shape, what) = match fact {
            Variable::Now(_) => (Shape::Moment, "a moment"),
            Variable::Item => (Shape::Item, "`saved`, `new` or `none`"),
            Variable::CurrentRoles(_) | Variable::CurrentPolicies(_) | Variable::Owner(OwnerPart::Roles) => {
                (Shape::Roles, "a list")
            }
            Variable::CurrentUser(path) | Variable::CurrentRole(path) if path.is_empty() => {
                (Shape::Text, "an id")
            }
            Variable::Owner(OwnerPart::Id) => (Shape::Text, "an id"),
            Variable::CurrentUser(_) | Variable::CurrentRole(_) | Variable::Context(_) => {
                (Shape::Unknown, "")
            }
        };
        Self {
            name: name_variable(fact),
            what: what.to_owned(),
            shape,
            many: false,
        }
    }

    /// Returns the name, with what it is, as messages say it.
    pub(super) fn described(&self) -> String {
        let name = quote(&self.name);
        if self.what.is_empty() {
            name
        } else {
            format!("{name}, which is {},", self.what)
        }
    }
}

impl Shape {
    fn of(kind: FieldType) -> Self {
        match kind {
            FieldType::String | FieldType::Text => Self::Text,
            FieldType::Csv => Self::Csv,
            FieldType::Integer | FieldType::BigInteger | FieldType::Float | FieldType::Decimal => {
                Self::Number
            }
            FieldType::Boolean => Self::Boolean,
            FieldType::Date | FieldType::DateTime => Self::Day,
            FieldType::Time => Self::TimeOfDay,
            FieldType::Timestamp => Self::Moment,
            FieldType::Uuid => Self::Uuid,
            FieldType::Json => Self::Json,
            FieldType::Hash => Self::Hash,
            FieldType::Geometry => Self::Geometry,
            FieldType::Alias => Self::Unknown,
        }
    }

    /// Tells whether an operator says anything about such values.
    pub(super) fn takes(self, operator: Operator) -> bool {
        use Operator as O;
        match operator {
            O::Is | O::Submitted | O::IsText | O::IsNumber => true,
            O::Eq | O::Neq => !matches!(self, Self::Json | Self::Hash | Self::Roles),
            O::Ieq | O::Nieq => matches!(self, Self::Unknown | Self::Text | Self::Csv | Self::Uuid),
            O::In | O::Nin => !matches!(self, Self::Json | Self::Hash | Self::Roles | Self::Geometry),
            O::Lt | O::Lte | O::Gt | O::Gte | O::Between | O::Nbetween => {
                matches!(
                    self,
                    Self::Unknown | Self::Number | Self::Day | Self::Moment | Self::TimeOfDay
                )
            }
            O::Null | O::Nnull => true,
            O::Empty | O::Nempty => matches!(
                self,
                Self::Unknown | Self::Text | Self::Csv | Self::Json | Self::Hash | Self::Moment | Self::Roles
            ),
            O::Contains | O::Ncontains | O::Icontains | O::Nicontains => {
                matches!(
                    self,
                    Self::Unknown | Self::Text | Self::Csv | Self::Json | Self::Moment | Self::Roles
                )
            }
            O::StartsWith | O::NstartsWith | O::IstartsWith | O::NistartsWith => {
                matches!(self, Self::Unknown | Self::Text | Self::Csv)
            }
            O::EndsWith | O::NendsWith | O::IendsWith | O::NiendsWith | O::Like | O::Nlike | O::Regex => {
                matches!(self, Self::Unknown | Self::Text | Self::Csv)
            }
            O::Intersects | O::Nintersects | O::IntersectsBbox | O::NintersectsBbox => {
                matches!(self, Self::Unknown | Self::Geometry)
            }
        }
    }

    /// Tells whether a function has a value for such values.
    pub(super) fn has(self, function: Function) -> bool {
        match function {
            Function::Year | Function::Month | Function::Week | Function::Day | Function::Weekday => {
                matches!(self, Self::Unknown | Self::Day | Self::Moment)
            }
            Function::Hour | Function::Minute | Function::Second => {
                matches!(self, Self::Unknown | Self::Day | Self::Moment)
            }
            Function::Joined => matches!(
                self,
                Self::Unknown | Self::Text | Self::Csv | Self::Json | Self::Roles
            ),
            Function::Count => matches!(self, Self::Unknown | Self::Json | Self::Csv | Self::Roles),
        }
    }
}

/// Returns a fact of the request as conditions write it.
pub(super) fn name_variable(variable: &Variable) -> String {
    let dotted = |name: &str, path: &[String]| {
        std::iter::once(name)
            .chain(path.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".")
    };
    match variable {
        Variable::Now(_) => "$NOW".to_owned(),
        Variable::CurrentUser(path) => dotted("$CURRENT_USER", path),
        Variable::CurrentRole(path) => dotted("$CURRENT_ROLE", path),
        Variable::CurrentRoles(path) => dotted("$CURRENT_ROLES", path),
        Variable::CurrentPolicies(path) => dotted("$CURRENT_POLICIES", path),
        Variable::Context(path) => dotted("$CONTEXT", path),
        Variable::Owner(OwnerPart::Id) => "$OWNER.id".to_owned(),
        Variable::Owner(OwnerPart::Roles) => "$OWNER.roles".to_owned(),
        Variable::Item => "$ITEM".to_owned(),
    }
}

/// Returns the declared type of the key of the related collection.
fn find_key_kind(names: &Names<'_>, field: &Field) -> Option<FieldType> {
    let place = names
        .places
        .get(names.find_place(&field.relation.as_ref()?.collection.value)?)?;
    place
        .fields
        .get(place.key())?
        .kind
        .filter(|kind| *kind != FieldType::Alias)
}

fn name_path(path: &[Spanned<String>]) -> String {
    path.iter()
        .map(|name| name.value.as_str())
        .collect::<Vec<_>>()
        .join(".")
}
