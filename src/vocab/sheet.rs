//! Grants on documents, packed: a million of them must fit into memory, and again while one version replaces another.
//!
//! A [`Sheet`] holds the grants of one piece of a file. It keeps the text that they were read from, and names are places in that
//! text; so nothing is held twice, versions of a policy share the sheets of what did not change, and a complaint can still
//! show its line. `policy` and `model` share it: the one knows its words, the other what they stand for.
//!
//! INVARIANT: a sheet depends on its text alone, and is equal for equal texts wherever they stand in a file.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

/// The grants of one piece of text.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    text: Arc<str>,
    /// Names that do not stand in the text as they are, because something in them is escaped.
    extra: Box<str>,
    rows: Box<[Row]>,
    kinds: Box<[Kind]>,
    /// The actions of the kinds, each followed by the roles.
    kind_words: Box<[Word]>,
    groups: Box<[Word]>,
    /// The holders of the rows that have several.
    holders: Box<[Packed]>,
    /// The rows by the keys of their holders, sorted.
    rows_by_holder: Box<[(u32, u32)]>,
    /// The rows that match nothing, each with the end of its text.
    idle: Box<[(u32, u32)]>,
    is_sound: bool,
    purges: bool,
    is_silent: bool,
}

/// A text of a sheet: where it begins in what is the text and, behind that, the extra names.
#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    start: u32,
    length: u32,
}

/// A name of a sheet, and where it first stands in the text, quotes included.
#[derive(Clone, Copy, Debug)]
struct Word {
    name: Slice,
    place: (u32, u32),
}

/// What a grant gives, whoever holds it and on whichever document of the collection.
#[derive(Clone, Copy, Debug)]
struct Kind {
    collection: Word,
    first_word: u32,
    action_count: u32,
    role_count: u32,
    descendants: bool,
}

/// A grant on one document.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    document: Slice,
    holder: Packed,
    /// The number of its kind, see [`Sheet::kinds`].
    pub kind: u32,
    /// Where its text begins.
    pub start: u32,
    /// How many lines end before it.
    pub line: u32,
    /// The characters of its line up to and including its first.
    pub column: u32,
}

/// Who holds a grant, in two words: the upper two bits of the second tell what they mean.
#[derive(Clone, Copy, Debug)]
struct Packed(u32, u32);

/// The bits of a [`Packed`] that count or measure something.
const MEASURE: u32 = (1 << 30) - 1;
const USER: u32 = 0;
const GROUP: u32 = 1;
const SEVERAL: u32 = 2;

/// Somebody who holds a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantee<'s> {
    /// A user, by id.
    User(&'s str),
    /// The members of a group.
    Group(&'s str),
}

impl Grantee<'_> {
    /// Returns a hash by which grants are found; others may have the same.
    pub fn key(self) -> u32 {
        let mut hasher = FxHasher::default();
        Hash::hash(&self, &mut hasher);
        // The upper half is mixed as well as the lower one.
        u32::try_from(hasher.finish() >> 32).unwrap_or_default()
    }
}

/// A name, and the bytes of the text of the sheet in which it stands first, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'s> {
    /// The name.
    pub name: &'s str,
    /// Its first byte.
    pub start: u32,
    /// The first byte behind it.
    pub end: u32,
}

/// What some grants of a sheet give.
#[derive(Clone, Copy, Debug)]
pub struct KindOf<'s> {
    sheet: &'s Sheet,
    kind: &'s Kind,
}

impl Sheet {
    /// Returns the text that the sheet was read from.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns the grants in the order of the text.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the id of the document that a grant is on.
    #[inline]
    pub fn document(&self, row: &Row) -> &str {
        self.slice(row.document)
    }

