//! Small sets of ids.

use smallvec::SmallVec;

/// A set of positions; the first 128 lie in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: SmallVec<[u64; 2]>,
}

impl Bits {
    /// Returns the set of these positions.
    pub fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::default();
        for position in positions {
            bits.insert(position);
        }
        bits
    }

    /// Adds a position.
    pub fn insert(&mut self, position: usize) {
        let word = position / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (position % 64);
        }
    }

    /// Tells whether the position is in the set.
    pub fn contains(&self, position: usize) -> bool {
        self.words
            .get(position / 64)
            .is_some_and(|word| word & (1 << (position % 64)) != 0)
    }

    /// Adds all positions of the other set.
    pub fn union(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Tells whether the sets share a position.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .any(|(word, other)| word & other != 0)
    }

    /// Tells whether every position is in the other set.
    pub fn is_within(&self, other: &Self) -> bool {
        self.words
            .iter()
            .enumerate()
            .all(|(index, word)| word & !other.words.get(index).copied().unwrap_or(0) == 0)
    }

    /// Returns what is in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            words: self
                .words
                .iter()
                .zip(&other.words)
                .map(|(word, other)| word & other)
                .collect(),
        }
    }

    /// Returns what is in this set and not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let words = self.words.iter().enumerate();
        Self {
            words: words
                .map(|(index, word)| word & !other.words.get(index).copied().unwrap_or(0))
                .collect(),
        }
    }

    /// Tells whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Tells how many positions there are.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// Returns the positions, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    index * 64 + bit
                })
            })
        })
    }
}
