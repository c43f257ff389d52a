//! From the wire to the engine's question: borrowed from the message, checked against every limit.
//!
//! INVARIANT: nothing here recurses before the depth is checked, nor gathers before the count is.

use jiff::Timestamp;
use tonic::Status;

use super::status;
use super::violation::{Path, Violations};
use super::wire::{self, Bounded, Broken, Field, Part};
use crate::engine::query::{Names, Query};
use crate::vocab::limits::{LIST_ENTRIES_MAX, NAME_BYTES_MAX};

/// Reads the parts of a request and collects what is wrong with them.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The time of requests that name none.
    pub(super) now: Timestamp,
    broken: Option<Broken>,
    violations: Violations,
}

/// A list of texts of a request.
pub(super) type Texts<'a, const MAX: usize> = Bounded<&'a str, MAX>;

/// A request as it lies in its bytes. Fields that requests share have the same numbers in all of them, so that this is any.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked<'a> {
    /// The profile; of a check in a batch its id.
    pub(super) name: &'a str,
    /// Who asks.
    pub(super) subject: Part<'a>,
    /// The circumstances.
    pub(super) context: Part<'a>,
    /// Whether to tell how the answer was reached.
    pub(super) explain: bool,
    /// The version that shall answer.
    pub(super) digest: &'a str,
    /// The action.
    pub(super) action: &'a str,
    /// The item.
    pub(super) resource: Part<'a>,
    /// Fields that are read or written.
    pub(super) fields: Texts<'a, LIST_ENTRIES_MAX>,
    /// Proposed values.
    pub(super) changes: Part<'a>,
    /// The state afterwards.
    pub(super) to_state: &'a str,
    /// The transition.
    pub(super) transition: &'a str,
    /// Fields by which the request selects or sorts.
    pub(super) filter_fields: Texts<'a, LIST_ENTRIES_MAX>,
}

/// Says which of the shared fields a request has, by number.
pub(super) type Numbers = std::ops::RangeInclusive<u32>;

