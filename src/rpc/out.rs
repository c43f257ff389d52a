//! Messages in their binary form, written in place: each field straight behind the one before, in the bytes that are sent.
//!
//! The crate that writes messages everywhere else wants the whole answer as a tree of texts and lists of their own first.
//! Answers are written here instead, from names where they lie. Which number and type a field has comes from the contract
//! ([`super::proto::fields`]); what is left out because it is nothing is as the protobuf language has it, so that the
//! bytes are those that the crate would write, as long as fields are written in the order of their numbers.

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use prost::{EncodeError, Message};
use smallvec::SmallVec;

use super::convert;
use super::proto::fields::{list_value, r#struct, struct_fields_entry, timestamp, value};
use crate::source::diagnostic::quote;
use crate::vocab::limits::QUOTED_CHARS_MAX;
use crate::vocab::value::{Object, Value};

/// What stands before a field: its number and how it is written.
#[derive(Clone, Copy, Debug)]
struct Tag {
    key: u32,
    /// Whether it is written even if it holds nothing.
    always: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $wire:literal,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $kind(Tag);

        impl $kind {
            /// Names a field by its number, and whether it is written even if it holds nothing.
            pub(super) const fn new(number: u32, always: bool) -> Self {
                Self(Tag { key: number << 3 | $wire, always })
            }
        }
    )*};
}

kinds! {
    /// A field that holds text.
    Text = 2,
    /// A field that holds a message.
    Nested = 2,
    /// A field that holds a word of an enumeration.
    Word = 0,
    /// A field that holds yes or no.
    Flag = 0,
    /// A field that holds a whole number.
    Number = 0,
    /// A field that holds a number with a fraction.
    Double = 1,
}

/// A message that is being written at the end of some bytes.
#[derive(Debug)]
pub(super) struct Out<'o> {
    bytes: &'o mut Vec<u8>,
}

