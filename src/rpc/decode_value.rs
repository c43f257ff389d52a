//! From the wire to the engine's question: named values, and the lists and objects in them.
//!
//! INVARIANT: nothing here recurses before the depth is checked, nor gathers before the count is.

use std::borrow::Cow;
use std::collections::HashSet;

use smallvec::SmallVec;

use super::decode::Decoder;
use super::violation::Path;
use super::wire::{self, Broken, Part};
use crate::vocab::limits::{ATTRIBUTE_DEPTH_MAX, ATTRIBUTE_VALUES_MAX};
use crate::vocab::value::{Object, Value};

impl Decoder {
    /// Reads named values.
    pub(super) fn object<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Object<'a> {
        if !from.is_given() {
            return Object::default();
        }
        let mut values = Values {
            decoder: self,
            left: ATTRIBUTE_VALUES_MAX,
        };
        match values.object(path, from, ATTRIBUTE_DEPTH_MAX) {
            Ok(object) => object,
            Err(Unread::TooMany) => {
                self.complain(path, format!("has more than {ATTRIBUTE_VALUES_MAX} values"));
                Object::default()
            }
            Err(Unread::Broken(broken)) => self.form(Err(broken)),
        }
    }
}

/// Says why values were not read to the end.
enum Unread {
    /// There are too many.
    TooMany,
    /// They are no message.
    Broken(Broken),
}

impl From<Broken> for Unread {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What a value is, before it is looked into: of several ones the last counts, and pieces of one message are one.
enum Kind<'a> {
    None,
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    Struct(Part<'a>),
    List(Part<'a>),
}

impl<'a> Kind<'a> {
    /// Reads what a value is; what it was before, if it has parts, is put aside.
    fn read(from: &Part<'a>, replaced: &mut Vec<Self>) -> Result<Self, Broken> {
        let mut kind = Self::None;
        from.each(|field| {
            let read = match (field.number, &mut kind) {
                (1, _) => {
                    field.number()?;
                    Self::Null
                }
                (2, _) => Self::Number(field.double()?),
                (3, _) => Self::Text(field.text()?),
                (4, _) => Self::Bool(field.flag()?),
                (5, Self::Struct(part)) | (6, Self::List(part)) => {
                    part.add(field.message()?);
                    return Ok(());
                }
                (5, _) => Self::Struct(field.message()?.into()),
                (6, _) => Self::List(field.message()?.into()),
                _ => return Ok(()),
            };
            let before = std::mem::replace(&mut kind, read);
            if matches!(before, Self::Struct(_) | Self::List(_)) {
                replaced.push(before);
            }
            Ok(())
        })?;
        Ok(kind)
    }
}

/// Reads values and counts them.
struct Values<'d> {
    decoder: &'d mut Decoder,
    left: usize,
}

impl Values<'_> {
    /// Reads an object that may hold so many levels of objects and lists, itself included.
    fn object<'a>(&mut self, path: &Path<'_>, from: &Part<'a>, depth: usize) -> Result<Object<'a>, Unread> {
        let mut pairs: SmallVec<[(&'a str, Part<'a>); 8]> = SmallVec::new();
        let mut left = self.left;
        let mut is_too_much = false;
        from.each(|field| {
            if field.number != 1 {
                return Ok(());
            }
            let entry = field.message()?;
            match left.checked_sub(1) {
                Some(rest) => left = rest,
                None => {
                    is_too_much = true;
                    return Ok(());
                }
            }
            let (mut name, mut value) = ("", Part::default());
            wire::each(entry, |field| {
                match field.number {
                    1 => name = field.text()?,
                    2 => value.add(field.message()?),
                    _ => {}
                }
                Ok(())
            })?;
            pairs.push((name, value));
            Ok(())
        })?;
        if is_too_much {
            return Err(Unread::TooMany);
        }
        self.left = left;
        for value in keep_last(&mut pairs) {
            self.pass_over(|values| values.value(path, &value, depth - 1))?;
        }
        let mut entries = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let path = path.name(name);
            self.decoder.name(&path, name);
            entries.push((Cow::Borrowed(name), self.value(&path, &value, depth - 1)?));
        }
        Ok(Object::new(entries))
    }

    /// Reads a value that may hold so many more levels of objects and lists.
    fn value<'a>(&mut self, path: &Path<'_>, from: &Part<'a>, depth: usize) -> Result<Value<'a>, Unread> {
        let mut replaced = Vec::new();
        let kind = Kind::read(from, &mut replaced)?;
        for kind in replaced {
            self.pass_over(|values| values.value_of(path, kind, depth))?;
        }
        self.value_of(path, kind, depth)
    }

    fn value_of<'a>(&mut self, path: &Path<'_>, kind: Kind<'a>, depth: usize) -> Result<Value<'a>, Unread> {
        Ok(match kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(value) if value.is_finite() => Value::Number(value),
            Kind::Number(_) => {
                self.decoder.complain(path, "is no finite number");
                Value::Null
            }
            Kind::Text(value) => Value::Text(Cow::Borrowed(value)),
            Kind::Struct(_) | Kind::List(_) if depth == 0 => {
                self.decoder
                    .complain(path, format!("is nested more than {ATTRIBUTE_DEPTH_MAX} deep"));
                Value::Null
            }
            Kind::Struct(value) => Value::Object(self.object(path, &value, depth)?),
            Kind::List(list) => self.list(path, &list, depth)?,
            Kind::None => {
                self.decoder.complain(path, "has no kind");
                Value::Null
            }
        })
    }

    /// Reads what no longer counts, because something later has taken its place: it must be a message all the same, but what
    /// is wrong with its values is nobody's concern.
    fn pass_over<'a>(
        &self,
        read: impl FnOnce(&mut Values<'_>) -> Result<Value<'a>, Unread>,
    ) -> Result<(), Unread> {
        let mut decoder = Decoder::new(self.decoder.now);
        let left = self.left;
        read(&mut Values {
            decoder: &mut decoder,
            left,
        })
        .map(drop)
    }

    fn list<'a>(&mut self, path: &Path<'_>, from: &Part<'a>, depth: usize) -> Result<Value<'a>, Unread> {
        let mut items: Vec<&'a [u8]> = Vec::new();
        let most = self.left;
        from.each(|field| {
            if field.number == 1 {
                let item = field.message()?;
                if items.len() <= most {
                    items.push(item);
                }
            }
            Ok(())
        })?;
        self.left = self.left.checked_sub(items.len()).ok_or(Unread::TooMany)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            values.push(self.value(&path.index(index), &item.into(), depth - 1)?);
        }
        Ok(Value::List(values))
    }
}

/// Of entries with one name leaves the last, which is the one that counts, and returns the others.
fn keep_last<'a>(pairs: &mut SmallVec<[(&'a str, Part<'a>); 8]>) -> Vec<Part<'a>> {
    // A handful of names is looked through faster than it is put into a set.
    let is_unique = pairs.len() <= 8
        && pairs.iter().enumerate().all(|(index, (name, _))| {
            let before = pairs.get(..index).unwrap_or_default();
            before.iter().all(|(other, _)| other != name)
        });
    if is_unique {
        return Vec::new();
    }
    let mut seen = HashSet::with_capacity(pairs.len());
    let mut replaced = Vec::new();
    pairs.reverse();
    pairs.retain(|(name, value)| {
        let counts = seen.insert(*name);
        if !counts {
            replaced.push(std::mem::take(value));
        }
        counts
    });
    pairs.reverse();
    replaced
}
