//! The files of a profile as text, and the way from a span to a line and a column.

use std::sync::{Arc, OnceLock};

use crate::source::code::Code;
use crate::source::diagnostic::Diagnostic;
use crate::source::span::{FileId, Position, Span};

/// Holds the text of every file that spans point into.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

#[derive(Debug)]
struct SourceFile {
    path: Arc<str>,
    text: Arc<str>,
    /// The lines of the file that end before this text: it may be a piece of the file.
    lines_before: u32,
    /// The offsets at which lines begin, found when the first position is asked for: most files never are complained about.
    line_starts: OnceLock<Vec<u32>>,
    /// How many characters begin before each stride of bytes, so that a column on a line without end costs no more than one
    /// on a short line.
    characters: OnceLock<Vec<u32>>,
}

/// The bytes between two counts of characters.
const STRIDE: usize = 256;

impl SourceMap {
    /// Makes a map without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under its display path: relative to the profiles root, parted by `/`.
    pub fn add(&mut self, path: String, text: String) -> FileId {
        self.add_piece(path.into(), text.into(), 0)
    }

    /// Adds a piece of a file, which begins where so many lines of it have ended. Pieces of one file are added in order.
    pub fn add_piece(&mut self, path: Arc<str>, text: Arc<str>, lines_before: u32) -> FileId {
        let id = FileId::new(to_u32(self.files.len()));
        self.files.push(SourceFile {
            path,
            text,
            lines_before,
            line_starts: OnceLock::new(),
            characters: OnceLock::new(),
        });
        id
    }

    /// Returns the display path of a file; it is empty for an id of another map.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        self.find_file(file).map_or("", |file| &file.path)
    }

    /// Returns the display path of a file to be kept; it is empty for an id of another map.
    #[must_use]
    pub fn shared_path(&self, file: FileId) -> Arc<str> {
        self.find_file(file)
            .map_or_else(Arc::default, |file| Arc::clone(&file.path))
    }

    /// Returns how many lines of a file end before its text, if that is a piece of the file.
    #[must_use]
    pub fn lines_before(&self, file: FileId) -> u32 {
        self.find_file(file).map_or(0, |file| file.lines_before)
    }

    /// Returns the whole text of a file, or of a piece of one; it is empty for an id of another map.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        self.find_file(file).map_or("", |file| &file.text)
    }

    /// Returns the text that a span marks; it is empty if the span does not fit the text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file)
            .get(to_usize(span.start)..to_usize(span.end))
            .unwrap_or("")
    }

    /// Returns the line and column where a span begins.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.locate(span.file, span.start)
    }

    /// Returns the line and column of the first character behind a span.
    #[must_use]
    pub fn end_position(&self, span: Span) -> Position {
        self.locate(span.file, span.end)
    }

    /// Returns the span of the line on which a span begins, without the line's end.
    #[must_use]
    pub fn line(&self, span: Span) -> Span {
        let Some(file) = self.find_file(span.file) else {
            return span;
        };
        let starts = file.line_starts();
        let next = starts.partition_point(|&start| start <= span.start);
        let start = next
            .checked_sub(1)
            .and_then(|index| starts.get(index))
            .copied()
            .unwrap_or(0);
        let end = starts
            .get(next)
            .copied()
            .unwrap_or_else(|| to_u32(file.text.len()));
        let line = file.text.get(to_usize(start)..to_usize(end)).unwrap_or("");
        let line = line
            .strip_suffix("\r\n")
            .or_else(|| line.strip_suffix('\n'))
            .unwrap_or(line);
        Span::new(span.file, start, start.saturating_add(to_u32(line.len())))
    }

    /// Returns the ids of all files in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..to_u32(self.files.len())).map(FileId::new)
    }

    fn find_file(&self, file: FileId) -> Option<&SourceFile> {
        self.files.get(to_usize(file.index()))
    }

    fn locate(&self, file: FileId, offset: u32) -> Position {
        let Some(file) = self.find_file(file) else {
            return Position { line: 1, column: 1 };
        };
        let starts = file.line_starts();
        let line = starts.partition_point(|&start| start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let column = file
            .characters_before(offset)
            .saturating_sub(file.characters_before(start));
        Position {
            line: to_u32(line).saturating_add(file.lines_before),
            column: column.saturating_add(1),
        }
    }
}

/// Counts the characters that begin in these bytes.
fn count_characters(bytes: &[u8]) -> u32 {
    // A character begins at each byte that continues none, so no boundary can be missed here.
    to_u32(bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count())
}

