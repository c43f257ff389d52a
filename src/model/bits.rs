//! Small sets of ids.

/// How many positions lie in place.
const IN_PLACE: usize = 128;

/// A set of positions; the first 128 lie in place, and only sets with higher ones keep words elsewhere.
///
/// INVARIANT: `more` is empty or ends with a word that is not zero, so that equal sets are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    low: [u64; 2],
    more: Option<Box<High>>,
}

/// The words of higher positions: a type of its own, so that a set holds one pointer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct High(Vec<u64>);

impl Bits {
    /// The set of no position.
    pub const EMPTY: Bits = Bits {
        low: [0; 2],
        more: None,
    };

    /// Returns the set of these positions.
    pub fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::default();
        for position in positions {
            bits.insert(position);
        }
        bits
    }

    /// Returns the set of all positions below a number.
    pub fn below(end: usize) -> Self {
        let word = |index: usize| match end.saturating_sub(index * 64) {
            count @ 0..64 => (1 << count) - 1,
            _ => u64::MAX,
        };
        let more = (2..end.div_ceil(64)).map(word).collect();
        Self::from_parts([word(0), word(1)], more)
    }

    fn from_parts(low: [u64; 2], mut more: Vec<u64>) -> Self {
        while more.last() == Some(&0) {
            more.pop();
        }
        let more = (!more.is_empty()).then(|| Box::new(High(more)));
        Self { low, more }
    }

    fn more(&self) -> &[u64] {
        self.more.as_ref().map_or(&[][..], |more| &more.0)
    }

    /// Adds a position.
    #[inline]
    pub fn insert(&mut self, position: usize) {
        let bit = 1 << (position % 64);
        match self.low.get_mut(position / 64) {
            Some(word) => *word |= bit,
            None => self.insert_high(position, bit),
        }
    }

    #[cold]
    fn insert_high(&mut self, position: usize, bit: u64) {
        let index = (position - IN_PLACE) / 64;
        let more = &mut self.more.get_or_insert_default().0;
        if more.len() <= index {
            more.resize(index + 1, 0);
        }
        if let Some(word) = more.get_mut(index) {
            *word |= bit;
        }
    }

    /// Tells whether the position is in the set.
    #[inline]
    pub fn contains(&self, position: usize) -> bool {
        let word = match self.low.get(position / 64) {
            Some(word) => *word,
            None => self
                .more()
                .get((position - IN_PLACE) / 64)
                .copied()
                .unwrap_or_default(),
        };
        word & (1 << (position % 64)) != 0
    }

    /// Adds all positions of the other set.
    #[inline]
    pub fn union(&mut self, other: &Self) {
        let ([first, second], [one, two]) = (&mut self.low, other.low);
        *first |= one;
        *second |= two;
        if let Some(other) = &other.more {
            self.union_high(&other.0);
        }
    }

    #[cold]
    fn union_high(&mut self, other: &[u64]) {
        let more = &mut self.more.get_or_insert_default().0;
        if more.len() < other.len() {
            more.resize(other.len(), 0);
        }
        for (word, bits) in more.iter_mut().zip(other) {
            *word |= bits;
        }
    }

    /// Tells whether the sets share a position.
    #[inline]
    pub fn intersects(&self, other: &Self) -> bool {
        let ([first, second], [one, two]) = (self.low, other.low);
        if (first & one) | (second & two) != 0 {
            return true;
        }
        match (&self.more, &other.more) {
            (Some(more), Some(other)) => more.0.iter().zip(&other.0).any(|(word, other)| word & other != 0),
            (None, _) | (_, None) => false,
        }
    }

    /// Tells whether every position is in the other set.
    #[inline]
    pub fn is_within(&self, other: &Self) -> bool {
        let ([first, second], [one, two]) = (self.low, other.low);
        if (first & !one) | (second & !two) != 0 {
            return false;
        }
        match &self.more {
            None => true,
            Some(more) => {
                let others = other.more().iter().chain(std::iter::repeat(&0));
                more.0.iter().zip(others).all(|(word, other)| word & !other == 0)
            }
        }
    }

    /// Returns what is in both sets.
    #[inline]
    pub fn intersection(&self, other: &Self) -> Self {
        let ([first, second], [one, two]) = (self.low, other.low);
        let low = [first & one, second & two];
        match (&self.more, &other.more) {
            (Some(more), Some(other)) => {
                let more = more.0.iter().zip(&other.0).map(|(word, other)| word & other);
                Self::from_parts(low, more.collect())
            }
            (None, _) | (_, None) => Self { low, more: None },
        }
    }

    /// Returns what is in this set and not in the other.
    #[inline]
    pub fn without(&self, other: &Self) -> Self {
        let ([first, second], [one, two]) = (self.low, other.low);
        let low = [first & !one, second & !two];
        match &self.more {
            None => Self { low, more: None },
            Some(more) => {
                let others = other.more().iter().chain(std::iter::repeat(&0));
                let more = more.0.iter().zip(others).map(|(word, other)| word & !other);
                Self::from_parts(low, more.collect())
            }
        }
    }

    /// Tells whether the set is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.low == [0, 0] && self.more.is_none()
    }

    /// Tells how many positions there are.
    pub fn len(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns the set in short: the bits of all its words, laid over each other.
    #[inline]
    pub fn folded(&self) -> u32 {
        let [first, second] = self.low;
        let mut all = first | second;
        for word in self.more() {
            all |= word;
        }
        let (low, high) = (all & u64::from(u32::MAX), all >> 32);
        // INVARIANT: both halves fit.
        u32::try_from(low | high).unwrap_or(u32::MAX)
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn words(&self) -> impl Iterator<Item = u64> {
        self.low.iter().chain(self.more()).copied()
    }

    /// Returns the lowest position.
    #[inline]
    pub fn first(&self) -> Option<usize> {
        self.iter().next()
    }

    /// Returns the positions, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words().enumerate().flat_map(|(index, word)| {
            let mut rest = word;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Bits;

    /// Sets that lie in place, elsewhere, and across the border.
    fn samples() -> Vec<BTreeSet<usize>> {
        let of = |positions: &[usize]| positions.iter().copied().collect();
        vec![
            of(&[]),
            of(&[0]),
            of(&[63, 64]),
            of(&[127]),
            of(&[128]),
            of(&[5, 127, 128, 191, 192]),
            of(&[1_000]),
            of(&[0, 64, 128, 1_000, 2_000]),
        ]
    }

    fn bits(set: &BTreeSet<usize>) -> Bits {
        Bits::of(set.iter().copied())
    }

    #[test]
    fn every_operation_is_that_of_sets() {
        for one in samples() {
            let a = bits(&one);
            assert_eq!(a.iter().collect::<BTreeSet<_>>(), one);
            assert_eq!(
                (a.len(), a.is_empty(), a.first()),
                (one.len(), one.is_empty(), one.first().copied())
            );
            for position in [0, 5, 63, 64, 127, 128, 129, 191, 192, 1_000, 5_000] {
                assert_eq!(
                    a.contains(position),
                    one.contains(&position),
                    "{position} in {one:?}"
                );
            }
            for other in samples() {
                let b = bits(&other);
                let mut union = a.clone();
                union.union(&b);
                assert_eq!(union, bits(&(&one | &other)));
                assert_eq!(a.intersection(&b), bits(&(&one & &other)));
                assert_eq!(a.without(&b), bits(&(&one - &other)));
                assert_eq!(a.intersects(&b), !one.is_disjoint(&other));
                assert_eq!(a.is_within(&b), one.is_subset(&other), "{one:?} within {other:?}");
                assert_eq!(a == b, one == other);
            }
        }
    }

    #[test]
    fn below_holds_each_position_below() {
        for end in [0, 1, 63, 64, 65, 128, 129, 200] {
            assert_eq!(Bits::below(end), Bits::of(0..end), "{end}");
        }
    }
}