    /// Returns who holds a grant.
    #[inline]
    pub fn holders(&self, row: &Row) -> impl Iterator<Item = Grantee<'_>> {
        let Packed(first, second) = row.holder;
        let several = if second >> 30 == SEVERAL {
            let start = first as usize;
            self.holders.get(start..start + (second & MEASURE) as usize)
        } else {
            None
        };
        let alone = several.is_none().then_some(row.holder);
        let all = alone
            .into_iter()
            .chain(several.unwrap_or_default().iter().copied());
        all.filter_map(|packed| self.grantee(packed))
    }

    /// Returns the numbers of the grants that are held by holders with this key, in order.
    pub fn held_by(&self, holder: u32) -> impl Iterator<Item = u32> {
        let first = self.rows_by_holder.partition_point(|(key, _)| *key < holder);
        let rows = self.rows_by_holder.get(first..).unwrap_or_default().iter();
        rows.take_while(move |(key, _)| *key == holder)
            .map(|(_, row)| *row)
    }

    /// Tells how many hold a grant.
    pub fn count_holders(&self, row: &Row) -> u32 {
        let Packed(_, second) = row.holder;
        if second >> 30 == SEVERAL {
            second & MEASURE
        } else {
            1
        }
    }

    #[inline]
    fn grantee(&self, Packed(first, second): Packed) -> Option<Grantee<'_>> {
        match second >> 30 {
            USER => Some(Grantee::User(self.slice(Slice {
                start: first,
                length: second & MEASURE,
            }))),
            GROUP => {
                let group = self.groups.get(first as usize)?;
                Some(Grantee::Group(self.slice(group.name)))
            }
            _ => None,
        }
    }

    /// Returns what the grants give, each kind once; [`Row::kind`] counts them.
    pub fn kinds(&self) -> impl Iterator<Item = KindOf<'_>> {
        self.kinds.iter().map(|kind| KindOf { sheet: self, kind })
    }

    /// Returns what a grant gives.
    pub fn kind(&self, row: &Row) -> Option<KindOf<'_>> {
        let kind = self.kinds.get(row.kind as usize)?;
        Some(KindOf { sheet: self, kind })
    }

    /// Returns the names of all groups that hold a grant, each once.
    pub fn groups(&self) -> impl Iterator<Item = Named<'_>> {
        self.groups.iter().map(|word| self.named(*word))
    }

    /// Returns the grants that match nothing, as they give nothing or name nobody, each with the bytes of its text.
    pub fn idle(&self) -> impl Iterator<Item = (&Row, u32, u32)> {
        self.idle.iter().filter_map(|(index, end)| {
            let row = self.rows.get(*index as usize)?;
            Some((row, row.start, *end))
        })
    }

    /// Tells whether every id of a document and a user is one: not empty, and without control characters.
    pub fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Tells whether the text drops the grants that lie below it.
    pub fn purges(&self) -> bool {
        self.purges
    }

    /// Tells whether nothing was complained about when the text was read, so that nothing is lost if it is not read again.
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    #[inline]
    fn slice(&self, place: Slice) -> &str {
        slice(&self.text, &self.extra, place)
    }

    fn named(&self, word: Word) -> Named<'_> {
        Named {
            name: self.slice(word.name),
            start: word.place.0,
            end: word.place.1,
        }
    }
}

impl<'s> KindOf<'s> {
    /// Returns the collection of the document.
    pub fn collection(self) -> Named<'s> {
        self.sheet.named(self.kind.collection)
    }

    /// Returns the actions.
    pub fn actions(self) -> impl Iterator<Item = Named<'s>> {
        self.words(0, self.kind.action_count)
    }

    /// Returns the roles that are held on the document.
    pub fn roles(self) -> impl Iterator<Item = Named<'s>> {
        self.words(self.kind.action_count, self.kind.role_count)
    }

    fn words(self, skipped: u32, count: u32) -> impl Iterator<Item = Named<'s>> {
        let first = self.kind.first_word as usize + skipped as usize;
        let words = self.sheet.kind_words.get(first..first + count as usize);
        let words = words.unwrap_or_default().iter();
        words.map(move |word| self.sheet.named(*word))
    }

    /// Tells whether the grant is for the items below the document as well.
    pub fn descendants(self) -> bool {
        self.kind.descendants
    }
}

