//! Attribute values as requests bring them and policies write them.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem;

/// A value of an attribute, an operand or a preset.
///
/// Text is borrowed where it can be, so that a decoded request points into its own message. Numbers are the doubles of
/// JSON: whole numbers are exact up to 2^53.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is stored; different from an attribute that was not told at all.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list, in order.
    List(Vec<Value<'a>>),
    /// Named values.
    Object(Object<'a>),
}

/// Named values, each name once, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Object<'a> {
    entries: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// The object without names.
    pub const EMPTY: Object<'static> = Object { entries: Vec::new() };

    /// Returns an object of these entries; of entries with one name the last is kept.
    pub fn new(mut entries: Vec<(Cow<'a, str>, Value<'a>)>) -> Self {
        if !entries.is_sorted_by(|a, b| a.0 < b.0) {
            // The sort is stable, so the last of equal names is the last written one.
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.reverse();
            entries.dedup_by(|a, b| a.0 == b.0);
            entries.reverse();
        }
        Self { entries }
    }

    /// Returns the value of a name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        // A handful of names is found faster by looking at each.
        if self.entries.len() > 8 {
            return self.search(name);
        }
        let is_it = |(key, _): &&(Cow<'a, str>, _)| key.len() == name.len() && key.as_ref() == name;
        self.entries.iter().find(is_it).map(|(_, value)| value)
    }

    fn search(&self, name: &str) -> Option<&Value<'a>> {
        let index = self
            .entries
            .binary_search_by(|(key, _)| key.as_ref().cmp(name))
            .ok()?;
        self.entries.get(index).map(|(_, value)| value)
    }

    /// Returns the names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Returns the names and values, by name, as parts of their own.
    pub fn into_entries(self) -> Vec<(Cow<'a, str>, Value<'a>)> {
        self.entries
    }

    /// Tells how many names there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A value that is looked at in place: what evaluation passes around, so that no leaf copies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View<'v> {
    /// See [`Value::Null`].
    Null,
    /// See [`Value::Bool`].
    Bool(bool),
    /// See [`Value::Number`].
    Number(f64),
    /// See [`Value::Text`].
    Text(&'v str),
    /// See [`Value::List`].
    List(&'v [Value<'v>]),
    /// See [`Value::Object`].
    Object(&'v Object<'v>),
}

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            // The two zeros are equal, so they hash as one.
            Self::Number(value) => (value + 0.0).to_bits().hash(state),
            Self::Text(value) => value.hash(state),
            Self::List(values) => values.hash(state),
            Self::Object(object) => object.hash(state),
        }
    }
}

impl Value<'_> {
    /// Returns the value as evaluation looks at it.
    pub fn view(&self) -> View<'_> {
        match self {
            Value::Null => View::Null,
            Value::Bool(value) => View::Bool(*value),
            Value::Number(value) => View::Number(*value),
            Value::Text(value) => View::Text(value),
            Value::List(values) => View::List(values),
            Value::Object(object) => View::Object(object),
        }
    }

    /// Returns the same value with text of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(value) => Value::Number(value),
            Value::Text(value) => Value::Text(Cow::Owned(value.into_owned())),
            Value::List(values) => Value::List(values.into_iter().map(Value::into_owned).collect()),
            Value::Object(object) => Value::Object(Object {
                entries: object
                    .entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            }),
        }
    }
}

impl<'v> View<'v> {
    /// Returns the text of a scalar: numbers and booleans as they are written; null, lists and objects have none.
    pub fn text(self) -> Option<Cow<'v, str>> {
        match self {
            View::Text(text) => Some(Cow::Borrowed(text)),
            View::Number(number) => Some(Cow::Owned(number_text(number))),
            View::Bool(true) => Some(Cow::Borrowed("true")),
            View::Bool(false) => Some(Cow::Borrowed("false")),
            View::Null | View::List(_) | View::Object(_) => None,
        }
    }

    /// Returns the same value with text of its own.
    pub fn to_value(self) -> Value<'static> {
        match self {
            View::Null => Value::Null,
            View::Bool(value) => Value::Bool(value),
            View::Number(value) => Value::Number(value),
            View::Text(value) => Value::Text(Cow::Owned(value.to_owned())),
            View::List(values) => {
                Value::List(values.iter().map(|value| value.clone().into_owned()).collect())
            }
            View::Object(object) => Value::Object(object.clone()).into_owned(),
        }
    }
}

/// Returns the text of a number as ids are written: whole numbers without a fraction.
pub fn number_text(number: f64) -> String {
    // `Display` of f64 writes whole numbers without a fraction and never an exponent.
    format!("{number}")
}

/// Writes text as JSON does.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for each in text.chars() {
        match each {
            '"' | '\\' => out.extend(['\\', each]),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(each))),
            _ => out.push(each),
        }
    }
    out.push('"');
    out
}

/// Writes a constant as JSON in conditions does: text that begins with `$` doubles it, as it would be a variable.
///
/// # Errors
///
/// That of the writer.
pub fn write_literal(out: &mut impl fmt::Write, value: &Value<'_>) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Number(value) => out.write_str(&number_text(*value)),
        Value::Text(text) if text.starts_with('$') => out.write_str(&quoted(&format!("${text}"))),
        Value::Text(text) => out.write_str(&quoted(text)),
        Value::List(values) => {
            out.write_char('[')?;
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write_literal(out, value)?;
            }
            out.write_char(']')
        }
        Value::Object(object) => {
            out.write_char('{')?;
            for (index, (name, value)) in object.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write!(out, "{}: ", quoted(name))?;
                write_literal(out, value)?;
            }
            out.write_char('}')
        }
    }
}

/// Tells whether a number and a text are one id: the text is exactly how the number is written.
///
/// A CMS with numeric keys sends them as numbers in attributes and as text in ids, hence the twin.
pub fn is_twin(number: f64, text: &str) -> bool {
    find_twin(text) == Some(number)
}

/// Returns the number that is one id with a text.
pub fn find_twin(text: &str) -> Option<f64> {
    is_plain_decimal(text).then(|| text.parse().ok()).flatten()
}

/// Returns the number that a text writes in any way (`05`, `1e3`), as ordering reads it.
pub fn read_number(text: &str) -> Option<f64> {
    // Only what begins like a number is tried, and words such as `inf` are none.
    let first = text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Tells whether the text is a decimal without a plus sign, an exponent, or zeros that add nothing.
fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|fraction| all_digits(fraction) && !fraction.ends_with('0'))
        && text != "-0"
}
