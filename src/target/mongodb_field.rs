//! Where a comparison looks in a document, and what may stand there.

use super::Unsayable;
use super::literal::find_spot;
use super::mongodb::Home;
use crate::engine::filter::Comparison;
use crate::vocab::operator::FieldType;

/// What a field may hold, besides null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Text.
    Text,
    /// A number, which may have a fraction that doubles hold, none, or one that only decimals hold.
    Number(Fraction),
    /// True or false.
    Bool,
    /// A date of BSON, or text that writes a moment.
    Moment,
    /// Text that writes a time of day.
    TimeOfDay,
    /// A list of texts, or text.
    Csv,
    /// Anything.
    Any,
}

/// Which numbers with fractions a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fraction {
    /// None.
    Never,
    /// Doubles.
    Binary,
    /// Decimals, which differ from doubles in what they can be equal to.
    Decimal,
}

/// Where a comparison looks.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The path, dotted.
    pub(super) name: String,
    pub(super) class: Class,
    /// The name of the key of the related item, if the path ends at a relation to one.
    pub(super) key: Option<Box<str>>,
}

impl Class {
    /// Returns what a field of a declared type may hold.
    pub(super) fn of(kind: Option<FieldType>) -> Self {
        match kind {
            Some(FieldType::String | FieldType::Text | FieldType::Uuid | FieldType::Hash) => Class::Text,
            Some(FieldType::Integer | FieldType::BigInteger) => Class::Number(Fraction::Never),
            Some(FieldType::Float) => Class::Number(Fraction::Binary),
            Some(FieldType::Decimal) => Class::Number(Fraction::Decimal),
            Some(FieldType::Boolean) => Class::Bool,
            Some(FieldType::Date | FieldType::DateTime | FieldType::Timestamp) => Class::Moment,
            Some(FieldType::Time) => Class::TimeOfDay,
            Some(FieldType::Csv) => Class::Csv,
            Some(FieldType::Json | FieldType::Geometry | FieldType::Alias) | None => Class::Any,
        }
    }
}

/// Finds the field that a comparison is about, and its declared type.
pub(super) fn find_place(
    home: Home<'_>,
    comparison: &Comparison,
) -> Result<(Place, Option<FieldType>), Unsayable> {
    let spot = find_spot(home.model, home.collection, comparison)?;
    let place = Place {
        name: join_path(&comparison.path)?,
        class: Class::of(spot.kind),
        key: spot.key.map(Into::into),
    };
    Ok((place, spot.kind))
}

/// Returns the dotted path of names.
pub(super) fn join_path(path: &[Box<str>]) -> Result<String, Unsayable> {
    let is_odd =
        |name: &str| name.is_empty() || name.starts_with('$') || name.contains('.') || name.contains('\0');
    if let Some(name) = path.iter().find(|name| is_odd(name)) {
        return Err(Unsayable(format!(
            "MongoDB cannot ask for a field that is named {name:?}; rename it"
        )));
    }
    Ok(path.iter().map(|name| &**name).collect::<Vec<_>>().join("."))
}
