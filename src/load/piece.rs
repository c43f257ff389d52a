//! Files of grants on documents, in pieces: what of a large file is known already is neither kept nor read a second time.
//!
//! A file of JSON lines is cut at ends of lines, after such lines as their text tells. So a line that changes, comes or goes changes
//! the piece that it lies in, and perhaps the next one, and all others stay the pieces that they were, wherever they begin.
//! An object with nothing but a list is cut in the same way, where an entry and the comma behind it end a line: a line break within
//! a grant follows no `},`, since objects hold no others there and texts no line breaks. What this does not fit is no list of
//! grants and does not parse, in pieces or as a whole. Any other file is one piece.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use crate::dialect::document::{Form, KEY};
use crate::vocab::limits::{PIECE_BYTES_MAX, PIECE_BYTES_MIN};

/// Files of grants on documents have these names.
pub const DOCUMENT_FILES: [&str; 2] = ["document_grants.json", "document_grants.jsonl"];

/// Is how many bytes are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// One line of so many ends a piece, once the piece is long enough.
const LINES_PER_CUT: u64 = 512;

/// The texts of pieces that are in use, by their digests.
pub type Pieces = HashMap<[u8; 32], Arc<str>>;

/// A part of a file, from the beginning of a line to the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub form: Form,
    /// Tells pieces with different bytes or forms apart.
    pub digest: [u8; 32],
    /// The bytes.
    pub text: Text,
}

/// The bytes of a piece, not yet known to be text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// They are text, perhaps that of an earlier version as well.
    Utf8(Arc<str>),
    /// They are not.
    Other(Vec<u8>),
}

impl Piece {
    fn new(bytes: Vec<u8>, form: Form, known: &Pieces) -> Self {
        let mark = match form {
            Form::Whole => 0,
            Form::Lines => 1,
            Form::Stretch { begins, ends } => 2 | u8::from(begins) << 2 | u8::from(ends) << 3,
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[mark]).update(&bytes);
        let digest = *hasher.finalize().as_bytes();
        let text = match known.get(&digest) {
            Some(text) => Text::Utf8(Arc::clone(text)),
            None => match String::from_utf8(bytes) {
                Ok(text) => Text::Utf8(text.into()),
                Err(error) => Text::Other(error.into_bytes()),
            },
        };
        Self { form, digest, text }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.text {
            Text::Utf8(text) => text.as_bytes(),
            Text::Other(bytes) => bytes,
        }
    }
}

/// Tells whether a file of this name, relative to a directory, is read in pieces.
pub(super) fn is_in_pieces(name: &str) -> bool {
    DOCUMENT_FILES.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// Reads all pieces of a file.
pub(super) fn read(mut file: impl Read, lines: bool, size: u64, known: &Pieces) -> io::Result<Vec<Piece>> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    let mut next = |buffer: &mut Vec<u8>| {
        buffer.clear();
        file.by_ref().take(READ_BYTES as u64).read_to_end(buffer)
    };
    next(&mut buffer)?;
    if !lines && !begins_list(&buffer) {
        let mut bytes = read_whole(&mut file, size)?;
        bytes.splice(..0, buffer);
        return Ok(vec![Piece::new(bytes, Form::Whole, known)]);
    }
    let mut cutting = Cutting::new(lines, known);
    while !buffer.is_empty() {
        cutting.take(&buffer);
        next(&mut buffer)?;
    }
    Ok(cutting.end())
}

/// Returns the pieces of a file that is in memory.
pub(super) fn cut(bytes: Vec<u8>, lines: bool) -> Vec<Piece> {
    let known = Pieces::new();
    if !lines && !begins_list(&bytes) {
        return vec![Piece::new(bytes, Form::Whole, &known)];
    }
    let mut cutting = Cutting::new(lines, &known);
    cutting.take(&bytes);
    cutting.end()
}

/// Makes the pieces of a file whose bytes come in parts.
struct Cutting<'k> {
    cutter: Cutter,
    pieces: Vec<Piece>,
    lines: bool,
    known: &'k Pieces,
}

