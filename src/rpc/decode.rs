//! From the wire to the engine's question: borrowed from the message, checked against every limit.
//!
//! INVARIANT: nothing here recurses before the depth is checked, nor gathers before the count is.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::Timestamp;
use smallvec::SmallVec;
use tonic::Status;

use super::status;
use super::violation::{Path, Violations};
use super::wire::{self, Bounded, Broken, Field, Part};
use crate::engine::query::{
    Ancestor, Approval, Context, Holder, LocalRoles, Names, Owner, Query, Resource, Subject,
};
use crate::source::diagnostic::quote;
use crate::vocab::limits::{
    ANCESTORS_MAX, APPROVALS_MAX, ATTRIBUTE_DEPTH_MAX, ATTRIBUTE_VALUES_MAX, CLAIMED_GROUPS_MAX,
    CLAIMED_ROLES_MAX, CONTENT_DIGEST_BYTES_MAX, EXPLANATION_BYTES_MAX, LIST_ENTRIES_MAX, LOCAL_ROLES_MAX,
    NAME_BYTES_MAX,
};
use crate::vocab::network::Address;
use crate::vocab::value::{Object, Value};

/// Reads the parts of a request and collects what is wrong with them.
#[derive(Debug)]
pub(super) struct Decoder {
    now: Timestamp,
    broken: Option<Broken>,
    violations: Violations,
}

