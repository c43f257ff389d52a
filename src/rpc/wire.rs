//! Messages in their binary form, read in place: fields one after the other, text and messages as parts of the bytes they came in.
//!
//! The crate that reads messages everywhere else makes a copy of each text and as much of each list as there is. Requests are
//! read here instead, so that a question costs no copy, and so that whoever reads it can stop counting where a limit is.
//! What counts as malformed, what is skipped and which of several values wins is as the protobuf language has it.

use std::fmt;

use smallvec::SmallVec;

/// Groups that may lie in each other; nobody writes them any more, and they can only be skipped.
const GROUPS_MAX: usize = 100;

/// Says why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// They end within a field.
    CutShort,
    /// A number has more than ten bytes.
    Number,
    /// A field has no valid number or type.
    Tag,
    /// A known field has another type than its own.
    Type,
    /// Text is no UTF-8.
    Text,
    /// Groups lie in each other too deeply, or end where none began.
    Group,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutShort => "it is cut short",
            Self::Number => "a number is too long",
            Self::Tag => "a field has no valid number or type",
            Self::Type => "a field has another type than its own",
            Self::Text => "a text is no UTF-8",
            Self::Group => "groups do not end where they should",
        })
    }
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// Its number.
    pub(super) number: u32,
    value: Wire<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32,
    Bytes(&'a [u8]),
    Group,
}

impl<'a> Field<'a> {
    /// Returns the value as text.
    #[inline]
    pub(super) fn text(self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.message()?).map_err(|_| Broken::Text)
    }

    /// Returns the value as the bytes of a message.
    #[inline]
    pub(super) fn message(self) -> Result<&'a [u8], Broken> {
        match self.value {
            Wire::Bytes(bytes) => Ok(bytes),
            Wire::Varint(_) | Wire::Fixed64(_) | Wire::Fixed32 | Wire::Group => Err(Broken::Type),
        }
    }

    /// Returns the value as a whole number, negative ones as two's complement.
    pub(super) fn number(self) -> Result<u64, Broken> {
        match self.value {
            Wire::Varint(number) => Ok(number),
            Wire::Bytes(_) | Wire::Fixed64(_) | Wire::Fixed32 | Wire::Group => Err(Broken::Type),
        }
    }

    /// Returns the value as yes or no.
    pub(super) fn flag(self) -> Result<bool, Broken> {
        Ok(self.number()? != 0)
    }

    /// Returns the value as a number with a sign.
    pub(super) fn signed(self) -> Result<i64, Broken> {
        Ok(self.number()?.cast_signed())
    }

    /// Returns the value as a short number with a sign: of a longer one the low half, as the language has it.
    pub(super) fn short(self) -> Result<i32, Broken> {
        Ok(short(self.number()?))
    }

    /// Returns the value as a number with a fraction.
    pub(super) fn double(self) -> Result<f64, Broken> {
        match self.value {
            Wire::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            Wire::Varint(_) | Wire::Bytes(_) | Wire::Fixed32 | Wire::Group => Err(Broken::Type),
        }
    }

    /// Takes the values of a list of short numbers, packed or not.
    pub(super) fn shorts(self, mut take: impl FnMut(i32)) -> Result<(), Broken> {
        let Wire::Bytes(mut bytes) = self.value else {
            take(self.short()?);
            return Ok(());
        };
        while !bytes.is_empty() {
            take(short(varint(&mut bytes)?));
        }
        Ok(())
    }
}

fn short(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Takes every field of a message.
#[inline]
pub(super) fn each<'a>(
    mut bytes: &'a [u8],
    mut take: impl FnMut(Field<'a>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    while !bytes.is_empty() {
        take(next(&mut bytes)?)?;
    }
    Ok(())
}

#[inline]
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Field<'a>, Broken> {
    let (number, kind) = tag(bytes)?;
    let value = match kind {
        0 => Wire::Varint(varint(bytes)?),
        1 => Wire::Fixed64(fixed(bytes)?),
        2 => Wire::Bytes(counted(bytes)?),
        3 => {
            skip_group(bytes, number)?;
            Wire::Group
        }
        5 => {
            fixed::<4>(bytes)?;
            Wire::Fixed32
        }
        4 => return Err(Broken::Group),
        _ => return Err(Broken::Tag),
    };
    Ok(Field { number, value })
}

fn skip_group(bytes: &mut &[u8], number: u32) -> Result<(), Broken> {
    let mut open: SmallVec<[u32; 8]> = SmallVec::new();
    open.push(number);
    while let Some(innermost) = open.last().copied() {
        let (number, kind) = tag(bytes)?;
        match kind {
            0 => drop(varint(bytes)?),
            1 => drop(fixed::<8>(bytes)?),
            2 => drop(counted(bytes)?),
            3 if open.len() < GROUPS_MAX => open.push(number),
            4 if number == innermost => drop(open.pop()),
            5 => drop(fixed::<4>(bytes)?),
            3 | 4 => return Err(Broken::Group),
            _ => return Err(Broken::Tag),
        }
    }
    Ok(())
}