impl<'k> Cutting<'k> {
    fn new(lines: bool, known: &'k Pieces) -> Self {
        Self {
            cutter: Cutter {
                is_list: !lines,
                ..Cutter::default()
            },
            pieces: Vec::new(),
            lines,
            known,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let (pieces, lines, known) = (&mut self.pieces, self.lines, self.known);
        self.cutter.take_all(bytes, |bytes| {
            let begins = pieces.is_empty();
            let form = if lines {
                Form::Lines
            } else {
                Form::Stretch { begins, ends: false }
            };
            pieces.push(Piece::new(bytes, form, known));
        });
    }

    fn end(mut self) -> Vec<Piece> {
        let last = self.cutter.end();
        if self.lines {
            let last = last.map(|bytes| Piece::new(bytes, Form::Lines, self.known));
            self.pieces.extend(last);
            return self.pieces;
        }
        let last = last.unwrap_or_default();
        if !self.pieces.is_empty() && ends_list(&last) {
            let (begins, ends) = (false, true);
            let form = Form::Stretch { begins, ends };
            self.pieces.push(Piece::new(last, form, self.known));
            return self.pieces;
        }
        if self.pieces.is_empty() {
            return vec![Piece::new(last, Form::Whole, self.known)];
        }
        // Something else stands behind the list, and only the whole tells what.
        let parts = self.pieces.iter().map(Piece::bytes).chain([last.as_slice()]);
        let whole = parts.collect::<Vec<&[u8]>>().concat();
        vec![Piece::new(whole, Form::Whole, self.known)]
    }
}

/// Tells whether a text begins as an object does whose first key is the list of grants.
fn begins_list(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start().strip_prefix(b"{");
    let rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(b"\""));
    let rest = rest.and_then(|rest| rest.strip_prefix(KEY.as_bytes()));
    let rest = rest.and_then(|rest| rest.strip_prefix(b"\""));
    let rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(b":"));
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"["))
}

/// Tells whether a text ends as an object does whose last value is a list.
fn ends_list(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_end().strip_suffix(b"}");
    rest.is_some_and(|rest| rest.trim_ascii_end().ends_with(b"]"))
}

/// Reads a file of about this size at once.
pub(super) fn read_whole(mut file: impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Tells whether a file still holds these bytes, and no others.
pub(super) fn is_same<'b>(mut file: impl Read, bytes: impl Iterator<Item = &'b [u8]>) -> io::Result<bool> {
    let mut buffer = vec![0; READ_BYTES];
    for part in bytes.flat_map(|bytes| bytes.chunks(READ_BYTES)) {
        let Some(room) = buffer.get_mut(..part.len()) else {
            return Ok(false);
        };
        match file.read_exact(room) {
            Ok(()) if room == part => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(file.read(buffer.get_mut(..1).unwrap_or_default())? == 0)
}

/// Finds the ends of pieces in bytes that come in parts.
#[derive(Default)]
struct Cutter {
    piece: Vec<u8>,
    /// Where in the piece the line, or the entry, begins that is not ended.
    line: usize,
    /// Whether entries end where a comma behind one ends a line, and not with each line.
    is_list: bool,
}

impl Cutter {
    /// Returns the last piece, if anything is left for it.
    fn end(self) -> Option<Vec<u8>> {
        Some(self.piece).filter(|piece| !piece.is_empty())
    }

    /// Takes bytes, and hands over the pieces that end in them.
    fn take_all(&mut self, mut bytes: &[u8], mut hand_over: impl FnMut(Vec<u8>)) {
        while !bytes.is_empty() {
            bytes = self.take(bytes, &mut hand_over);
        }
    }

    /// Takes the bytes up to the end of a line, or all, hands over the piece if it ends there, and returns the others.
    fn take<'b>(&mut self, bytes: &'b [u8], hand_over: impl FnOnce(Vec<u8>)) -> &'b [u8] {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.piece.extend_from_slice(bytes);
            return &[];
        };
        let (taken, rest) = bytes.split_at_checked(end + 1).unwrap_or((bytes, &[]));
        self.piece.extend_from_slice(taken);
        let line = self.piece.get(self.line..).unwrap_or_default();
        if self.is_list && !line.trim_ascii_end().ends_with(b"},") {
            return rest;
        }
        let length = self.piece.len();
        let is_end = length >= PIECE_BYTES_MIN
            && (mark(line).is_multiple_of(LINES_PER_CUT) || length >= PIECE_BYTES_MAX);
        if is_end {
            let room = Vec::with_capacity(length);
            hand_over(std::mem::replace(&mut self.piece, room));
            self.line = 0;
        } else {
            self.line = length;
        }
        rest
    }
}