impl SourceFile {
    fn characters_before(&self, offset: u32) -> u32 {
        let counts = self.characters.get_or_init(|| {
            let mut total = 0;
            let strides = self.text.as_bytes().chunks(STRIDE);
            let sums = strides.map(|stride| {
                total += count_characters(stride);
                total
            });
            std::iter::once(0).chain(sums).collect()
        });
        let end = to_usize(offset).min(self.text.len());
        let stride = end / STRIDE;
        let rest = self.text.as_bytes().get(stride * STRIDE..end).unwrap_or_default();
        counts
            .get(stride)
            .copied()
            .unwrap_or(0)
            .saturating_add(count_characters(rest))
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
            std::iter::once(0)
                .chain(ends.map(|(offset, _)| to_u32(offset).saturating_add(1)))
                .collect()
        })
    }
}

/// Takes the bytes of a file as text, or says where they stop being UTF-8.
///
/// # Errors
/// Fails at the first byte that is not part of UTF-8; [`NotUtf8::into_diagnostic`] makes it a complaint.
pub fn decode_utf8(path: &str, bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| {
        let start = to_u32(error.utf8_error().valid_up_to());
        let bytes = error.into_bytes();
        let utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        NotUtf8 {
            path: path.to_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            start,
            utf16,
            lines_before: 0,
        }
    })
}

/// Tells that a file is not UTF-8, and keeps of it what can be shown.
#[derive(Debug)]
pub struct NotUtf8 {
    path: String,
    /// The text with a replacement character for whatever is none; it equals the bytes up to `start`.
    text: String,
    start: u32,
    utf16: bool,
    lines_before: u32,
}

impl NotUtf8 {
    /// Says that the bytes are a piece of a file, before which so many lines of it have ended.
    #[must_use]
    pub fn behind(mut self, lines: u32) -> Self {
        self.lines_before = lines;
        self
    }

    /// Adds the readable rest of the file to the map and returns the complaint that points into it.
    pub fn into_diagnostic(self, map: &mut SourceMap) -> Diagnostic {
        let file = map.add_piece(self.path.into(), self.text.into(), self.lines_before);
        let end = self
            .start
            .saturating_add(to_u32(char::REPLACEMENT_CHARACTER.len_utf8()));
        let span = Span::new(file, self.start, end);
        let found = if self.utf16 {
            "the file is UTF-16, not UTF-8"
        } else {
            "the file is not UTF-8 from here on"
        };
        Diagnostic::new(Code::NotUtf8, span, found).help("save the file as UTF-8 without a byte order mark")
    }
}

/// Counts the lines that end in a text.
#[must_use]
pub fn count_lines(text: &str) -> u32 {
    to_u32(memchr::memchr_iter(b'\n', text.as_bytes()).count())
}

/// Narrows a length; files are capped far below the limit, so nothing is cut in practice.
pub(in crate::source) fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Widens an offset; it fits wherever the text that it points into fits.
pub(in crate::source) fn to_usize(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_line_feeds() {
        let mut map = SourceMap::new();
        let text = "ab\r\n\u{e9}\u{4e2d}\u{1f600}x\n\nlast";
        let file = map.add("a.json".to_owned(), text.to_owned());
        let at = |needle: &str| {
            let start = to_u32(text.find(needle).unwrap());
            map.position(Span::new(file, start, start)).to_string()
        };
        assert_eq!(at("ab"), "1:1");
        assert_eq!(at("\r"), "1:3");
        assert_eq!(at("\u{4e2d}"), "2:2");
        assert_eq!(at("x"), "2:4");
        assert_eq!(at("last"), "4:1");
        assert_eq!(map.position(Span::new(file, 999, 999)).to_string(), "4:5");
    }

    #[test]
    fn a_line_has_no_end_of_line() {
        let mut map = SourceMap::new();
        let file = map.add("a.json".to_owned(), "one\r\ntwo\n".to_owned());
        let line = |start| map.slice(map.line(Span::new(file, start, start))).to_owned();
        assert_eq!([line(0), line(4), line(5), line(9)], ["one", "one", "two", ""]);
    }

    #[test]
    fn ids_of_another_map_name_nothing() {
        let map = SourceMap::new();
        let span = Span::new(FileId::new(7), 1, 2);
        assert_eq!(
            (map.path(span.file), map.slice(span), map.position(span).line),
            ("", "", 1)
        );
    }
}