/// One grant that is to be packed; the places are bytes of the text of the sheet.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The collection of the document.
    pub collection: Named<'e>,
    /// The id of the document.
    pub document: Named<'e>,
    /// The actions.
    pub actions: &'e [Named<'e>],
    /// The roles that are held on the document.
    pub roles: &'e [Named<'e>],
    /// Ids of users.
    pub users: &'e [Named<'e>],
    /// Groups.
    pub groups: &'e [Named<'e>],
    /// Whether it is for the items below the document as well.
    pub descendants: bool,
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// Packs grants, one after the other in the order of the text.
#[derive(Debug)]
pub struct Packer {
    text: Arc<str>,
    extra: String,
    rows: Vec<Row>,
    kinds: Vec<Kind>,
    kind_words: Vec<Word>,
    groups: Vec<Word>,
    holders: Vec<Packed>,
    idle: Vec<(u32, u32)>,
    is_sound: bool,
    /// The kinds by a hash of their words, and the groups by their names.
    kinds_by_hash: FxHashMap<u64, SmallVec<[u32; 1]>>,
    groups_by_name: FxHashMap<String, u32>,
    /// Where lines were counted up to, how many there are, and the column there.
    counted: (usize, u32, u32),
}

impl Packer {
    /// Begins with a text of which nothing was read yet.
    pub fn new(text: Arc<str>) -> Self {
        Self {
            text,
            extra: String::new(),
            rows: Vec::new(),
            kinds: Vec::new(),
            kind_words: Vec::new(),
            groups: Vec::new(),
            holders: Vec::new(),
            idle: Vec::new(),
            is_sound: true,
            kinds_by_hash: FxHashMap::default(),
            groups_by_name: FxHashMap::default(),
            counted: (0, 0, 1),
        }
    }

    /// Adds a grant.
    pub fn add(&mut self, entry: &Entry<'_>) {
        self.count_up_to(entry.start as usize);
        let mut ids = entry.users.iter().chain([&entry.document]);
        self.is_sound &= ids.all(|id| !id.name.is_empty() && !id.name.contains(char::is_control));
        let gives_nothing = entry.actions.is_empty() && entry.roles.is_empty();
        if gives_nothing || entry.users.is_empty() && entry.groups.is_empty() {
            self.idle.push((narrow(self.rows.len()), entry.end));
        }
        let row = Row {
            document: self.keep(entry.document),
            holder: self.hold(entry),
            kind: self.find_kind(entry),
            start: entry.start,
            line: self.counted.1,
            column: self.counted.2,
        };
        self.rows.push(row);
    }

    /// Returns the sheet; says whether its text drops what lies below, and whether nobody complained about it.
    pub fn finish(self, purges: bool, is_silent: bool) -> Sheet {
        let mut sheet = Sheet {
            text: self.text,
            extra: self.extra.into(),
            rows: self.rows.into(),
            kinds: self.kinds.into(),
            kind_words: self.kind_words.into(),
            groups: self.groups.into(),
            holders: self.holders.into(),
            rows_by_holder: Box::default(),
            idle: self.idle.into(),
            is_sound: self.is_sound,
            purges,
            is_silent,
        };
        let rows = sheet.rows.iter().zip(0..);
        let holders =
            rows.flat_map(|(row, index)| sheet.holders(row).map(move |holder| (holder.key(), index)));
        let mut rows_by_holder: Box<[(u32, u32)]> = holders.collect();
        rows_by_holder.sort_unstable();
        sheet.rows_by_holder = rows_by_holder;
        sheet
    }

    /// Counts lines and columns on from where they were counted to.
    fn count_up_to(&mut self, end: usize) {
        let (start, line, column) = self.counted;
        let passed = self.text.as_bytes().get(start..end).unwrap_or_default();
        let ends = memchr::memchr_iter(b'\n', passed);
        let (count, last) = ends.fold((0, None), |(count, _), at| (count + 1, Some(at)));
        let rest = passed.get(last.map_or(0, |at| at + 1)..).unwrap_or_default();
        // A character begins at each byte that continues none.
        let characters = rest.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        let column = if count == 0 { column } else { 1 };
        self.counted = (end.max(start), line + count, column + narrow(characters));
    }