impl<'a> Asked<'a> {
    /// Takes the fields of a request apart. What is not among the `shared` numbers is given to `own`, which knows the rest.
    ///
    /// # Errors
    /// Fails if the bytes are no message.
    pub(super) fn read(
        bytes: &'a [u8],
        shared: &[Numbers],
        mut own: impl FnMut(Field<'a>) -> Result<(), Broken>,
    ) -> Result<Self, Broken> {
        let mut asked = Self::default();
        wire::each(bytes, |field| {
            if shared.iter().any(|numbers| numbers.contains(&field.number)) {
                asked.take(field)
            } else {
                own(field)
            }
        })?;
        Ok(asked)
    }

    fn take(&mut self, field: Field<'a>) -> Result<(), Broken> {
        match field.number {
            1 => self.name = field.text()?,
            2 => self.subject.add(field.message()?),
            3 => self.context.add(field.message()?),
            4 => self.explain = field.flag()?,
            5 => self.digest = field.text()?,
            6 => self.action = field.text()?,
            7 => self.resource.add(field.message()?),
            8 => self.fields.push(field.text()?),
            9 => self.changes.add(field.message()?),
            10 => self.to_state = field.text()?,
            11 => self.transition = field.text()?,
            12 => self.filter_fields.push(field.text()?),
            _ => {}
        }
        Ok(())
    }
}

impl Decoder {
    /// Starts with nothing to complain about; `now` is the time of requests that name none.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            broken: None,
            violations: Violations::default(),
        }
    }

    /// Ends with what was wrong, if anything was.
    ///
    /// # Errors
    /// Fails with a status that tells every complaint that was collected.
    pub(super) fn finish(mut self) -> Result<(), Status> {
        self.check_form()?;
        self.settle().map_err(|violations| status::invalid(&violations))
    }

    /// Tells whether all parts that were read so far are messages.
    ///
    /// # Errors
    /// Fails with a status if one was none.
    pub(super) fn check_form(&self) -> Result<(), Status> {
        match self.broken {
            None => Ok(()),
            Some(broken) => Err(status::malformed(&broken.to_string())),
        }
    }

    /// Takes what was wrong so far and goes on with nothing to complain about.
    ///
    /// # Errors
    /// Fails with every complaint that was collected since the last time.
    pub(super) fn settle(&mut self) -> Result<(), Violations> {
        let violations = std::mem::take(&mut self.violations);
        if violations.is_empty() {
            Ok(())
        } else {
            Err(violations)
        }
    }

    /// Complains about a part of the request.
    pub(super) fn complain(&mut self, path: &Path<'_>, description: impl Into<String>) {
        self.violations.add(path, description);
    }

    /// Reads what all requests have: which profile shall answer, who asks, and from where.
    pub(super) fn head<'a>(&mut self, asked: &Asked<'a>) -> Query<'a> {
        self.name(&Path::ROOT.name("profile"), asked.name);
        self.name(&Path::ROOT.name("digest"), asked.digest);
        let mut query = Query::at(self.now);
        query.subject = self.subject(&Path::ROOT.name("subject"), &asked.subject);
        query.context = self.context(&Path::ROOT.name("context"), &asked.context).0;
        query
    }

    /// Reads what is asked into a question that already knows who asks.
    pub(super) fn question<'a>(&mut self, path: &Path<'_>, from: &Asked<'a>, query: &mut Query<'a>) {
        query.action = self.name(&path.name("action"), from.action);
        query.resource = self.resource(&path.name("resource"), &from.resource);
        query.fields = self.fields(&path.name("fields"), &from.fields);
        query.changes = self.object(&path.name("changes"), &from.changes);
        query.to_state = self.name(&path.name("to_state"), from.to_state);
        query.transition = self.name(&path.name("transition"), from.transition);
        query.filter_fields = self.fields(&path.name("filter_fields"), &from.filter_fields);
    }

    /// Remembers that a part is no message, if it is none.
    pub(super) fn form<T: Default>(&mut self, read: Result<T, Broken>) -> T {
        read.unwrap_or_else(|broken| {
            self.broken.get_or_insert(broken);
            T::default()
        })
    }

    /// Reads names of fields.
    pub(super) fn fields<'a>(&mut self, path: &Path<'_>, from: &Texts<'a, LIST_ENTRIES_MAX>) -> Names<'a> {
        if from.entries.is_empty() {
            return Names::new();
        }
        let names = self.names(path, from.clone());
        for (index, name) in names.iter().enumerate() {
            if name.is_empty() {
                self.complain(&path.index(index), "is empty");
            }
        }
        names
    }

    /// Reads a name, an id or a path.
    pub(super) fn name<'a>(&mut self, path: &Path<'_>, text: &'a str) -> &'a str {
        self.text(path, text, NAME_BYTES_MAX)
    }

    pub(super) fn names<'a, const MAX: usize>(&mut self, path: &Path<'_>, from: Texts<'a, MAX>) -> Names<'a> {
        if from.entries.is_empty() || !self.fits(path, &from) {
            return Names::new();
        }
        for (index, name) in from.entries.iter().enumerate() {
            self.name(&path.index(index), name);
        }
        Names::Owned(from.entries)
    }

    pub(super) fn list<'a, T, const MAX: usize>(
        &mut self,
        path: &Path<'_>,
        from: Bounded<&'a [u8], MAX>,
        decode: impl Fn(&mut Self, &Path<'_>, &'a [u8]) -> T,
    ) -> Vec<T> {
        if !self.fits(path, &from) {
            return Vec::new();
        }
        let entries = from.entries.into_iter().enumerate();
        entries
            .map(|(index, each)| decode(self, &path.index(index), each))
            .collect()
    }

    fn fits<T, const MAX: usize>(&mut self, path: &Path<'_>, list: &Bounded<T, MAX>) -> bool {
        if list.is_too_long() {
            self.complain(path, format!("has more than {MAX} entries"));
        }
        !list.is_too_long()
    }

    pub(super) fn text<'a>(&mut self, path: &Path<'_>, text: &'a str, max: usize) -> &'a str {
        if text.len() > max {
            self.complain(path, format!("has more than {max} bytes"));
        } else if has_control(text) {
            self.complain(path, "has a control character");
        }
        text
    }
}

/// Tells whether a text has a control character, those beyond ASCII included.
fn has_control(text: &str) -> bool {
    // Nearly all names are plain ASCII, which is told in one pass that never stops early.
    let is_plain = text
        .bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    !is_plain && text.chars().any(char::is_control)
}
