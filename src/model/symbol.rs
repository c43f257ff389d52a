//! Names and their ids, frozen once compiled.

use std::num::NonZeroU32;

/// Names of one kind, numbered from zero.
///
/// Every question looks up a handful of names, so the table is made for that: open addressing, at most half full, and each
/// cell holds its name as two words, so that a name of at most [`IN_WORDS`] bytes is found without following a pointer.
/// Although clients choose the names that are looked up, the table holds only names of the policy: no client can make its
/// chains longer.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// INVARIANT: none at all, or a power of two of which at least half are free.
    cells: Box<[Cell]>,
    names: Vec<Box<str>>,
}

/// How long a name may be that its two words tell in full.
const IN_WORDS: usize = 16;

/// How many cells the first name asks for.
const CELLS_MIN: usize = 8;

/// A place for a name.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    key: Key,
    /// The number of the name, plus one; `None` in a free cell.
    taken: Option<NonZeroU32>,
}

/// A name in short: different for different names of at most [`IN_WORDS`] bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    head: u64,
    tail: u64,
    length: u32,
}

impl Key {
    fn of(name: &str) -> Self {
        if name.len() > IN_WORDS {
            Self::of_long(name.as_bytes())
        } else {
            Self::of_short(name.as_bytes())
        }
    }

    /// Returns the key of a name of at most [`IN_WORDS`] bytes: its first and its last bytes overlap, so that together they
    /// are all of it.
    #[inline]
    fn of_short(name: &[u8]) -> Self {
        let (head, tail) = if let Some(head) = name.first_chunk() {
            (u64::from_le_bytes(*head), u64::from_le_bytes(last(name)))
        } else if let Some(head) = name.first_chunk() {
            let [head, tail] = [*head, last(name)].map(u32::from_le_bytes);
            (head.into(), tail.into())
        } else {
            let byte = |place: usize| name.get(place).copied().map_or(0, u64::from);
            (byte(0) | (byte(1) << 8) | (byte(2) << 16), 0)
        };
        Self::new(head, tail, name)
    }

    /// Returns the key of a longer name: a word that each of its bytes has a part in, and its last bytes.
    fn of_long(name: &[u8]) -> Self {
        let (chunks, _) = name.as_chunks();
        let words = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk));
        let head = words.fold(0, |head, word| mix(head ^ word, 0));
        Self::new(head, u64::from_le_bytes(last(name)), name)
    }

    #[inline]
    fn new(head: u64, tail: u64, name: &[u8]) -> Self {
        Self {
            head,
            tail,
            length: u32::try_from(name.len()).unwrap_or(u32::MAX),
        }
    }

    #[inline]
    fn hash(self) -> u64 {
        mix(self.head ^ u64::from(self.length), self.tail)
    }
}

/// Returns the last bytes; zeros where there are too few.
#[inline]
fn last<const COUNT: usize>(name: &[u8]) -> [u8; COUNT] {
    name.len()
        .checked_sub(COUNT)
        .and_then(|start| name.split_at_checked(start))
        .and_then(|(_, end)| end.first_chunk().copied())
        .unwrap_or([0; COUNT])
}

/// Makes one word of two, each bit of which depends on all of theirs.
#[inline]
fn mix(head: u64, tail: u64) -> u64 {
    // Any constants without a pattern do: these are the first binary digits of pi.
    let (low, high) = (head ^ 0x243f_6a88_85a3_08d3).carrying_mul(tail ^ 0x1319_8a2e_0370_7345, 0);
    low ^ high
}

impl Symbols {
    /// Returns the number of a name, giving it one if it is new.
    pub fn intern(&mut self, name: &str) -> usize {
        if let Some(index) = self.find(name) {
            return index;
        }
        let index = self.names.len();
        self.names.push(name.into());
        if self.names.len() * 2 > self.cells.len() {
            self.grow();
        } else {
            self.place(index, Key::of(name));
        }
        index
    }

    /// Doubles the cells, and places every name anew.
    fn grow(&mut self) {
        let count = (self.cells.len() * 2).max(CELLS_MIN);
        self.cells = vec![Cell::default(); count].into();
        for index in 0..self.names.len() {
            self.place(index, Key::of(self.name(index)));
        }
    }

    fn place(&mut self, index: usize, key: Key) {
        // Capacity is checked by `validate`; beyond it a name has no number and is found by nobody.
        let Some(next) = u32::try_from(index).ok().and_then(|index| index.checked_add(1)) else {
            return;
        };
        let taken = NonZeroU32::new(next);
        let mut at = key.hash();
        while let Some(cell) = self.cells.get_mut(position(at, self.cells.len())) {
            if cell.taken.is_none() {
                *cell = Cell { key, taken };
                return;
            }
            at = at.wrapping_add(1);
        }
    }