/// Returns a number that tells lines apart, mostly. It decides where pieces end, and so it is a part of what digests mean: another
/// function makes other digests of the same files.
fn mark(line: &[u8]) -> u64 {
    let (words, rest) = line.as_chunks();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let words = words.iter().chain([&last]);
    let mix = |sum: u64, word: &[u8; 8]| {
        // Any odd constant without a pattern does: these are the first binary digits of pi.
        let product = (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0x243f_6a88_85a3_08d3);
        product ^ (product >> 32)
    };
    words.fold(0, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces_of(text: &str) -> Vec<Piece> {
        read(text.as_bytes(), true, 0, &Pieces::new()).unwrap()
    }

    fn lines(count: usize) -> Vec<String> {
        (0..count)
            .map(|n| format!("{{\"line\": {n}, \"{}\": 1}}\n", "x".repeat(n % 97)))
            .collect()
    }

    #[test]
    fn pieces_are_all_of_the_file_and_end_with_lines() {
        let text = lines(20_000).concat();
        for text in [text.as_str(), text.trim_end(), "", "\n", "no end"] {
            let pieces = pieces_of(text);
            let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes().to_vec()).collect();
            assert_eq!(all, text.as_bytes());
            for (piece, next) in pieces.iter().zip(pieces.iter().skip(1)) {
                assert!(piece.bytes().ends_with(b"\n"));
                assert!(piece.bytes().len() >= PIECE_BYTES_MIN && !next.bytes().is_empty());
            }
            let same = |bytes: &[u8]| is_same(bytes, pieces.iter().map(Piece::bytes));
            assert!(same(text.as_bytes()).unwrap());
            assert!(!same(&[text.as_bytes(), b"x"].concat()).unwrap());
            let shorter = text.len().saturating_sub(1);
            assert!(text.is_empty() || !same(&text.as_bytes()[..shorter]).unwrap());
        }
    }

    #[test]
    fn a_changed_line_changes_few_pieces() {
        let mut lines = lines(50_000);
        let before = pieces_of(&lines.concat());
        assert!(before.len() > 10, "{}", before.len());
        let known = Pieces::from_iter(before.iter().map(|piece| match &piece.text {
            Text::Utf8(text) => (piece.digest, Arc::clone(text)),
            Text::Other(_) => panic!("it is text"),
        }));
        let news = |lines: &[String]| {
            let after = read(lines.concat().as_bytes(), true, 0, &known).unwrap();
            after
                .iter()
                .filter(|piece| !known.contains_key(&piece.digest))
                .count()
        };
        assert_eq!(news(&lines), 0);
        let first = lines.remove(0);
        assert!(news(&lines) <= 2);
        lines.insert(25_000, first);
        assert!(news(&lines) <= 4);
        lines[40_000] = "[]\n".to_owned();
        assert!(news(&lines) <= 6);
    }

    #[test]
    fn what_is_no_text_is_kept_as_it_is() {
        let pieces = read(&b"a\n\xff\n"[..], true, 0, &Pieces::new()).unwrap();
        assert_eq!(pieces[0].bytes(), b"a\n\xff\n");
        assert!(matches!(pieces[0].text, Text::Other(_)));
    }
}