#[inline]
fn tag(bytes: &mut &[u8]) -> Result<(u32, u32), Broken> {
    let key = u32::try_from(varint(bytes)?).map_err(|_| Broken::Tag)?;
    let (number, kind) = (key >> 3, key & 7);
    if number == 0 {
        return Err(Broken::Tag);
    }
    Ok((number, kind))
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Result<u64, Broken> {
    // Nearly all lengths and tags have one byte.
    match *bytes {
        [first, rest @ ..] if *first < 0x80 => {
            *bytes = rest;
            Ok(u64::from(*first))
        }
        _ => long_varint(bytes),
    }
}

#[inline(never)]
fn long_varint(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0_u64;
    for index in 0..10_u32 {
        let Some((byte, rest)) = bytes.split_first() else {
            return Err(Broken::CutShort);
        };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            // The tenth byte has room for a single bit.
            return if index == 9 && *byte > 1 {
                Err(Broken::Number)
            } else {
                Ok(number)
            };
        }
    }
    Err(Broken::Number)
}

#[inline]
fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Broken> {
    let (value, rest) = bytes.split_first_chunk().ok_or(Broken::CutShort)?;
    *bytes = rest;
    Ok(*value)
}

#[inline]
fn counted<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(varint(bytes)?).map_err(|_| Broken::CutShort)?;
    let (value, rest) = bytes.split_at_checked(length).ok_or(Broken::CutShort)?;
    *bytes = rest;
    Ok(value)
}

/// A message in another one. It may come in pieces, which together are what they would be one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Part<'a> {
    pieces: SmallVec<[&'a [u8]; 1]>,
}

impl<'a> Part<'a> {
    /// Adds a piece.
    pub(super) fn add(&mut self, piece: &'a [u8]) {
        self.pieces.push(piece);
    }

    /// Tells whether the message is there at all.
    pub(super) fn is_given(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Takes every field of the message.
    #[inline]
    pub(super) fn each(&self, mut take: impl FnMut(Field<'a>) -> Result<(), Broken>) -> Result<(), Broken> {
        self.pieces.iter().try_for_each(|piece| each(piece, &mut take))
    }
}

impl<'a> From<&'a [u8]> for Part<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        let mut part = Self::default();
        part.add(bytes);
        part
    }
}

/// A list that is kept as far as it may be long, and one entry further, so that it is seen to be too long.
#[derive(Clone, Debug)]
pub(super) struct Bounded<T, const MAX: usize> {
    /// The entries.
    pub(super) entries: Vec<T>,
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// Adds an entry.
    pub(super) fn push(&mut self, entry: T) {
        if self.entries.len() <= MAX {
            self.entries.push(entry);
        }
    }

    /// Tells whether there are more entries than there may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.entries.len() > MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<u32>, Broken> {
        let mut numbers = Vec::new();
        each(bytes, |field| {
            numbers.push(field.number);
            Ok(())
        })?;
        Ok(numbers)
    }

    #[test]
    fn fields_are_read_one_after_the_other() {
        let bytes = [
            8, 0x96, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0, 26, 2, b'h', b'i', 37, 0, 0, 0, 0,
        ];
        assert_eq!(all(&bytes), Ok(vec![1, 2, 3, 4]));
        // A group with a group, a text and a number in it.
        let group = [43, 51, 52, 58, 1, b'x', 64, 1, 44];
        assert_eq!(all(&group), Ok(vec![5]));
        let mut deep = vec![43_u8; GROUPS_MAX];
        deep.extend([44; GROUPS_MAX]);
        assert_eq!(all(&deep), Ok(vec![5]));
        deep.insert(0, 43);
        deep.push(44);
        assert_eq!(all(&deep), Err(Broken::Group));
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        let cases: [(&[u8], Broken); 10] = [
            (&[8], Broken::CutShort),
            (&[8, 0x80], Broken::CutShort),
            (&[10, 2, b'x'], Broken::CutShort),
            (&[17, 0], Broken::CutShort),
            (
                &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
                Broken::Number,
            ),
            (&[0, 1], Broken::Tag),
            (&[14], Broken::Tag),
            (&[12], Broken::Group),
            (&[11, 20], Broken::Group),
            (&[0x88, 0x80, 0x80, 0x80, 0x80, 1, 1], Broken::Tag),
        ];
        for (bytes, broken) in cases {
            assert_eq!(all(bytes), Err(broken), "{bytes:?}");
        }
        let text = |bytes: &'static [u8]| {
            let mut found = Ok("");
            each(bytes, |field| {
                found = field.text();
                Ok(())
            })
            .unwrap();
            found
        };
        assert_eq!(text(&[10, 2, b'h', b'i']), Ok("hi"));
        assert_eq!(text(&[10, 1, 0xff]), Err(Broken::Text));
        assert_eq!(text(&[8, 1]), Err(Broken::Type));
    }

    #[test]
    fn lists_are_kept_as_far_as_they_may_be_long() {
        let mut list: Bounded<u8, 2> = Bounded::default();
        for entry in 0..3 {
            assert!(!list.is_too_long());
            list.push(entry);
        }
        (0..100).for_each(|entry| list.push(entry));
        assert!(list.is_too_long());
        assert_eq!(list.entries, [0, 1, 2]);
    }
}