    fn find_kind(&mut self, entry: &Entry<'_>) -> u32 {
        let mut hasher = FxHasher::default();
        (entry.descendants, entry.collection.name, entry.actions.len()).hash(&mut hasher);
        let words = entry.actions.iter().chain(entry.roles);
        words.for_each(|word| word.name.hash(&mut hasher));
        let hash = hasher.finish();
        let alike = self.kinds_by_hash.get(&hash);
        let found = alike.and_then(|alike| alike.iter().find(|kind| self.is_of(entry, **kind)));
        if let Some(kind) = found {
            return *kind;
        }
        let first_word = narrow(self.kind_words.len());
        for name in entry.actions.iter().chain(entry.roles) {
            let word = self.word(*name);
            self.kind_words.push(word);
        }
        let kind = narrow(self.kinds.len());
        let collection = self.word(entry.collection);
        self.kinds.push(Kind {
            collection,
            first_word,
            action_count: narrow(entry.actions.len()),
            role_count: narrow(entry.roles.len()),
            descendants: entry.descendants,
        });
        self.kinds_by_hash.entry(hash).or_default().push(kind);
        kind
    }

    /// Tells whether a grant is of a kind.
    fn is_of(&self, entry: &Entry<'_>, kind: u32) -> bool {
        let Some(kind) = self.kinds.get(kind as usize) else {
            return false;
        };
        let name = |word: &Word| slice(&self.text, &self.extra, word.name);
        let first = kind.first_word as usize;
        let count = kind.action_count as usize + kind.role_count as usize;
        let words = self.kind_words.get(first..first + count).unwrap_or_default();
        let told = entry.actions.iter().chain(entry.roles).map(|told| told.name);
        kind.descendants == entry.descendants
            && kind.action_count as usize == entry.actions.len()
            && name(&kind.collection) == entry.collection.name
            && words.iter().map(name).eq(told)
    }

    fn hold(&mut self, entry: &Entry<'_>) -> Packed {
        let mut all: SmallVec<[Packed; 4]> = SmallVec::new();
        for user in entry.users {
            let Slice { start, length } = self.keep(*user);
            all.push(Packed(start, length.min(MEASURE) | USER << 30));
        }
        for group in entry.groups {
            all.push(Packed(self.find_group(*group), GROUP << 30));
        }
        if let [only] = all.as_slice() {
            return *only;
        }
        let first = narrow(self.holders.len());
        let count = narrow(all.len()).min(MEASURE);
        self.holders.extend(all);
        Packed(first, count | SEVERAL << 30)
    }

    fn find_group(&mut self, group: Named<'_>) -> u32 {
        if let Some(number) = self.groups_by_name.get(group.name) {
            return *number;
        }
        let number = narrow(self.groups.len());
        let word = self.word(group);
        self.groups.push(word);
        self.groups_by_name.insert(group.name.to_owned(), number);
        number
    }

    fn word(&mut self, named: Named<'_>) -> Word {
        Word {
            name: self.keep(named),
            place: (named.start, named.end),
        }
    }

    /// Returns the place of a name: in the text between its quotes, or among the extra names if it does not stand there.
    fn keep(&mut self, named: Named<'_>) -> Slice {
        let length = narrow(named.name.len());
        let (start, end) = (named.start.saturating_add(1), named.end.saturating_sub(1));
        let stands = self.text.get(start as usize..end as usize) == Some(named.name);
        if stands && !named.name.is_empty() {
            return Slice { start, length };
        }
        let start = narrow(self.text.len() + self.extra.len());
        self.extra.push_str(named.name);
        Slice { start, length }
    }
}

/// Returns a name that stands in a text or, behind that, among the extra names.
#[inline]
fn slice<'s>(text: &'s str, extra: &'s str, Slice { start, length }: Slice) -> &'s str {
    let (start, length) = (start as usize, length as usize);
    let found = match start.checked_sub(text.len()) {
        None => text.get(start..start + length),
        Some(start) => extra.get(start..start + length),
    };
    found.unwrap_or_default()
}

/// Narrows a length; files of such grants are capped far below the limit, so nothing is cut in practice.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