/// A list of texts of a request.
type Texts<'a, const MAX: usize> = Bounded<&'a str, MAX>;

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
    fn form<T: Default>(&mut self, read: Result<T, Broken>) -> T {
        read.unwrap_or_else(|broken| {
            self.broken.get_or_insert(broken);
            T::default()
        })
    }

    /// Reads who asks.
    fn subject<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Subject<'a> {
        let (mut id, mut attributes) = ("", Part::default());
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let mut groups: Texts<'a, CLAIMED_GROUPS_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => id = field.text()?,
                2 => roles.push(field.text()?),
                3 => groups.push(field.text()?),
                4 => attributes.add(field.message()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Subject {
            id: self.name(&path.name("id"), id),
            roles: self.names(&path.name("roles"), roles),
            groups: self.names(&path.name("groups"), groups),
            attributes: self.object(&path.name("attributes"), &attributes),
        }
    }

    /// Reads the circumstances, and tells whether they name the time.
    pub(super) fn context<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> (Context<'a>, bool) {
        let (mut ip, mut explanation, mut author) = ("", "", "");
        let (mut now, mut attributes) = (Part::default(), Part::default());
        let mut approvals: Bounded<&[u8], APPROVALS_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => ip = field.text()?,
                2 => now.add(field.message()?),
                3 => explanation = field.text()?,
                4 => approvals.push(field.message()?),
                5 => author = field.text()?,
                6 => attributes.add(field.message()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let ip_path = path.name("ip");
        let ip = self.name(&ip_path, ip);
        if !ip.is_empty() && Address::parse(ip).is_none() {
            self.complain(&ip_path, format!("{} is no IPv4 or IPv6 address", quote(ip)));
        }
        if explanation.len() > EXPLANATION_BYTES_MAX {
            let path = path.name("explanation");
            self.complain(&path, format!("has more than {EXPLANATION_BYTES_MAX} bytes"));
        }
        let context = Context {
            ip,
            now: self.moment(&path.name("now"), &now),
            explanation,
            approvals: self.list(&path.name("approvals"), approvals, Self::approval),
            comment_author_id: self.name(&path.name("comment_author_id"), author),
            attributes: self.object(&path.name("attributes"), &attributes),
        };
        (context, now.is_given())
    }

    /// Reads what the question is about.
    pub(super) fn resource<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Resource<'a> {
        let (mut collection, mut id, mut state, mut digest) = ("", "", "", "");
        let (mut owner, mut attributes) = (Part::default(), Part::default());
        let mut local_roles: Bounded<&[u8], LOCAL_ROLES_MAX> = Bounded::default();
        let mut ancestors: Bounded<&[u8], ANCESTORS_MAX> = Bounded::default();
        let (mut block_inheritance, mut any_item) = (false, false);
        let read = from.each(|field| {
            match field.number {
                1 => collection = field.text()?,
                2 => id = field.text()?,
                3 => state = field.text()?,
                4 => owner.add(field.message()?),
                5 => attributes.add(field.message()?),
                6 => local_roles.push(field.message()?),
                7 => block_inheritance = field.flag()?,
                8 => ancestors.push(field.message()?),
                9 => digest = field.text()?,
                10 => any_item = field.flag()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Resource {
            collection: self.name(&path.name("collection"), collection),
            id: self.name(&path.name("id"), id),
            state: self.name(&path.name("state"), state),
            owner: self.owner(&path.name("owner"), &owner),
            attributes: self.object(&path.name("attributes"), &attributes),
            local_roles: self.list(&path.name("local_roles"), local_roles, Self::local_role),
            block_inheritance,
            ancestors: self.list(&path.name("ancestors"), ancestors, Self::ancestor),
            content_digest: self.text(&path.name("content_digest"), digest, CONTENT_DIGEST_BYTES_MAX),
            any_item,
        }
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

    fn approval<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> Approval<'a> {
        let (mut subject_id, mut transition, mut digest) = ("", "", "");
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => subject_id = field.text()?,
                2 => roles.push(field.text()?),
                3 => transition = field.text()?,
                4 => digest = field.text()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        if subject_id.is_empty() {
            self.complain(&path.name("subject_id"), "is empty");
        }
        Approval {
            subject_id: self.name(&path.name("subject_id"), subject_id),
            roles: self.names(&path.name("roles"), roles),
            transition: self.name(&path.name("transition"), transition),
            content_digest: self.text(&path.name("content_digest"), digest, CONTENT_DIGEST_BYTES_MAX),
        }
    }

    fn owner<'a>(&mut self, path: &Path<'_>, from: &Part<'a>) -> Owner<'a> {
        let mut id = "";
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = from.each(|field| {
            match field.number {
                1 => id = field.text()?,
                2 => roles.push(field.text()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        Owner {
            id: self.name(&path.name("id"), id),
            roles: self.names(&path.name("roles"), roles),
        }
    }

    fn ancestor<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> Ancestor<'a> {
        let (mut collection, mut id, mut state) = ("", "", "");
        let (mut owner, mut block_inheritance) = (Part::default(), false);
        let mut local_roles: Bounded<&[u8], LOCAL_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => collection = field.text()?,
                2 => id = field.text()?,
                3 => state = field.text()?,
                4 => owner.add(field.message()?),
                6 => local_roles.push(field.message()?),
                7 => block_inheritance = field.flag()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        // Nothing is decided by these, but what is malformed is refused all the same.
        self.name(&path.name("collection"), collection);
        self.name(&path.name("state"), state);
        self.owner(&path.name("owner"), &owner);
        Ancestor {
            id: self.name(&path.name("id"), id),
            local_roles: self.list(&path.name("local_roles"), local_roles, Self::local_role),
            block_inheritance,
        }
    }

    fn local_role<'a>(&mut self, path: &Path<'_>, from: &'a [u8]) -> LocalRoles<'a> {
        let mut holder = None;
        let mut roles: Texts<'a, CLAIMED_ROLES_MAX> = Bounded::default();
        let read = wire::each(from, |field| {
            match field.number {
                1 => holder = Some(Holder::User(field.text()?)),
                2 => holder = Some(Holder::Group(field.text()?)),
                3 => roles.push(field.text()?),
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let holder = match holder {
            Some(Holder::User(id)) => Holder::User(self.name(&path.name("subject_id"), id)),
            Some(Holder::Group(name)) => Holder::Group(self.name(&path.name("group"), name)),
            None => {
                self.complain(
                    &path.name("holder"),
                    "is not set: name a `subject_id` or a `group`",
                );
                Holder::User("")
            }
        };
        LocalRoles {
            holder,
            roles: self.names(&path.name("roles"), roles),
        }
    }

    fn moment(&mut self, path: &Path<'_>, from: &Part<'_>) -> Timestamp {
        if !from.is_given() {
            return self.now;
        }
        let (mut seconds, mut nanos) = (0, 0);
        let read = from.each(|field| {
            match field.number {
                1 => seconds = field.signed()?,
                2 => nanos = field.short()?,
                _ => {}
            }
            Ok(())
        });
        self.form(read);
        let moment = Timestamp::new(seconds, nanos).ok();
        match moment.filter(|moment| nanos >= 0 && WIRE_YEARS.contains(&moment.as_second())) {
            Some(moment) => moment,
            None => {
                self.complain(path, "is no moment in the years 1 to 9999");
                self.now
            }
        }
    }

    fn names<'a, const MAX: usize>(&mut self, path: &Path<'_>, from: Texts<'a, MAX>) -> Names<'a> {
        if from.entries.is_empty() || !self.fits(path, &from) {
            return Names::new();
        }
        for (index, name) in from.entries.iter().enumerate() {
            self.name(&path.index(index), name);
        }
        Names::Owned(from.entries)
    }

    fn list<'a, T, const MAX: usize>(
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

    fn text<'a>(&mut self, path: &Path<'_>, text: &'a str, max: usize) -> &'a str {
        if text.len() > max {
            self.complain(path, format!("has more than {max} bytes"));
        } else if has_control(text) {
            self.complain(path, "has a control character");
        }
        text
    }
}

/// The seconds of the moments that the wire can tell: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const WIRE_YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Tells whether a text has a control character, those beyond ASCII included.
fn has_control(text: &str) -> bool {
    // Nearly all names are plain ASCII, which is told in one pass that never stops early.
    let is_plain = text
        .bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    !is_plain && text.chars().any(char::is_control)
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
    fn read(from: &Part<'a>) -> Result<Self, Broken> {
        let mut kind = Self::None;
        from.each(|field| {
            match (field.number, &mut kind) {
                (1, _) => {
                    field.number()?;
                    kind = Self::Null;
                }
                (2, _) => kind = Self::Number(field.double()?),
                (3, _) => kind = Self::Text(field.text()?),
                (4, _) => kind = Self::Bool(field.flag()?),
                (5, Self::Struct(part)) | (6, Self::List(part)) => part.add(field.message()?),
                (5, _) => kind = Self::Struct(field.message()?.into()),
                (6, _) => kind = Self::List(field.message()?.into()),
                _ => {}
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
        keep_last(&mut pairs);
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
        Ok(match Kind::read(from)? {
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

/// Of entries with one name leaves the last, which is the one that counts.
fn keep_last<'a>(pairs: &mut SmallVec<[(&'a str, Part<'a>); 8]>) {
    // A handful of names is looked through faster than it is put into a set.
    let is_unique = pairs.len() <= 8
        && pairs.iter().enumerate().all(|(index, (name, _))| {
            let before = pairs.get(..index).unwrap_or_default();
            before.iter().all(|(other, _)| other != name)
        });
    if is_unique {
        return;
    }
    let mut seen = HashSet::with_capacity(pairs.len());
    pairs.reverse();
    pairs.retain(|(name, _)| seen.insert(*name));
    pairs.reverse();
}

/// Returns the circumstances of one question of a batch: its own, and where it is silent the common ones.
pub(super) fn lay_over<'a>(common: &Context<'a>, own: Context<'a>, names_time: bool) -> Context<'a> {
    let text = |own: &'a str, common: &'a str| if own.is_empty() { common } else { own };
    Context {
        ip: text(own.ip, common.ip),
        now: if names_time { own.now } else { common.now },
        explanation: text(own.explanation, common.explanation),
        approvals: if own.approvals.is_empty() {
            common.approvals.clone()
        } else {
            own.approvals
        },
        comment_author_id: text(own.comment_author_id, common.comment_author_id),
        attributes: if common.attributes.is_empty() {
            own.attributes
        } else {
            // Of two entries with one name the last is kept.
            let mut entries = common.attributes.clone().into_entries();
            entries.extend(own.attributes.into_entries());
            Object::new(entries)
        },
    }
}