    /// Returns the number of a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.taken(name).map(index_of)
    }

    /// Returns the id of a name, as its number is called in a model.
    #[inline]
    pub fn id<I: From<NonZeroU32>>(&self, name: &str) -> Option<I> {
        self.taken(name).map(I::from)
    }

    /// Returns the number of a name, plus one.
    #[inline]
    fn taken(&self, name: &str) -> Option<NonZeroU32> {
        if name.len() > IN_WORDS {
            return self.find_long(name);
        }
        self.probe(Key::of_short(name.as_bytes()), |_| true)
    }

    #[inline(never)]
    fn find_long(&self, name: &str) -> Option<NonZeroU32> {
        let is_it = |taken: NonZeroU32| self.name(index_of(taken)) == name;
        self.probe(Key::of_long(name.as_bytes()), is_it)
    }

    /// Returns the number of the name of a key, plus one, if it is the one.
    #[inline]
    fn probe(&self, key: Key, is_it: impl Fn(NonZeroU32) -> bool) -> Option<NonZeroU32> {
        let mut at = key.hash();
        // It ends, as there is always a free cell, or none at all.
        loop {
            let cell = self.cells.get(position(at, self.cells.len()))?;
            let taken = cell.taken?;
            if cell.key == key && is_it(taken) {
                return Some(taken);
            }
            at = at.wrapping_add(1);
        }
    }

    /// Returns the name of a number; empty for a number that was never given.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", |name| name)
    }

    /// Returns the names in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.as_ref())
    }

    /// Tells how many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Tells whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Returns the number of a name, of the number plus one.
fn index_of(taken: NonZeroU32) -> usize {
    (taken.get() - 1) as usize
}

/// Returns which of so many cells a hash leads to; they are a power of two, and of none there is none.
#[inline]
fn position(hash: u64, cells: usize) -> usize {
    let last = (cells as u64).wrapping_sub(1);
    usize::try_from(hash & last).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Key, Symbols};

    /// Names of every length, many of which share their first or last bytes, or differ in the middle alone.
    fn names() -> Vec<String> {
        let mut names: Vec<String> = (0..40).map(|length| "a".repeat(length)).collect();
        for length in 1..40 {
            for place in 0..length {
                let mut name = vec![b'a'; length];
                name[place] = b'b';
                names.push(String::from_utf8(name.clone()).unwrap());
                name[place] = 0;
                names.push(String::from_utf8(name).unwrap());
            }
        }
        names.extend((0..2_000).map(|n| format!("articles-{n}")));
        names.extend((0..2_000).map(|n| format!("Content Rules: Manage Content Rules {n} of the Site")));
        names.extend(["é", "日本語", "\u{10ffff}"].map(str::to_owned));
        names
    }

    #[test]
    fn every_name_is_found_under_its_number_and_no_other() {
        let names = names();
        let mut symbols = Symbols::default();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for name in &names {
            assert_eq!(symbols.find(name), known.get(name.as_str()).copied(), "{name:?}");
            let next = known.len();
            let index = *known.entry(name).or_insert(next);
            assert_eq!(symbols.intern(name), index, "{name:?}");
            assert_eq!(symbols.intern(name), index, "{name:?}");
        }
        assert_eq!(symbols.len(), known.len());
        for (name, index) in &known {
            assert_eq!(symbols.find(name), Some(*index), "{name:?}");
            assert_eq!(symbols.name(*index), *name);
        }
        for foreign in [
            "",
            "A",
            "articles-2000",
            "articles-",
            "aab\0",
            "Content Rules: Manage Content Rules 2000 of the Site",
        ]
        .iter()
        .filter(|name| !known.contains_key(*name))
        {
            assert_eq!(symbols.find(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn without_names_nothing_is_found() {
        let symbols = Symbols::default();
        assert!(symbols.is_empty());
        assert_eq!(
            (symbols.find(""), symbols.find("a"), symbols.name(0)),
            (None, None, "")
        );
    }

    #[test]
    fn short_names_differ_in_their_words() {
        let names: std::collections::BTreeSet<String> =
            names().into_iter().filter(|name| name.len() <= 16).collect();
        let keys: std::collections::HashSet<_> = names
            .iter()
            .map(|name| {
                let key = Key::of(name);
                (key.head, key.tail, key.length)
            })
            .collect();
        assert_eq!(keys.len(), names.len());
    }

    #[test]
    fn chains_stay_short() {
        let mut symbols = Symbols::default();
        for name in names() {
            symbols.intern(&name);
        }
        let free = symbols.cells.iter().filter(|cell| cell.taken.is_none()).count();
        assert!(free * 2 >= symbols.cells.len());
        let runs = symbols.cells.split(|cell| cell.taken.is_none()).map(<[_]>::len);
        let longest = runs.max().unwrap_or_default();
        assert!(longest <= 64, "{longest} cells in a row are taken");
    }
}