impl<'o> Out<'o> {
    /// Begins a message behind what is there.
    pub(super) fn new(bytes: &'o mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Writes a text.
    pub(super) fn text(&mut self, field: Text, text: &str) {
        if !text.is_empty() || field.0.always {
            self.tag(field.0);
            self.varint(text.len() as u64);
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }

    /// Writes a text that is made of parts.
    pub(super) fn words(&mut self, field: Text, write: impl FnOnce(&mut Words<'_>)) {
        let before = self.bytes.len();
        self.tag(field.0);
        let is_empty = self.counted(|out| {
            let start = out.bytes.len();
            write(&mut Words { bytes: out.bytes });
            out.bytes.len() == start
        });
        if is_empty && !field.0.always {
            self.bytes.truncate(before);
        }
    }

    /// Writes a message in this one, be it empty.
    pub(super) fn part<T>(&mut self, field: Nested, write: impl FnOnce(&mut Out<'_>) -> T) -> T {
        self.tag(field.0);
        self.counted(write)
    }

    /// Writes a message for each item; of equal ones the first.
    pub(super) fn distinct<T>(
        &mut self,
        field: Nested,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Out<'_>, T),
    ) {
        let mut written: SmallVec<[Range<usize>; 4]> = SmallVec::new();
        for item in items {
            let start = self.bytes.len();
            self.part(field, |out| write(out, item));
            let this = self.bytes.get(start..);
            if written.iter().any(|other| self.bytes.get(other.clone()) == this) {
                self.bytes.truncate(start);
            } else {
                written.push(start..self.bytes.len());
            }
        }
    }

    /// Writes a word of an enumeration of the contract.
    pub(super) fn word(&mut self, field: Word, word: impl Into<i32>) {
        // Negative ones are extended to the length of the longest number; the contract has none.
        self.integer(field.0, i64::from(word.into()).cast_unsigned());
    }

    /// Writes yes or no.
    pub(super) fn flag(&mut self, field: Flag, flag: bool) {
        self.integer(field.0, u64::from(flag));
    }

    /// Writes a whole number.
    pub(super) fn number(&mut self, field: Number, number: impl Into<u64>) {
        self.integer(field.0, number.into());
    }

    /// Writes a number with a fraction.
    pub(super) fn double(&mut self, field: Double, number: f64) {
        // Zero below zero is not nothing.
        if number.to_bits() != 0 || field.0.always {
            self.tag(field.0);
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Writes a moment, if there is one.
    pub(super) fn moment(&mut self, field: Nested, moment: Option<Timestamp>) {
        if let Some(moment) = moment.map(convert::moment) {
            self.part(field, |out| {
                out.number(timestamp::SECONDS, moment.seconds.cast_unsigned());
                out.number(timestamp::NANOS, i64::from(moment.nanos).cast_unsigned());
            });
        }
    }

    /// Writes a value.
    pub(super) fn value(&mut self, field: Nested, from: &Value<'_>) {
        self.part(field, |out| match from {
            Value::Null => out.word(value::NULL_VALUE, prost_types::NullValue::NullValue),
            Value::Bool(from) => out.flag(value::BOOL_VALUE, *from),
            Value::Number(from) => out.double(value::NUMBER_VALUE, *from),
            Value::Text(from) => out.text(value::STRING_VALUE, from),
            Value::List(values) => out.part(value::LIST_VALUE, |out| {
                for each in values {
                    out.value(list_value::VALUES, each);
                }
            }),
            Value::Object(from) => out.object(value::STRUCT_VALUE, from),
        });
    }

    /// Writes named values.
    pub(super) fn object(&mut self, field: Nested, from: &Object<'_>) {
        self.named(field, from.iter());
    }

    /// Writes values with their names, which must be in the order of these.
    pub(super) fn named<'v>(&mut self, field: Nested, from: impl Iterator<Item = (&'v str, &'v Value<'v>)>) {
        self.part(field, |out| {
            for (name, each) in from {
                out.part(r#struct::FIELDS, |out| {
                    out.text(struct_fields_entry::KEY, name);
                    out.value(struct_fields_entry::VALUE, each);
                });
            }
        });
    }

    /// Writes all of a message that was made as the generated code has it.
    ///
    /// # Errors
    ///
    /// Fails if there is no room, which there always is in memory.
    pub(super) fn whole(&mut self, message: &impl Message) -> Result<(), EncodeError> {
        message.encode(self.bytes)
    }

    fn integer(&mut self, tag: Tag, number: u64) {
        if number != 0 || tag.always {
            self.tag(tag);
            self.varint(number);
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.varint(u64::from(tag.key));
    }

    fn varint(&mut self, number: u64) {
        varint(number, |byte| self.bytes.push(byte));
    }

    /// Writes what has its length in front. Nearly everything is so short that one byte tells it; what is longer is moved.
    fn counted<T>(&mut self, write: impl FnOnce(&mut Out<'_>) -> T) -> T {
        let place = self.bytes.len();
        self.bytes.push(0);
        let result = write(&mut Out { bytes: self.bytes });
        let length = self.bytes.len() - place - 1;
        let mut front: SmallVec<[u8; 10]> = SmallVec::new();
        varint(length as u64, |byte| front.push(byte));
        match (front.as_slice(), self.bytes.get_mut(place)) {
            ([only], Some(byte)) => *byte = *only,
            _ => drop(self.bytes.splice(place..=place, front)),
        }
        result
    }
}

fn varint(mut number: u64, mut push: impl FnMut(u8)) {
    while let [low, ..] = number.to_le_bytes()
        && number >= 0x80
    {
        push(low | 0x80);
        number >>= 7;
    }
    let [last, ..] = number.to_le_bytes();
    push(last);
}

/// Returns what is written as a message of its own, for whoever wants it so.
pub(super) fn message<M: Message + Default>(write: impl FnOnce(&mut Out<'_>)) -> M {
    let mut bytes = Vec::new();
    write(&mut Out::new(&mut bytes));
    // What is written here can be read, which tests hold it to.
    M::decode(bytes.as_slice()).unwrap_or_default()
}

/// A text that is being written into a message.
#[derive(Debug)]
pub(super) struct Words<'o> {
    bytes: &'o mut Vec<u8>,
}

impl Words<'_> {
    /// Appends text.
    pub(super) fn put(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a name in quotes, cleaned as [`quote`] does.
    pub(super) fn quote(&mut self, name: &str) -> &mut Self {
        self.quote_made(|words| {
            words.put(name);
        })
    }

    /// Appends a name that is made of parts in quotes, cleaned.
    pub(super) fn quote_made(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.put("`");
        write(self);
        let made = self.bytes.get(start + 1..).unwrap_or_default();
        // Nearly all names are short, and plain.
        if made.len() <= QUOTED_CHARS_MAX && made.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.put("`");
        }
        let cleaned = quote(&String::from_utf8_lossy(made));
        self.bytes.truncate(start);
        self.put(&cleaned)
    }

    /// Appends a number.
    pub(super) fn count(&mut self, number: u64) -> &mut Self {
        let mut digits: SmallVec<[u8; 20]> = SmallVec::new();
        let mut rest = number;
        loop {
            let [digit, ..] = (rest % 10).to_le_bytes();
            digits.push(b'0' + digit);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend(digits.into_iter().rev());
        self
    }

    /// Appends a number in hexadecimal, with so many digits at least.
    pub(super) fn hex(&mut self, number: u64, digits_min: usize) -> &mut Self {
        let used = (u64::BITS - number.leading_zeros()).div_ceil(4) as usize;
        for place in (0..used.max(digits_min)).rev() {
            let [digit, ..] =
                (number.unbounded_shr(u32::try_from(4 * place).unwrap_or(u32::MAX)) & 0xf).to_le_bytes();
            self.bytes.push(match digit {
                0..=9 => b'0' + digit,
                _ => b'a' + digit - 10,
            });
        }
        self
    }

    /// Appends what writes itself.
    pub(super) fn show(&mut self, what: &impl fmt::Display) -> &mut Self {
        let _ = fmt::Write::write_fmt(self, format_args!("{what}"));
        self
    }
}

impl fmt::Write for Words<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::fields as field;
    use super::super::proto::v1;
    use super::*;

    fn written(write: impl FnOnce(&mut Words<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Words { bytes: &mut bytes });
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn messages_of_any_length_have_it_in_front() {
        for length in [0, 1, 118, 119, 127, 128, 16_370, 16_383, 16_384, 3_000_000] {
            let text = "x".repeat(length);
            let mut bytes = b"before".to_vec();
            Out::new(&mut bytes).part(field::check_response::DECISION, |out| {
                out.words(field::decision::ID, |words| {
                    words.put(&text);
                });
                out.part(field::decision::GRANTS, |out| {
                    out.text(field::grant_ref::ID, &text)
                });
                out.flag(field::decision::CONDITIONAL, true);
            });
            let decision = v1::Decision {
                id: text.clone(),
                grants: vec![v1::GrantRef {
                    id: text,
                    ..v1::GrantRef::default()
                }],
                conditional: true,
                ..v1::Decision::default()
            };
            let answer = v1::CheckResponse {
                decision: Some(decision),
                ..v1::CheckResponse::default()
            };
            assert!(bytes.starts_with(b"before"));
            assert!(bytes[6..] == answer.encode_to_vec(), "{length}");
        }
    }

    #[test]
    fn nothing_is_written_only_where_it_may_be_absent() {
        let mut bytes = Vec::new();
        let mut out = Out::new(&mut bytes);
        out.text(field::decision::ID, "");
        out.words(field::decision::MESSAGE, |_| {});
        out.flag(field::decision::CONDITIONAL, false);
        out.word(field::decision::EFFECT, v1::Effect::Unspecified);
        out.number(field::origin::LINE, 0_u32);
        out.moment(field::decision::VALID_UNTIL, None);
        assert!(bytes.is_empty(), "{bytes:?}");

        let fact = v1::MissingFact {
            fact: Some(v1::missing_fact::Fact::Role(String::new())),
        };
        let told: v1::MissingFact = message(|out| out.text(field::missing_fact::ROLE, ""));
        assert_eq!(told, fact);
        let made: v1::MissingFact = message(|out| out.words(field::missing_fact::ROLE, |_| {}));
        assert_eq!(made, fact);
    }

    #[test]
    fn values_are_those_of_the_generated_code() {
        use prost_types::value::Kind;
        let value = |kind| prost_types::Value { kind: Some(kind) };
        let pairs = [
            (Value::Null, Kind::NullValue(0)),
            (Value::Bool(false), Kind::BoolValue(false)),
            (Value::Number(0.0), Kind::NumberValue(0.0)),
            (Value::Number(-0.0), Kind::NumberValue(-0.0)),
            (Value::Text("".into()), Kind::StringValue(String::new())),
            (
                Value::List(Vec::new()),
                Kind::ListValue(prost_types::ListValue::default()),
            ),
            (
                Value::Object(Object::new(vec![
                    ("".into(), Value::Null),
                    ("a".into(), Value::Null),
                ])),
                Kind::StructValue(prost_types::Struct {
                    fields: ["", "a"]
                        .map(|name| (name.to_owned(), value(Kind::NullValue(0))))
                        .into(),
                }),
            ),
        ];
        for (from, kind) in pairs {
            let mut bytes = Vec::new();
            Out::new(&mut bytes).value(field::missing_attribute::VALUES, &from);
            let holder = v1::MissingAttribute {
                values: vec![value(kind)],
                ..v1::MissingAttribute::default()
            };
            assert_eq!(bytes, holder.encode_to_vec(), "{from:?}");
        }
    }

    #[test]
    fn equal_entries_are_written_once() {
        let decision: v1::Decision = message(|out| {
            out.distinct(
                field::decision::GRANTS,
                ["b", "a", "b", "a", "c"].into_iter(),
                |out, id| {
                    out.text(field::grant_ref::ID, id);
                },
            );
        });
        let ids: Vec<_> = decision.grants.iter().map(|grant| grant.id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "c"]);
    }

    #[test]
    fn words_are_as_formatting_has_them() {
        for number in [0, 1, 9, 10, 15, 16, 255, 4_711, u64::from(u32::MAX), u64::MAX] {
            let count = written(|out| {
                out.count(number);
            });
            assert_eq!(count, number.to_string());
            let hex = written(|out| {
                out.hex(number, 1).put(" ").hex(number, 16);
            });
            assert_eq!(hex, format!("{number:x} {number:016x}"));
        }
        let names = [
            "",
            "plain",
            "a b~",
            "ä",
            "a\u{1b}[2J",
            "\u{202e}",
            "a\nb",
            &"x".repeat(80),
            &"x".repeat(81),
            &"é".repeat(80),
        ];
        for name in names {
            let quoted = written(|out| {
                out.quote(name);
            });
            assert_eq!(quoted, quote(name), "{name:?}");
        }
    }
}
